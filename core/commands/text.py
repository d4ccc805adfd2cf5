"""`eyebrow tokens` and `eyebrow next`: one text, one model."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DONE, EyebrowError
from ..scoring.recipe import Recipe
from ..wording import visible
from . import options as o
from . import units
from .loading import load
from .output import emit, emit_json, number, table
from .progress import ProgressLine

if TYPE_CHECKING:
    from ..models.load import LoadedModel
    from ..scoring.simple import Alternative, TokenSurprise

DEFAULT_MODEL = "pocket-3m"


def tokens(
    text: o.Text,
    model: o.Model = DEFAULT_MODEL,
    unit: Annotated[
        str, typer.Option("--unit", metavar="UNIT", help="A row per token, word or sentence.")
    ] = "token",
    correct: Annotated[
        bool,
        typer.Option(
            "--correct",
            help="Words pay for their end, not for the space before them (Pimentel & Meister "
            "2024, Oh & Schuler 2024).",
        ),
    ] = False,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    first_token: o.FirstToken = "context",
    context: o.Context = None,
    stride: o.Stride = None,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """The tokens, words or sentences of a text with their surprise, one row each.

    The surprise of a token is -ln p given the tokens before it, in nats and in bits; rank 1 is
    the likeliest token, and 3= one of several that are equally likely and third. "instead" is
    the likeliest other token at that place.

    \b
    Example:
      eyebrow tokens "The cat sat on the umbrella." -m pocket-3m
      eyebrow tokens "The cat sat on the umbrella." --unit word --correct
    """
    units.check(unit, correct)
    recipe = o.recipe_from(first_token, context, stride, dtype)
    read = _read(text)
    if not read:
        raise EyebrowError("No text", "there is nothing to score; give a text, or - for stdin")
    o.hush(offline)
    loaded = load(
        model,
        recipe,
        ProgressLine(not quiet),
        device=device,
        offline=offline,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
    )
    recipe = _settled(recipe, device, loaded)
    from ..scoring.simple import score_text, token_rows
    from ..scoring.vocabulary import token_texts

    score = score_text(loaded.model, loaded.tokenizer, read, recipe)
    if unit == "token":
        size = loaded.model.config.get_text_config().vocab_size
        rows = token_rows(score, token_texts(loaded.tokenizer, size))
        result, shown = [_row(row) for row in rows], _shown(rows)
    else:
        found = units.find(loaded, recipe, read, score, unit, correct)
        result, shown = units.rows(read, found), units.shown(read, found, unit)
    if json:
        emit_json(result)
        return DONE
    sums = score.summary
    emit(shown)
    if unit == "token" and score.tied.any():
        half = recipe.dtype in ("bfloat16", "float16")
        why = f": {recipe.dtype} rounds the logits" if half else ""
        emit(f"\n= shares its rank with tokens as likely as it{why}")
    emit(
        f"\n{sums.tokens:,} tokens scored, perplexity {number(sums.perplexity, 2)}, "
        f"{number(sums.bits_per_byte, 3)} bits per byte\n"
        f"{visible(loaded.name)} · {recipe.label}"
        + (f" · {unit}s corrected at their ends" if correct else "")
    )
    return DONE


def next_(
    text: o.Text,
    model: o.Model = DEFAULT_MODEL,
    k: Annotated[
        int, typer.Option("-k", "--top", metavar="K", min=1, help="Rows of the table.")
    ] = 10,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """The tokens most likely to come next, likeliest first.

    \b
    Example:
      eyebrow next "Once upon a" -m pocket-3m -k 5
    """
    read = _read(text)
    o.hush(offline)
    loaded = load(
        model,
        Recipe(dtype=dtype),
        ProgressLine(not quiet),
        device=device,
        offline=offline,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
    )
    from ..scoring.simple import next_tokens

    rows = next_tokens(loaded.model, loaded.tokenizer, read, k)
    if json:
        emit_json(
            [
                {
                    "token": row.token,
                    "token_id": row.token_id,
                    "logit": row.logit,
                    "probability": row.probability,
                }
                for row in rows
            ]
        )
        return DONE
    cells = [
        (
            visible(row.token, spaces=True),
            str(row.token_id),
            number(row.logit, 3),
            _percent(row.probability),
        )
        for row in rows
    ]
    emit(table(("token", "id", "logit", "p"), cells, left=("token",)))
    return DONE


def _read(text: str) -> str:
    """The text itself, or what stdin holds less one newline at its end, as `$(...)` does it."""
    if text != "-":
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise EyebrowError("Bad text", "the text is not UTF-8") from error
        return text
    if sys.stdin is None:
        raise EyebrowError("No input", "standard input is closed; give the text itself")
    raw = sys.stdin.buffer.read()
    try:
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise EyebrowError(
            "Bad text",
            f"stdin is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}",
        ) from error


def _settled(recipe: Recipe, device: str, loaded: LoadedModel) -> Recipe:
    """The recipe as this model and machine have it."""
    from ..engine.recipes import settled, shared_recipe

    recipe, _, _ = settled(recipe, device)
    return shared_recipe(recipe, {loaded.name: loaded.positions})


def _row(row: TokenSurprise) -> dict[str, Any]:
    return asdict(row) | {"top": [_alternative(entry) for entry in row.top]}


def _alternative(entry: Alternative) -> dict[str, Any]:
    return {
        "token": entry.token,
        "token_id": entry.token_id,
        "probability": entry.probability,
        "tied": entry.tied,
    }


def _shown(rows: list[TokenSurprise]) -> str:
    heads = ("#", "token", "p", "nats", "bits", "rank", "entropy", "instead", "its p")
    return table(heads, [_cells(row) for row in rows], left=("token", "instead"))


def _cells(row: TokenSurprise) -> tuple[str, ...]:
    token = visible(row.token, spaces=True)
    if row.surprise is None:
        return (str(row.index), token, *(["-"] * 5), "", "")
    other = next((entry for entry in row.top if entry.token_id != row.token_id), None)
    return (
        str(row.index),
        token,
        _percent(row.probability),
        number(row.surprise, 2),
        number(row.surprise / math.log(2), 2),
        f"{row.rank:,}" + ("=" if row.tied else ""),
        number(row.entropy, 2),
        visible(other.token, spaces=True) if other else "",
        _percent(other.probability) if other else "",
    )


def _percent(share: float | None) -> str:
    """Of a probability, two digits that count: 31 %, 0.21 %, 0.00034 %."""
    if share is None:
        return "-"
    percent = share * 100
    if percent <= 0 or percent >= 9.95:
        return f"{percent:.0f} %"
    digits = min(6, 1 - math.floor(math.log10(percent)))
    return f"{percent:.{digits}f} %"
