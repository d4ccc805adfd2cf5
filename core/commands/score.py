"""`eyebrow score`: stories and models in, a table or JSON out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DONE, PARTLY
from ..models.options import LoadOptions
from ..scoring.scores import TOP
from ..typed import reading_as_typed
from ..wording import amount, interval
from . import options as o
from .output import complain, emit, emit_json, number, table
from .running import run, tell_failures

if TYPE_CHECKING:
    from ..results.outcome import ModelResult, Results

DEFAULT_MODELS = ["pocket"]


def score(
    stories: o.Stories = None,
    model: o.Models = DEFAULT_MODELS,
    each: Annotated[bool, typer.Option("--stories", help="A row for each story as well.")] = False,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    first_token: o.FirstToken = "context",
    context: o.Context = None,
    stride: o.Stride = None,
    top: o.Top = TOP,
    limit: o.Limit = None,
    seed: o.Seed = 0,
    engine: o.Engine = "local",
    address: o.Address = None,
    workers: o.Workers = None,
    gpus_per_worker: o.GpusPerWorker = None,
    store: o.StoreFolder = None,
    no_store: o.NoStore = False,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    column: o.Column = None,
    group: o.Group = None,
    split: o.Split = "train",
    per_line: o.PerLine = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Score stories without the screen: perplexity and bits per byte of every model.

    Models are compared under one recipe, with 95 % intervals from resampling stories. What was
    scored before comes from the store.

    \b
    Example:
      eyebrow score stories.txt -m pocket -m smollm2-135m --json > scores.json
    """
    recipe = o.recipe_from(first_token, context, stride, dtype, top)
    folder = o.store_folder(store, no_store)
    cluster = o.cluster_from(engine, address, workers, gpus_per_worker)
    o.hush(offline)
    from ..models.catalogue import find_models
    from ..stories import open_stories

    specs = find_models(model)
    source = None
    if cluster is not None:
        from ..stories.pieces import in_turn, open_in_pieces

        source = open_in_pieces(
            stories, in_turn, column=column, limit=limit, per_line=per_line, group=group
        )
    source = source or open_stories(
        stories, column=column, split=split, limit=limit, per_line=per_line, group=group
    )
    results = run(
        source,
        specs,
        recipe,
        folder,
        LoadOptions(device, "auto", offline, allow_pickle, trust_remote_code),
        seed=seed,
        quiet=quiet,
        cluster=cluster,
    )
    try:
        if json:
            emit_json(results.to_json())
        else:
            emit(_shown(results, each))
    finally:  # also where nobody can read the result
        for warning in results.warnings:
            complain("Warning", warning)
        if folder:
            from ..results.again import uniting
            from ..results.store import Store

            reading = reading_as_typed(
                column=column, group=group, split=split, limit=limit, per_line=per_line
            )
            typed = shlex.join([*([stories] if stories else []), *reading])
            if apart := uniting(Store(folder), results.recipe, typed):
                complain("Recipes", apart)
        tell_failures(results.failures)
    return PARTLY if results.failures else DONE


def _shown(results: Results, each: bool) -> str:
    differ = len({row.tokenizer_digest for row in results.models}) > 1
    heads = (
        *("model", "size", "stories", "tokens", "perplexity", "95 % interval"),
        *("bits/byte", *(["in common"] if differ else []), "mean/story"),
    )
    rows = [
        (
            row.model,
            amount(row.parameters),
            f"{row.stories:,}",
            f"{row.tokens:,}",
            number(row.perplexity, 2),
            interval(row.perplexity_ci95, 2),
            number(row.bits_per_byte, 3),
            *([number(row.common.bits_per_byte, 3)] if differ and row.common else []),
            number(row.mean_story_perplexity, 2),
        )
        for row in results.models
    ]
    parts = [table(heads, rows, left=("model",)), results.recipe.label]
    if any(row.sentence_positions for row in results.models):
        parts.insert(1, _positions(results))
    if differ:
        parts.insert(1, _in_common(results.models))
    if lines := results.sheet.drawn.lines:
        parts.insert(1, "\n".join(lines))
    if each:
        parts.append(_each(results))
    return "\n\n".join(parts)


def _in_common(models: Sequence[ModelResult]) -> str:
    """What compares between tokenizers, on what, and what is left out of that."""
    from ..results.compare.common import told

    row = models[0]
    assert row.common is not None
    stories = max(row.stories for row in models)
    most = max(row.bytes for row in models)
    said = told(row.common.bytes, most, stories - row.common.stories)
    return (
        "The tokenizers differ: perplexities per token do not compare between them; in common are "
        f"bits per byte of {said}."
    )


def _positions(results: Results) -> str:
    """Surprise at sentence 1 to 5, a row for each model."""
    rows = [
        (
            row.model,
            f"{row.five_sentence_stories:,}",
            *(number(place["surprise"], 3) for place in row.sentence_positions),
        )
        for row in results.models
        if row.sentence_positions
    ]
    heads = ("nats per token in sentence", "stories", *(str(n) for n in range(1, 6)))
    return table(heads, rows, left=heads[:1])


def _each(results: Results) -> str:
    """A row per story, the hardest first, model after model; those without a number last."""
    place = {row.model: n for n, row in enumerate(results.models)}
    order = sorted(
        results.stories,
        key=lambda row: (place[row.model], not row.tokens, -row.perplexity if row.tokens else 0.0),
    )
    heads = ("model", "perplexity", "bits/byte", "tokens", "story", "title")
    rows = [
        (
            row.model,
            number(row.perplexity, 2),
            number(row.bits_per_byte, 3),
            f"{row.tokens:,}",
            row.story,
            results.titles[row.story],
        )
        for row in order
    ]
    return table(heads, rows, left=("model", "story", "title"))
