"""Two models on one text, lined up: the smallest stretches that both of their tokenizers cut at.

A span begins where a token of each begins, so every token of either lies in just one span, and
what the models pay for the same characters stands side by side. Models of one tokenizer are lined
up token by token; the byte-level pieces of a character, which own no place in the text, are in
the span of the character. Sums over the spans are the totals over what both have scored.

The stretch begins where `cuts` has it begin for the sums of a whole set, so that spans add up to
the numbers that are told everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...scoring.scores import Floats, StoryScore
from .cuts import REACH, cut_tokens

Places = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]
Nats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """P stretches of a text, in order and without a gap, to the end of the text.

    starts, ends: int32 (P,), character offsets. nats_reference, nats_model: float64 (P,), the
    surprise of either model. entropies: float64 (P,), nats, those of the model summed over its
    tokens: the surprise that it expected at each of them.
    """

    starts: Places
    ends: Places
    nats_reference: Nats
    nats_model: Nats
    entropies: Nats

    def __len__(self) -> int:
        return len(self.starts)

    def united(self, firsts: Indices) -> Spans:
        """Unions of spans, as words and sentences are; firsts: int64 (U,), the first of each."""
        if not len(firsts):
            return NONE
        return Spans(
            self.starts[firsts],
            self.ends[np.append(firsts[1:], len(self)) - 1],
            np.add.reduceat(self.nats_reference, firsts),
            np.add.reduceat(self.nats_model, firsts),
            np.add.reduceat(self.entropies, firsts),
        )


_NO_PLACES, _NO_NATS = np.empty(0, np.int32), np.empty(0, np.float64)
NONE = Spans(_NO_PLACES, _NO_PLACES, _NO_NATS, _NO_NATS, _NO_NATS)


def align(text: str, reference: StoryScore, model: StoryScore) -> Spans:
    """The spans of a text under two models; `NONE` where they have scored no stretch in common."""
    either = [_cuts(one) for one in (reference, model)]
    if not all(len(rows) for rows in either):
        return NONE
    one, other = reference.starts[either[0]], model.starts[either[1]]
    shared, *at = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    if not len(shared):
        return NONE
    firsts = [rows[found] for rows, found in zip(either, at, strict=True)]
    if reference.is_of_tokens(model):
        firsts[0][0] = firsts[1][0] = _first(reference)  # as whole as each has scored it
    elif shared[0] >= min(_begin(reference), _begin(model)) + REACH:
        return NONE
    ends = np.append(shared[1:], len(text)).astype(np.int32)
    return Spans(
        shared.astype(np.int32),
        ends,
        np.add.reduceat(_scored(reference, -reference.logprobs), firsts[0]),
        np.add.reduceat(_scored(model, -model.logprobs), firsts[1]),
        np.add.reduceat(_scored(model, model.entropies), firsts[1]),
    )


def _first(score: StoryScore) -> int:
    return int((score.ranks > 0).argmax())


def _begin(score: StoryScore) -> int:
    return int(score.starts[_first(score)])


def _cuts(score: StoryScore) -> Indices:
    if not (score.ranks > 0).any():
        return np.empty(0, np.int64)
    return cut_tokens(score.starts, score.ends, _first(score))


def _scored(score: StoryScore, values: Floats) -> Nats:
    return np.where(score.ranks > 0, values.astype(np.float64), 0.0)
