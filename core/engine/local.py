"""The run loop in this process: stories and models in, numbers out. No screen, no worker."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FAILED, INTERRUPTED, DeviceLost, EyebrowError, all_failed, as_told
from ..models.catalogue import ModelSpec, find_models
from ..models.identity import Identity, identify, same_weights, same_weights_in_words
from ..models.member import Member
from ..models.options import LoadOptions
from ..results.compare.cuts import Cuts, cuts_of
from ..results.outcome import Column, Failure, Results, gather
from ..results.statistics.bootstrap import SEED
from ..results.store import Label, Store
from ..scoring.positions import SentencePositions, is_five
from ..scoring.recipe import Recipe
from ..scoring.scores import Summary
from ..stories import Stories, Story
from ..stories.given import as_stories
from ..stories.story_set import StorySet
from ..wording import many
from .job import keep_vocabulary, run
from .keeper import Keeper
from .progress import TELL_AFTER, Pace, Progress, downloading
from .recipes import narrowed, settled, shared_recipe

if TYPE_CHECKING:
    from ..models.load import LoadedModel


class Stopped(KeyboardInterrupt):
    """A signal ended a run of `score`.

    kept: scores it has written. lost: scores that could not be written, and `failures` say why.
    """

    def __init__(self, kept: int, lost: int, failures: Sequence[Failure]) -> None:
        super().__init__()
        self.kept, self.lost, self.failures = kept, lost, tuple(failures)


def score(
    stories: Iterable[Story | str],
    models: str | ModelSpec | Sequence[str | ModelSpec],
    *,
    recipe: Recipe | None = None,
    device: str = "auto",
    dtype: str = "auto",
    store: Store | Path | str | None = None,
    offline: bool = False,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
    progress: Callable[[Progress], None] | None = None,
    seed: int = SEED,
) -> Results:
    """Score every story with every model, all of them under one recipe.

    stories: those of `open_stories`, or a list of stories and texts. models: names (a family
    stands for all its sizes) or specs. recipe: the default's context is cut to the smallest
    number of positions among the models. store: what it holds is not scored again, what is
    finished is written to it every few seconds, also when interrupted.
    allow_pickle, trust_remote_code: see `load_model`. seed: of the resampling behind the
    intervals.

    A model or a story that cannot be scored is listed in `failures` and stops no other. Raises
    `EyebrowError` for bad input, and where nothing at all could be scored; `Stopped`, which is a
    `KeyboardInterrupt`, where a signal ends it.
    """
    specs = _specs(models)
    recipe, device, dtype = settled(recipe or Recipe(), device, dtype)
    if not specs:
        raise EyebrowError("Nothing to score", "no model was given")
    options = LoadOptions(device, dtype, offline, allow_pickle, trust_remote_code)
    warnings: list[str] = []
    running = _Run(
        as_stories(stories), _store(store, warnings.append), options, progress or (lambda _: None)
    )
    found = running.fetch(specs)
    known = {spec.name: identity for spec, (_, identity) in found.items()}
    limits = {name: each.positions for name, each in known.items()}
    asked, recipe = recipe, shared_recipe(recipe, limits)
    running.cuts_stories = len({each.tokenizer for each in known.values()}) > 1
    try:
        columns = [
            column
            for spec, (folder, identity) in found.items()
            if (column := running.column(spec, folder, identity, recipe))
        ]
        if not columns:
            raise running.nothing()
        warnings += running.tell_unkept()
        warnings += narrowed(asked, recipe, limits, {column.member.name for column in columns})
        results = gather(recipe, running.told, columns, running.failures, seed)
    except KeyboardInterrupt as error:
        keeper = running.keeper
        raise Stopped(keeper.kept, keeper.unkept, running.failures) from error
    twice = same_weights(running.weights)
    told = (*warnings, *map(same_weights_in_words, twice))
    return replace(results, warnings=told, store=running.keeper.store)


class _Run:
    """One call of `score`: its settings, and what has failed so far."""

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
        self.options = options
        self.failures: list[Failure] = []
        self._codes: list[int] = []  # what to leave with for each of them
        self._names: dict[str, tuple[str, ...]] = {}  # what each model is called, by its name
        self._lost: DeviceLost | None = None
        self.cuts_stories = False  # tokenizers differ: what is common to all is looked for
        self.weights: dict[str, str] = {}  # digests, by model

    def _note(self, story: Story, digest: str) -> None:
        if is_five(story.text, starts=story.sentence_starts):
            self.five.add(digest)
        self._read += 1
        if time.monotonic() - self._told_at > TELL_AFTER:
            self._told_at = time.monotonic()
            self.tell(Progress("", "reading", self._read, self._total))

    def failed(self, model: str, error: Exception, story: str = "") -> None:
        told = as_told(error, "Scoring failed")
        self.failures.append(Failure(model, story, told.title, told.message))
        self._codes.append(told.exit_code)

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

    def tell_unkept(self) -> list[str]:
        """How many scores could not be kept, where it was told that the store cannot be written.

        What was kept in the end is no failure: told is that it did not go at once.
        """
        lost = self.keeper.unkept
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

    def fetch(self, specs: Iterable[ModelSpec]) -> dict[ModelSpec, tuple[Path, Identity]]:
        """Folder and identity of every model that is on this machine or can be fetched."""
        from ..models.hub.download import here
        from ..models.load import fetch
        from ..models.load_errors import check_readable

        found = {}
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
        return found

    def column(
        self, spec: ModelSpec, folder: Path, identity: Identity, recipe: Recipe
    ) -> Column | None:
        """One model's numbers; None where it has none, which is then among the failures."""
        before = len(self.failures)
        if self._lost is not None:  # nothing on that device answers any more
            self.failed(spec.name, self._lost)
            return None
        try:
            column = self._column(spec, folder, identity, recipe)
        except DeviceLost as error:
            self._lost = error
            self.failed(spec.name, error)
            return None
        except Exception as error:  # whatever ails one model, the others go on
            self.failed(spec.name, error)
            return None
        finally:
            _let_go()
        if column.sums:
            return column
        del self._codes[before + 1 :]
        del self.failures[before + 1 :]  # every story failed: one line says it as well
        return None

    def _column(self, spec: ModelSpec, folder: Path, identity: Identity, recipe: Recipe) -> Column:
        from ..models.load import load, revision_of

        self.weights[spec.name], digest = identity.weights, identity.digest
        known = self.keeper.known(digest, recipe.digest)
        sums = {d: known[d] for d in self.told.lengths if d in known}
        store, cuts = self.keeper.store, dict[str, Cuts]()
        if store and self.cuts_stories and sums:
            cuts = store.cuts(digest, recipe.digest, sums)
        places = self._places_known(digest, recipe, sums)
        total = len(self.told.lengths)
        parameters = None
        if store and len(sums) == total:
            parameters = store.parameters(digest, recipe.digest)
            self.tell(Progress(spec.name, "scoring", total, total))
        if parameters is None:
            self.tell(Progress(spec.name, "loading", len(sums), total))
            loaded = load(spec, self.options)
            if loaded.digest != digest:
                raise EyebrowError(
                    "Changed meanwhile",
                    f"{spec.name}: files in {folder} were written meanwhile; ask again",
                    FAILED,
                )
            self._keep_labels(loaded.member, spec, recipe)
            self._score(loaded, recipe, sums, cuts, places)
            parameters = loaded.parameters
        member = Member(
            *(spec.name, digest, spec.family, revision_of(spec, folder)),
            *(identity.tokenizer, parameters),
        )
        self._keep_labels(member, spec, recipe)
        return Column(member, sums, places.positions(), cuts)

    def _keep_labels(self, member: Member, spec: ModelSpec, recipe: Recipe) -> None:
        """What this run calls its stories and this model."""
        told = self.told
        rows = zip(told.digests, told.ids, told.titles, told.groups, strict=True)
        stories = (Label(*row, told.sentence_starts.get(row[0], ())) for row in rows)
        self.keeper.keep_labels(recipe, stories, member, spec.place)

    def _places_known(
        self, model: str, recipe: Recipe, sums: Mapping[str, Summary]
    ) -> SentencePositions:
        """Sentence positions of what the store has; it is read only where there is any."""
        places = SentencePositions()
        store = self.keeper.store
        if store and not self.five.isdisjoint(sums):
            for digest, text, score in store.scored_texts(model, recipe.digest):
                if digest in self.five:
                    places.add(text, score, *self._copies_and_starts(digest))
        return places

    def _copies_and_starts(self, digest: str) -> tuple[int, tuple[int, ...]]:
        """How many stories tell a text, and where its sentences begin as far as they say."""
        return self.told.copies[digest], self.told.sentence_starts.get(digest, ())

    def _score(
        self,
        loaded: LoadedModel,
        recipe: Recipe,
        sums: dict[str, Summary],
        cuts: dict[str, Cuts],
        places: SentencePositions,
    ) -> None:
        """Score what is not in `sums` (by text digest) into it, `cuts` and `places`."""
        from ..scoring.scorer import Scorer

        scorer = Scorer(loaded.model, loaded.tokenizer, recipe)
        keep_vocabulary(loaded, self.keeper)
        lengths = [length for digest, length in self.told.lengths.items() if digest not in sums]
        pace = Pace(loaded.name, len(sums), lengths)
        known = frozenset(sums)
        try:
            for block in self.told.blocks(lambda digest: digest not in known):
                stories = dict(block)
                for step in run(loaded, scorer, block, self.keeper):
                    for digest, failure in step.failures:
                        self.failed(loaded.name, failure, stories[digest].id)
                    for digest, score in step.scores:
                        sums[digest], text = score.summary, stories[digest].text
                        if self.cuts_stories:
                            cuts[digest] = cuts_of(text, score)
                        places.add(text, score, *self._copies_and_starts(digest))
                        pace.add(stories[digest], score.summary.tokens)
                    if pace.is_due:
                        self.tell(pace.progress())
        finally:
            self.keeper.finish()
        self.tell(pace.progress())


def _specs(models: str | ModelSpec | Sequence[str | ModelSpec]) -> list[ModelSpec]:
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
    return list(dict.fromkeys([*names, *(m for m in given if isinstance(m, ModelSpec))]))


def _store(store: Store | Path | str | None, tell: Callable[[str], object]) -> Store | None:
    return store if store is None or isinstance(store, Store) else Store(Path(store), tell)


def _let_go() -> None:
    """Memory of the last model is free before the next one is loaded."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
