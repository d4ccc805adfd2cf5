"""Single tokens where they stand: those of the highest values among all that are read."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...scoring.scores import StoryScore
from ...stories.story import Label

KEPT_OCCURRENCES = 20  # so many are kept
AROUND = 40  # characters of text told on both sides of a token


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One token where it stands, with the text around it.

    index: of the token in its story, from 0. nats: its surprise, or what the larger model saves.
    rank: under the model, or the larger one.
    """

    story: Label
    index: int
    before: str
    token: str
    after: str
    nats: float
    rank: int


class TopOccurrences:
    """Takes stories in one by one and keeps the `KEPT_OCCURRENCES` tokens of the highest values."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Occurrence]] = []
        self._pushed = 0

    def add(
        self,
        story: Label,
        text: str,
        score: StoryScore,
        at: npt.NDArray[np.integer],
        values: npt.NDArray[np.float64],
    ) -> None:
        """One story: the tokens of the indices `at`, (P,), and their values, (P,)."""
        floor = self._heap[0][0] if len(self._heap) == KEPT_OCCURRENCES else -math.inf
        high = np.flatnonzero(values > floor)
        for i in high[np.argsort(-values[high], kind="stable")[:KEPT_OCCURRENCES]].tolist():
            if len(self._heap) == KEPT_OCCURRENCES and values[i] <= self._heap[0][0]:
                break
            found = _occurrence(story, text, score, int(at[i]), float(values[i]))
            self._pushed += 1
            entry = (found.nats, -self._pushed, found)  # of equals the first stays
            if len(self._heap) == KEPT_OCCURRENCES:
                heapq.heapreplace(self._heap, entry)
            else:
                heapq.heappush(self._heap, entry)

    def occurrences(self, sign: int = 1) -> tuple[Occurrence, ...]:
        """From the highest down; sign: -1 where values were put in with the other one."""
        found = [one for _, _, one in sorted(self._heap, reverse=True)]
        if sign > 0:
            return tuple(found)
        return tuple(replace(one, nats=sign * one.nats) for one in found)


def _occurrence(story: Label, text: str, score: StoryScore, index: int, nats: float) -> Occurrence:
    start, end = int(score.starts[index]), int(score.ends[index])
    return Occurrence(
        story,
        index,
        text[max(0, start - AROUND) : start],
        text[start:end],
        text[end : end + AROUND],
        nats,
        int(score.ranks[index]),
    )
