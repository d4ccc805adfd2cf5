"""What was asked for on the command line, or from inside: what a command that repeats it says."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace

from ...core.models.catalogue import ModelSpec
from ...core.recent import BUNDLED
from ...core.scoring.recipe import DEFAULT_CONTEXT, Recipe
from ...core.scoring.scores import TOP
from ...core.typed import as_typed
from ..threads.opening import Opened, sliced


@dataclass(frozen=True, slots=True)
class Asked:
    """stories, models: as typed; None are the bundled stories.

    reading: options by which stories are read; running: those by which models are run; keeping:
    where scores are kept. They are words of a command.
    """

    stories: str | None = None
    models: tuple[str, ...] = ("pocket",)
    reading: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    keeping: tuple[str, ...] = ()

    def then(self, opened: Opened) -> Asked:
        """With what was opened from inside in the place of what was open."""
        models = opened.models or self.models
        if opened.stories is None:
            return replace(self, models=models)
        stories, reading = opened.stories, tuple[str, ...]()
        if (found := sliced(stories)) is not None and not os.path.lexists(stories):
            stories, reading = found[0], ("--split", found[1])
        named = None if stories == BUNDLED else stories
        return replace(self, stories=named, models=models, reading=reading)

    def scores(self, recipe: Recipe) -> str:
        """The command that scores all stories under all models."""
        stories = () if self.stories is None else (self.stories,)
        models = [word for model in self.models for word in ("-m", model)]
        of_recipe = (*_of_recipe(recipe), *as_typed({"--top": (recipe.top, TOP)}))
        words = (*stories, *models, *self.reading, *of_recipe, *self.running, *self.keeping)
        return shlex.join(("eyebrow", "score", *words))

    def tokens(self, text: str, model: ModelSpec, recipe: Recipe) -> str:
        """The command that tells every token of a text under a model."""
        word = model.location if model.source in ("folder", "ngram") else model.name
        words = (*_of_recipe(recipe), *self.running)
        dash = ("--",) if text.startswith("-") else ()
        return shlex.join(("eyebrow", "tokens", "-m", word, *words, *dash, text))


BUNDLE = Asked()  # the bundled stories and models


def _of_recipe(recipe: Recipe) -> tuple[str, ...]:
    return as_typed(
        {
            "--first-token": (recipe.first_token, "context"),
            "--context": (recipe.context, DEFAULT_CONTEXT),
            "--stride": (recipe.stride, recipe.context // 2),
            "--dtype": (recipe.dtype, "auto"),
        }
    )
