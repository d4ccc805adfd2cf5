"""Numbers over a set of stories: pooled sums, and intervals that resample whole stories.

The tokens of one story are not independent of each other, so stories are what is drawn again
(the cluster bootstrap: Davison & Hinkley 1997, section 3.8). Whoever compares models asks for
all of them in one call: they are then measured on the same resamples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..scoring.scores import Summary, bits_per_byte, perplexity

RESAMPLES = 2000
SEED = 0
LEVEL = 0.95
_CELLS = 1 << 20  # draws held in memory at a time, 8 MB

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pooled:
    """The sums over a set of stories; nll in nats, `bytes` of the scored spans."""

    stories: int
    tokens: int
    bytes: int
    nll: float
    mean_story_perplexity: float

    @property
    def perplexity(self) -> float:
        """exp(nll / tokens) over all tokens of the set; never a mean of perplexities."""
        return perplexity(self.nll, self.tokens)

    @property
    def bits_per_byte(self) -> float:
        return bits_per_byte(self.nll, self.bytes)


def pooled(summaries: Iterable[Summary]) -> Pooled:
    """Stories as one set. The mean of their perplexities leaves out those without a scored token.

    Perplexities are nan where nothing at all was scored.
    """
    rows = list(summaries)
    means = [row.perplexity for row in rows if row.tokens]
    return Pooled(
        stories=len(rows),
        tokens=sum(row.tokens for row in rows),
        bytes=sum(row.bytes for row in rows),
        nll=math.fsum(row.nll for row in rows),
        mean_story_perplexity=math.fsum(means) / len(means) if means else math.nan,
    )


def perplexity_interval(
    nll: npt.ArrayLike,
    tokens: npt.ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[float, float]:
    """The 95 % interval of one model's pooled perplexity; see `perplexity_intervals`.

    nll, tokens: (S,), nats and scored tokens of each story.
    """
    (interval,) = perplexity_intervals(
        np.atleast_2d(nll), np.atleast_2d(tokens), resamples=resamples, seed=seed
    )
    return interval


def perplexity_intervals(
    nll: npt.ArrayLike,
    tokens: npt.ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[tuple[float, float]]:
    """The 95 % percentile intervals (low, high) of M models' pooled perplexities.

    nll, tokens: (M, S), column for column the same stories; a story that one of the models
    could not do has 0 in both. (nan, nan) for a model with fewer than two stories: one story
    says nothing about how much stories vary. The same arguments give the same intervals.
    """
    sums, counts = np.asarray(nll, dtype=np.float64), np.asarray(tokens, dtype=np.float64)
    drawn = resampled_log_perplexities(sums, counts, resamples=resamples, seed=seed)
    intervals = []
    for scored, logs in zip((counts > 0).sum(axis=1), drawn, strict=True):
        logs = logs[~np.isnan(logs)]  # resamples without a token of this model
        if scored < 2 or not len(logs):
            intervals.append((math.nan, math.nan))
            continue
        # Ranks, not interpolation: an infinite perplexity is a number like the others.
        low = np.quantile(logs, (1 - LEVEL) / 2, method="lower")
        high = np.quantile(logs, (1 + LEVEL) / 2, method="higher")
        intervals.append((_exp(float(low)), _exp(float(high))))
    return intervals


def resampled_log_perplexities(
    nll: Numbers, tokens: Numbers, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Numbers:
    """ln of the pooled perplexity of M models on the same resamples of the stories: (M, R).

    nll, tokens: (M, S). A resample draws S stories with replacement. nan where a resample holds
    no token of a model.
    """
    models, stories = nll.shape
    if not stories:
        return np.full((models, resamples), np.nan)
    infinite = np.isinf(nll)
    columns = np.concatenate([np.where(infinite, 0.0, nll), tokens, infinite]).T
    random = np.random.default_rng(seed)
    block = max(1, _CELLS // stories)
    parts = []
    for at in range(0, resamples, block):
        rows = min(block, resamples - at)
        drawn = random.integers(0, stories, (rows, stories))
        drawn += stories * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * stories).reshape(rows, stories)
        parts.append(times.astype(np.float64) @ columns)  # (rows, 3 M)
    sums, counts, infinities = np.split(np.concatenate(parts).T, 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(infinities > 0, np.inf, sums / counts)


def _exp(log: float) -> float:
    return math.exp(log) if log < 700 else math.inf
