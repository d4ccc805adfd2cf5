"""Several models one after the other, for commands that ask each the same."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ..errors import INTERRUPTED, EyebrowError, about, all_failed, as_told, contained
from ..scoring.recipe import Recipe
from .output import complain
from .progress import ProgressLine

if TYPE_CHECKING:
    from ..models.load import LoadedModel
    from ..models.options import LoadOptions
    from ..models.spec import ModelSpec

T = TypeVar("T")
Failures = dict[str, EyebrowError]  # by the model's name


def ask_each(
    specs: Sequence[ModelSpec],
    recipe: Recipe,
    ask: Callable[[LoadedModel, Recipe], T],
    line: ProgressLine,
    options: LoadOptions,
) -> tuple[list[T], Failures]:
    """What `ask` finds of each model, and why others have nothing.

    One model is in memory at a time. All are asked under one recipe: its default context is cut
    to what the narrowest sees. Raises `EyebrowError` where no model has anything to say.
    """
    from ..engine.progress import Progress, downloading
    from ..engine.recipes import settled, shared_recipe
    from ..models.configuration import positions
    from ..models.hub.download import here
    from ..models.load import fetch, load

    recipe, device, dtype = settled(recipe, options.device)
    options = replace(options, device=device, dtype=dtype)
    found: list[T] = []
    failures: Failures = {}
    limits: dict[ModelSpec, int | None] = {}
    try:
        for spec in specs:
            with _collected(failures, spec):
                folder = here(spec, options.allow_pickle)
                if folder is None:
                    line.show(Progress(spec.name, "fetching"))
                    folder = fetch(spec, options, downloading(spec.name, line.show))
                limits[spec] = positions(folder)
        recipe = shared_recipe(recipe, {spec.name: limit for spec, limit in limits.items()})
        for spec in limits:
            with _collected(failures, spec):
                line.show(Progress(spec.name, "loading"))
                found.append(ask(load(spec, options), recipe))
            gc.collect()
    finally:
        line.clear()
    if not found:
        locations = {spec.name: spec.location for spec in specs}
        raise all_failed(((name, locations[name]), error) for name, error in failures.items())
    return found, failures


@contextmanager
def _collected(failures: Failures, spec: ModelSpec) -> Iterator[None]:
    """Keeps what ails one model, so that the others go on."""
    try:
        with contained():
            yield
    except Exception as error:
        told = as_told(error, "It failed")
        if told.exit_code == INTERRUPTED:
            raise
        failures[spec.name] = told


def complain_of(failures: Failures) -> None:
    """Every model that has failed, by name."""
    for name, error in failures.items():
        complain(error.title, about(name, error))
