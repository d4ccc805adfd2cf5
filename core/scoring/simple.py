"""The three questions one asks of a model and a text, for any causal LM in any notebook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import EyebrowError
from .encode import encode
from .recipe import Recipe
from .scorer import Scorer
from .scores import StoryScore
from .trunk import Trunk
from .vocabulary import token_texts


@dataclass(frozen=True, slots=True)
class Alternative:
    """One entry of a next-token table."""

    token: str
    token_id: int
    probability: float
    logit: float | None = None


@dataclass(frozen=True, slots=True)
class TokenSurprise:
    """One token of a text; numbers are None where it was context and not scored.

    start, end: character offsets into the text. logprob, surprise, entropy: nats. rank 1 is
    the likeliest. top: the likeliest alternatives at this place.
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
    a text in which nothing can be scored (no or one token).
    """
    return score_text(model, tokenizer, text).summary.perplexity


def token_surprise(
    model: Any, tokenizer: Any, text: str, recipe: Recipe | None = None
) -> list[TokenSurprise]:
    """One row for each token of `text`, the unscored first one included."""
    score = score_text(model, tokenizer, text, recipe)
    return token_rows(score, token_texts(tokenizer, model.config.get_text_config().vocab_size))


def token_rows(score: StoryScore, vocabulary: list[str]) -> list[TokenSurprise]:
    """A score's arrays as rows, with ids written out."""
    rows = []
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
                surprise=-logprob if scored else None,
                rank=int(score.ranks[i]) if scored else None,
                entropy=float(score.entropies[i]) if scored else None,
                top=tuple(
                    Alternative(vocabulary[k], int(k), float(np.exp(p)))
                    for k, p in zip(score.top_ids[i], score.top_logprobs[i], strict=True)
                    if scored and k >= 0
                ),
            )
        )
    return rows


def next_tokens(model: Any, tokenizer: Any, text: str, k: int = 10) -> list[Alternative]:
    """The k likeliest tokens to follow `text`, likeliest first, with their logits.

    An empty text is continued from BOS (else EOS). Raises `EyebrowError` where there is neither.
    """
    (encoding,) = encode(tokenizer, [text], "context")
    if not len(encoding):
        (encoding,) = encode(tokenizer, [""], "scored")
    ids = torch.from_numpy(encoding.ids[-recipe_for(model).context :]).long()
    with _evaluating(model):
        logits = Trunk(model).logits_after(ids)
    logprobs = logits.log_softmax(-1)
    best = logits.topk(min(k, len(logits)))
    vocabulary = token_texts(tokenizer, len(logits))
    return [
        Alternative(vocabulary[i], i, float(logprobs[i].exp()), float(logit))
        for logit, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
