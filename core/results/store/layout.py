"""What lies where in a store, and which version of that it is.

STORE/scores/        Parquet parts, and nothing else
STORE/runs/          what each run calls its stories and models
STORE/vocabularies/  what the ids of a tokenizer read as
STORE/marks/         a file for each marked story
STORE/guesses/       what a reader has guessed, a file for each story
STORE/comparisons/   rows of `eyebrow damage` that are finished
STORE/damaged/       parts that could not be read
STORE/checked/       which parts were found whole, so that they are read through once
STORE/unfinished/    what is being written
STORE/locks/         a lock for each machine
STORE/layout.json    the version of all this
"""

from __future__ import annotations

import json
from pathlib import Path

from ...errors import EyebrowError
from ...files import clear_left_over, machine, write_atomically
from ..default_store import older_places

LAYOUT = 2  # 1: parts lay in STORE itself, with their labels in every row


class Layout:
    """The places of one store; the folder need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scores = folder / "scores"
        self.runs = folder / "runs"
        self.labels = self.runs / "stories"
        self.vocabularies = folder / "vocabularies"
        self.marks = folder / "marks"
        self.comparisons = folder / "comparisons"
        self.damaged = folder / "damaged"
        self.checked = folder / "checked"
        self.unfinished = folder / "unfinished"
        self.lock = folder / "locks" / f"{machine()}.lock"
        self.older = older_places(folder)
        self._version = folder / "layout.json"

    def check(self) -> None:
        """Raises `EyebrowError` where a later version of eyebrow has laid this store out."""
        try:
            version = json.loads(self._version.read_text(encoding="utf-8"))["layout"]
        except (OSError, ValueError, KeyError, TypeError):
            return
        if isinstance(version, int) and version > LAYOUT:
            raise EyebrowError(
                "Newer store",
                f"{self.folder} was written by a later version of eyebrow (layout {version}, this "
                f"one reads {LAYOUT}); update eyebrow, or name another folder with --store",
            )

    def prepare(self) -> None:
        """Make the places that are missing, and clear what killed programs have left.

        Raises `OSError`, and `EyebrowError` as `check` does.
        """
        self.check()
        for place in (self.scores, self.labels, self.unfinished, self.checked, self.lock.parent):
            place.mkdir(parents=True, exist_ok=True)
        clear_left_over(self.unfinished)
        if not self._version.exists():
            self.write(self._version, json.dumps({"layout": LAYOUT}).encode())

    def write(self, place: Path, content: bytes) -> None:
        """A small file of the store. Raises `EyebrowError`."""
        write_atomically(place, content, self.unfinished)
