"""How a session takes up what was remembered, and what of it is to be remembered."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.recent import BUNDLED, anywhere
from ..state import State
from ..text.reading import KINDS, MEASURES, UNITS
from .arrange import SORTS
from .session import Session


def restore(session: Session, state: State) -> None:
    """Show things as they were shown, and go where one was."""
    look = session.look
    look.kind = next((one for one in KINDS if one == state.kind), look.kind)
    look.unit = next((one for one in UNITS if one == state.unit), look.unit)
    look.measure = next((one for one in MEASURES if one == state.measure), None)
    session.show_difference(state.difference)
    if state.sort in SORTS and state.sort != session.library.sort:
        session.library.sort = state.sort
        session.arrange()
    resume(session, state.stories)


def resume(session: Session, stories: Mapping[str, tuple[str, int]]) -> None:
    """Go to the story one was at when this source was left; stories: of each source."""
    if (spot := stories.get(source(session))) is not None:
        session.resume(*spot)


def source(session: Session) -> str:
    """The name of what is open, the same from any folder."""
    asked = session.asked
    return " ".join((BUNDLED if asked.stories is None else anywhere(asked.stories), *asked.reading))


def state(session: Session, before: State) -> State:
    """What is to be remembered; before: the theme, and where one was in other sources."""
    look, place, library = session.look, session.place, session.library
    now = State(
        theme=before.theme,
        view=place.view,
        sort=library.sort,
        kind=look.kind,
        unit=look.unit,
        difference=look.difference,
        measure=look.measure or "",
        stories=before.stories,
    )
    if not library.stories or session.asked.stories == "-":
        return now
    return now.at(source(session), library.digests[place.story], place.character)
