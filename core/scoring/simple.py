"""The three questions one asks of a model and a text, for any causal LM in any notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import EyebrowError
from .batches import Piece, pieces_of
from .encode import beyond, encode
from .exploring import Context
from .head import keeps_float32
from .not_a_number import not_a_number
from .passes import Passes
from .place import find_place
from .recipe import Recipe
from .scorer import Scorer
from .scores import Floats, Ints, StoryScore, perplexity
from .trunk import Trunk
from .vocabulary import token_texts

WHOLE = 1 << 27  # logits of a text that are made at once: 512 MB in float32


@dataclass(frozen=True, slots=True)
class Alternative:
    """One entry of a next-token table. tied: as likely as another in the table."""

    token: str
    token_id: int
    probability: float
    logit: float | None = None
    tied: bool = False


@dataclass(frozen=True, slots=True)
class TokenSurprise:
    """One token of a text; numbers are None where it was context and not scored.

    start, end: character offsets into the text. logprob, surprise, entropy: nats. rank 1 is
    the likeliest. top: the likeliest alternatives at this place, as many as the recipe keeps.
    tied: it shares its rank with one of them, as happens where logits are rounded to half
    precision; None where none are kept.
    """

    index: int
    token: str
    token_id: int
    start: int
    end: int
    logprob: float | None
    probability: float | None
    surprise: float | None
    rank: int | None
    entropy: float | None
    top: tuple[Alternative, ...]
    tied: bool | None


def recipe_for(model: Any, recipe: Recipe | None = None) -> Recipe:
    """The recipe that a model in memory is scored by: its own device, dtype and positions.

    Raises `EyebrowError` where `recipe` asks for another device or dtype than the model has.
    """
    weight = next(iter(model.state_dict().values()))
    config = model.config.get_text_config()
    wanted = (recipe or Recipe()).within(getattr(config, "max_position_embeddings", None))
    device = weight.device.type
    dtype = str(getattr(model, "dtype", weight.dtype)).removeprefix("torch.")
    found = wanted.settled(device, dtype)
    for name, own, asked in (("dtype", dtype, found.dtype), ("device", device, found.device)):
        if own != asked:
            raise EyebrowError(
                "Bad recipe",
                f"its {name} is {asked}, the model's is {own}; load the model with "
                f"{name}={asked!r}",
            )
    return found


def score_text(model: Any, tokenizer: Any, text: str, recipe: Recipe | None = None) -> StoryScore:
    """The whole score of one text."""
    with _evaluating(model):
        scorer = Scorer(model, tokenizer, recipe_for(model, recipe))
        ((_, score),) = scorer.score([text])
    return score


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Without dropout; a model in training goes back to it."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def compute_perplexity(model: Any, tokenizer: Any, text: str) -> float:
    """exp of the mean of -ln p(token | tokens before) over all tokens but the first.

    Works with any causal LM; texts beyond its context go through overlapping windows. nan for
    a text in which nothing can be scored (no or one token). The model runs once where the
    logits of the text fit into memory at once. Raises `EyebrowError` for a text with a token
    that the model has no row for.
    """
    recipe = recipe_for(model)
    (encoding,) = encode(tokenizer, [text], recipe.first_token)
    pieces = pieces_of([encoding], recipe.context, recipe.stride)
    total, count = 0.0, 0
    with _evaluating(model):
        trunk = Trunk(model, whole=_is_short(model, pieces, recipe))
        if error := beyond(encoding, text, trunk.rows):
            raise error
        for _, logprobs in Passes(trunk).over(pieces, [encoding], trunk.logprobs):
            if isinstance(logprobs, EyebrowError):
                raise logprobs
            total -= float(logprobs.double().sum())
            count += len(logprobs)
    return perplexity(total, count)


def _is_short(model: Any, pieces: Sequence[Piece], recipe: Recipe) -> bool:
    """Whether all logits can be had at once, and are as exact as those of a model taken apart."""
    is_half = recipe.dtype in ("bfloat16", "float16")
    if is_half and keeps_float32(next(model.parameters())):
        return False  # the head alone keeps float32
    tokens = sum(piece.window.fed for piece in pieces)
    return tokens * int(model.config.get_text_config().vocab_size) <= WHOLE


def token_surprise(
    model: Any, tokenizer: Any, text: str, recipe: Recipe | None = None
) -> list[TokenSurprise]:
    """One row for each token of `text`, the unscored first one included."""
    score = score_text(model, tokenizer, text, recipe)
    return token_rows(score, token_texts(tokenizer, model.config.get_text_config().vocab_size))


def token_rows(score: StoryScore, vocabulary: list[str]) -> list[TokenSurprise]:
    """A score's arrays as rows, with ids written out."""
    rows = []
    tied, kept = score.tied, score.top_ids.shape[1] > 0
    for i in range(len(score)):
        scored = bool(score.ranks[i] > 0)
        logprob = float(score.logprobs[i])
        rows.append(
            TokenSurprise(
                index=i,
                token=vocabulary[score.token_ids[i]],
                token_id=int(score.token_ids[i]),
                start=int(score.starts[i]),
                end=int(score.ends[i]),
                logprob=logprob if scored else None,
                probability=float(np.exp(logprob)) if scored else None,
                surprise=0.0 - logprob if scored else None,
                rank=int(score.ranks[i]) if scored else None,
                entropy=float(score.entropies[i]) if scored else None,
                top=_table(vocabulary, score.top_ids[i], score.top_logprobs[i]) if scored else (),
                tied=bool(tied[i]) if scored and kept else None,
            )
        )
    return rows


