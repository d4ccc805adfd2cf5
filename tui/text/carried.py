"""Where the tokens of a text stand in what it has become, until that is scored."""

from __future__ import annotations

Stretch = tuple[int, int, int]  # characters from, to; which token


def carried(before: str, now: str, ends: tuple[int, ...]) -> list[Stretch]:
    """The tokens of `before`, which end at `ends`, that are untouched in `now`: those in front of
    the first change, and those behind the last one, at their new places."""
    front = _alike(before, now)
    most = min(len(before), len(now)) - front
    back = _alike(before[::-1][:most], now[::-1][:most])
    shift, found, start = len(now) - len(before), [], 0
    for token, end in enumerate(ends):
        if end <= front:
            found.append((start, end, token))
        elif start >= len(before) - back:
            found.append((start + shift, end + shift, token))
        start = end
    return found


def _alike(some: str, others: str) -> int:
    """How many characters both begin with."""
    most = min(len(some), len(others))
    return next((at for at in range(most) if some[at] != others[at]), most)
