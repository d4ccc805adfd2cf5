"""Single tokens where they stand: those of the highest values among all that are read."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..scoring.scores import StoryScore
from .sheet import Told

SPOTS = 20  # so many are kept
AROUND = 40  # characters of text told on both sides of a token


@dataclass(frozen=True, slots=True)
class Spot:
    """One token where it stands, with the text around it.

    index: of the token in its story, from 0. nats: its surprise, or what the larger model saves.
    rank: under the model, or the larger one.
    """

    story: Told
    index: int
    before: str
    token: str
    after: str
    nats: float
    rank: int


class TopSpots:
    """Takes stories in one by one and keeps the `SPOTS` tokens of the highest values."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Spot]] = []
        self._pushed = 0

    def add(
        self,
        story: Told,
        text: str,
        score: StoryScore,
        at: npt.NDArray[np.integer],
        values: npt.NDArray[np.float64],
    ) -> None:
        """One story: the tokens of the indices `at`, (P,), and their values, (P,)."""
        floor = self._heap[0][0] if len(self._heap) == SPOTS else -math.inf
        high = np.flatnonzero(values > floor)
        for i in high[np.argsort(-values[high], kind="stable")[:SPOTS]].tolist():
            if len(self._heap) == SPOTS and values[i] <= self._heap[0][0]:
                break
            spot = _spot(story, text, score, int(at[i]), float(values[i]))
            self._pushed += 1
            entry = (spot.nats, -self._pushed, spot)  # of equals the first stays
            if len(self._heap) == SPOTS:
                heapq.heapreplace(self._heap, entry)
            else:
                heapq.heappush(self._heap, entry)

    def spots(self, sign: int = 1) -> tuple[Spot, ...]:
        """From the highest down; sign: -1 where values were put in with the other one."""
        found = [spot for _, _, spot in sorted(self._heap, reverse=True)]
        if sign > 0:
            return tuple(found)
        return tuple(
            Spot(s.story, s.index, s.before, s.token, s.after, sign * s.nats, s.rank) for s in found
        )


def _spot(story: Told, text: str, score: StoryScore, index: int, nats: float) -> Spot:
    start, end = int(score.starts[index]), int(score.ends[index])
    return Spot(
        story,
        index,
        text[max(0, start - AROUND) : start],
        text[start:end],
        text[end : end + AROUND],
        nats,
        int(score.ranks[index]),
    )
