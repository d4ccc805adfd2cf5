"""`eyebrow tokens` and `eyebrow next`: one text under one model or several."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DONE, PARTLY, EyebrowError
from ..models.options import LoadOptions
from ..scoring.exploring import Context
from ..scoring.recipe import Recipe
from ..stories.stream import stdin_opener, whole_text
from ..wording import percent, visible
from . import options as o
from . import units
from .loading import ask_each, complain_of
from .output import emit, emit_json, number, table
from .progress import ProgressLine

if TYPE_CHECKING:
    from ..models.load import LoadedModel
    from ..scoring.simple import Alternative, TokenSurprise

DEFAULT_MODELS = ["pocket-3m"]

Rows = list[dict[str, Any]]


def tokens(
    text: o.Text,
    model: o.Models = DEFAULT_MODELS,
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
    read = read_text(text)
    if not read:
        raise EyebrowError("No text", "there is nothing to score; give a text, or - for stdin")
    o.hush(offline)

    def ask(loaded: LoadedModel, recipe: Recipe) -> tuple[Rows, str]:
        return _tokens(loaded, recipe, read, unit, correct)

    options = LoadOptions(device, "auto", offline, allow_pickle, trust_remote_code)
    return _answer(model, recipe, ask, options, json=json, quiet=quiet)


def next_(
    text: o.Text,
    model: o.Models = DEFAULT_MODELS,
    k: Annotated[
        int, typer.Option("-k", "--top", metavar="K", min=1, help="Rows of the table.")
    ] = 10,
    at: Annotated[
        int | None,
        typer.Option(
            "--at",
            metavar="N",
            min=0,
            show_default=False,
            help="What follows the first N characters of the text. [default: all of it]",
        ),
    ] = None,
    chat: o.Chat = False,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """The tokens most likely to come next, likeliest first.

    With --at the token that stands there in the text has a row of its own, whatever its rank.

    \b
    Example:
      eyebrow next "Once upon a" -m pocket-3m -k 5
      eyebrow next "The cat sat on the umbrella." -m pocket-3m --at 18
    """
    if chat and at is not None:
        raise EyebrowError("Bad usage", "--chat and --at exclude each other")
    context = Context(read_text(text), at, chat=chat)
    o.hush(offline)
    options = LoadOptions(device, "auto", offline, allow_pickle, trust_remote_code)

    def ask(loaded: LoadedModel, _: Recipe) -> tuple[Rows, str]:
        return _next(loaded, context, k)

    return _answer(model, Recipe(dtype=dtype), ask, options, json=json, quiet=quiet)


def _tokens(
    loaded: LoadedModel, recipe: Recipe, text: str, unit: str, correct: bool
) -> tuple[Rows, str]:
    """The rows of one model, for programs and for people."""
    from ..scoring.scorer import Scorer
    from ..scoring.simple import token_rows
    from ..scoring.vocabulary import token_texts

    scorer = Scorer(loaded.model, loaded.tokenizer, recipe)
    ((_, score),) = scorer.score([text])
    if math.isnan(score.summary.nll):
        raise scorer.not_a_number
    if unit == "token":
        size = loaded.model.config.get_text_config().vocab_size
        found = token_rows(score, token_texts(loaded.tokenizer, size))
        rows, shown = [_row(row) for row in found], _shown(found)
    else:
        parts = units.find(scorer, text, score, unit, correct)
        rows, shown = units.rows(text, parts), units.shown(text, parts, unit)
    sums = score.summary
    feet = [
        f"{sums.tokens:,} tokens scored, perplexity {number(sums.perplexity, 2)}, "
        f"{number(sums.bits_per_byte, 3)} bits per byte\n"
        f"{visible(loaded.name)} · {recipe.label}"
        + (f" · {unit}s corrected at their ends" if correct else "")
    ]
    if unit == "token" and score.tied.any():
        half = recipe.dtype in ("bfloat16", "float16")
        why = f": {recipe.dtype} rounds the logits" if half else ""
        feet.insert(0, f"= shares its rank with tokens as likely as it{why}")
    return _signed(rows, loaded, recipe), "\n\n".join([shown, *feet])


def _next(loaded: LoadedModel, context: Context, k: int) -> tuple[Rows, str]:
    """The table of one model, for programs and for people."""
    from ..scoring.simple import next_after

    found, true = next_after(loaded.model, loaded.tokenizer, context, k)
    is_extra = true is not None and true.token_id not in {row.token_id for row in found}
    shown = [*found, true] if is_extra and true is not None else found
    rows = [
        {
            "token": row.token,
            "token_id": row.token_id,
            "logit": row.logit,
            "probability": row.probability,
        }
        | ({} if true is None else {"true": row.token_id == true.token_id})
        for row in shown
    ]
    cells = [
        (
            visible(row.token, spaces=True),
            str(row.token_id),
            number(row.logit, 3),
            _percent(row.probability),
            "the true one" if true is not None and row.token_id == true.token_id else "",
        )
        for row in shown
    ]
    recipe = loaded.recipe(Recipe())
    how = "in the model's chat template" if context.chat else "the text as it is, no chat template"
    foot = f"{visible(loaded.name)} · {recipe.label} · {how}"
    lines = table(("token", "id", "logit", "p", ""), cells, left=("token", ""))
    return _signed(rows, loaded, recipe), f"{lines}\n\n{foot}"


def _signed(rows: Rows, loaded: LoadedModel, recipe: Recipe) -> Rows:
    return [row | {"model": loaded.name, "recipe": recipe.to_json()} for row in rows]


def _answer(
    models: Sequence[str],
    recipe: Recipe,
    ask: Callable[[LoadedModel, Recipe], tuple[Rows, str]],
    options: LoadOptions,
    *,
    json: bool,
    quiet: bool,
) -> int:
    """What `ask` says of each of these models, printed."""
    from ..models.catalogue import find_models

    specs = find_models(models)
    answers, failures = ask_each(specs, recipe, ask, ProgressLine(not quiet), options)
    try:
        _print(answers, len(specs) > 1, json)
    finally:
        complain_of(failures)
    return PARTLY if failures else DONE


def _print(answers: Sequence[tuple[Rows, str]], several: bool, json: bool) -> None:
    """One list, model after model; or a table for each, under its name where there are several."""
    if json:
        emit_json([row for rows, _ in answers for row in rows])
        return
    heads = [f"{visible(rows[0]['model'])}\n" if several and rows else "" for rows, _ in answers]
    emit("\n\n".join(head + shown for head, (_, shown) in zip(heads, answers, strict=True)))


def read_text(text: str) -> str:
    """The text itself, or what stdin holds less one newline at its end, as `$(...)` does it."""
    if text == "-":
        return whole_text(stdin_opener, "stdin").removesuffix("\n").removesuffix("\r")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EyebrowError("Bad text", "the text is not UTF-8") from error
    if os.path.isfile(text):
        raise EyebrowError(
            "Text or file?",
            f"{text} is a file here; `- < FILE` in place of the text takes what it holds, "
            "`eyebrow score FILE` its stories; its name as a text can be piped in with -",
        )
    return text


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
    """Of a probability, two digits that count: 31 %, 0.21 %; below 0.001 % the probability
    itself, 2.1e-9."""
    if share is None:
        return "-"
    if 0 < share < 1e-5:
        mantissa, _, power = f"{share:.1e}".partition("e")
        return f"{mantissa}e{int(power)}"
    return percent(share)
