"""Scoring without a screen: stories and models in, numbers out, in this process."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import FAILED, INTERRUPTED, USAGE, EyebrowError
from .models.catalogue import ModelSpec, find_models
from .models.fingerprint import model_digest, positions, tokenizer_digest
from .models.member import Member
from .results.outcome import Column, Failure, Results, gather
from .results.statistics import SEED
from .results.store import Label, Row, RunLabels, Store
from .scoring.positions import PositionCounter, is_five
from .scoring.recipe import DEFAULT_CONTEXT, Recipe
from .scoring.scores import StoryScore, Summary
from .stories import Stories, Story
from .stories.told import Told

if TYPE_CHECKING:
    from .models.download import Transfer
    from .models.load import LoadedModel
    from .scoring.scorer import Scorer

TOGETHER = 1024  # stories tokenised at a time
WRITE_AFTER = 3.0  # seconds that finished scores wait for company before they are written
TELL_AFTER = 0.1  # seconds between two reports of progress


@dataclass(frozen=True, slots=True)
class Progress:
    """What is going on with one model: "fetching", "downloading", "loading" or "scoring".

    Before the first, without a model: "reading". done, total: distinct stories; those found in
    the store count as done. tokens_per_second and seconds_left (None while unknown) speak of what
    is really being scored. While downloading, done and total are bytes.
    """

    model: str
    doing: str
    done: int = 0
    total: int = 0
    tokens_per_second: float = 0.0
    seconds_left: float | None = None
    bytes_per_second: float = 0.0

    @classmethod
    def of_download(cls, model: str, transfer: Transfer) -> Progress:
        """What a download tells of itself."""
        return cls(
            model,
            "downloading",
            transfer.done,
            transfer.total,
            seconds_left=transfer.seconds_left,
            bytes_per_second=transfer.bytes_per_second,
        )


def score(
    stories: Iterable[Story],
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

    models: names (a family stands for all its sizes) or specs. recipe: the default's context is
    cut to the smallest number of positions among the models. store: what it holds is not scored
    again, what is finished is written to it every few seconds, also when interrupted.
    allow_pickle, trust_remote_code: see `load_model`. seed: of the resampling behind the
    intervals.

    A model or a story that cannot be scored is listed in `failures` and stops no other. Raises
    `EyebrowError` for bad input, and where nothing at all could be scored.
    """
    specs = _specs(models)
    recipe, device, dtype = settled(recipe or Recipe(), device, dtype)
    if not specs:
        raise EyebrowError("Nothing to score", "no model was given")
    loading = Loading(device, dtype, offline, allow_pickle, trust_remote_code)
    run = _Run(stories, _store(store), loading, progress or (lambda _: None))
    found = run.fetch(specs)
    recipe = shared_recipe(recipe, {spec.name: limit for spec, (_, limit) in found.items()})
    columns = [
        column
        for spec, (folder, _) in found.items()
        if (column := run.column(spec, folder, recipe))
    ]
    if not columns:
        raise run.nothing()
    return gather(recipe, run.told, columns, run.failures, seed)


def settled(recipe: Recipe, device: str = "auto", dtype: str = "auto") -> tuple[Recipe, str, str]:
    """The recipe with device and dtype filled in, and what to load models with.

    Raises `EyebrowError` for a device that is not here, and where the recipe names another.
    """
    from .models.device import dtype_name, pick_device, pick_dtype

    for name, own, asked in (
        ("device", recipe.device, device.partition(":")[0]),
        ("dtype", recipe.dtype, dtype),
    ):
        if "auto" not in (own, asked) and own != asked:
            raise EyebrowError("Bad recipe", f"the recipe's {name} is {own}, not {asked}")
    where = pick_device(recipe.device if device == "auto" else device)
    asked = dtype if recipe.dtype == "auto" else recipe.dtype
    precision = dtype_name(pick_dtype(asked, where))
    return replace(recipe, device=where.type, dtype=precision), str(where), precision


