"""Where a story may be cut so that what is behind the cut compares between tokenizers.

Each model scores a text but for its first tokens: one that reads BOS scores the first word, one
that reads none does not. What all of them scored begins at the first character at which a token
of each begins, and reaches to the end of the text. Such a place is nearly always within the
first words, so a story's first cuts are enough to find it and the sums behind it, without its
whole scores.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...scoring.scores import Floats, Ints, StoryScore, Summary

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Cuts = npt.NDArray[np.void]
else:  # only ever annotations; numpy is not worth waiting for before the first picture
    Cuts = Any

REACH = 64  # characters behind the start of the first scored token in which cuts are looked for

_FIELDS = [("at", "i4"), ("bytes", "i4"), ("nll", "f8")]


def cuts_of(text: str, score: StoryScore) -> Cuts:
    """See `find_cuts`."""
    return find_cuts(text, score.starts, score.ends, score.logprobs, score.summary)


def find_cuts(text: str, starts: Ints, ends: Ints, logprobs: Floats, summary: Summary) -> Cuts:
    """The first cuts of a story under one model: a structured array (K,), in order.

    at: the character at which a scored token begins. bytes: UTF-8 bytes from there to the end of
    the text. nll: nats of that token and all behind it. The arguments are those of `StoryScore`.

    """
    import numpy as np

    scored = ~np.isnan(logprobs)
    if not summary.tokens or not scored.any():
        return np.empty(0, dtype=_FIELDS)
    first = int(scored.argmax())
    begin = int(starts[first])
    rows = cut_tokens(starts, ends, first)
    rows = rows[starts[rows] < begin + REACH]
    found = np.empty(len(rows), dtype=_FIELDS)
    found["at"] = starts[rows]
    # The store writes `?` for halves of surrogate pairs; counted so here too, both agree.
    head = text[begin : begin + REACH]
    widths = [0, *(len(ch.encode("utf-8", "replace")) for ch in head)]
    found["bytes"] = summary.bytes - np.cumsum(widths)[found["at"] - begin]
    nats = np.where(scored, -logprobs.astype(np.float64), 0.0)
    found["nll"] = nats[::-1].cumsum()[::-1][rows]
    if len(rows) and rows[0] == first:
        found["nll"][0] = summary.nll  # to the last bit
    return found


def cut_tokens(starts: Ints, ends: Ints, first: int) -> npt.NDArray[np.int64]:
    """The tokens in front of which a text may be cut, in order; first: the first scored one.

    A token that holds only a later part of a character, as an EOS behind the text, has no
    characters of its own: nothing is cut in front of it, and it goes with what is before it.
    Where nothing is before it, at the beginning of a text, it goes with the first character.
    """
    is_cut = starts < ends
    is_cut[:first] = False
    if starts[first] == 0 and ends[-1] > 0:
        is_cut &= starts > 0
        is_cut[first] = True
    found: npt.NDArray[np.int64] = is_cut.nonzero()[0]
    return found


def shared_cut(several: Iterable[Cuts]) -> int | None:
    """The first character at which a token of each begins; None where there is none in reach."""
    places = [set(cuts["at"].tolist()) for cuts in several]
    return min(set.intersection(*places), default=None) if places else None


def behind(cuts: Cuts, at: int) -> tuple[int, float]:
    """(UTF-8 bytes, nats) behind the cut at this character."""
    _, size, nll = cuts[cuts["at"].searchsorted(at)].item()
    return size, nll
