"""Two models on the same stories: how far apart, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...errors import EyebrowError
from .bootstrap import SEED, exp, interval, resampled_log_perplexities
from .clusters import FEW
from .sheet import Sheet


@dataclass(frozen=True, slots=True)
class Difference:
    """The first model's numbers against the second's, on the `stories` that both have scored.

    clusters: of these stories, what is drawn. Differences are second less first, so below 0 the
    second is better; intervals are 95 %, from resampling clusters, both models on the same
    resamples, and (nan, nan) with fewer than two. nats: of the pooled surprise per
    token. ratio: of the perplexities, exp(nats); perplexity: their difference. These are nan
    between different tokenizers, whose tokens are not the same; bits_per_byte compares always, on
    the bytes that all models of the sheet have scored. improved: the share of stories on which
    the second is less surprised, ties by half; between different tokenizers on these bytes.
    """

    first: str
    second: str
    stories: int
    clusters: int
    nats: float
    nats_ci95: tuple[float, float]
    ratio: float
    ratio_ci95: tuple[float, float]
    perplexity: float
    perplexity_ci95: tuple[float, float]
    bits_per_byte: float
    bits_per_byte_ci95: tuple[float, float]
    improved: float

    @property
    def way(self) -> str:
        """What perplexity does from first to second: "falls", "rises", or "" where that cannot
        be told: the clusters are fewer than `FEW`, an infinite perplexity leaves no difference,
        or the interval holds 0.
        """
        low, high = self.nats_ci95
        if self.clusters < FEW or math.isnan(self.nats) or not (low > 0 or high < 0):
            return ""
        return "falls" if high < 0 else "rises"


def compare(sheet: Sheet, first: int, second: int, *, seed: int = SEED) -> Difference:
    """Two rows of a sheet, paired by story.

    Raises `EyebrowError` where there is no story that both have scored, or no byte.
    """
    pair = sheet.of_models([first, second]).common()
    one, other = pair.models
    differ = one.tokenizer != other.tokenizer
    if not pair.stories or (differ and not pair.common_bytes.any()):
        what = "byte" if pair.stories else "story"
        raise EyebrowError(
            "Nothing to compare", f"{one.name} and {other.name} have no scored {what} in common"
        )
    groups = pair.by_group()
    nll = np.concatenate([pair.nll, pair.common_nll])
    weights = np.concatenate([pair.tokens, pair.common_bytes * math.log(2)])
    drawn = resampled_log_perplexities(
        np.concatenate([groups.nll, groups.common_nll]),
        np.concatenate([groups.tokens, groups.common_bytes * math.log(2)]),
        seed=seed,
    )
    clusters = len(groups.stories)
    if differ:
        clusters = int((groups.common_bytes > 0).all(axis=0).sum())
    if clusters < 2:
        drawn[:] = np.nan
    if differ:
        weights[:2], drawn[:2] = np.nan, np.nan
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        changes = pair.nll[1] - pair.nll[0]
        if differ:
            changes = (pair.common_nll[1] - pair.common_nll[0])[pair.common_bytes[0] > 0]
        means = nll.sum(axis=1) / weights.sum(axis=1)
        perplexities, many = np.exp(means[:2]), np.exp(drawn[:2])
        nats, bits = drawn[1] - drawn[0], drawn[3] - drawn[2]
        apart = many[1] - many[0]
        low, high = interval(nats)
        return Difference(
            first=one.name,
            second=other.name,
            stories=len(pair.stories),
            clusters=clusters,
            nats=float(means[1] - means[0]),
            nats_ci95=(low, high),
            ratio=exp(float(means[1] - means[0])),
            ratio_ci95=(exp(low), exp(high)),
            perplexity=float(perplexities[1] - perplexities[0]),
            perplexity_ci95=interval(apart),
            bits_per_byte=float(means[3] - means[2]),
            bits_per_byte_ci95=interval(bits),
            improved=float(np.mean((changes < 0) + 0.5 * ~(abs(changes) > 0))),
        )


def steps(sheet: Sheet, rows: Sequence[int], *, seed: int = SEED) -> list[Difference]:
    """From each of these rows to the next."""
    return [compare(sheet, a, b, seed=seed) for a, b in pairwise(rows)]
