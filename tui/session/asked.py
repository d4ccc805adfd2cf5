"""What was asked for on the command line, or from inside: what a command that repeats it says."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...core.models.catalogue import ModelSpec
from ...core.recent import BUNDLED
from ...core.scoring.recipe import DEFAULT_CONTEXT, Recipe
from ...core.scoring.scores import TOP
from ...core.typed import as_typed
from ..threads.opening import Opened, sliced

if TYPE_CHECKING:
    from ...core.scoring.dials import Dials
    from ...core.scoring.exploring import Context


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
        return self._about("tokens", text, model, _of_recipe(recipe))

    def next(self, context: Context, model: ModelSpec, recipe: Recipe) -> str:
        """The command that tells what may come next behind a text, nothing added to it."""
        at = () if context.at is None else ("--at", str(context.at))
        of_recipe = as_typed({"--dtype": (recipe.dtype, "auto")})
        chat = ("--chat",) if context.chat else ()
        return self._about("next", context.text, model, (*of_recipe, *chat, *at))

    def sample(
        self, prompt: str, model: ModelSpec, recipe: Recipe, dials: Dials, seed: int, *, chat: bool
    ) -> str:
        """The command that continues a prompt."""
        of_dials = as_typed(
            {
                "--temperature": (f"{dials.temperature:g}", "1"),
                "--top-k": (dials.top_k, 0),
                "--top-p": (f"{dials.top_p:g}", "1"),
                "--min-p": (f"{dials.min_p:g}", "0"),
                "--repetition-penalty": (f"{dials.repetition_penalty:g}", "1"),
                "--seed": (seed, 0),
                "--chat": (chat, False),
            }
        )
        of_recipe = _of_recipe(replace(recipe, first_token="context"))
        return self._about("sample", prompt, model, (*of_recipe, *of_dials))

    def _about(self, name: str, text: str, model: ModelSpec, words: tuple[str, ...]) -> str:
        word = model.location if model.source in ("folder", "ngram") else model.name
        dash = ("--",) if text.startswith("-") else ()
        return shlex.join(("eyebrow", name, "-m", word, *words, *self.running, *dash, text))


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
