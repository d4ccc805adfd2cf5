"""A fitted curve with the band around it, in dots of braille."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..terminal.colours import ColourDepth
from . import ink
from .axis import Axis
from .plot import Ink, Window


@dataclass(frozen=True, slots=True)
class Band:
    """A curve through `middle` at each of `xs`, which rise, and what lies from `low` to `high`.

    An empty label stays out of the legend; without a colour its place in the list gives one.
    """

    label: str
    xs: tuple[float, ...]
    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    colour: int | None = None


def coloured(bands: Sequence[Band], dark: bool, depth: ColourDepth) -> list[Band]:
    """Those without a colour have one."""
    colours = ink.palette(dark, depth)
    return [
        replace(band, colour=colours[n % len(colours)]) if band.colour is None else band
        for n, band in enumerate(bands)
    ]


def band_ink(
    bands: Sequence[Band], window: Window, width: int, rows: int, x: Axis, y: Axis
) -> Iterator[Ink]:
    """A full line with every second dot of the band around it; rows: of the whole plot.

    Line and band are one piece of ink, or one would push the other out of the cells they share.
    """
    columns, lines = 2 * window.columns(width), 4 * max(2, rows - 2)
    low, high = window.y

    def row(value: float) -> float:
        place = y.place(value) if y.can_show(value) else low
        return (lines - 1) * (min(max(place, low), high) - low) / (high - low)

    for band in bands:
        at = [x.place(value) for value in band.xs]
        sides = [[row(value) for value in side] for side in (band.low, band.high, band.middle)]
        xs, ys = [], []
        before = None
        for column in range(columns):
            place = window.x[0] + (window.x[1] - window.x[0]) * column / (columns - 1)
            if len(at) < 2 or not at[0] <= place <= at[-1]:
                continue
            bottom, top, middle = (round(_between(at, side, place)) for side in sides)
            first, last = sorted((middle, middle if before is None else before))
            before = middle
            dots = {n for n in range(bottom, top + 1) if (n + column) % 2} | {middle}
            for n in dots | set(range(first + 1, last)):
                xs.append(place)
                ys.append(low + (high - low) * n / (lines - 1))
        yield Ink(tuple(xs), tuple(ys), "braille", band.colour)


def _between(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Linear interpolation; x lies within `xs`."""
    n = min(max(1, bisect_left(xs, x)), len(xs) - 1)
    share = (x - xs[n - 1]) / (xs[n] - xs[n - 1])
    return ys[n - 1] + share * (ys[n] - ys[n - 1])
