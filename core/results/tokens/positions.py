"""Surprise by place: of the token in its story, of the sentence, of the word in its sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..statistics.bootstrap import LEVEL, SEED, interval, resampled_log_perplexities

Counts = npt.NDArray[np.int64]
Nats = npt.NDArray[np.float64]

SINGLE = 256  # so many places have a bin of their own


def _edges() -> Counts:
    edges = list(range(1, SINGLE + 2))
    while edges[-1] < 1 << 24:
        edges.append(edges[-1] + edges[-1] // 8)
    return np.array(edges, dtype=np.int64)


EDGES = _edges()
"""The place at which each bin begins, from 1; behind `SINGLE` a bin is an eighth as wide as it is
far in."""


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Surprise by place, pooled over stories.

    first: int64 (B,), the place, counted from 1, at which each bin begins; it ends before the
    next begins. tokens: int64 (B,), scored ones. nll: float64 (B,), nats.
    """

    first: Counts
    tokens: Counts
    nll: Nats

    @property
    def means(self) -> Nats:
        """float64 (B,), nats per token; nan where a bin holds none."""
        return per_token(self.nll, self.tokens)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The same few parts of every story, group by group, so that groups can be resampled.

    names: of the P parts. stories: how many. tokens: int64 (P, G), scored ones. nll: float64
    (P, G), nats. Stories of one text are in one group.
    """

    names: tuple[str, ...]
    stories: int
    tokens: Counts
    nll: Nats

    @property
    def groups(self) -> int:
        """What is resampled: as many as there are different texts, or fewer."""
        return int(self.tokens.shape[1])

    @property
    def means(self) -> Nats:
        """float64 (P,), nats per token pooled over the stories; nan without a token."""
        return per_token(self.nll.sum(axis=1), self.tokens.sum(axis=1))

    def intervals(self, *, seed: int = SEED) -> list[tuple[float, float]]:
        """The 95 % interval (low, high) of each of the P means, all on the same resamples of the
        groups; (nan, nan) with fewer than two groups."""
        if self.groups < 2:
            return [(math.nan, math.nan)] * len(self.names)
        tokens = self.tokens.astype(np.float64)
        return [interval(row) for row in resampled_log_perplexities(self.nll, tokens, seed=seed)]


class PositionCounter:
    """Takes stories in one by one, under M models of one tokenizer."""

    def __init__(self, models: int) -> None:
        self._tokens = np.zeros(len(EDGES), dtype=np.int64)
        self._nll = np.zeros((models, len(EDGES)))

    def add(self, places: Counts, nats: Nats, copies: int = 1) -> None:
        """One text: the places of its scored tokens, (T,) from 1, and their nats, (M, T).

        copies: stories that tell it.
        """
        bins = np.searchsorted(EDGES, places, side="right") - 1
        self._tokens += copies * np.bincount(bins, minlength=len(EDGES))
        for model, row in enumerate(nats):
            self._nll[model] += copies * np.bincount(bins, weights=row, minlength=len(EDGES))

    def places(self, model: int) -> Positions:
        """Of the stories so far, up to the last bin that holds a token."""
        filled = np.flatnonzero(self._tokens)
        stop = int(filled[-1]) + 1 if len(filled) else 0
        return Positions(EDGES[:stop], self._tokens[:stop], self._nll[model, :stop])


class PartCounter:
    """Takes stories in one by one, under M models of one tokenizer."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._stories = 0
        self._found: dict[str, tuple[Counts, Nats]] = {}

    def add(self, group: str, part: Counts, nats: Nats, copies: int = 1) -> None:
        """One text: the part (from 0) of each of T scored tokens, and their nats, (M, T).

        group: what it is resampled with. copies: stories that tell it.
        """
        parts = len(self._names)
        self._stories += copies
        counts: Counts = copies * np.bincount(part, minlength=parts)
        sums = [np.bincount(part, row, parts) for row in nats]
        nll: Nats = copies * np.array(sums, dtype=np.float64)
        if group in self._found:
            before = self._found[group]
            counts, nll = before[0] + counts, before[1] + nll
        self._found[group] = (counts, nll)

    def parts(self, model: int) -> Parts:
        """Of the stories so far, in an order that does not depend on that of their coming."""
        found = [self._found[group] for group in sorted(self._found)]
        shape = (-1, len(self._names))
        tokens = np.array([counts for counts, _ in found], dtype=np.int64).reshape(shape)
        nll = np.array([rows[model] for _, rows in found], dtype=np.float64).reshape(shape)
        return Parts(self._names, self._stories, tokens.T, nll.T)


def per_token(nll: Nats, tokens: Counts) -> Nats:
    """Nats per token, entry by entry; nan where there is no token."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(nll / tokens, dtype=np.float64)


def between(
    parts: Parts, first: int, second: int, *, seed: int = SEED
) -> tuple[float, tuple[float, float]]:
    """Nats per token in the second part less those in the first, with its 95 % interval.

    Groups are drawn again, both parts on the same resamples. (nan, nan) with fewer than two
    groups or where an infinite surprise leaves no difference.
    """
    drawn = resampled_log_perplexities(
        parts.nll[[first, second]], parts.tokens[[first, second]].astype(np.float64), seed=seed
    )
    with np.errstate(invalid="ignore"):
        found = float(parts.means[second] - parts.means[first])
        return found, interval_of(drawn[1] - drawn[0], parts.groups)


def interval_of(drawn: Nats, groups: int) -> tuple[float, float]:
    """The 95 % percentile interval of a difference from its resamples; see `between`."""
    if groups < 2 or not np.isfinite(drawn).all():
        return math.nan, math.nan
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
