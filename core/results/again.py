"""What to type to have models scored again, and scores brought together that are apart."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import fields, replace

from ..models.catalogue import families
from ..models.member import Member
from ..models.ngrams.counted import PREFIX
from ..scoring.recipe import Recipe
from ..wording import listed
from .store import Run, Store, list_runs


def typed(model: Member, path: str) -> str:
    """The folder that a model was loaded from (path, "" where nobody says); else its name."""
    known = model.family in families() or model.revision or model.name.startswith(PREFIX)
    return model.name if known or not path else path


def uniting(store: Store, recipe: Recipe, stories: str) -> str:
    """What is apart and what to type against it, in two sentences; "" where nothing is.

    Models that see few tokens at once bring a context of their own, and numbers of different
    contexts do not compare. stories: as they were typed.
    """
    runs = [(run, found) for run in list_runs(store.layout) if (found := _recipe(run)) is not None]
    own = [run.stories for run, found in runs if found.digest == recipe.digest]
    alike = (
        [
            (run, found)
            for run, found in runs
            if run.stories == own[-1]
            and replace(found, context=recipe.context, stride=recipe.stride) == recipe
        ]
        if own
        else []
    )
    if len({found.digest for _, found in alike}) < 2:
        return ""
    least = min((found for _, found in alike), key=lambda one: (one.context, one.stride))
    there = {model.digest for run, found in alike if found == least for model, _ in run.models}
    others: dict[str, tuple[Member, int]] = {}
    models: dict[str, tuple[Member, str]] = {}
    for run, found in alike:
        for model, path in run.models:
            models[model.digest] = (model, path)
            if model.digest not in there:
                others[model.digest] = (model, found.context)
    if not others:
        return ""
    names = listed([model.name for model, _ in others.values()])
    contexts = listed([f"{n:,}" for n in sorted({context for _, context in others.values()})])
    words = ["eyebrow", "score", *([stories] if stories else []), *_options(models.values())]
    words += ["--context", str(least.context), "--stride", str(least.stride)]
    words += ["--store", shlex.quote(str(store.folder))]
    return (
        f"the store has these stories at a context of {contexts} for {names}, which does not "
        f"compare with {least.context:,}. Together: {' '.join(words)}"
    )


def _options(models: Iterable[tuple[Member, str]]) -> list[str]:
    """-m for each model, once for a family that is whole."""
    given = list(models)
    names = {model.name for model, _ in given}
    found: dict[str, None] = {}
    for model, path in given:
        whole = {spec.name for spec in families().get(model.family, ())}
        found[model.family if whole and whole <= names else typed(model, path)] = None
    return [word for one in found for word in ("-m", shlex.quote(one))]


def _recipe(run: Run) -> Recipe | None:
    """Of a run; None where an older version had other choices."""
    if run.choices.keys() != {field.name for field in fields(Recipe)}:
        return None
    recipe = Recipe(**run.choices)
    return recipe if recipe.digest == run.recipe_digest else None
