"""`score` on Ray: the results are those of `engine.local.score`, wherever they are made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from ...errors import EyebrowError
from ...models.catalogue import ModelSpec
from ...models.options import LoadOptions
from ...results.outcome import Results
from ...results.statistics.bootstrap import SEED
from ...results.store import Store
from ...scoring.recipe import Recipe
from ...stories import Story
from ...stories.given import as_stories
from ..account import Account, Tallies, Tally, as_store, specs_of
from ..progress import Progress
from .asked import Asked
from .dispatch import Dispatch
from .session import RayPool, connected, room
from .worker import Setup, Task


def score(
    stories: Iterable[Story | str],
    models: str | ModelSpec | Sequence[str | ModelSpec],
    cluster: Asked,
    *,
    recipe: Recipe | None = None,
    options: LoadOptions | None = None,
    store: Store | Path | str | None = None,
    progress: Callable[[Progress], None] | None = None,
    seed: int = SEED,
) -> Results:
    """Score every story with every model on a Ray cluster; see `engine.local.score`.

    cluster: which, and how many workers. options: how models are loaded, on the workers' device.
    store: a folder that all nodes see; workers write to it themselves. What was lost with a
    worker is scored again, and nothing else.
    """
    specs = specs_of(models)
    options = options or LoadOptions()
    tell = progress or (lambda _: None)
    warnings: list[str] = []
    kept = as_store(store, warnings.append)
    if kept is not None:
        kept.prepare()
    tell(Progress("", "starting Ray"))
    with connected(cluster) as ray:
        place = room(ray, cluster)
        setup = Setup(
            version("eyebrow"),
            os.getcwd(),
            None if kept is None else kept.folder.absolute(),
            place.threads,
            recipe or Recipe(),
            options,
        )
        pool = RayPool(ray, place, setup)
        workers = [pool.start() for _ in range(place.workers)]  # while the stories are read
        account = Account(as_stories(stories), kept, options, tell)
        dispatch = Dispatch(account, pool, workers)
        account.writers.append(dispatch)
        with account.stoppable():
            first = dispatch.first()
            settled = replace(options, device=first.device, dtype=first.dtype)
            tallies = account.fetch(specs, first.recipe)
            dispatch.run(_tasks(account, tallies, settled))
    with account.stoppable():
        columns = []
        for tally in tallies.each:
            if (column := account.column(tally)) is not None:
                columns.append(column)
            else:
                account.one_line(tally.spec.name)
        return account.results(tallies, columns, seed, [*warnings, *dispatch.warnings])


def _tasks(account: Account, tallies: Tallies, options: LoadOptions) -> list[tuple[Tally, Task]]:
    """The models that something is left to do of, the largest first."""
    found = []
    for tally in tallies.each:
        try:
            if not account.begin(tally):
                with_cuts = account.cuts_stories
                task = (tally.spec, tally.identity.digest, tally.recipe, options, with_cuts)
                found.append((tally, Task(*task)))
        except EyebrowError as error:
            account.failed(tally.spec.name, error)
    return sorted(found, key=lambda one: -(one[0].identity.parameters or one[0].identity.bytes))
