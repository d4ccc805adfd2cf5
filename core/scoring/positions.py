"""Surprise by the place of the sentence in stories of five, as ROCStories are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from .scores import StoryScore
from .sentences import sentence_spans
from .units import Unit, by_sentence

SENTENCES = 5  # of a story whose sentence positions are compared


class Place(TypedDict):
    """One place as JSON: `position` from 1, `nll` in nats, `surprise` in nats per token."""

    position: int
    tokens: int
    nll: float
    surprise: float


@dataclass(frozen=True, slots=True)
class Positions:
    """Surprise by place of the sentence, pooled over stories of exactly `SENTENCES` sentences.

    tokens, nll: scored tokens and their nats at each place.
    """

    stories: int
    tokens: tuple[int, ...]
    nll: tuple[float, ...]

    @property
    def means(self) -> tuple[float, ...]:
        """Nats per token at each place; nan where nothing was scored."""
        pairs = zip(self.nll, self.tokens, strict=True)
        return tuple(nll / tokens if tokens else math.nan for nll, tokens in pairs)

    def to_json(self) -> list[Place]:
        """One entry a place; [] without a story."""
        if not self.stories:
            return []
        return [
            Place(position=n, tokens=tokens, nll=nll, surprise=mean)
            for n, (tokens, nll, mean) in enumerate(
                zip(self.tokens, self.nll, self.means, strict=True), start=1
            )
        ]


class SentencePositions:
    """Takes stories in one by one; what has other than five sentences is passed over."""

    def __init__(self) -> None:
        self.stories = 0
        self._tokens = np.zeros(SENTENCES, dtype=np.int64)
        self._nll = np.zeros(SENTENCES)

    def add(
        self, text: str, score: StoryScore, copies: int = 1, starts: tuple[int, ...] = ()
    ) -> None:
        """A story that is told `copies` times; starts: its `sentence_starts`."""
        units = five_sentences(text, score, starts)
        if units:
            self.stories += copies
            self._tokens += [copies * unit.scored for unit in units]
            self._nll += [copies * unit.surprise for unit in units]

    def positions(self) -> Positions:
        """Of the stories so far."""
        return Positions(self.stories, tuple(self._tokens.tolist()), tuple(self._nll.tolist()))


def is_five(text: str, starts: tuple[int, ...] = ()) -> bool:
    """Whether a text has exactly `SENTENCES` sentences."""
    return len(sentence_spans(text, starts=starts)) == SENTENCES


def five_sentences(text: str, score: StoryScore, starts: tuple[int, ...] = ()) -> list[Unit]:
    """The sentences of a story of exactly `SENTENCES`; [] for every other.

    starts: see `sentence_spans`.
    """
    if not is_five(text, starts):
        return []
    units = list(by_sentence(text, score, starts=starts))
    # Fewer where one token reaches over a whole sentence.
    return units if len(units) == SENTENCES else []
