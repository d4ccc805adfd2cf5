"""Parts that cannot be used, what lies among them, and parts that were found whole."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from pathlib import Path

from ...errors import EyebrowError
from ...files import machine
from .layout import Layout
from .parts import Part, Stamp, Unreadable
from .schema import Damaged

FORGOTTEN = 30 * 24 * 3600.0  # seconds after which another machine's notes go: parts are read again

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

    def put(self, part: Part, why: Damaged | Unreadable, stamp: Stamp | None) -> bool:
        """Take a part out of the way, and say it.

        stamp: as it was when it was read. False where another version lies there by now: that is
        left where it is, and may be read.
        """
        held = "what it held counts as not scored"
        if isinstance(why, Damaged):
            if part.stamp not in (stamp, None):
                return False
            if place := self._moved(part.path):
                self.tell(f"{part.path} is damaged ({why}): set aside as {place}; {held}")
                return True
            if part.stamp is None:
                return True  # another program has done it
        self._passed[part.name] = part.stamp
        self.tell(f"{part.path} cannot be used ({why}); {held}")
        return True

    def put_strangers(self) -> None:
        """Take what is no part out of the folder that others read as Parquet, and say it.

        What begins with a dot stays: readers pass over it, and file systems keep names like that
        for themselves (`.nfs...` is a file that is still open somewhere).
        """
        with suppress(OSError):
            for path in sorted(self.layout.scores.iterdir()):
                if path.name.startswith(".") or path.name in self._passed or Part.at(path):
                    continue
                if place := self._moved(path):
                    self.tell(f"{path} is no part of the store: set aside as {place}")
                elif os.path.lexists(path):
                    self._passed[path.name] = None
                    self.tell(f"{path} is no part of the store, and other readers stumble over it")

    def _moved(self, path: Path) -> Path | None:
        """Where it lies from now on; None where it cannot be moved."""
        place = self.layout.damaged / path.name
        with suppress(OSError):
            place.parent.mkdir(exist_ok=True)
            while os.path.lexists(place):
                place = place.with_name(f"again-{place.name}")
            path.rename(place)
            return place
        return None


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
        notes = [_notes(path) for path in self._files()]
        return [part for part in parts if _shape(part) not in [n.get(part.name) for n in notes]]

    def note(self, parts: Iterable[Part], there: Container[str]) -> None:
        """These are whole; of the others only those that are `there` need a note."""
        notes = {n: s for n, s in _notes(self._own).items() if n in there}
        notes |= {part.name: shape for part in parts if (shape := _shape(part))}
        with suppress(EyebrowError):  # then they are read through again
            self.layout.write(self._own, json.dumps(notes).encode())
        for path in self._files():  # of machines that are gone, or started anew since
            with suppress(OSError):
                if path != self._own and time.time() - path.stat().st_mtime > FORGOTTEN:
                    path.unlink()

    def _files(self) -> list[Path]:
        with suppress(OSError):
            return list(self.layout.checked.glob(self._theirs))
        return []


def _shape(part: Part) -> list[int] | None:
    stamp = part.stamp
    return list(stamp[1:]) if stamp else None  # without the inode: not every system keeps it


def _notes(path: Path) -> dict[str, list[int]]:
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}
