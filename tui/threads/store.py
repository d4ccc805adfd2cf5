"""The store, read and written on a thread of its own; what it answers is in `answers.py`.

pyarrow is imported there, after the first paint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import EyebrowError, as_told, reason
from ...core.models.catalogue import ModelSpec
from ...core.models.identity import identify
from ...core.models.member import Member
from ...core.models.tokenizer_files import tokenizer_digest
from ...core.results.compare.cuts import Cuts, cuts_of
from ...core.scoring.recipe import Recipe
from ...core.scoring.scores import Summary
from ...core.stories.story import Story
from .answers import (
    Compared,
    Exported,
    Found,
    Interval,
    KeptCuts,
    KeptGuesses,
    KeptMarks,
    KeptRecipe,
    KeptScore,
    KeptSums,
    KeptTokenizers,
    KeptVocabulary,
    Trouble,
)
from .lane import Lane

if TYPE_CHECKING:
    from ...core.results.export import Exported as Row
    from ...core.results.store import Follower, RunLabels, Store


PIECE = 500  # sums or cuts handed over at a time


class StoreReader:
    """`deliver` gets the answers, on the reader's thread.

    What cannot be done and is not answered otherwise is answered by `Trouble`. follows: another
    program writes to the store, and `look_for_more` is going to be asked.
    """

    def __init__(
        self, folder: Path | None, deliver: Callable[[Found], None], *, follows: bool = False
    ) -> None:
        self.folder, self.follows = folder, follows
        self.deliver = deliver
        self._follower: Follower | None = None
        self._is_looking = False
        self._lane = Lane("store", self._fail)
        self._store: Store | None = None
        # The recipe and the stories that were labelled last, and what keeps their labels.
        self._labelled: tuple[str, list[Story], RunLabels] | None = None

    def look_up_tokenizers(self, specs: Sequence[ModelSpec]) -> None:
        """Answered by `KeptTokenizers`."""
        self._lane.submit(partial(self._tokenizers, specs))

    def look_up_sums(self, spec: ModelSpec, recipe: Recipe) -> None:
        """Answered by `KeptSums`, and by `KeptVocabulary` where there is one."""
        self._lane.submit(partial(self._sums, spec, recipe))

    def look_for_more(self, specs: Sequence[ModelSpec], asked: Recipe, recipe: Recipe) -> None:
        """What has come since: answered by `KeptSums`; by `KeptRecipe` where these models are
        scored by a recipe that was `asked` for too, and is another than `recipe`.

        Nothing is asked while the last look is not over.
        """
        if not self._is_looking:
            self._is_looking = True
            self._lane.submit(partial(self._more, specs, asked, recipe))

    def look_up_cuts(
        self, asked: int, spec: ModelSpec, model: str, recipe: Recipe, digests: Set[str]
    ) -> None:
        """Answered by `KeptCuts`, in pieces between which other questions have their turn.

        `model` is the model's digest, `digests` are those of the texts.
        """
        self._lane.submit(partial(self._cuts, asked, spec, model, recipe, digests))

    def look_up_score(self, spec: ModelSpec, model: str, recipe: Recipe, digest: str) -> None:
        """Answered by `KeptScore`. `model` and `digest` are the model's and the text's digest."""
        self._lane.submit(partial(self._score, spec, model, recipe, digest))

    def compute_interval(
        self,
        asked: int,
        spec: ModelSpec,
        stories: Sequence[Story],
        digests: Sequence[str],
        sums: Mapping[str, Summary],
    ) -> None:
        """Answered by `Interval`. digests: of the stories' texts; sums: of each that is scored."""
        self._lane.submit(partial(self._interval, asked, spec, stories, digests, sums))

    def compare(
        self,
        asked: int,
        recipe: Recipe,
        models: Sequence[Member],
        sums: Sequence[Mapping[str, Summary]],
        cuts: Sequence[Mapping[str, Cuts]],
        stories: Sequence[Story],
        digests: Sequence[str],
    ) -> None:
        """Answered by `Compared`. digests: of the stories' texts; sums, cuts: of each model."""
        compare = partial(self._compare, asked, recipe, models, sums, cuts, stories, digests)
        self._lane.submit(compare)

    def keep_labels(
        self,
        spec: ModelSpec,
        digest: str,
        parameters: int,
        recipe: Recipe,
        stories: Sequence[Story],
        digests: Sequence[str],
    ) -> None:
        """Keep what these stories and this model are called here; not answered.

        digest, parameters: the model's. digests: of the stories' texts.
        """
        told = (list(stories), list(digests))
        self._lane.submit(partial(self._labels, spec, digest, parameters, recipe, *told))

    def look_up_marks(self) -> None:
        """Answered by `KeptMarks`."""
        self._lane.submit(self._marks)

    def keep_mark(self, story: Story, *, marked: bool) -> None:
        """Answered only where it cannot be kept, by `Trouble`."""
        self._lane.submit(partial(self._mark, story, marked))

    def look_up_guesses(self, digest: str) -> None:
        """Answered by `KeptGuesses` where there are any. digest: of the story's text."""
        self._lane.submit(partial(self._guesses, digest))

    def keep_guesses(self, story: Story, hits: tuple[int, ...]) -> None:
        """Answered only where they cannot be kept, by `Trouble`."""
        self._lane.submit(partial(self._keep_guesses, story, hits))

    def export(self, rows: Iterable[Row], path: Path, what: str) -> None:
        """Answered by `Exported`, or by `Trouble`. what: the rows in words."""
        self._lane.submit(partial(self._export, rows, path, what))

    def close(self, patience: float | None = 0.0) -> None:
        """Take no more questions; wait so many seconds for what is to be kept."""
        self._lane.close(patience)

    def _fail(self, error: Exception) -> None:
        told = as_told(error, "Something failed")
        self.deliver(Trouble(told.title, told.message))

    def _open(self) -> Store | None:
        if self._store is None and self.folder is not None:
            from ...core.results.store import Store

            self._store = Store(self.folder, lambda said: self.deliver(Trouble("Store", said)))
        return self._store

    def _tokenizers(self, specs: Sequence[ModelSpec]) -> None:
        digests = dict.fromkeys((spec.name for spec in specs), "")
        for spec in specs:
            with suppress(Exception):  # loading it will say what is wrong
                if (folder := spec.local_path) is not None:
                    digests[spec.name] = tokenizer_digest(folder)
        self.deliver(KeptTokenizers(digests))

    def _sums(self, spec: ModelSpec, recipe: Recipe) -> None:
        try:
            self._read_sums(spec, recipe)
        except Exception as error:  # a store that cannot be read must not stop the scoring
            self.deliver(Trouble("Cannot read the store", f"{self.folder}: {reason(error)}"))
            self.deliver(KeptSums(spec.name, recipe.digest, "", {}))

    def _read_sums(self, spec: ModelSpec, recipe: Recipe) -> None:
        folder = spec.local_path
        store = self._open()
        if folder is None or not folder.is_dir() or store is None:
            self.deliver(KeptSums(spec.name, recipe.digest, "", {}))
            return
        try:
            identity = identify(folder, *spec.change)
        except EyebrowError:  # loading will say what is wrong
            self.deliver(KeptSums(spec.name, recipe.digest, "", {}))
            return
        digest = identity.digest
        read = self._follow(store).all if self.follows else store.summaries
        sums = read(digest, recipe.digest)
        if sums and (texts := store.vocabulary(identity.tokenizer)) is not None:
            self.deliver(KeptVocabulary(spec.name, tuple(texts)))
        self._deliver_sums(spec, recipe, digest, sums)

    def _deliver_sums(
        self, spec: ModelSpec, recipe: Recipe, digest: str, sums: Mapping[str, Summary]
    ) -> None:
        rows = list(sums.items())
        for at in range(0, len(rows) or 1, PIECE):
            piece = dict(rows[at : at + PIECE])
            last = at + PIECE >= len(rows)
            self.deliver(KeptSums(spec.name, recipe.digest, digest, piece, last))

    def _follow(self, store: Store) -> Follower:
        if self._follower is None:
            from ...core.results.store import Follower

            self._follower = Follower(store)
        return self._follower

    def _more(self, specs: Sequence[ModelSpec], asked: Recipe, recipe: Recipe) -> None:
        try:
            store = self._open()
            if store is not None and self._follow(store).has_changed():
                self._tell_more(store, specs, asked, recipe)
        finally:
            self._is_looking = False

    def _tell_more(
        self, store: Store, specs: Sequence[ModelSpec], asked: Recipe, recipe: Recipe
    ) -> None:
        here = [(spec, folder) for spec in specs if (folder := spec.local_path) is not None]
        digests: dict[str, ModelSpec] = {}
        for spec, folder in here:
            with suppress(EyebrowError, OSError):  # loading will say what is wrong
                digests[identify(folder, *spec.change).digest] = spec
        for other in store.recipes(digests):
            if other == asked.settled(other.device, other.dtype):
                if other != recipe:
                    self.deliver(KeptRecipe(other))
                    return  # all is looked up anew by that
                break
        for digest, spec in digests.items():
            if sums := self._follow(store).fresh(digest, recipe.digest):
                self._deliver_sums(spec, recipe, digest, sums)

    def _cuts(
        self, asked: int, spec: ModelSpec, model: str, recipe: Recipe, digests: Set[str]
    ) -> None:
        store = self._open()
        rows = iter(()) if store is None else store.scored_texts(model, recipe.digest)
        found = (
            (digest, cuts_of(text, score) if digest in digests else None)
            for digest, text, score in rows
        )
        self._piece_of_cuts(asked, spec.name, found, set(digests))

    def _piece_of_cuts(
        self, asked: int, name: str, found: Iterator[tuple[str, Cuts | None]], missing: set[str]
    ) -> None:
        """A piece of the store's rows; the next one waits behind what was asked meanwhile."""
        try:
            rows = list(islice(found, PIECE))
        except Exception as error:  # the worker will make them again
            self.deliver(Trouble("Cannot read the store", f"{self.folder}: {reason(error)}"))
            rows = []
        cuts = {digest: one for digest, one in rows if one is not None}
        missing -= cuts.keys()
        if rows and missing:
            self.deliver(KeptCuts(asked, name, cuts, is_last=False))
            self._lane.submit(partial(self._piece_of_cuts, asked, name, found, missing))
        else:
            self.deliver(KeptCuts(asked, name, cuts, missing=frozenset(missing)))

    def _labels(
        self,
        spec: ModelSpec,
        digest: str,
        parameters: int,
        recipe: Recipe,
        stories: list[Story],
        digests: list[str],
    ) -> None:
        from ...core.models.member import Member

        folder, store = spec.local_path, self._open()
        if folder is None or store is None:
            return
        with suppress(EyebrowError, OSError):  # the worker says what is wrong with the store
            if self._labelled is None or self._labelled[:2] != (recipe.digest, stories):
                rows = zip(digests, stories, strict=True)
                labels = [story.label(digest) for digest, story in rows]
                self._labelled = (recipe.digest, stories, store.begin_run(recipe, labels))
            tokenizer = tokenizer_digest(folder)
            names = (spec.name, digest, spec.family, spec.revision, tokenizer, parameters)
            self._labelled[2].add(Member(*names), spec.place)

    def _marks(self) -> None:
        from ...core.results.marks import read_marks

        if self.folder is not None and (marks := read_marks(self.folder)):
            self.deliver(KeptMarks(frozenset(marks)))

    def _mark(self, story: Story, marked: bool) -> None:
        from ...core.results.marks import mark, unmark

        if self.folder is None:
            return
        (mark if marked else unmark)(self.folder, story)

    def _guesses(self, digest: str) -> None:
        from ...core.results.guesses import read_guesses

        if self.folder is not None and (hits := read_guesses(self.folder, digest)):
            self.deliver(KeptGuesses(digest, hits))

    def _keep_guesses(self, story: Story, hits: tuple[int, ...]) -> None:
        from ...core.results.guesses import keep_guesses

        if self.folder is not None:
            keep_guesses(self.folder, story, hits)

    def _export(self, rows: Iterable[Row], path: Path, what: str) -> None:
        from ...core.results.export import write_stories

        write_stories(list(rows), path)
        self.deliver(Exported(path, what))

    def _score(self, spec: ModelSpec, model: str, recipe: Recipe, digest: str) -> None:
        score = None
        try:
            store = self._open()
            score = None if store is None else store.score(digest, model, recipe.digest)
        except Exception as error:  # the worker will make it again
            self.deliver(Trouble("Cannot read the store", f"{self.folder}: {reason(error)}"))
        self.deliver(KeptScore(spec.name, recipe.digest, digest, score))

    def _interval(
        self,
        asked: int,
        spec: ModelSpec,
        stories: Sequence[Story],
        digests: Sequence[str],
        sums: Mapping[str, Summary],
    ) -> None:
        from ...core.results.statistics.bootstrap import perplexity_interval
        from ...core.results.statistics.clusters import clusters, summed

        told = zip(stories, digests, strict=True)
        rows = [(story.group, digest) for story, digest in told if digest in sums]
        known = [sums[digest] for _, digest in rows]
        at = clusters([group for group, _ in rows], [digest for _, digest in rows])
        nll, tokens = summed(at, [[s.nll for s in known], [float(s.tokens) for s in known]])
        low, high = perplexity_interval(nll, tokens)
        self.deliver(Interval(asked, spec.name, low, high))

    def _compare(
        self,
        asked: int,
        recipe: Recipe,
        models: Sequence[Member],
        sums: Sequence[Mapping[str, Summary]],
        cuts: Sequence[Mapping[str, Cuts]],
        stories: Sequence[Story],
        digests: Sequence[str],
    ) -> None:
        from ...core.results.statistics.bootstrap import intervals
        from ...core.results.statistics.sheet import build_sheet
        from ...core.scoring.scores import bits_per_byte
        from ...core.stories.story import Label
        from ...core.wording import many

        rows = zip(digests, stories, strict=True)
        labels = [Label(digest, "", "", story.group) for digest, story in rows]
        sheet = build_sheet(recipe, models, sums, labels, cuts).common()
        if not sheet.stories:
            self.deliver(Compared(asked, {}, ""))
            return
        own = sheet.by_group()
        found = intervals(own.nll, own.tokens, own.common_nll, own.common_bytes)
        nll, size = sheet.common_nll.sum(axis=1), sheet.common_bytes.sum(axis=1)
        bits = {
            model.name: (bits_per_byte(float(nats), int(count)), *one.bits_per_byte)
            for model, nats, count, one in zip(sheet.models, nll, size, found, strict=True)
        }
        over = sheet.compared
        if without := len(labels) - len(sheet.stories):
            over = over or f"the {int(size.max()):,} bytes that all models scored"
            over += f", without {many(without, 'story', 'stories')} that not all have scored"
        self.deliver(Compared(asked, bits, over))
