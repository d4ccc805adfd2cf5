"""What one call of `score` knows and keeps, wherever its models run: in this process or on Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from ..errors import FAILED, INTERRUPTED, EyebrowError, all_failed, as_told
from ..models.catalogue import ModelSpec, find_models
from ..models.identity import Identity, identify, same_weights, same_weights_in_words
from ..models.member import Member
from ..models.options import LoadOptions
from ..results.compare.cuts import Cuts, cuts_of
from ..results.outcome import Column, Failure, Results, gather
from ..results.store import Label, Store
from ..scoring.positions import SentencePositions, five_sentences, is_five
from ..scoring.recipe import Recipe
from ..scoring.scores import StoryScore, Summary
from ..stories import Stories, Story
from ..stories.story_set import StorySet
from ..wording import many
from .keeper import Keeper
from .progress import TELL_AFTER, Progress, downloading
from .recipes import narrowed, shared_recipe


class Stopped(KeyboardInterrupt):
    """A signal ended a run of `score`.

    kept: scores it has written. lost: scores that could not be written, and `failures` say why.
    """

    def __init__(self, kept: int, lost: int, failures: Sequence[Failure]) -> None:
        super().__init__()
        self.kept, self.lost, self.failures = kept, lost, tuple(failures)


@dataclass(frozen=True, slots=True)
class Outline:
    """What the results of a run need of a score.

    cuts: None where no other tokenizer is to be compared with. five: scored tokens and nats of
    each sentence of a story of five; () of every other.
    """

    summary: Summary
    cuts: Cuts | None
    five: tuple[tuple[int, float], ...]

    @classmethod
    def of(cls, story: Story, score: StoryScore, *, with_cuts: bool) -> Outline:
        """Of a whole score."""
        units = five_sentences(story.text, score, story.sentence_starts)
        return cls(
            score.summary,
            cuts_of(story.text, score) if with_cuts else None,
            tuple((unit.scored, unit.surprise) for unit in units),
        )


@dataclass(slots=True, eq=False)
class Tally:
    """One model of a run: what it is, and its numbers so far, by text digest.

    parameters: None until they are known.
    """

    spec: ModelSpec
    folder: Path
    identity: Identity
    recipe: Recipe
    sums: dict[str, Summary] = field(default_factory=dict)
    cuts: dict[str, Cuts] = field(default_factory=dict)
    places: SentencePositions = field(default_factory=SentencePositions)
    parameters: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What the store knows its scores by."""
        return self.identity.digest, self.recipe.digest

    def add(self, digest: str, outline: Outline, copies: int) -> None:
        """One more score, of a text that is told `copies` times."""
        self.sums[digest] = outline.summary
        if outline.cuts is not None:
            self.cuts[digest] = outline.cuts
        self.places.add_sentences(outline.five, copies)

    def member(self, parameters: int) -> Member:
        """The model as results and the store speak of it."""
        from ..models.load import revision_of

        spec, identity = self.spec, self.identity
        revision = revision_of(spec, self.folder)
        told = (spec.name, identity.digest, spec.family, revision, identity.tokenizer)
        return Member(*told, parameters)

    def changed(self) -> EyebrowError:
        """What to raise where its files are no longer those that were identified."""
        return EyebrowError(
            "Changed meanwhile",
            f"{self.spec.name}: files in {self.folder} were written meanwhile; ask again",
            FAILED,
        )


class Writer(Protocol):
    """Whoever puts scores into the store. unkept: those that are in none, though they should be."""

    @property
    def kept(self) -> int: ...

    @property
    def unkept(self) -> int: ...


