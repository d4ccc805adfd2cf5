"""What is remembered between runs: how things were shown, and where one was in each source.

It is a convenience: what cannot be read or written is left out without a word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from ..core.errors import EyebrowError
from ..core.files import write_atomically

KEPT = 100  # sources whose last story is remembered, the newest first


@dataclass(frozen=True, slots=True)
class State:
    """ "" and False are what one starts with; names that are known no more are left out where
    they are used.

    stories: for each source the digest of the text one was at, and the character.
    """

    theme: str = ""
    view: str = ""
    sort: str = ""
    kind: str = ""
    unit: str = ""
    difference: bool = False
    measure: str = ""
    stories: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    def at(self, source: str, digest: str, character: int) -> State:
        """With where one is in a source; it comes first."""
        others = {name: spot for name, spot in self.stories.items() if name != source}
        stories = {source: (digest, character), **others}
        return replace(self, stories=dict(list(stories.items())[:KEPT]))


START = State()


def _note() -> Path:
    return user_state_path("eyebrow") / "state.json"


def recall_state() -> State:
    """As it was left; nothing of what is no state."""
    try:
        told: Any = json.loads(_note().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return State()
    if not isinstance(told, dict):
        return State()
    found: dict[str, Any] = {}
    for one in fields(State):
        value, kind = told.get(one.name), type(getattr(State(), one.name))
        if one.name != "stories" and type(value) is kind:
            found[one.name] = value
    stories = told.get("stories")
    return State(**found, stories=_stories(stories if isinstance(stories, dict) else {}))


def _stories(told: dict[str, Any]) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for source, spot in list(told.items())[:KEPT]:
        match spot:
            case [str(digest), int(character)] if character >= 0:
                found[source] = (digest, character)
    return found


def remember_state(state: State) -> None:
    """For the next run; where one was in sources that another run has noted meanwhile stays."""
    with suppress(OSError, EyebrowError, UnicodeError):
        stories = {**state.stories}
        for source, spot in recall_state().stories.items():
            stories.setdefault(source, spot)
        kept = replace(state, stories=dict(list(stories.items())[:KEPT]))
        _note().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_note(), json.dumps(asdict(kept), indent=1).encode())
