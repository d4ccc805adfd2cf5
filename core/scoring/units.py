"""Surprise of words and sentences, from the surprise of their tokens.

A unit is a run of whole tokens, so that sums add up: every token belongs to exactly one unit.
It is the unit in which the token's first character that is no space stands: a leading space
belongs to the word behind it, and so does a token of nothing but spaces (behind the last word,
to the last). A token without characters (the later bytes of an emoji) belongs with the token
before it, BOS and a dummy space to the first unit. Units that would be left without a token,
because one token reaches over several words, are joined to the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import overload

import numpy as np
import numpy.typing as npt

from .scores import Floats, Ints, StoryScore
from .sentences import Span, sentence_spans

_Indices = npt.NDArray[np.int64]
_Nats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Unit:
    """A word or a sentence.

    start, end: character offsets of what is read, without the spaces around it.
    first, last: its tokens, `last` included. scored: how many of them were scored.
    surprise: nats, the sum over the scored ones (0.0 without any).
    """

    start: int
    end: int
    first: int
    last: int
    surprise: float
    scored: int

    @property
    def is_whole(self) -> bool:
        """Whether every token was scored: else the surprise is of a part only."""
        return self.scored == self.last - self.first + 1


@dataclass(frozen=True, slots=True, eq=False)
class Units(Sequence[Unit]):
    """The words or sentences of a text, in order; of a long one there are many, so as columns.

    starts, ends, firsts, lasts, scored: int64 (U,), surprise: float64 (U,); as in `Unit`.
    """

    starts: _Indices
    ends: _Indices
    firsts: _Indices
    lasts: _Indices
    surprise: _Nats
    scored: _Indices

    def __len__(self) -> int:
        return len(self.firsts)

    @overload
    def __getitem__(self, at: int) -> Unit: ...
    @overload
    def __getitem__(self, at: slice) -> Units: ...
    def __getitem__(self, at: int | slice) -> Unit | Units:
        if isinstance(at, slice):
            return Units(
                *(self.starts[at], self.ends[at], self.firsts[at], self.lasts[at]),
                surprise=self.surprise[at],
                scored=self.scored[at],
            )
        return Unit(
            *(int(self.starts[at]), int(self.ends[at])),
            *(int(self.firsts[at]), int(self.lasts[at])),
            surprise=float(self.surprise[at]),
            scored=int(self.scored[at]),
        )

    def of_token(self, token: int) -> int:
        """Which of them a token belongs to; every token belongs to one."""
        return max(0, int(self.firsts.searchsorted(token, side="right")) - 1)


def by_word(text: str, score: StoryScore, *, log_boundary: Floats | None = None) -> Units:
    """The words of a text: its runs of characters that are no space, punctuation included.

    log_boundary: float32 (T + 1,), from `boundaries.log_boundaries`. With it the surprise is
    that of the word, not of its spelling behind a space:

        -ln p(word) = sum(-ln p(token)) + log_boundary[first] - log_boundary[last + 1]

    the begin-of-word correction of Pimentel & Meister (2024, theorem 2) and Oh & Schuler
    (2024): what it takes for the word to end is paid by the word, and no longer by the next.
    The terms of neighbours cancel: the text's total changes only at its ends.
    """
    return _units(text, score, *_words(text), log_boundary)


def by_sentence(
    text: str,
    score: StoryScore,
    *,
    starts: tuple[int, ...] = (),
    log_boundary: Floats | None = None,
) -> Units:
    """The sentences of a text (see `sentence_spans`), corrected at their ends as words are."""
    spans = [_bare(text, *span) for span in sentence_spans(text, starts=starts)]
    bare = np.array([(a, b) for a, b in spans if a < b], dtype=np.int64).reshape(-1, 2)
    return _units(text, score, bare[:, 0], bare[:, 1], log_boundary)


def tokens_within(starts: Ints, ends: Ints, place: Span) -> npt.NDArray[np.int64]:
    """The tokens that lie in these characters (from, to), or reach into them, in order.

    starts, ends: int32 (T,), as in a score. Tokens without characters behind the last of them go
    with it: they are the later pieces of its last character.
    """
    inside = np.flatnonzero((starts < place[1]) & (ends > place[0]))
    if not len(inside):
        return inside
    filled = np.flatnonzero(starts < ends)
    behind = filled[filled > inside[-1]]
    return np.arange(inside[0], behind[0] if len(behind) else len(starts))


def _units(
    text: str, score: StoryScore, begins: _Indices, ends: _Indices, log_boundary: Floats | None
) -> Units:
    """begins, ends: of the words or sentences, without the spaces around them."""
    if not len(score):
        none = np.empty(0, np.int64)
        return Units(none, none, none, none, np.empty(0), none)
    if not len(begins):
        begins, ends = np.array([0]), np.array([len(text)])
    owner = _owners(score, ends)
    firsts = np.flatnonzero(np.diff(owner, prepend=-1))
    lasts = np.append(firsts[1:], len(score)) - 1
    surprise, scored = _sums(score, firsts)
    if log_boundary is not None:
        change = _correction(score, firsts, lasts, log_boundary)
        # The impossible stays so, whatever was likely before it.
        surprise = np.where(np.isinf(surprise), surprise, surprise + change)
    # A unit reaches up to where the next that has tokens begins; the first is never left out.
    starts = np.append([0], owner[firsts[1:]])
    stops = np.append(starts[1:], len(begins))
    return Units(begins[starts], ends[stops - 1], firsts, lasts, surprise, scored)


@cache
def _spaces() -> npt.NDArray[np.bool_]:
    """Whether the character of each number is a space; behind the last that is one, none is."""
    return np.array([chr(code).isspace() for code in range(0x3002)])


def _words(text: str) -> tuple[_Indices, _Indices]:
    """Where the runs of characters begin and end that are no space."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    spaces = _spaces()
    inside = ~spaces[np.minimum(codes, len(spaces) - 1)]
    edges = np.flatnonzero(np.diff(inside.astype(np.int8), prepend=0, append=0))
    return edges[::2], edges[1::2]


