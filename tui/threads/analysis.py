"""Slow statistics on a thread of their own; questions and answers are frozen messages.

pyarrow and SciPy are imported there, when the first question comes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import EyebrowError, as_told, last_said
from .lane import Lane
from .scaling import Answer, EndingsRead, Exported, Found, Refused, Snapshot, TokensRead

if TYPE_CHECKING:
    from ...core.results.statistics.sheet import Sheet
    from ...core.results.store import Store

KEPT_NOWHERE = "are read from the store, and this session keeps none (--no-store)"


class Analysis:
    """`deliver` gets the answers, on the analysis thread; `folder` is the store's, if any."""

    def __init__(self, folder: Path | None, deliver: Callable[[Answer], object]) -> None:
        self.folder = folder
        self.deliver = deliver
        self.asked = 0  # the newest question; older ones are dropped where they stand
        self._looked: tuple[Snapshot, Sheet] | None = None  # on the stories all sizes have scored
        self._lane = Lane("analysis", self._fail)

    def look(self, snapshot: Snapshot) -> int:
        """Answered by `Tabled`, `Measured` without and with doubts, and `Found`, in this order.

        Returns the number that they bear.
        """
        self.asked += 1
        self._lane.submit(partial(self._look, self.asked, snapshot))
        return self.asked

    def read_tokens(self) -> None:
        """Of what was last looked at; answered by `TokensRead` and `Found`."""
        self._lane.submit(partial(self._read_tokens, self.asked))

    def read_endings(self, alone: Mapping[str, Mapping[str, float]]) -> None:
        """Of what was last looked at; alone: nats of endings without their beginnings, by the
        digests of model and text. Answered by `EndingsRead`."""
        self._lane.submit(partial(self._read_endings, self.asked, alone))

    def export(self, path: Path, *, report: bool) -> None:
        """Write the table of what was last looked at, or a report on it, by the suffix of `path`.

        Answered by `Exported` or `Refused`.
        """
        self._lane.submit(partial(self._export, path, report))

    def forget(self) -> None:
        """What was asked so far is of no interest any more."""
        self.asked += 1

    def close(self) -> None:
        """Answer nothing more."""
        self.forget()
        self.deliver = lambda _: None
        self._lane.close()

    # --- on the thread ---------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        told = as_told(error, "Cannot work this out")
        self.deliver(Refused(told.title, told.message))

    def _look(self, asked: int, snapshot: Snapshot) -> None:
        from . import measuring

        if asked != self.asked:
            return
        sheet = measuring.sheet_of(snapshot)
        self.deliver(measuring.tabled(asked, sheet, snapshot))
        common = measuring.common_to_all(sheet, snapshot.listed)
        self._looked = (snapshot, common)
        if not common.stories:
            self.deliver(Found(asked, (), complete=False))
            return
        numbers = measuring.measured(asked, common, snapshot)
        self.deliver(numbers)
        if asked == self.asked:
            self.deliver(measuring.doubted(numbers, common, snapshot))
        if asked == self.asked:
            self.deliver(Found(asked, measuring.findings(common, snapshot), complete=False))

    def _read_tokens(self, asked: int) -> None:
        from . import measuring

        if asked != self.asked or self._looked is None:
            return
        snapshot, sheet = self._looked
        if self.folder is None or not sheet.stories:
            self.deliver(TokensRead(asked, missing=f"tokens {KEPT_NOWHERE}"))
            return
        store = self._store(self.folder)
        read = measuring.read_families(store, sheet)
        self.deliver(measuring.tokens_read(asked, sheet, read))
        if asked == self.asked:
            self.deliver(Found(asked, measuring.findings(sheet, snapshot, read), complete=True))

    def _store(self, folder: Path) -> Store:
        from ...core.results.store import Store

        return Store(folder, lambda said: self.deliver(Refused("Store", said)))

    def _read_endings(self, asked: int, alone: Mapping[str, Mapping[str, float]]) -> None:
        if asked != self.asked or self._looked is None:
            return
        snapshot, sheet = self._looked
        if self.folder is None or not sheet.stories:
            self.deliver(EndingsRead(asked, missing=f"endings {KEPT_NOWHERE}"))
            return
        from .endings import endings_read

        self.deliver(endings_read(asked, self._store(self.folder), sheet, snapshot, alone))

    def _export(self, path: Path, report: bool) -> None:
        if self._looked is None:
            raise EyebrowError("Nothing to export", "no story has been scored yet")
        if path.exists():
            raise EyebrowError("Already there", f"{path} is left as it is; give another name")
        _, sheet = self._looked
        if report:
            self._report(path, sheet)
        else:
            from ...core.results.table import write_table

            write_table(sheet, path)
        self.deliver(Exported(path))

    def _report(self, path: Path, sheet: Sheet) -> None:
        """By `eyebrow report` in a process of its own: matplotlib and a notebook that is run have
        no place in the one that draws."""
        if self.folder is None:
            raise EyebrowError("No report", "it is made from a store; this session keeps none")
        words = ["report", str(self.folder), "--out", str(path), "--recipe", sheet.recipe_digest]
        words += [word for model in sheet.models for word in ("-m", model.name)]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "eyebrow.core.cli", *words, "--quiet"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            why = last_said(done.stderr) or f"it ended with {done.returncode}"
            raise EyebrowError("No report", why.removeprefix("eyebrow: "))
