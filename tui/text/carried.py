"""Where the tokens of a text stand in what it has become, until that is scored."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

Stretch = tuple[int, int, int]  # characters from, to; which token


class Carried:
    """The tokens of `before`, which end at `ends`, that are untouched in `now`: those in front of
    the first change, and those behind the last one, at their new places."""

    def __init__(self, before: str, now: str, ends: Sequence[int]) -> None:
        front = _alike(before, now)
        most = min(len(before), len(now)) - front
        back = len(before) - _alike(before[::-1][:most], now[::-1][:most])
        self._ends, self._shift = ends, len(now) - len(before)
        self._front = bisect_right(ends, front)  # the first token that is no longer in front
        behind = bisect_left(ends, back) + 1 if back else 0
        self._back = max(self._front, behind)  # and the first behind

    def within(self, begin: int, end: int) -> Iterator[Stretch]:
        """Those that have any of the characters of `now` from `begin` to `end`."""
        zones = ((0, self._front, 0), (self._back, len(self._ends), self._shift))
        for first, last, shift in zones:
            token = max(first, bisect_right(self._ends, begin - shift))
            while token < last and (start := self._start(token) + shift) < end:
                yield start, self._ends[token] + shift, token
                token += 1

    def _start(self, token: int) -> int:
        return self._ends[token - 1] if token else 0


def _alike(some: str, others: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(some), len(others))
    while low < high:
        middle = (low + high + 1) // 2
        if some[low:middle] == others[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
