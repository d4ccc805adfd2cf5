"""Single tokens where they stand: those of the highest values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...scoring.scores import StoryScore
from ...stories.story import Label

AROUND = 40  # characters of text told on both sides of a token


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One token where it stands, with the text around it.

    index: of the token in its story, from 0. nats: its surprise. rank: under the model.
    """

    story: Label
    index: int
    before: str
    token: str
    after: str
    nats: float
    rank: int


def top_occurrences(
    story: Label,
    text: str,
    score: StoryScore,
    at: npt.NDArray[np.integer],
    nats: npt.NDArray[np.float64],
    count: int,
) -> list[Occurrence]:
    """The `count` most surprising tokens of a story, from the highest down.

    Of those of the indices `at`, (P,), and their surprise, (P,).
    """
    order = np.argsort(-nats, kind="stable")[:count].tolist()
    return [_occurrence(story, text, score, int(at[i]), float(nats[i])) for i in order]


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