def shared_recipe(recipe: Recipe, limits: Mapping[str, int | None]) -> Recipe:
    """One recipe for models that see so many tokens at once (None: no limit known), by name.

    The default context is cut to the smallest limit. Raises `EyebrowError` where a context that
    was asked for is longer than that.
    """
    known = {name: limit for name, limit in limits.items() if limit is not None}
    narrowest = min(known, key=lambda name: known[name], default="")
    limit = known.get(narrowest, recipe.context)
    if recipe.context <= limit:
        return recipe
    if recipe.context != DEFAULT_CONTEXT:
        raise EyebrowError(
            "Context too long",
            f"{narrowest} sees {limit} tokens at once, not {recipe.context}; "
            f"use --context {limit} or less, or leave that model out",
        )
    asked = recipe.stride != DEFAULT_CONTEXT // 2
    return replace(recipe, context=limit, stride=recipe.stride if asked else 0)


@dataclass(frozen=True, slots=True)
class Loading:
    """How models are fetched and loaded; device and dtype are settled."""

    device: str
    dtype: str
    offline: bool
    allow_pickle: bool
    trust_remote_code: bool

    def fetch(self, spec: ModelSpec, tell: Callable[[Progress], None]) -> Path:
        """The folder of a model that is not here; one too large for the memory is not fetched."""
        from .models.device import pick_device, pick_dtype
        from .models.load import fetch
        from .models.memory import check_memory

        device = pick_device(self.device)
        dtype = pick_dtype(self.dtype, device)
        return fetch(
            spec,
            offline=self.offline,
            allow_pickle=self.allow_pickle,
            trust_remote_code=self.trust_remote_code,
            progress=lambda transfer: tell(Progress.of_download(spec.name, transfer)),
            fits=partial(check_memory, spec, device=device, dtype=dtype),
        )

    def load(self, spec: ModelSpec) -> LoadedModel:
        """The model itself."""
        from .models.load import load_model

        return load_model(
            spec,
            device=self.device,
            dtype=self.dtype,
            offline=self.offline,
            allow_pickle=self.allow_pickle,
            trust_remote_code=self.trust_remote_code,
        )


