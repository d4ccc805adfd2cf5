"""Draws from a distribution: by inversion, likeliest token first, and repeatable by their seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .exploring import Draw, Draws

if TYPE_CHECKING:
    import numpy.typing as npt

    Shares = npt.NDArray[np.float64]  # (V,), probabilities of a vocabulary
    Ids = npt.NDArray[np.int64]
else:
    Shares = Ids = Any

STEPS = (1, 2, 5)  # times powers of ten: numbers of draws at which the distance is told


class Wheel:
    """A distribution laid out for drawing: tokens by probability, equals by id, impossible ones
    left out."""

    def __init__(self, shares: Shares) -> None:
        """shares: float64 (V,) that sum to 1."""
        possible = np.flatnonzero(shares > 0)
        self.ids: Ids = possible[np.argsort(-shares[possible], kind="stable")]
        self.shares: Shares = shares[self.ids]
        self.cumulative: Shares = self.shares.cumsum()
        self.cumulative /= self.cumulative[-1]

    def places(self, u: Shares) -> Ids:
        """int64 (n,): where in `ids` the numbers `u` (n,) in [0, 1) fall."""
        found: Ids = np.searchsorted(self.cumulative, u, side="right")
        return np.minimum(found, len(self.ids) - 1)

    def draw(self, u: float) -> Draw:
        """The token that `u` in [0, 1) falls on."""
        place = int(self.places(np.array([u]))[0])
        low = float(self.cumulative[place - 1]) if place else 0.0
        return Draw(u, low, float(self.cumulative[place]), int(self.ids[place]), place + 1)

    def distance(self, places: Ids) -> float:
        """Total variation of the frequencies of `places` (n,), at least one, from the shares."""
        where, counts = np.unique(places, return_counts=True)
        here = self.shares[where]
        total = float(self.shares.sum())
        return float(np.abs(counts / len(places) - here).sum() + total - here.sum()) / 2


def numbers(seed: int, skip: int = 0) -> np.random.Generator:
    """Numbers in [0, 1) behind the first `skip` of this seed: one by one as many at once."""
    chance = np.random.PCG64(seed)
    chance.advance(skip)
    return np.random.Generator(chance)


def draw_many(shares: Shares, count: int, seed: int, asked: list[int]) -> Draws:
    """`count` draws, at least 1, from `shares` (V,); the first n are the same for every count."""
    wheel = Wheel(shares)
    drawn = numbers(seed).random(count)
    places = wheel.places(drawn)
    ids, counts = np.unique(wheel.ids[places], return_counts=True)
    found = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    trail = tuple((n, wheel.distance(places[:n])) for n in _steps(count))
    return Draws(
        count,
        {i: found.get(i, 0) for i in asked},
        wheel.draw(float(drawn[-1])),
        trail[-1][1],
        trail,
    )


def _steps(count: int) -> list[int]:
    """1, 2, 5, 10, ... below `count`, and `count`."""
    powers = range(len(str(count)))
    return [n for power in powers for step in STEPS if (n := step * 10**power) < count] + [count]
