"""Two models on the same stories: how far apart, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..errors import EyebrowError
from .sheet import Sheet
from .statistics import LEVEL, SEED, resampled_log_perplexities


@dataclass(frozen=True, slots=True)
class Difference:
    """The first model's numbers against the second's, on the `stories` that both have scored.

    Differences are second less first, so below 0 the second is better; intervals are 95 %, from
    resampling stories, both models on the same resamples. nats: of the pooled surprise per
    token. ratio: of the perplexities, exp(nats). Both are nan between different tokenizers,
    whose tokens are not the same; bits_per_byte compares always.
    improved: the share of stories on which the second is less surprised, ties by half.
    """

    first: str
    second: str
    stories: int
    nats: float
    nats_ci95: tuple[float, float]
    ratio: float
    ratio_ci95: tuple[float, float]
    bits_per_byte: float
    bits_per_byte_ci95: tuple[float, float]
    improved: float

    @property
    def is_plain(self) -> bool:
        """Whether the interval of the bits per byte leaves 0 out."""
        low, high = self.bits_per_byte_ci95
        return not low <= 0 <= high


def compare(sheet: Sheet, first: int, second: int, *, seed: int = SEED) -> Difference:
    """Two rows of a sheet, paired by story.

    Raises `EyebrowError` where there is no story that both have scored.
    """
    pair = sheet.of_models([first, second]).common()
    one, other = pair.models
    if not pair.stories:
        raise EyebrowError(
            "Nothing to compare", f"{one.name} and {other.name} have no scored story in common"
        )
    size = pair.bytes * math.log(2)
    same = one.tokenizer == other.tokenizer
    nats, nats_ci = _difference(pair.nll, pair.tokens, seed)
    bits, bits_ci = _difference(pair.nll, size, seed)
    change = pair.nll[1] - pair.nll[0]
    nothing = (math.nan, math.nan)
    return Difference(
        first=one.name,
        second=other.name,
        stories=len(pair.stories),
        nats=nats if same else math.nan,
        nats_ci95=nats_ci if same else nothing,
        ratio=math.exp(nats) if same else math.nan,
        ratio_ci95=(math.exp(nats_ci[0]), math.exp(nats_ci[1])) if same else nothing,
        bits_per_byte=bits,
        bits_per_byte_ci95=bits_ci,
        improved=float(np.mean((change < 0) + 0.5 * (change == 0))),
    )


def steps(sheet: Sheet, rows: Sequence[int], *, seed: int = SEED) -> list[Difference]:
    """From each of these rows to the next."""
    return [compare(sheet, a, b, seed=seed) for a, b in pairwise(rows)]


def _difference(
    nll: np.ndarray, weights: np.ndarray, seed: int
) -> tuple[float, tuple[float, float]]:
    """Of the ratios sum(nll) / sum(weights), second less first, with its interval."""
    weights = np.asarray(weights, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = nll.sum(axis=1) / weights.sum(axis=1)
        drawn = resampled_log_perplexities(nll, weights, seed=seed)
        many = drawn[1] - drawn[0]
    many = many[~np.isnan(many)]
    if nll.shape[1] < 2 or not len(many):
        return float(means[1] - means[0]), (math.nan, math.nan)
    low, high = np.quantile(many, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(means[1] - means[0]), (float(low), float(high))
