"""Two models on one text, lined up: the smallest stretches that both of their tokenizers cut at.

A span begins where a token of each begins, so every token of either lies in just one span, and
what the models pay for the same characters stands side by side. Models of one tokenizer are lined
up token by token; the byte-level pieces of a character are in the span of the character. Sums
over the spans are the totals over what both have scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...scoring.scores import StoryScore

Places = npt.NDArray[np.int32]
Nats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """P stretches of a text, in order and without a gap, to the end of the text.

    starts, ends: int32 (P,), character offsets. nats_reference, nats_model: float64 (P,), the
    surprise of either model.
    """

    starts: Places
    ends: Places
    nats_reference: Nats
    nats_model: Nats

    def __len__(self) -> int:
        return len(self.starts)


def align(text: str, reference: StoryScore, model: StoryScore) -> Spans:
    """The spans of a text under two models; none where they have scored no stretch in common."""
    ours, theirs = _cuts(model), _cuts(reference)
    shared, here, there = np.intersect1d(
        model.starts[ours], reference.starts[theirs], assume_unique=True, return_indices=True
    )
    if not len(shared):
        return Spans(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0), np.empty(0))
    return Spans(
        shared.astype(np.int32),
        np.append(shared[1:], len(text)).astype(np.int32),
        np.add.reduceat(_nats(reference), theirs[there]),
        np.add.reduceat(_nats(model), ours[here]),
    )


def _nats(score: StoryScore) -> Nats:
    return np.where(score.ranks > 0, -score.logprobs.astype(np.float64), 0.0)


def _cuts(score: StoryScore) -> npt.NDArray[np.int64]:
    """The scored tokens in front of which the text may be cut, as `cuts.find_cuts` has them."""
    scored = score.ranks > 0
    if not scored.any():
        return np.empty(0, np.int64)
    first = int(scored.argmax())
    is_cut = score.starts < score.ends
    is_cut[:first] = False
    if score.starts[first] == 0 and score.ends[-1] > 0:
        is_cut &= score.starts > 0
        is_cut[first] = True
    return np.flatnonzero(is_cut)