def _bare(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _owners(score: StoryScore, ends: _Indices) -> _Indices:
    """int64 (T,): the index of the unit that each token belongs to; it never falls.

    ends: where the units end.
    """
    # The first that ends behind the token's start: the one it is in, or the next.
    owner = np.searchsorted(ends, score.starts, side="right").clip(max=len(ends) - 1)
    filled = np.flatnonzero(score.ends > score.starts)
    if not len(filled):
        return np.zeros(len(score), dtype=np.int64)
    before = np.searchsorted(filled, np.arange(len(score)), side="right") - 1
    owner = owner[filled[before.clip(min=0)]]
    return np.asarray(owner, dtype=np.int64)


def _sums(score: StoryScore, firsts: _Indices) -> tuple[npt.NDArray[np.float64], _Indices]:
    """Nats and number of scored tokens of the units that begin at `firsts`."""
    scored = score.ranks > 0
    nats = np.where(scored, -score.logprobs.astype(np.float64), 0.0)
    return np.add.reduceat(nats, firsts) + 0.0, np.add.reduceat(scored.astype(np.int64), firsts)


def _correction(
    score: StoryScore, firsts: _Indices, lasts: _Indices, log_boundary: Floats
) -> npt.NDArray[np.float64]:
    """What the begin-of-word correction adds to each unit, nats.

    Where the model says nothing (before a first token that is context) nothing is corrected.
    """
    if len(log_boundary) != len(score) + 1:
        raise ValueError(f"{len(log_boundary)} boundaries for {len(score)} tokens")
    known = np.where(np.isnan(log_boundary), 0.0, log_boundary).astype(np.float64)
    before, after = firsts.copy(), lasts + 1
    before[0] = _begin(score)
    with np.errstate(invalid="ignore"):  # -inf less -inf, where the surprise is infinite
        return known[before] - known[after]


def _begin(score: StoryScore) -> int:
    """The token before which the text begins: behind a BOS that is shown."""
    shown = (score.ranks == 0) & (score.ends == score.starts)
    return int(np.argmin(shown)) if not shown.all() else 0
