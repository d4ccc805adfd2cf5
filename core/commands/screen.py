"""`eyebrow open`: hand over to the screen."""

from __future__ import annotations

from ..errors import EyebrowError
from ..machine.gpus import ALL
from ..models.options import LoadOptions
from ..scoring.scores import TOP
from . import options as o
from .bundled import needs_terminal
from .score import DEFAULT_MODELS


def open_(
    stories: o.Stories = None,
    model: o.Models = DEFAULT_MODELS,
    device: o.Device = "auto",
    gpus: o.Gpus = ALL,
    dtype: o.Dtype = "auto",
    first_token: o.FirstToken = "context",
    context: o.Context = None,
    stride: o.Stride = None,
    top: o.Top = TOP,
    limit: o.Limit = None,
    store: o.StoreFolder = None,
    no_store: o.NoStore = False,
    follow: o.Follow = False,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    column: o.Column = None,
    group: o.Group = None,
    split: o.Split = "train",
    per_line: o.PerLine = False,
    quiet: o.Quiet = False,
) -> int:
    """Read stories on the screen, every token coloured by its surprise.

    \b
    Example:
      eyebrow open stories.txt -m pocket -m smollm2-135m
    """
    needs_terminal(stories)
    recipe = o.recipe_from(first_token, context, stride, dtype, top)
    if follow and no_store:
        raise EyebrowError("Bad usage", "--follow and --no-store exclude each other")
    folder = o.store_folder(store, no_store)
    o.hush(offline)
    from ...tui import run

    return run(
        source=stories,
        models=model,
        recipe=recipe,
        store=folder,
        options=LoadOptions(device, recipe.dtype, offline, allow_pickle, trust_remote_code),
        gpus=gpus,
        follow=follow,
        column=column,
        group=group,
        split=split,
        limit=limit,
        per_line=per_line,
    )
