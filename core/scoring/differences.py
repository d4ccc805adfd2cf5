"""How far two computations of the same numbers are apart; infinitely where one is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .encode import Encoding
from .head import Measured
from .scores import StoryScore


def all_logprobs(encoding: Encoding, score: StoryScore) -> npt.NDArray[np.float64]:
    """float64 over the whole sequence, a hidden BOS included; 0 where not scored."""
    logprobs = np.where(score.ranks > 0, score.logprobs, 0.0).astype(np.float64)
    return np.concatenate([np.zeros(encoding.hidden), logprobs])


def relative(one: float, other: float) -> float:
    return 0.0 if one == other else number(abs(one - other) / max(abs(other), 1e-9))


def number(difference: float) -> float:
    """Infinite where it is no number: `max` would lose it."""
    return math.inf if math.isnan(difference) else difference


def totals(ones: Sequence[StoryScore], others: Sequence[StoryScore]) -> float:
    """The largest relative difference between two stories' totals."""
    return max(
        relative(one.summary.nll, other.summary.nll)
        for one, other in zip(ones, others, strict=True)
    )


def share_moved(
    ones: npt.NDArray[Any], others: npt.NDArray[Any], much: float
) -> tuple[float, float]:
    """The share of tokens whose probability moved by more than `much` of itself, and the most.

    ones, others: ln p of the same tokens; the most is in nats, infinite where one is no number.
    """
    with np.errstate(invalid="ignore"):
        moved = np.where(ones == others, 0.0, np.abs(ones - others))
    moved[np.isnan(moved)] = math.inf
    return float((moved > math.log1p(much)).mean()), float(moved.max())


def read_off(logprobs: torch.Tensor, got: Measured, target: int) -> float:
    """Nats between what was measured and all log-probabilities (V,) of one position.

    The rank is right if the token at that place of the order is as likely as the target.
    """
    order = logprobs.sort(descending=True).values
    count = min(len(order), got.top_logprobs.shape[1])
    p = logprobs.exp()
    entropy = -float((p * logprobs.clamp(min=-1e30)).sum())
    differences = [
        apart(got.logprobs[0].double(), logprobs[target]),
        apart(order[int(got.ranks[0]) - 1], logprobs[target]),
        number(abs(float(got.entropies[0]) - entropy)),
        *(apart(got.top_logprobs[0, k].double(), order[k]) for k in range(count)),
        *(apart(logprobs[got.top_ids[0, k]], order[k]) for k in range(count)),
    ]
    return max(differences)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return 0.0 if bool(one == other) else number(abs(float(one - other)))


def between_arrays(one: StoryScore | None, other: StoryScore) -> float:
    """The largest difference between any two entries; infinite where one is missing."""
    if one is None or one.summary != other.summary or len(one) != len(other):
        return float("inf")
    largest = 0.0
    for name in ("token_ids", "starts", "ends", "ranks", "top_ids"):
        if not np.array_equal(getattr(one, name), getattr(other, name)):
            return float("inf")
    for name in ("logprobs", "entropies", "top_logprobs"):
        a, b = getattr(one, name).astype(float), getattr(other, name).astype(float)
        if not np.array_equal(a, b, equal_nan=True):
            apart = np.where(np.isnan(a) & np.isnan(b), 0.0, np.abs(a - b))
            largest = max(largest, number(float(apart.max())))
    return largest
