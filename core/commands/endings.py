"""`eyebrow endings`: how often models find the right one of two endings less surprising."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DONE, INTERRUPTED, PARTLY, EyebrowError
from ..models.options import LoadOptions
from ..wording import amount, many, percent
from . import options as o
from .compare import kept_in
from .output import complain, emit, emit_json, note, number, table
from .running import run, tell_failures

if TYPE_CHECKING:
    from ..results.endings import Endings
    from ..scoring.recipe import Recipe
    from ..stories.pairs import Pair

DEFAULT_MODELS = ["pocket"]
HEADS = {"total": "by total", "per_token": "per token", "conditional": "conditional"}
Row = dict[str, Any]


def endings(
    stories: o.Stories = None,
    model: o.Models = DEFAULT_MODELS,
    each: Annotated[bool, typer.Option("--pairs", help="A row for each pair as well.")] = False,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    first_token: o.FirstToken = "context",
    context: o.Context = None,
    stride: o.Stride = None,
    limit: o.Limit = None,
    store: o.StoreFolder = None,
    no_store: o.NoStore = False,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    column: o.Column = None,
    split: o.Split = "train",
    per_line: o.PerLine = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Of two endings of one story, how often the right one is less surprising.

    Pairs are the bundled ones, the rows of a Story Cloze file, or those of any table with columns
    beginning, ending1, ending2 and right (1 or 2). By total: the likelier ending. Per token: the
    total over its tokens. Conditional: the total less the surprise of the ending alone.

    \b
    Example:
      eyebrow endings -m pocket
      eyebrow endings cloze_test.csv -m smollm2 --json
    """
    recipe = o.recipe_from(first_token, context, stride, dtype)
    folder = o.store_folder(store, no_store)
    o.hush(offline)
    from ..models.catalogue import find_models
    from ..results.endings import ALONE, endings_alone, nats_alone, read_endings
    from ..results.findings.endings import findings_of_endings
    from ..stories import open_stories
    from ..stories.pairs import find_pairs

    specs = find_models(model)
    source = open_stories(stories, column=column, split=split, limit=limit, per_line=per_line)
    pairs, left_out = find_pairs(source)
    if left_out and not quiet:
        note(f"{many(left_out, 'pair')} without two endings left out")
    whole = [story for pair in pairs for story in pair.stories]
    settings: Row = {
        "options": LoadOptions(device, "auto", offline, allow_pickle, trust_remote_code),
        "seed": 0,
        "quiet": quiet,
        "is_kept": folder is not None,
    }
    with kept_in(folder) as place:
        results = run(whole, specs, recipe, place, **settings)
        failures = list(results.failures)
        alone: dict[str, dict[str, float]] = {}  # nats by model and text
        try:
            behind_bos = replace(results.recipe, first_token="scored")
            texts = endings_alone(pairs)
            only = run(texts, specs, behind_bos, place / ALONE, **settings)
            alone = nats_alone(only.sheet)
            failures += only.failures
        except EyebrowError as error:  # a tokenizer has neither BOS nor EOS, say: two ways are left
            if error.exit_code == INTERRUPTED:
                raise
            complain("No conditional", error.message)
        assert results.store is not None
        recipe_digest = results.sheet.recipe_digest
        found = [
            read_endings(pairs, one, results.store, recipe_digest, alone.get(one.digest))
            for one in results.sheet.models
        ]
    if json:
        emit_json(_json(pairs, found, results.recipe))
    else:
        said = [one.text for one in findings_of_endings(found, pairs)]
        last = f"Chance is 50 %. {results.recipe.label}"
        emit("\n\n".join([*_shown(pairs, found, each), *said, last]))
    for warning in results.warnings:
        complain("Warning", warning)
    tell_failures(tuple(dict.fromkeys(failures)))
    return PARTLY if failures else DONE


# --- for programs ------------------------------------------------------------------------------


def _json(pairs: Sequence[Pair], found: Sequence[Endings], recipe: Recipe) -> Row:
    return {
        "recipe": recipe.to_json(),
        "models": [_model(one) for one in found],
        "pairs": [
            {
                "pair": pair.name,
                "title": pair.right.title,
                "right": pair.endings[0],
                "wrong": pair.endings[1],
                "models": [_pair(one, row) for one in found],
            }
            for row, pair in enumerate(pairs)
        ],
    }


def _model(one: Endings) -> Row:
    by = {way: _accuracy(one, way) for way in HEADS}
    total = by["total"] or {}
    pairs = one.accuracy("total")
    return {"model": one.model.name, "pairs": pairs.pairs if pairs else 0, **total, "by": by}


def _accuracy(one: Endings, way: str) -> Row | None:
    found = one.accuracy(way)
    if found is None:
        return None
    return {"right": found.right, "accuracy": found.accuracy, "accuracy_ci95": found.ci95}


def _pair(one: Endings, row: int) -> Row:
    nats, tokens = one.nats[row].tolist(), one.tokens[row].tolist()
    return {
        "model": one.model.name,
        "is_right": None if any(map(math.isnan, nats)) else nats[0] < nats[1],
        "nats": nats,
        "tokens": tokens,
        "nats_alone": None if one.alone is None else one.alone[row].tolist(),
    }


# --- for people --------------------------------------------------------------------------------


def _shown(pairs: Sequence[Pair], found: Sequence[Endings], each: bool) -> list[str]:
    heads = ["model", "size", "pairs", "right"]
    for name in HEADS.values():
        heads += [name, "95 % interval"]
    rows = []
    for one in found:
        total = one.accuracy("total")
        assert total is not None
        rows.append(
            [
                *(one.model.name, amount(one.model.parameters)),
                *(f"{total.pairs:,}", f"{total.right:,}"),
                *(cell for way in HEADS for cell in _cells(one, way)),
            ]
        )
    parts = [table(heads, rows, left=("model",))]
    if each:
        parts.append(_each(pairs, found))
    return parts


def _cells(one: Endings, way: str) -> tuple[str, str]:
    found = one.accuracy(way)
    if found is None or not found.pairs:
        return "-", "-"
    low, high = (number(100 * end, 0) for end in found.ci95)
    return percent(found.accuracy), f"[{low}, {high}]"


def _each(pairs: Sequence[Pair], found: Sequence[Endings]) -> str:
    """Bits that the wrong ending costs more than the right one, under each model."""
    names = [one.model.name for one in found]
    rows = [
        (
            pair.name,
            *(number(float(one.nats[row, 1] - one.nats[row, 0]) / math.log(2), 1) for one in found),
            *pair.endings,
        )
        for row, pair in enumerate(pairs)
    ]
    heads = ("bits between", *names, "right", "wrong")
    return table(heads, rows, left=(heads[0], *heads[-2:]))
