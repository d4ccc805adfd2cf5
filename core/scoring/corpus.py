"""The perplexity of one long text by a named recipe: the windows go through the hot path."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import EyebrowError
from .batches import Batch, Piece
from .corpus_recipes import CORPUS_RECIPES, CorpusRecipe
from .encode import Encoding, encode, no_such_row, start_token
from .head import Measured
from .not_a_number import not_a_number
from .passes import Passes
from .scores import bits_per_byte, perplexity
from .trunk import Trunk
from .windows import Window

NO_LIMIT = 2048  # tokens of a window where the model has no limit of its own, as in lm-eval

Floats = npt.NDArray[np.float64]
Tell = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class CorpusResult:
    """One text under one model and recipe.

    tokens: scored; skipped: tokens of the text that were not. nll: their sum, in nats.
    perplexity: exp(nll / tokens). bytes: UTF-8 bytes of what was scored; bits_per_byte is over
    them. context, stride: in tokens; stride None but for strided.

    word_perplexity, byte_perplexity (rolling): exp(nll / words) and exp(nll / bytes) of the
    original text, words being what `re.split(r"\\s+", text)` gives, the empty ones at the ends
    included, as lm-eval counts them. uncertainty (second-half): the ± that llama.cpp prints, one
    standard error of the mean surprise times the perplexity.
    """

    model: str
    recipe: str
    windows: int
    tokens: int
    nll: float
    perplexity: float
    bits_per_byte: float
    bytes: int
    skipped: int
    context: int
    stride: int | None = None
    word_perplexity: float | None = None
    byte_perplexity: float | None = None
    uncertainty: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CorpusText:
    """A text as one model's tokenizer has it.

    ids: int32 (T,). sizes: int64 (T,), UTF-8 bytes of each token. bos: the BOS, where the
    tokenizer puts one in front by itself. prefix: what stands before a text, if there is such.
    """

    text: str
    ids: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int64]
    bos: int | None
    prefix: int | None


def read_corpus(
    tokenizer: Any, text: str, *, limit: int | None = None, special_tokens: bool = True
) -> CorpusText:
    """Tokenise the whole text in one go.

    limit: the first so many tokens, and the part of the text they stand for. special_tokens:
    whether the tokenizer's own symbols at the ends stay (lm-eval before 0.4.9.2 left them out).
    """
    (encoding,) = encode(tokenizer, [text], "context")
    ids, starts, ends = encoding.ids, encoding.starts, encoding.ends
    added = np.isin(ids, list(tokenizer.all_special_ids)) & (starts == ends)
    if not special_tokens:
        own = np.flatnonzero(~added)
        keep = slice(own[0], own[-1] + 1) if len(own) else slice(0)
        ids, starts, ends, added = ids[keep], starts[keep], ends[keep], added[keep]
    if limit is not None and limit < len(ids):
        ids, starts, ends = ids[:limit], starts[:limit], ends[:limit]
        text = text[: ends[-1]]
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    widths = 1 + sum((codes >= edge).astype(np.int64) for edge in (0x80, 0x800, 0x10000))
    until = np.concatenate([[0], np.cumsum(widths)])
    bos = tokenizer.bos_token_id
    puts_bos = len(ids) > 0 and bool(added[0]) and ids[0] == bos
    try:
        prefix = start_token(tokenizer)
    except EyebrowError:
        prefix = None
    return CorpusText(text, ids, until[ends] - until[starts], bos if puts_bos else None, prefix)


def measure_corpus(
    trunk: Trunk,
    text: CorpusText,
    recipe: str,
    *,
    context: int | None = None,
    stride: int | None = None,
    name: str = "",
    progress: Tell | None = None,
) -> CorpusResult:
    """The perplexity of a tokenised text by one recipe.

    context: tokens of a window; by default the recipe's own, cut to what the model sees.
    stride (strided alone): how far a window lies behind the one before; half a window by
    default. progress: told (windows done, of all, tokens).

    Raises `EyebrowError` for what cannot be: an unknown recipe, a context longer than the
    model's, a text shorter than one window, no start symbol for rolling.
    """
    way, context, step = settle(trunk, recipe, context, stride)
    prefix = way.prefix and text.prefix is not None
    if way.prefix and not prefix:
        raise EyebrowError(
            "No start symbol", f"{recipe} needs a BOS or EOS, and this tokenizer has neither"
        )
    ids = np.concatenate([[text.prefix], text.ids]).astype(np.int32) if prefix else text.ids
    windows = list(way.windows(len(ids), context, step))
    if not windows:
        needed = context if way.name in ("gptq", "second-half") else 1 if prefix else 2
        raise EyebrowError(
            "Text too short",
            f"{recipe} needs {needed} tokens and the text has {len(text.ids)}; "
            "give a longer text or a smaller --context",
        )
    bos = text.bos if way.fresh else None
    parts: list[Floats] = []
    tokens = 0
    _check(text, trunk.rows)
    for batch in _measure(Passes(trunk), ids, windows, bos):
        parts += batch
        tokens += sum(map(len, batch))
        if progress:
            progress(len(parts), len(windows), tokens)
    if any(np.isnan(part).any() for part in parts):
        raise not_a_number(trunk.model)
    return _sum_up(text, way, windows, parts, int(prefix), name, context, step)


def settle(
    trunk: Trunk, recipe: str, context: int | None, stride: int | None
) -> tuple[CorpusRecipe, int, int]:
    """The recipe by its name, its context and its step in tokens, or an `EyebrowError`."""
    way = CORPUS_RECIPES.get(recipe)
    if way is None:
        names = ", ".join(CORPUS_RECIPES)
        raise EyebrowError("No such recipe", f"{recipe!r} is none of {names}")
    limit = getattr(trunk.model.config.get_text_config(), "max_position_embeddings", None)
    most = int(limit or NO_LIMIT)
    length = context or (min(way.context or most, most) if limit else way.context or most)
    if limit is not None and length > most:
        raise EyebrowError(
            "Context too long",
            f"the model sees {most} tokens at once, not {length}; use --context {most} or less",
        )
    if length < way.smallest:
        raise EyebrowError(
            "Context too short", f"{recipe} takes {way.smallest} tokens or more, not {length}"
        )
    step = stride or max(1, length // 2)
    if recipe == "strided" and step > length:
        raise EyebrowError(
            "Bad stride", f"{step} tokens would leave some out; use {length} (the context) or less"
        )
    return way, length, step


def _check(text: CorpusText, rows: int) -> None:
    """Raises `EyebrowError` where the model has no row for a token of the text."""
    places = np.flatnonzero(text.ids >= rows)
    if len(places):
        at = int(places[0])
        end = int(text.sizes[: at + 1].sum())
        raw = text.text.encode("utf-8", "surrogatepass")[end - int(text.sizes[at]) : end]
        raise no_such_row(int(text.ids[at]), raw.decode("utf-8", "replace"), rows)


def _measure(
    passes: Passes, ids: npt.NDArray[np.int32], windows: Sequence[Window], bos: int | None
) -> Iterator[list[Floats]]:
    """-ln p of each window's targets, float64, in order; batch after batch.

    bos: put in place of each window's first token before it is fed.
    """
    nothing = np.zeros(0, dtype=np.int32)
    sequence = [Encoding(ids, nothing, nothing, 0)]
    pieces = [Piece(0, window) for window in windows]

    def measure(batch: Batch) -> Measured:
        if bos is not None:
            batch.ids[:, 0] = bos
        return passes.trunk.of_batch(batch)

    for batch, measured in passes.over(pieces, sequence, measure):
        if isinstance(measured, EyebrowError):
            raise measured
        counts = [piece.window.stop - piece.window.first for piece in batch.pieces]
        surprises = -measured.logprobs.numpy().astype(np.float64)
        yield np.split(surprises, np.cumsum(counts)[:-1])


def _sum_up(
    text: CorpusText,
    way: CorpusRecipe,
    windows: Sequence[Window],
    parts: Sequence[Floats],
    prefix: int,
    name: str,
    context: int,
    step: int,
) -> CorpusResult:
    """The result; of the sequence's tokens the first `prefix` are not the text's."""
    surprises = np.concatenate(parts)
    tokens, nll = len(surprises), float(surprises.sum()) + 0.0
    size = sum(int(text.sizes[w.first - prefix : w.stop - prefix].sum()) for w in windows)
    result = CorpusResult(
        model=name,
        recipe=way.name,
        windows=len(windows),
        tokens=tokens,
        nll=nll,
        perplexity=perplexity(nll, tokens),
        bits_per_byte=bits_per_byte(nll, size),
        bytes=size,
        skipped=len(text.ids) - tokens,
        context=context,
    )
    if way.name == "strided":
        return replace(result, stride=step)
    if way.name == "rolling":
        words = len(re.split(r"\s+", text.text))
        return replace(
            result,
            word_perplexity=perplexity(nll, words),
            byte_perplexity=perplexity(nll, size),
        )
    if way.name == "second-half":
        return replace(result, uncertainty=_uncertainty(surprises, result.perplexity))
    return result


def _uncertainty(surprises: Floats, centre: float) -> float:
    """sqrt((mean of squares - square of mean) / (n - 1)) * perplexity, nan for one token."""
    if len(surprises) < 2 or not math.isfinite(centre):
        return math.nan
    return centre * math.sqrt(float(surprises.var()) / (len(surprises) - 1))
