"""What title and status line say in every view: pure functions of the session."""

from __future__ import annotations

import math

from ...core.wording import duration, figures, many
from .. import actions
from ..panes.bars import Part
from ..session import Session
from ..session.hunts import told
from ..session.quarry import Text
from ..session.size import Size
from ..text.plain import arrival
from . import VIEWS

WIDE_ENOUGH = 120  # cells, for the recipe's label beside the names of the views


def waiting(session: Session) -> str:
    """What the numbers of the current story wait for."""
    size, library = session.models.size, session.library
    if session.worker.stopped:
        return session.worker.stopped
    if size.is_out:
        return size.trouble
    if library.stories and (why := size.broken.get(library.digests[session.place.story])):
        return why
    if size.state in ("downloading", "loading"):
        return f"{size.state} {size.name}…"
    if session.worker.rests:
        key = actions.shown(session.config.action("download"))[:1]
        return "not in the store yet" + "".join(f"; {one} scores here" for one in key)
    if session.worker.hello is None and not size.sums:
        return "starting the worker…"
    return f"scoring with {size.name}…"


def what_runs(session: Session) -> str:
    """What is being done."""
    if (hunt := session.place.hunt) is not None:
        of = len(session.library.order)
        stops = actions.shown_key(session.config.action("back").key_list[0])
        return f"looking for a {hunt.what} in story {hunt.row + 1}/{of:,}, {stops} stops"
    if session.worker.stopped:
        return "no worker"
    for size in session.models.sizes:
        if size.state == "loading":
            return f"loading {size.name}"
        if size.state == "downloading" and size.arrival[1] and session.progress() is None:
            return f"downloading {size.name} {arrival(*size.arrival)}"
    if (running := session.progress()) is not None:
        size, done, of, left = running
        time_left = "—" if math.isnan(left) else duration(left)
        others = f" and {more} more" if (more := session.jobs.also_running()) else ""
        return f"scoring {size.name} {done:,}/{of:,}, {time_left} left{others}"
    if session.measuring:
        return f"measuring {session.measuring}"
    if session.worker.hello is None:
        return "starting the worker"
    if session.library.stories and not all(s.read and not s.cutting for s in session.models.sizes):
        return "reading the store"
    return "following the store" if session.worker.rests else "ready"


def story_perplexity(session: Session, size: Size) -> float:
    """Of the story under one size; nan while it is not known."""
    summary = session.summary(size)
    return summary.perplexity if summary else math.nan


def of_listed(session: Session) -> tuple[str, str]:
    """What is listed, and its perplexity; with its interval where that is the whole set."""
    size, library = session.models.size, session.library
    if library.filter:
        value = size.perplexity_of(library.order)
        return f"{len(library.order):,} listed", "…" if math.isnan(value) else figures(value)
    if size.done < len(library.stories):
        if not size.is_out:
            return "set", "…"
        return f"{size.stories:,} of the set", figures(size.perplexity)
    if size.interval is None:
        return "set", figures(size.perplexity)
    low, high = map(figures, size.interval)
    return "set", f"{figures(size.perplexity)} [{low}, {high}]"


def status(session: Session) -> tuple[Part, ...]:
    """Story, model, machine, perplexity of the story and of the set with its interval."""
    size, recipe, library = session.models.size, session.worker.recipe, session.library
    if not library.stories:
        where = "no story"
    elif session.place.row is None:
        where = f"a story that is not among the {len(library.order):,} listed"
    else:
        where = f"story {session.place.row + 1}/{len(library.order):,}"
    what, of_set = of_listed(session)
    one = story_perplexity(session, size)
    reference = session.models.reference
    against = f" against {reference.name}" if reference else ""
    if reference is size:
        against = ", the reference"
    workers = session.worker.engine.workers
    several = f"{workers} × " if workers > 1 else ""
    machine = f"{several}{recipe.device} {recipe.dtype}" if recipe.is_settled else "starting…"
    return (
        (where, "spare"),
        (f" · {size.name}", "spare"),
        (against, "spare"),
        (f" · {machine}", "spare"),
        (" · story ", "quiet"),
        ("…" if math.isnan(one) else figures(one), "strong"),
        (f" · {what} ", "quiet"),
        (of_set, "strong"),
        (f" · {_hunted(session)}", "spare" if session.hunts.text is None else "quiet"),
    )


def _hunted(session: Session) -> str:
    """What the keys of the hunt go through, with the first of them."""
    key = actions.shown(session.config.action("next-hunted"))[:1]
    hunts = session.hunts
    found = f", {told(hunts.found)}" if isinstance(hunts.text, Text) else ""
    return f"{''.join(key)} {hunts.quarry.many}{found}"


def title(session: Session) -> tuple[Part, ...]:
    """What is open."""
    library = session.library
    told = many(len(library.stories), "story", "stories")
    told += " and more" if library.reading else ""
    return ("eyebrow", "strong"), (f"   {library.name} · {told}", "quiet")


def tabs(session: Session, current: str, width: int) -> tuple[Part, ...]:
    """The names of all views, the current one plain to see; before them, if it fits, the recipe."""
    recipe = session.worker.recipe
    label = recipe.label if recipe.is_settled and width >= WIDE_ENOUGH else ""
    names = (
        (f"  ▸{name.capitalize()}", "strong")
        if name == current
        else (f"   {name.capitalize()}", "quiet")
        for name in VIEWS
    )
    return (label, "quiet"), *names
