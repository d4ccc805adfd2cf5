"""Parts that cannot be used, and parts that were found whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Container, Iterable
from contextlib import suppress

from ...errors import EyebrowError
from ...files import machine
from .layout import Layout
from .parts import Part, Stamp, Unreadable
from .schema import Damaged

Tell = Callable[[str], object]


class Aside:
    """Sets damaged parts aside and says so once.

    What cannot be moved, in a store that one may only read, is passed over by this process.
    """

    def __init__(self, layout: Layout, tell: Tell) -> None:
        self.layout, self.tell = layout, tell
        self._passed: dict[str, Stamp | None] = {}

    def passes(self, part: Part) -> bool:
        """Whether this part is known to be of no use, and cannot be moved."""
        if part.name not in self._passed:
            return False
        return self._passed[part.name] == part.stamp

    def put(self, part: Part, why: Damaged | Unreadable) -> None:
        """Take a part out of the way, and say it."""
        held = "what it held counts as not scored"
        if isinstance(why, Damaged):
            place = self.layout.damaged / part.name
            with suppress(OSError):
                place.parent.mkdir(exist_ok=True)
                while place.exists():
                    place = place.with_name(f"again-{place.name}")
                part.path.rename(place)
                self.tell(f"{part.path} is damaged ({why}): set aside as {place}; {held}")
                return
            if part.stamp is None:
                return  # another program has done it
        self._passed[part.name] = part.stamp
        self.tell(f"{part.path} cannot be used ({why}); {held}")


class Checked:
    """Which parts of one model and recipe were read through, as notes on the disk.

    A note holds as long as size and times of the part are what they were. Each machine keeps a
    file of its own.
    """

    def __init__(self, layout: Layout, model: str, recipe: str) -> None:
        self.layout = layout
        self._own = layout.checked / f"{model}-{recipe}-{machine()}.json"
        self._theirs = f"{model}-{recipe}-*.json"

    def unknown(self, parts: Iterable[Part]) -> list[Part]:
        """Those that nobody has read through as they are now."""
        known: dict[str, list[int]] = {}
        with suppress(OSError):
            for path in self.layout.checked.glob(self._theirs):
                known |= _notes(os.fspath(path))
        return [part for part in parts if known.get(part.name) != _shape(part)]

    def note(self, parts: Iterable[Part], there: Container[str]) -> None:
        """These are whole; of the others only those that are `there` need a note."""
        notes = {n: s for n, s in _notes(os.fspath(self._own)).items() if n in there}
        notes |= {part.name: shape for part in parts if (shape := _shape(part))}
        with suppress(EyebrowError):  # then they are read through again
            self.layout.write(self._own, json.dumps(notes).encode())


def _shape(part: Part) -> list[int] | None:
    stamp = part.stamp
    return list(stamp[1:]) if stamp else None  # without the inode: not every system keeps it


def _notes(path: str) -> dict[str, list[int]]:
    try:
        with open(path, encoding="utf-8") as file:
            notes = json.load(file)
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}