def _table(vocabulary: list[str], ids: Ints, logprobs: Floats) -> tuple[Alternative, ...]:
    """The likeliest at one place; a table of a small vocabulary has entries without an id."""
    shared = _shared(logprobs)
    return tuple(
        Alternative(vocabulary[k], int(k), float(np.exp(p)), tied=bool(tie))
        for k, p, tie in zip(ids, logprobs, shared, strict=True)
        if k >= 0
    )


def _shared(values: Any) -> Any:
    """bool (N,): which of the values (N,), the largest first, equal a neighbour."""
    same = values[1:] == values[:-1]
    either = np.concatenate([same, [False]]) | np.concatenate([[False], same])
    return either[: len(values)]  # of nothing, nothing


def next_tokens(model: Any, tokenizer: Any, text: str, k: int = 10) -> list[Alternative]:
    """The k likeliest tokens to follow `text`, likeliest first, with their logits.

    An EOS that the tokenizer puts behind a text is left out: what follows the text is asked
    for. A text beyond the context is cut on the left, behind the BOS that the tokenizer puts in
    front. An empty text is continued from BOS (else EOS).

    Raises `EyebrowError` where there is neither, for a token that the model has no row for, and
    where the logits are no numbers.
    """
    return next_after(model, tokenizer, Context(text), k)[0]


def next_after(
    model: Any, tokenizer: Any, context: Context, k: int = 10
) -> tuple[list[Alternative], Alternative | None]:
    """As `next_tokens`, behind any context (see `find_place`); and the token that stands there,
    None where none does."""
    with _evaluating(model):
        trunk = Trunk(model)
        place = find_place(tokenizer, context, "context", trunk.rows)
        ids = torch.tensor(place.within(recipe_for(model).context))
        logits = trunk.logits_after(ids)
    if logits.isnan().any():
        raise not_a_number(model)
    logprobs = logits.log_softmax(-1)
    best = logits.topk(min(k, len(logits)))
    vocabulary = token_texts(tokenizer, len(logits))
    ids_found = best.indices.tolist()
    tied = dict(zip(ids_found, _shared(best.values.numpy()).tolist(), strict=True))

    def entry(token: int) -> Alternative:
        probability = float(logprobs[token].exp())
        logit = float(logits[token])
        return Alternative(vocabulary[token], token, probability, logit, tied.get(token, False))

    there = None if place.true is None or place.true >= len(logits) else entry(place.true)
    return [entry(i) for i in ids_found], there
