"""From logits to the distribution that tokens are drawn from, by transformers' own processors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from ..errors import EyebrowError
from .dials import Dials
from .draws import Shares

COLDEST = torch.finfo(torch.float32).tiny  # a temperature below is 0 in float32


def probabilities(logits: Tensor) -> Shares:
    """float64 (V,) that sum to 1: the softmax of `logits` (V,)."""
    shares: Shares = logits.double().softmax(-1).cpu().numpy()
    return shares


def reshape(logits: Tensor, dials: Dials, context: Sequence[int] = ()) -> Tensor:
    """float32 logits (V,) after the dials, -inf where a token is cut; `logits` (V,) stay.

    context: the ids so far, for the repetition penalty. The order of `generate`: penalty,
    temperature, top-k, top-p, min-p. Under temperature 0 all but the first of the likeliest are
    cut, as `generate(do_sample=False)` chooses; under inf all that are possible are equal.
    """
    scores = logits.float()[None]
    ids: Any = torch.tensor([list(context)], dtype=torch.int64, device=logits.device)
    if dials.repetition_penalty != 1 and len(context):
        scores = RepetitionPenaltyLogitsProcessor(float(dials.repetition_penalty))(ids, scores)
    if dials.temperature < COLDEST:
        alone = torch.full_like(scores, -math.inf)
        alone[0, scores.argmax()] = 0.0
        return alone[0]
    scores = scores - scores.amax()  # a low temperature would overflow
    if math.isinf(dials.temperature):
        scores = torch.where(scores.isfinite(), 0.0, scores)
    elif dials.temperature != 1:
        scores = TemperatureLogitsWarper(float(dials.temperature))(ids, scores)
    if dials.top_k:
        scores = TopKLogitsWarper(dials.top_k)(ids, scores)
    if dials.top_p < 1:
        scores = TopPLogitsWarper(float(dials.top_p))(ids, scores)
    if dials.min_p > 0:
        scores = MinPLogitsWarper(float(dials.min_p))(ids, scores)
    return scores[0]


def set_by_hand(shares: Shares, bars: Mapping[int, float]) -> Shares:
    """Probabilities (V,) where the tokens in `bars` have those given, the rest renormalised.

    Where the rest had nothing it gets what is left in equal parts. Raises `EyebrowError` for a
    bar outside 0 to 1, for bars that sum to more than 1, and where no other token is left to
    take what they leave.
    """
    if not bars:
        return shares
    total = sum(bars.values())
    if min(bars.values()) < 0 or total > 1 + 1e-9:
        raise EyebrowError("Bad bar", f"bars set by hand sum to {total:g}; each is 0 to 1, as all")
    others = shares.copy()
    ids = list(bars)
    others[ids] = 0.0
    rest, left = float(others.sum()), max(0.0, 1.0 - total)
    if rest > 0:
        others *= left / rest
    elif left > 1e-9:
        if len(ids) == len(shares):
            raise EyebrowError("Bad bar", f"every bar is set, and they sum to {total:g}, not to 1")
        others[:] = left / (len(shares) - len(ids))
    others[ids] = [bars[i] for i in ids]
    return np.asarray(others)
