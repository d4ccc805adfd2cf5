"""`eyebrow` and `eyebrow open`: hand over to the screen."""

from __future__ import annotations

import sys

from ..errors import EyebrowError
from ..scoring.recipe import Recipe
from . import options as o
from .score import DEFAULT_MODELS


def open_(
    stories: o.Stories = None,
    model: o.Models = DEFAULT_MODELS,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    first_token: o.FirstToken = "context",
    context: o.Context = None,
    stride: o.Stride = None,
    limit: o.Limit = None,
    store: o.StoreFolder = None,
    no_store: o.NoStore = False,
    offline: o.Offline = False,
    column: o.Column = None,
    split: o.Split = "train",
    per_line: o.PerLine = False,
    quiet: o.Quiet = False,
) -> int:
    """Read stories on the screen, every token coloured by its surprise.

    \b
    Example:
      eyebrow open stories.txt -m pocket -m smollm2-135m
    """
    _needs_terminal(stories)
    recipe = o.recipe_from(first_token, context, stride, dtype)
    folder = o.store_folder(store, no_store)
    o.hush(offline)
    from ...tui import run

    return run(
        source=stories,
        models=model,
        recipe=recipe,
        store=folder,
        offline=offline,
        device=device,
        column=column,
        split=split,
        limit=limit,
        per_line=per_line,
    )


def open_bundled() -> int:
    """The bundled stories and models on the screen."""
    _needs_terminal(None)
    o.hush(offline=False)
    from ...tui import run

    return run(
        source=None,
        models=DEFAULT_MODELS,
        recipe=Recipe(),
        store=o.store_folder(None, no_store=False),
        offline=False,
        device="auto",
    )


def _needs_terminal(source: str | None) -> None:
    """The screen is written to stderr; keys come from stdin unless the stories do."""
    keys = source == "-" or (sys.stdin is not None and sys.stdin.isatty())
    if not (keys and sys.stderr is not None and sys.stderr.isatty()):
        raise EyebrowError(
            "No terminal", "the screen needs one; `eyebrow score` does the same without"
        )