class _Run:
    """One call of `score`: its settings, and what has failed so far."""

    def __init__(
        self,
        stories: Iterable[Story],
        store: Store | None,
        loading: Loading,
        tell: Callable[[Progress], None],
    ) -> None:
        self.five: set[str] = set()  # digests of texts of five sentences
        self.tell = tell
        self._total = (stories.expected if isinstance(stories, Stories) else None) or 0
        self._read, self._told_at = 0, time.monotonic()
        tell(Progress("", "reading", 0, self._total))
        self.told = Told(stories, self._note)
        if not len(self.told):
            raise EyebrowError("Nothing to score", "there are no stories")
        self.store = store
        self._labels: RunLabels | None = None
        self.loading = loading
        self.failures: list[Failure] = []
        self._codes: list[int] = []

    def _note(self, story: Story, digest: str) -> None:
        if is_five(story.text):
            self.five.add(digest)
        self._read += 1
        if time.monotonic() - self._told_at > TELL_AFTER:
            self._told_at = time.monotonic()
            self.tell(Progress("", "reading", self._read, self._total))

    def failed(self, model: str, error: Exception, story: str = "") -> None:
        self.failures.append(Failure(model, story, *_reason(error)))
        self._codes.append(error.exit_code if isinstance(error, EyebrowError) else FAILED)

    def nothing(self) -> EyebrowError:
        """What to raise where nothing was scored: the first reason, and how many more."""
        first, count = self.failures[0], len(self.failures)
        more = f" (and {count - 1} more failed)" if count > 1 else ""
        return EyebrowError(first.title, f"{first.message}{more}", min(self._codes))

    def fetch(self, specs: Iterable[ModelSpec]) -> dict[ModelSpec, tuple[Path, int | None]]:
        """Folder and positions of every model that is on this machine or can be fetched."""
        from .models.download import here

        found = {}
        for spec in specs:
            try:
                folder = here(spec, self.loading.allow_pickle)
                if folder is None:
                    self.tell(Progress(spec.name, "fetching"))
                    folder = self.loading.fetch(spec, self.tell)
                found[spec] = (folder, positions(folder))
            except Exception as error:  # whatever ails one model, the others go on
                if isinstance(error, EyebrowError) and error.exit_code == INTERRUPTED:
                    raise
                self.failed(spec.name, error)
        if not found:
            raise self.nothing()
        return found

    def column(self, spec: ModelSpec, folder: Path, recipe: Recipe) -> Column | None:
        """One model's numbers; None where it has none, which is then among the failures."""
        before = len(self.failures)
        try:
            column = self._column(spec, folder, recipe)
        except Exception as error:  # whatever ails one model, the others go on
            self.failed(spec.name, error)
            return None
        finally:
            _let_go()
        if column.sums:
            return column
        del self.failures[before + 1 :]  # every story failed: one line says it as well
        return None

    def _column(self, spec: ModelSpec, folder: Path, recipe: Recipe) -> Column:
        from .models.load import revision_of

        digest = model_digest(folder)
        if self.store:
            self.store.mend(digest, recipe.digest)
        known = self.store.summaries(digest, recipe.digest) if self.store else {}
        sums = {d: known[d] for d in self.told.lengths if d in known}
        places = self._places_known(digest, recipe, sums)
        total = len(self.told.lengths)
        parameters = None
        if self.store and len(sums) == total:
            parameters = self.store.parameters(digest, recipe.digest)
            self.tell(Progress(spec.name, "scoring", total, total))
        if parameters is None:
            self.tell(Progress(spec.name, "loading", len(sums), total))
            parameters = self._score(spec, folder, recipe, sums, places)
        member = Member(
            *(spec.name, digest, spec.family, revision_of(spec, folder)),
            *(tokenizer_digest(folder), parameters),
        )
        self._keep_labels(member, spec, recipe)
        return Column(member, sums, places.positions())

    def _keep_labels(self, member: Member, spec: ModelSpec, recipe: Recipe) -> None:
        """What this run calls its stories and models."""
        if self.store is None:
            return
        try:
            if self._labels is None:
                told = zip(self.told.digests, self.told.ids, self.told.titles, strict=True)
                self._labels = self.store.begin_run(recipe, [Label(*one) for one in told])
            self._labels.add(member, str(spec.local_path or ""))
        except EyebrowError as error:
            self._without_store(error)

    def _places_known(
        self, model: str, recipe: Recipe, sums: Mapping[str, Summary]
    ) -> PositionCounter:
        """Sentence positions of what the store has; it is read only where there is any."""
        places = PositionCounter()
        if self.store and not self.five.isdisjoint(sums):
            for digest, text, score in self.store.scored_texts(model, recipe.digest):
                if digest in self.five:
                    places.add(text, score, self.told.copies[digest])
        return places

    def _without_store(self, error: Exception) -> None:
        self.failed("", error)
        self.store = None

    def _score(
        self,
        spec: ModelSpec,
        folder: Path,
        recipe: Recipe,
        sums: dict[str, Summary],
        places: PositionCounter,
    ) -> int:
        """Score what is not in `sums` (by text digest) into it; returns the parameters."""
        from .scoring.scorer import Scorer

        loaded = self.loading.load(spec)
        self._keep_labels(loaded.member, spec, recipe)
        scorer = Scorer(loaded.model, loaded.tokenizer, recipe)
        keeper = _Keeper(self.store, loaded, recipe, self._without_store)
        keeper.keep_vocabulary(folder)
        left = [length for digest, length in self.told.lengths.items() if digest not in sums]
        pace = _Pace(spec.name, len(sums), left)
        known = frozenset(sums)
        try:
            for block in self.told.blocks(lambda digest: digest not in known):
                for digest, outcome in outcomes(scorer, block):
                    story = block[digest]
                    if isinstance(outcome, Exception):
                        self.failed(spec.name, outcome, story.id)
                        continue
                    sums[digest] = outcome.summary
                    places.add(story.text, outcome, self.told.copies[digest])
                    keeper.add(story, outcome)
                    pace.add(story, outcome.summary.tokens)
                    if pace.is_due():
                        self.tell(pace.progress())
        finally:
            keeper.write()
        self.tell(pace.progress())
        return loaded.parameters


