"""Round numbers for axes, and the room around the data."""

from __future__ import annotations

import math

from ...core.wording import amount

SMALLEST, LARGEST = 1e-300, 1e300
"""Nothing beyond is drawn: its neighbourhood would leave the range of floats."""


def nice_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """At most `most` round numbers from `low` to `high`, for a logarithmic axis.

    The finest of 1; 1-3; 1-2-5; 1-2-3-5-7 per decade that is not too many. Where that gives fewer
    than two, because the range is narrow, round steps of equal size.
    """
    if not SMALLEST <= low <= high <= LARGEST or most < 1:
        return ()
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    # Too many decades for one tick each: every second, every third, ...
    decades = decades[:: math.ceil(len(decades) / (most + 1))]
    best: tuple[float, ...] = ()
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7)):
        ticks = tuple(
            tick
            for decade in decades
            for digit in digits
            if low <= (tick := float(f"{digit}e{decade}")) <= high
        )
        if len(best) <= len(ticks) <= most:
            best = ticks
    if len(best) >= min(2, most):
        return best
    return max(best, even_ticks(low, high, most), key=len)


def even_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """At most `most` round numbers at equal distances, for a linear axis."""
    span = high - low
    if span <= 0:
        return (low,)
    for exponent in range(math.floor(math.log10(span)) - 2, math.floor(math.log10(span)) + 2):
        for digit in (1, 2, 5):
            step = float(f"{digit}e{exponent}")
            first, last = math.ceil(low / step), math.floor(high / step)
            if last - first + 1 <= most:
                places = max(0, -exponent)
                return tuple(round(n * step, places) for n in range(first, last + 1))
    return ()


def widened(low: float, high: float, least: float, margin: float) -> tuple[float, float]:
    """The range with a margin (a part of it) on both sides, and no narrower than twice `least`."""
    room = max((high - low) * margin / max(0.1, 1 - 2 * margin), least - (high - low) / 2)
    return low - room, high + room


def tick_text(value: float) -> str:
    """A round number as short as it goes."""
    return amount(value) if value >= 1000 else f"{value:g}"