class Account:
    """One call of `score`: its stories, its settings, and what has failed so far.

    told: the stories. writers: who puts scores into the store. cuts_stories: tokenizers differ,
    what is common to all is looked for.
    """

    def __init__(
        self,
        stories: Iterable[Story],
        store: Store | None,
        options: LoadOptions,
        tell: Callable[[Progress], None],
    ) -> None:
        self.tell = tell
        self._total = (stories.expected if isinstance(stories, Stories) else None) or 0
        self._read, self._told_at = 0, time.monotonic()
        tell(Progress("", "reading", 0, self._total))
        self.five: set[str] = set()  # digests of texts of five sentences
        self.told = StorySet(stories, self._note)
        if not len(self.told):
            raise EyebrowError("Nothing to score", "there are no stories")
        self.keeper = Keeper(store, lambda error: self.failed("", error))
        self.writers: list[Writer] = [self.keeper]
        self.options = options
        self.failures: list[Failure] = []
        self._codes: list[int] = []  # what to leave with for each of them
        self._names: dict[str, tuple[str, ...]] = {}  # what each model is called, by its name
        self.cuts_stories = False
        self._weights: dict[str, str] = {}  # digests, by model

    @property
    def kept(self) -> int:
        """Scores that this call has put into the store."""
        return sum(writer.kept for writer in self.writers)

    @property
    def unkept(self) -> int:
        """Scores that are in no store, though they should be."""
        return sum(writer.unkept for writer in self.writers)

    def _note(self, story: Story, digest: str) -> None:
        if is_five(story.text, starts=story.sentence_starts):
            self.five.add(digest)
        self._read += 1
        if time.monotonic() - self._told_at > TELL_AFTER:
            self._told_at = time.monotonic()
            self.tell(Progress("", "reading", self._read, self._total))

    # --- what fails ------------------------------------------------------------------------

    def failed(self, model: str, error: Exception, story: str = "") -> None:
        """List what could not be done; model and story are "" where it concerns neither."""
        told = as_told(error, "Scoring failed")
        self.failures.append(Failure(model, story, told.title, told.message))
        self._codes.append(told.exit_code)

    def one_line(self, model: str) -> None:
        """Every story failed under a model: its first failure says it as well."""
        theirs = [at for at, one in enumerate(self.failures) if one.model == model]
        for at in reversed(theirs[1:]):
            del self.failures[at], self._codes[at]

    def _in_order(self) -> list[Failure]:
        """The failures, of models and stories in their order."""
        models = {name: at for at, name in enumerate(self._names)}
        stories = {id: at for at, id in enumerate(self.told.ids)}
        return sorted(
            self.failures,
            key=lambda one: (models.get(one.model, -1), stories.get(one.story, -1)),
        )

    def nothing(self) -> EyebrowError:
        """What to raise where nothing was scored: why, of every model."""
        order = {name: at for at, name in enumerate(self._names)}
        found = sorted(
            zip(self.failures, self._codes, strict=True),
            key=lambda failed: order.get(failed[0].model, len(order)),
        )
        return all_failed(
            (
                self._names.get(one.model, (one.model,)),
                EyebrowError(one.title, one.message, code),
            )
            for one, code in found
        )

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Inside, a `KeyboardInterrupt` becomes `Stopped`."""
        try:
            yield
        except KeyboardInterrupt as error:
            raise Stopped(self.kept, self.unkept, self.failures) from error

    def _tell_unkept(self) -> list[str]:
        """How many scores could not be kept, where it was told that the store cannot be written.

        What was kept in the end is no failure: told is that it did not go at once.
        """
        lost = self.unkept
        if not lost and not self.keeper.is_nameless:
            ours = [one.message for one in self.failures if not one.model]
            self.failures = [one for one in self.failures if one.model]
            told = "the store could not be written for a while"
            return [f"{told} ({why}); all is kept" for why in ours]
        if not lost:
            return []
        more = f"{many(lost, 'score')} could not be kept, run the same command again for them"
        if not any(one.model for one in self.failures):
            more += "; the results are complete"
        self.failures = [
            one if one.model else replace(one, message=f"{one.message}; {more}")
            for one in self.failures
        ]
        return []

    # --- models ----------------------------------------------------------------------------

    def fetch(self, specs: Iterable[ModelSpec], recipe: Recipe) -> Tallies:
        """Every model that is on this machine or can be fetched, under the one recipe."""
        from ..models.hub.download import here
        from ..models.load import fetch
        from ..models.load_errors import check_readable

        found: dict[ModelSpec, tuple[Path, Identity]] = {}
        for spec in specs:
            self._names[spec.name] = (spec.name, spec.location)
            try:
                folder = here(spec, self.options.allow_pickle)
                if folder is None:
                    self.tell(Progress(spec.name, "fetching"))
                    folder = fetch(spec, self.options, downloading(spec.name, self.tell))
                check_readable(folder, spec.name)
                found[spec] = (folder, identify(folder, *spec.change))
            except Exception as error:  # whatever ails one model, the others go on
                if isinstance(error, EyebrowError) and error.exit_code == INTERRUPTED:
                    raise
                self.failed(spec.name, error)
        if not found:
            raise self.nothing()
        limits = {spec.name: identity.positions for spec, (_, identity) in found.items()}
        shared = shared_recipe(recipe, limits)
        self.cuts_stories = len({one.tokenizer for _, one in found.values()}) > 1
        each = [Tally(spec, *about, shared) for spec, about in found.items()]
        return Tallies(tuple(each), recipe, shared, limits)

    def begin(self, tally: Tally) -> bool:
        """Take up what the store has of a model; whether that is all there is to know of it."""
        self._weights[tally.spec.name] = tally.identity.weights
        known = self.keeper.known(*tally.key)
        tally.sums.update({d: known[d] for d in self.told.lengths if d in known})
        self._take_from_store(tally, tally.sums)
        total = len(self.told.lengths)
        store = self.keeper.store
        if store and len(tally.sums) == total:
            tally.parameters = store.parameters(*tally.key)
            self.tell(Progress(tally.spec.name, "scoring", total, total))
        return tally.parameters is not None

    def take_up(self, tally: Tally, digests: Iterable[str]) -> None:
        """Take up which of these texts others have put into the store meanwhile."""
        store = self.keeper.store
        if store is None:
            return
        known = store.summaries(*tally.key)
        fresh = {d: known[d] for d in digests if d in known and d not in tally.sums}
        tally.sums.update(fresh)
        self._take_from_store(tally, fresh)

    def _take_from_store(self, tally: Tally, fresh: Mapping[str, Summary]) -> None:
        """Cuts and sentence positions of stored texts; it is read only where there is any."""
        store = self.keeper.store
        if store and self.cuts_stories and fresh:
            tally.cuts.update(store.cuts(*tally.key, fresh))
        if store and not self.five.isdisjoint(fresh):
            self._add_places(tally, store, fresh)

    def _add_places(self, tally: Tally, store: Store, fresh: Container[str]) -> None:
        for digest, text, score in store.scored_texts(*tally.key):
            if digest in fresh and digest in self.five:
                starts = self.told.sentence_starts.get(digest, ())
                tally.places.add(text, score, self.told.copies[digest], starts)

    def add(self, tally: Tally, digest: str, outline: Outline) -> None:
        """One more score of a model."""
        tally.add(digest, outline, self.told.copies[digest])

    def keep_labels(self, tally: Tally, member: Member) -> None:
        """What this run calls its stories and this model."""
        told = self.told
        rows = zip(told.digests, told.ids, told.titles, told.groups, strict=True)
        stories = (Label(*row, told.sentence_starts.get(row[0], ())) for row in rows)
        self.keeper.keep_labels(tally.recipe, stories, member, tally.spec.place)

    def column(self, tally: Tally) -> Column | None:
        """The numbers of a model that is done; None where it has none."""
        if tally.parameters is None or not tally.sums:
            return None
        member = tally.member(tally.parameters)
        self.keep_labels(tally, member)
        return Column(member, tally.sums, tally.places.positions(), tally.cuts)

    def results(
        self, tallies: Tallies, columns: Sequence[Column], seed: int, warnings: Sequence[str]
    ) -> Results:
        """The columns as rows, and what is to be told beside them; warnings: so far."""
        if not columns:
            raise self.nothing()
        names = {column.member.name for column in columns}
        warnings = [*warnings, *self._tell_unkept()]
        warnings += narrowed(tallies.asked, tallies.recipe, tallies.limits, names)
        results = gather(tallies.recipe, self.told, columns, self._in_order(), seed)
        told = (*warnings, *map(same_weights_in_words, same_weights(self._weights)))
        return replace(results, warnings=told, store=self.keeper.store)


@dataclass(frozen=True, slots=True)
class Tallies:
    """The models of a run. asked, recipe: before and after it was cut to `limits`, tokens that
    the models see at once, by name."""

    each: tuple[Tally, ...]
    asked: Recipe
    recipe: Recipe
    limits: Mapping[str, int | None]


def specs_of(models: str | ModelSpec | Sequence[str | ModelSpec]) -> list[ModelSpec]:
    """The models that names stand for, then those that were given as specs; each once."""
    is_one = isinstance(models, str) or not isinstance(models, Iterable)
    given: list[Any] = [models] if is_one else list(models)  # type: ignore[arg-type]
    for model in given:
        if not isinstance(model, str | ModelSpec):
            raise EyebrowError(
                "No such model",
                f"score takes names of models, not a {type(model).__name__}; for a model in "
                "memory there are token_surprise and compute_perplexity",
            )
    names = find_models([model for model in given if isinstance(model, str)])
    found = list(dict.fromkeys([*names, *(m for m in given if isinstance(m, ModelSpec))]))
    if not found:
        raise EyebrowError("Nothing to score", "no model was given")
    return found


def as_store(store: Store | Path | str | None, tell: Callable[[str], object]) -> Store | None:
    """The store that is meant, which says through `tell` what a user should know."""
    return store if store is None or isinstance(store, Store) else Store(Path(store), tell)
