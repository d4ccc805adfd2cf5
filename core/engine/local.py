"""The run loop in this process: stories and models in, numbers out. No screen, no worker."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DeviceLost
from ..models.catalogue import ModelSpec
from ..models.options import LoadOptions
from ..results.outcome import Column, Results
from ..results.statistics.bootstrap import SEED
from ..results.store import Store
from ..scoring.recipe import Recipe
from ..stories import Story
from ..stories.given import as_stories
from .account import Account, Outline, Stopped, Tally, as_store, specs_of
from .job import keep_vocabulary, run
from .progress import Pace, Progress
from .recipes import settled

if TYPE_CHECKING:
    from ..models.load import LoadedModel

__all__ = ["Stopped", "score"]


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
    specs = specs_of(models)
    recipe, device, dtype = settled(recipe or Recipe(), device, dtype)
    options = LoadOptions(device, dtype, offline, allow_pickle, trust_remote_code)
    warnings: list[str] = []
    account = Account(
        as_stories(stories), as_store(store, warnings.append), options, progress or (lambda _: None)
    )
    here = _Here(account)
    tallies = account.fetch(specs, recipe)
    with account.stoppable():
        columns = [column for tally in tallies.each if (column := here.column(tally))]
        return account.results(tallies, columns, seed, warnings)


class _Here:
    """Scores the models of a run one after another in this process."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._lost: DeviceLost | None = None

    def column(self, tally: Tally) -> Column | None:
        """One model's numbers; None where it has none, which is then among the failures."""
        account, name = self.account, tally.spec.name
        if self._lost is not None:  # nothing on that device answers any more
            account.failed(name, self._lost)
            return None
        try:
            if not account.begin(tally):
                self._score(tally)
            column = account.column(tally)
        except DeviceLost as error:
            self._lost = error
            account.failed(name, error)
            return None
        except Exception as error:  # whatever ails one model, the others go on
            account.failed(name, error)
            return None
        finally:
            _let_go()
        if column is None:  # every story failed
            account.one_line(name)
        return column

    def _score(self, tally: Tally) -> None:
        """Load a model and score what the store does not have of it."""
        from ..models.load import load

        account = self.account
        total = len(account.told.lengths)
        account.tell(Progress(tally.spec.name, "loading", len(tally.sums), total))
        loaded = load(tally.spec, account.options)
        if loaded.digest != tally.identity.digest:
            raise tally.changed()
        account.keep_labels(tally, loaded.member)
        self._score_with(loaded, tally)
        tally.parameters = loaded.parameters

    def _score_with(self, loaded: LoadedModel, tally: Tally) -> None:
        from ..scoring.scorer import Scorer

        account = self.account
        told, keeper = account.told, account.keeper
        scorer = Scorer(loaded.model, loaded.tokenizer, tally.recipe)
        keep_vocabulary(loaded, keeper)
        known = frozenset(tally.sums)
        lengths = [length for digest, length in told.lengths.items() if digest not in known]
        pace = Pace(loaded.name, len(known), lengths)
        try:
            for block in told.blocks(lambda digest: digest not in known):
                stories = dict(block)
                for step in run(loaded, scorer, block, keeper):
                    for digest, failure in step.failures:
                        account.failed(loaded.name, failure, stories[digest].id)
                    for digest, score in step.scores:
                        story, with_cuts = stories[digest], account.cuts_stories
                        account.add(tally, digest, Outline.of(story, score, with_cuts=with_cuts))
                        pace.add(story, score.summary.tokens)
                    if pace.is_due:
                        account.tell(pace.progress())
        finally:
            keeper.finish()
        account.tell(pace.progress())


def _let_go() -> None:
    """Memory of the last model is free before the next one is loaded."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
