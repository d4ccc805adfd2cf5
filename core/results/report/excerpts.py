"""A story cut into its tokens, each with the step of its surprise and its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...scoring.scores import StoryScore
from ...wording import number, percent, visible
from .palette import surprise_step

_LIKELIER = 3  # alternatives that are named


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text that is one token, or the tokens of one character.

    step: 0 to 7, or -1 where it was not scored. bits: nan there. told: its numbers, "" there.
    """

    text: str
    step: int
    bits: float
    told: str

    @property
    def body(self) -> str:
        """The text without the spaces before it, unless it is nothing else."""
        return self.text.lstrip() or self.text

    @property
    def lead(self) -> str:
        """The spaces before the body: they are not coloured, or lines would end in stubs."""
        return self.text[: len(self.text) - len(self.body)]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One story under one model; the pieces in a row are its text."""

    model: str
    about: str
    pieces: tuple[Piece, ...]


def cut(text: str, score: StoryScore, vocabulary: Sequence[str] | None) -> tuple[Piece, ...]:
    """The pieces of a text; vocabulary: what ids read as, None where nobody knows."""
    pieces = []
    for first, last in _groups(score):
        start, end = int(score.starts[first]), int(score.ends[last])
        places = [i for i in range(first, last + 1) if score.ranks[i] > 0]
        if not places:
            pieces.append(Piece(text[start:end], surprise_step(None), math.nan, ""))
            continue
        bits = sum(-float(score.logprobs[i]) for i in places) / math.log(2) + 0.0
        told = " ".join(_told(score, i, vocabulary) for i in places)
        pieces.append(Piece(text[start:end], surprise_step(bits), bits, told))
    return tuple(pieces)


def _groups(score: StoryScore) -> Iterator[tuple[int, int]]:
    """(first, last) of the tokens that are shown as one: later bytes stay with their character."""
    first = 0
    for i in range(1, len(score) + 1):
        if i == len(score) or score.ends[i] > score.starts[i]:
            if score.ends[i - 1] >= score.starts[first]:
                yield first, i - 1
            first = i


def _told(score: StoryScore, i: int, vocabulary: Sequence[str] | None) -> str:
    """`p 0.21 %, 8.9 bits, rank 388; likelier: ␣lamp 31 %, ␣door 12 %`."""
    logprob, rank = float(score.logprobs[i]), int(score.ranks[i])
    told = (
        f"p {percent(math.exp(logprob))}, {number(-logprob / math.log(2), 1)} bits, rank {rank:,}"
    )
    if vocabulary is None or rank == 1:
        return told
    likelier = [
        f"{visible(vocabulary[k], spaces=True)} {percent(math.exp(p))}"
        for k, p in zip(score.top_ids[i].tolist(), score.top_logprobs[i].tolist(), strict=True)
        if 0 <= k < len(vocabulary) and p > logprob
    ]
    return f"{told}; likelier: {', '.join(likelier[:_LIKELIER])}" if likelier else told
