"""One recipe for all the models of a run, on the machine they run on."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from ..errors import EyebrowError
from ..scoring.recipe import DEFAULT_CONTEXT, Recipe
from ..wording import listed


def settled(recipe: Recipe, device: str = "auto", dtype: str = "auto") -> tuple[Recipe, str, str]:
    """The recipe with device and dtype filled in, and what to load models with.

    Raises `EyebrowError` for a device that is not here, and where the recipe names another.
    """
    from ..machine.device import dtype_name, pick_device, pick_dtype

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


def narrowed(
    asked: Recipe, shared: Recipe, limits: Mapping[str, int | None], scored: Container[str]
) -> list[str]:
    """Which models make the context of all the others shorter, as a line; [] where none does.

    asked, shared: before and after `shared_recipe` with these limits. scored: the names of those
    that have numbers; a model without any is no other.
    """
    alone = {name: asked.within(limit).context for name, limit in limits.items()}
    few = [name for name, context in alone.items() if context == shared.context]
    wider = [alone[name] for name in alone if name in scored and alone[name] > shared.context]
    if not wider:
        return []
    sees = "sees" if len(few) == 1 else "see"
    return [
        f"{listed(few)} {sees} {shared.context:,} tokens at once, so the context of all models is "
        f"{shared.context:,}; the others alone would have {min(wider):,}"
    ]