class _Keeper:
    """Finished scores on their way to the store; one that cannot be written is given up."""

    def __init__(
        self,
        store: Store | None,
        loaded: LoadedModel,
        recipe: Recipe,
        broken: Callable[[Exception], None],
    ) -> None:
        self.store, self.loaded, self.recipe, self.broken = store, loaded, recipe, broken
        self.rows: list[Row] = []
        self.written = time.monotonic()

    def keep_vocabulary(self, folder: Path) -> None:
        """So that the stored ids can be read without the tokenizer."""
        if self.store is None:
            return
        from .scoring.vocabulary import token_texts

        size = self.loaded.model.config.get_text_config().vocab_size
        self.store.keep_vocabulary(
            tokenizer_digest(folder), token_texts(self.loaded.tokenizer, size)
        )

    def add(self, story: Story, outcome: StoryScore) -> None:
        if self.store is None:
            return
        self.rows.append(Row(story, self.loaded.member, self.recipe, outcome))
        if time.monotonic() - self.written > WRITE_AFTER:
            self.write()

    def write(self) -> None:
        if self.store is None or not self.rows:
            return
        try:
            self.store.write(self.rows)
        except (EyebrowError, OSError) as error:
            self.store = None
            self.broken(error)
        self.rows = []
        self.written = time.monotonic()


class _Pace:
    """How fast it goes. Time left goes by characters: the longest stories come first."""

    def __init__(self, model: str, known: int, sizes: Sequence[int]) -> None:
        self.model, self.done, self.total = model, known, known + len(sizes)
        self.left, self.seen, self.tokens = sum(sizes), 0, 0
        self.began = self.told = time.monotonic()

    def add(self, story: Story, tokens: int) -> None:
        self.done += 1
        self.tokens += tokens
        self.seen += len(story.text)
        self.left -= len(story.text)

    def is_due(self) -> bool:
        return time.monotonic() - self.told > TELL_AFTER

    def progress(self) -> Progress:
        self.told = time.monotonic()
        took = max(1e-6, self.told - self.began)
        # The first batch says little: it pays for what is set up once.
        is_known = self.seen and (took > 0.5 or not self.left)
        left = self.left * took / self.seen if is_known else None
        return Progress(self.model, "scoring", self.done, self.total, self.tokens / took, left)


def outcomes(
    scorer: Scorer, todo: Mapping[str, Story]
) -> Iterator[tuple[str, StoryScore | Exception]]:
    """(text digest, score) of every story, long ones first; or what came in its way.

    A batch that breaks is done again story by story, so that one bad story costs only itself.
    Raises `EyebrowError` where it is not the story's fault.
    """
    order = sorted(todo, key=lambda digest: -len(todo[digest].text))
    for at in range(0, len(order), TOGETHER):
        group = order[at : at + TOGETHER]
        left = dict.fromkeys(group)
        try:
            for index, outcome in scorer.score([todo[digest].text for digest in group]):
                del left[group[index]]
                yield group[index], _checked(outcome)
        except Exception as error:
            _unless_it_is_the_model(error)
            for digest in left:
                yield digest, _alone(scorer, todo[digest].text)


def _alone(scorer: Scorer, text: str) -> StoryScore | Exception:
    try:
        ((_, outcome),) = scorer.score([text])
    except Exception as error:
        _unless_it_is_the_model(error)
        return error
    return _checked(outcome)


def _unless_it_is_the_model(error: Exception) -> None:
    if isinstance(error, EyebrowError) and error.exit_code == USAGE:
        raise error


def _checked(outcome: StoryScore) -> StoryScore | Exception:
    if not math.isnan(outcome.summary.nll):
        return outcome
    return EyebrowError(
        "Not a number",
        "the model's logits overflow in this precision; use --dtype float32 or bfloat16",
        FAILED,
    )


def _specs(models: str | ModelSpec | Sequence[str | ModelSpec]) -> list[ModelSpec]:
    """The models that names stand for, then those that were given as specs; each once."""
    given = [models] if isinstance(models, str | ModelSpec) else models
    names = find_models([model for model in given if isinstance(model, str)])
    return list(dict.fromkeys([*names, *(m for m in given if isinstance(m, ModelSpec))]))


def _store(store: Store | Path | str | None) -> Store | None:
    return store if store is None or isinstance(store, Store) else Store(Path(store))


def _let_go() -> None:
    """Memory of the last model is free before the next one is loaded."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _reason(error: Exception) -> tuple[str, str]:
    if isinstance(error, EyebrowError):
        return error.title, error.message
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return "Scoring failed", f"{type(error).__name__}: {first}" if first else repr(error)
