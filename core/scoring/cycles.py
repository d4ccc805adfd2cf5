"""The loops that greedy continuations fall into."""

from __future__ import annotations

from collections.abc import Sequence

from .exploring import Cycle

REPEATS = 3  # times that a cycle is gone through before it is called one
SHORTEST = 8  # tokens in all: "very, very, very" is none yet


def find_cycle(ids: Sequence[int]) -> Cycle | None:
    """The cycle in which `ids` end: the longest end that repeats itself, None where there is none.

    It has to be gone through `REPEATS` times, over `SHORTEST` tokens or more. Periods are those
    of the Knuth-Morris-Pratt failure function of the sequence read backwards.
    """
    backwards = list(ids)[::-1]
    border = [0] * len(backwards)
    found = None
    for end in range(1, len(backwards)):
        size = border[end - 1]
        while size and backwards[size] != backwards[end]:
            size = border[size - 1]
        border[end] = size + (backwards[size] == backwards[end])
        count, period = end + 1, end + 1 - border[end]
        if count >= max(REPEATS * period, SHORTEST):
            found = Cycle(len(backwards) - count, period)
    return found
