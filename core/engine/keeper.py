"""Finished scores on their way to the store; what is on its way counts as known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from ..errors import FAILED, EyebrowError
from ..files import unwritten
from ..models.member import Member
from ..results.store import Label, Row, RunLabels, Store
from ..scoring.recipe import Recipe
from ..scoring.scores import StoryScore, Summary
from ..stories.story import Story, text_digest

WRITE_AFTER = 2.0  # seconds that finished scores wait for company before they are written
WAITING = 8192  # scores that wait, at most, for a store that cannot be written


class Keeper:
    """Takes scores as they are finished and writes them a part at a time.

    store: None where nothing is to be kept. broken: told of a store that cannot be written, once
    until it can be again; scores wait meanwhile, the oldest give way after `WAITING` of them.
    `write` may be called from another thread than `add`.
    """

    def __init__(self, store: Store | None, broken: Callable[[EyebrowError], None]) -> None:
        self.store, self.broken = store, broken
        self._rows: list[Row] = []
        self._known: dict[tuple[str, str], dict[str, Summary]] = {}
        self._lock = threading.RLock()  # an interrupt may come in the midst of a write
        self._written = time.monotonic()
        self.kept = 0  # scores that were written
        self._given_way = 0  # scores that waited in vain
        self._is_broken = False
        self._labels: RunLabels | None = None
        self.is_nameless = False  # names of this run could not be kept, which was told

    def known(self, model_digest: str, recipe_digest: str) -> dict[str, Summary]:
        """Sums by text digest of what need not be scored again."""
        key = (model_digest, recipe_digest)
        if key not in self._known:
            known: dict[str, Summary] = {}
            if self.store is not None:
                self.store.mend(*key)
                known = self.store.summaries(*key)
            self._known[key] = known
        return self._known[key]

    def know(self, model_digest: str, recipe_digest: str, known: dict[str, Summary]) -> None:
        """Take these for all that is known of a model: somebody else has read the store."""
        self._known[model_digest, recipe_digest] = known

    def add(self, story: Story, member: Member, recipe: Recipe, score: StoryScore) -> None:
        """Keep one score, unless it is kept already."""
        known, digest = self.known(member.digest, recipe.digest), text_digest(story.text)
        if digest in known:
            return
        known[digest] = score.summary
        if self.store is not None:
            with self._lock:
                self._rows.append(Row(story, member, recipe, score))

    def keep_vocabulary(self, tokenizer_digest: str, texts: Sequence[str]) -> None:
        """So that the stored ids can be read without the tokenizer."""
        if self.store is not None:
            self.store.keep_vocabulary(tokenizer_digest, texts)

    def keep_labels(
        self, recipe: Recipe, stories: Iterable[Label], member: Member, path: str = ""
    ) -> None:
        """What this run, which has one recipe, calls its stories and a model of it.

        stories: asked for once. path: of the model's folder, "" where it has none.
        """
        if self.store is None:
            return
        try:
            if self._labels is None:
                self._labels = self.store.begin_run(recipe, list(stories))
            self._labels.add(member, path)
        except Exception as error:  # scores can be kept without
            if not self.is_nameless:
                self.is_nameless = True
                self._fail(error, self.store)

    @property
    def waiting(self) -> int:
        """How many scores wait to be written."""
        return len(self._rows)

    @property
    def unkept(self) -> int:
        """How many scores are in no store so far: those that wait, and those that gave way."""
        return self._given_way + self.waiting

    def write_when_due(self) -> None:
        """Write what has waited long enough."""
        if self._rows and time.monotonic() - self._written > WRITE_AFTER:
            self.write()

    def write(self) -> None:
        """Put what is finished into the store, a part for each model and recipe.

        A score leaves the list only when it is written: whoever interrupts this can ask again.
        """
        with self._lock:
            self._written = time.monotonic()
            groups: dict[tuple[str, str], list[Row]] = {}
            for row in list(self._rows):
                groups.setdefault((row.model.digest, row.recipe.digest), []).append(row)
            for rows in groups.values():
                if not self._write(rows):
                    self._given_way += len(self._rows[:-WAITING])
                    del self._rows[:-WAITING]
                    return
                written = {id(row) for row in rows}
                self.kept += len(written)
                self._rows = [row for row in self._rows if id(row) not in written]
            self._is_broken = False

    def finish(self) -> None:
        """Write what is left, also where a signal comes meanwhile: later ones change nothing."""
        try:
            self.write()
        except KeyboardInterrupt:
            self.write()
            raise

    def _write(self, rows: Sequence[Row]) -> bool:
        assert self.store is not None
        try:
            self.store.write(rows)
        except Exception as error:  # pyarrow's too; scores were delivered, work goes on
            self._fail(error, self.store)
            return False
        return True

    def _fail(self, error: Exception, store: Store) -> None:
        if self._is_broken:
            return
        self._is_broken = True
        if not isinstance(error, EyebrowError):
            why = f"{store.folder}: {unwritten(error)}"
            error = EyebrowError("Cannot write the store", why, FAILED)
        self.broken(error)
