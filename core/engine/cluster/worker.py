"""One worker: holds a model at a time and scores blocks with it; everything it does is told.

A plain class, which Ray makes an actor of. What goes wrong is handed back as a value: what Ray
makes of an exception depends on its version.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import FAILED, DeviceLost, EyebrowError, as_told
from ...machine.garbage import look_seldom
from ...machine.threads import let_threads_sleep
from ...models.member import Member
from ...models.options import LoadOptions
from ...models.spec import ModelSpec
from ...results.store import Store
from ...scoring.recipe import Recipe
from ..account import Outline
from ..job import keep_vocabulary, run
from ..keeper import Keeper
from ..recipes import settled
from .blocks import Block

if TYPE_CHECKING:
    from ...models.load import LoadedModel
    from ...scoring.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told at its start.

    folder: the driver's, from which paths count. store: None for none. threads: that a CPU
    worker computes with; 0 to leave it open. recipe: as it was asked for.
    """

    version: str
    folder: str
    store: Path | None
    threads: int
    recipe: Recipe
    options: LoadOptions
    with_cuts: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker is there. recipe, device, dtype: what was asked for, as its machine has it."""

    node: str
    recipe: Recipe
    device: str
    dtype: str


@dataclass(frozen=True, slots=True)
class Task:
    """One model to score with: what it must be, under which recipe.

    digest: of its files, as the driver has seen them. with_cuts: see `Outline`.
    """

    spec: ModelSpec
    digest: str
    recipe: Recipe
    options: LoadOptions
    with_cuts: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a block gave, by text digest. All of it is in the store, but for the last `unkept`.

    kept: scores that were written. broken: why the store cannot be written. said: what the store
    has to tell. seconds: that it took.
    """

    scores: tuple[tuple[str, Outline], ...]
    failures: tuple[tuple[str, EyebrowError], ...]
    kept: int
    unkept: int
    broken: EyebrowError | None
    said: tuple[str, ...]
    seconds: float


class Worker:
    """Answers one request after the other; only `stop` may come in between."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._stopped = False
        self._broken: EyebrowError | None = None
        self._said: list[str] = []
        self._held: tuple[Task, LoadedModel, Scorer] | None = None
        store = None if setup.store is None else Store(setup.store, self._said.append)
        self._keeper = Keeper(store, self._store_failed)

    def _store_failed(self, error: EyebrowError) -> None:
        self._broken = error

    def ready(self) -> Ready | EyebrowError:
        """Whether it can work here."""
        try:
            return self._ready()
        except Exception as error:
            return as_told(error, "Worker failed")

    def _ready(self) -> Ready:
        from ...commands.options import hush

        setup, node = self._setup, socket.gethostname()
        if (here := version("eyebrow")) != setup.version:
            raise EyebrowError(
                "Another version",
                f"{node} has eyebrow {here}, this machine {setup.version}; install one on all",
            )
        with suppress(OSError):  # where there is none, whole paths may do
            os.chdir(setup.folder)
        hush(setup.options.offline)
        look_seldom()
        if setup.store is not None and not (setup.store / "layout.json").exists():
            raise EyebrowError(
                "Store not shared",
                f"{node} does not see {setup.store}; name a folder that all nodes see with --store",
            )
        let_threads_sleep()  # others have the same cores
        import torch

        if setup.threads:
            torch.set_num_threads(setup.threads)
        recipe, device, dtype = settled(setup.recipe, setup.options.device, setup.options.dtype)
        return Ready(node, recipe, device, dtype)

    def hold(self, task: Task) -> Member | EyebrowError:
        """Load a model in place of the last one."""
        from ...models.load import load
        from ...scoring.scorer import Scorer

        self._let_go()
        try:
            loaded = load(task.spec, task.options)
            if loaded.digest != task.digest:
                raise EyebrowError(
                    "Changed meanwhile",
                    f"{task.spec.name}: {socket.gethostname()} has other files of it than this "
                    "machine; ask again once they are the same",
                    FAILED,
                )
            scorer = Scorer(loaded.model, loaded.tokenizer, task.recipe)
            keep_vocabulary(loaded, self._keeper)
            # Who hands out the blocks has read the store; one that was filled meanwhile takes no
            # row twice.
            self._keeper.know(loaded.digest, task.recipe.digest, {})
        except Exception as error:
            return as_told(error, f"Cannot load {task.spec.name}")
        self._held = (task, loaded, scorer)
        return loaded.member

    def score(self, block: Block) -> Report | EyebrowError:
        """Score stories with the model that is held; told is what is written.

        An error: of the model, or of the device (`DeviceLost`), and of no single story.
        """
        assert self._held is not None
        task, loaded, scorer = self._held
        began, before = time.monotonic(), self._keeper.kept
        scores: list[tuple[str, Outline]] = []
        failures: list[tuple[str, EyebrowError]] = []
        left = dict(block.stories)
        try:
            for step in run(loaded, scorer, left, self._keeper) if not self._stopped else ():
                failures += step.failures
                for digest, score in step.scores:
                    story = block.stories[digest]
                    scores.append((digest, Outline.of(story, score, with_cuts=task.with_cuts)))
                if self._stopped:
                    break
        except DeviceLost as error:
            return error
        except Exception as error:
            return as_told(error, "Scoring failed")
        finally:
            self._keeper.finish()
        broken, said = self._broken, tuple(self._said)
        self._broken = None
        self._said.clear()
        kept, unkept = self._keeper.kept - before, self._keeper.unkept
        took = time.monotonic() - began
        return Report(tuple(scores), tuple(failures), kept, unkept, broken, said, took)

    def stop(self) -> None:
        """End the block that is under way after its batch, and begin no other."""
        self._stopped = True

    def _let_go(self) -> None:
        import gc

        import torch

        self._held = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
