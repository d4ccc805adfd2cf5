"""Numbers over a set of stories: pooled sums, and intervals that resample whole stories.

The tokens of one story are not independent of each other, so stories are what is drawn again
(the cluster bootstrap: Davison & Hinkley 1997, section 3.8). Whoever compares models asks for
all of them in one call: they are then measured on the same resamples.

With more than `BLOCKS` stories, that many random blocks of them are what is drawn again (the
random groups of Wolter 2007, chapter 2). A width from B blocks is uncertain by 1 / sqrt(2 B), 1 %
for 5,000 of them, less than the 2 to 3 % that 2,000 resamples leave anyway.

Percentile intervals are somewhat short for few stories: of 95 % intervals over simulated stories,
91 to 92 % held the truth with 20 stories, 93 to 94 % with 60 and 94 to 95 % from 120 on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...scoring.scores import Summary

RESAMPLES = 2000
SEED = 0
LEVEL = 0.95
BLOCKS = 5000  # more stories than this are grouped before they are drawn
_CELLS = 1 << 20  # draws held in memory at a time, 8 MB

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pooled(Summary):
    """The sums over a set of stories; its perplexity is over all tokens, never a mean of those."""

    stories: int
    mean_story_perplexity: float


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


@dataclass(frozen=True, slots=True)
class Intervals:
    """The 95 % intervals (low, high) of one model's pooled numbers, all from the same resamples."""

    nats_per_token: tuple[float, float]
    perplexity: tuple[float, float]
    bits_per_byte: tuple[float, float]


def intervals(
    nll: npt.ArrayLike,
    tokens: npt.ArrayLike,
    common_nll: npt.ArrayLike,
    common_bytes: npt.ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[Intervals]:
    """Of each of M models; the arguments are (M, S), as in a `Sheet`."""
    counts = np.asarray(tokens, dtype=np.float64)
    bits = np.asarray(common_bytes, dtype=np.float64) * math.log(2)
    weights = np.concatenate([counts, bits])
    drawn = resampled_log_perplexities(
        np.concatenate([nll, common_nll]), weights, resamples=resamples, seed=seed
    )
    drawn[(weights > 0).sum(axis=1) < 2] = np.nan
    found = []
    for nats, per_byte in zip(*np.split(drawn, 2), strict=True):
        low, high = interval(nats)
        found.append(Intervals((low, high), (exp(low), exp(high)), interval(per_byte)))
    return found


def interval(values: Numbers) -> tuple[float, float]:
    """The middle 95 % (low, high) of resampled values; nan among them are left out.

    By ranks, not interpolation: an infinite perplexity is a number like the others.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan, math.nan
    low = np.quantile(values, (1 - LEVEL) / 2, method="lower")
    high = np.quantile(values, (1 + LEVEL) / 2, method="higher")
    return float(low), float(high)


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
    (found,) = perplexity_intervals(
        np.atleast_2d(nll), np.atleast_2d(tokens), resamples=resamples, seed=seed
    )
    return found


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
    drawn[(counts > 0).sum(axis=1) < 2] = np.nan
    return [(exp(low), exp(high)) for low, high in map(interval, drawn)]


def resampled_log_perplexities(
    nll: Numbers, tokens: Numbers, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Numbers:
    """ln of the pooled perplexity of M models on the same resamples of the stories: (M, R).

    nll, tokens: (M, S). A resample draws S stories with replacement, or all blocks of them where
    there are more than `BLOCKS`. nan where a resample holds no token of a model.
    """
    models, stories = nll.shape
    if not stories:
        return np.full((models, resamples), np.nan)
    infinite = np.isinf(nll)
    columns = np.concatenate([np.where(infinite, 0.0, nll), tokens, infinite]).T
    random = np.random.default_rng(seed)
    if stories > BLOCKS:
        columns, stories = _blocks(columns, random), BLOCKS
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


def _blocks(columns: Numbers, random: np.random.Generator) -> Numbers:
    """(BLOCKS, C): the sums of (S, C) over random blocks of stories, as many in each as can be."""
    block = random.permutation(len(columns)) % BLOCKS
    return np.stack([np.bincount(block, column, BLOCKS) for column in columns.T], axis=1)


def exp(log: float) -> float:
    """e to this power, inf instead of an overflow."""
    return math.inf if log > 709 else math.exp(log)
