"""Curves with markers, intervals, bands and reference lines, on logarithmic or linear axes.

The text is plain but for SGR codes (none in mono) and has exactly as many lines as asked for, none
wider than asked for. The caller reads it with `rich.text.Text.from_ansi`.

plotext draws the plot; the line above it (title of the y axis, legend) and the one below it (title
of the x axis) are written here, because plotext puts its legend over the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...core.wording import figures, visible
from ..terminal.colours import ColourDepth
from ..text.plain import cell_width, shorten
from . import ink
from .axis import Axis
from .band import Band, band_ink, coloured
from .plot import Ink, Window, plot
from .ticks import even_ticks, nice_ticks, widened

MIN_WIDTH = 20
MIN_HEIGHT = 5
"""Below these there is no room for a picture, and a line of text says what can be said."""

REACH = 1.5
"""A reference line is drawn where the axis need not become longer than this to show it."""


@dataclass(frozen=True)
class Point:
    """One model: its size (or another x), a value, perhaps an interval around it, perhaps a name
    for the axis.

    is_joined: whether the line goes through it, as through no counted model.
    """

    parameters: float
    value: float
    low: float | None = None
    high: float | None = None
    label: str = ""
    is_joined: bool = True


@dataclass(frozen=True)
class Series:
    """One story or one set under several models.

    `colour` is an entry of the 256-colour palette (below 16 on terminals of 16 colours). Colour and
    marker are chosen by the place in the list where they are None. `marker=""` draws the line
    alone, as for a fitted curve; such points have no ticks. An empty label stays out of the legend.
    """

    label: str
    points: tuple[Point, ...]
    colour: int | None = None
    marker: str | None = None
    line: bool = True


@dataclass(frozen=True, slots=True)
class Level:
    """A reference line across the picture, with its name at the right, or at the left."""

    value: float
    label: str
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A series with its look settled, its points drawable and in order."""

    label: str
    points: tuple[Point, ...]
    colour: int
    marker: str
    line: bool


def curves(
    series: Sequence[Series],
    *,
    width: int,
    height: int,
    dark: bool,
    depth: ColourDepth,
    x: Axis,
    y: Axis,
    current: float | None = None,
    bands: Sequence[Band] = (),
    levels: Sequence[Level] = (),
) -> str:
    """One line per series, the first on top; bands lie below all, reference lines above them.

    `current` is the x of the model in use: a dotted line and a fuller marker. Intervals are drawn
    as bars. Points that cannot be drawn are left out; without any that can, or without any room
    at all, the result is "". A small room gets one line of text instead of a picture. Reference
    lines far from the data are left out too.
    """
    drawn = _drawable(series, dark, depth, x, y)
    if not drawn or width <= 0 or height <= 0:
        return ""
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return shorten(_in_words(drawn, current, y.title, x.text), width)
    below = 1 if x.title and height >= 10 else 0
    rows = height - 1 - below
    quiet = ink.quiet_colour(dark, depth)
    bands = coloured(bands, dark, depth)
    window, levels = _window(drawn, bands, levels, current, width, rows, x, y)
    inks = [
        *band_ink(bands, window, width, rows, x, y),
        *_levels(levels, window, width, y, quiet),
        *_current(drawn, current, window, rows, x, quiet),
        *_lines(drawn, x, y),
        *_bars(drawn, window, rows, x, y),
        *_markers(drawn, current, x, y),
    ]
    entries: list[ink.Entry] = [
        (one.marker or ink.LINE, one.colour, one.label) for one in drawn if one.label
    ]
    entries += [(ink.BAND, band.colour, band.label) for band in bands if band.label]
    lines = [ink.heading(entries, width, y.title, quiet), *plot(window, inks, width, rows, quiet)]
    if below:
        lines.append(ink.footing(x.title, width, quiet))
    return "\n".join(ink.in_depth(line, depth) for line in lines)


def _drawable(
    series: Iterable[Series], dark: bool, depth: ColourDepth, x: Axis, y: Axis
) -> tuple[_Drawn, ...]:
    colours = ink.palette(dark, depth)
    drawn = []
    for place, one in enumerate(series):
        points = sorted(
            (p for p in one.points if x.can_show(p.parameters) and y.can_show(p.value)),
            key=lambda point: point.parameters,
        )
        if points:
            marker = ink.MARKERS[place % len(ink.MARKERS)] if one.marker is None else one.marker
            if cell_width(marker) > 1:
                marker = ink.MARKERS[0]
            colour = colours[place % len(colours)] if one.colour is None else one.colour
            label = visible(one.label)
            drawn.append(_Drawn(label, tuple(points), colour, marker, one.line))
    return tuple(drawn)


def _interval(point: Point, y: Axis) -> tuple[float, float] | None:
    """The ends of the bar, if there is one to draw."""
    low = point.value if point.low is None else point.low
    high = point.value if point.high is None else point.high
    return (low, high) if y.can_show(low) and y.can_show(high) and low < high else None


def _in_words(
    drawn: Sequence[_Drawn], current: float | None, y_title: str, x_text: Callable[[float], str]
) -> str:
    points = drawn[0].points
    chosen = next((point for point in points if point.parameters == current), points[-1])
    size = x_text(chosen.parameters)
    return visible(f"{y_title} {figures(chosen.value)} at {size}")


# --- the window ----------------------------------------------------------------------------


def _window(
    drawn: Sequence[_Drawn],
    bands: Sequence[Band],
    levels: Sequence[Level],
    current: float | None,
    width: int,
    height: int,
    x: Axis,
    y: Axis,
) -> tuple[Window, tuple[Level, ...]]:
    """The window, and the reference lines that lie in it."""
    rows = max(1, height - 2)
    ends = [
        end
        for one in drawn
        for point in one.points
        for end in (point.value, *(_interval(point, y) or ()))
    ]
    ends += y.ends
    low, high = y.place(min(ends)), y.place(max(ends))
    # A band may be as wide as it likes; the picture belongs to the data.
    reach = REACH * max(high - low, 0.1 if y.log else abs(high) / 10)
    edges = [edge for band in bands for side in (band.low, band.high) for edge in side]
    for value in filter(y.can_show, edges):
        low = max(min(low, y.place(value)), high - reach)
        high = min(max(high, y.place(value)), low + reach)
    shown = []
    for level in levels:
        at = y.place(level.value) if y.can_show(level.value) else math.inf
        if max(high, at) - min(low, at) <= reach:
            low, high = min(low, at), max(high, at)
            shown.append(level)
    least = 0.06 if y.log else abs(high) / 20 or 0.5
    y_range = widened(low, high, least, 0.5 / rows)
    most = max(2, min(8, rows // 2))
    values = y.ticks or (
        nice_ticks(10 ** y_range[0], 10 ** y_range[1], most)
        if y.log
        else even_ticks(*y_range, most)
    )
    y_ticks = tuple((y.place(value), y.text(value)) for value in values)
    columns = max(1, width - 1 - max((len(text) for _, text in y_ticks), default=0))
    xs = [x.place(point.parameters) for one in drawn for point in one.points]
    xs += [x.place(value) for value in x.ends]
    least = 0.3 if x.log else abs(xs[0]) / 10 + 0.1 if min(xs) == max(xs) else 0.0
    x_range = widened(min(xs), max(xs), least, 3 / columns)
    return Window(x_range, y_range, _x_ticks(drawn, current, x), y_ticks), tuple(shown)


def _x_ticks(
    drawn: Sequence[_Drawn], current: float | None, x: Axis
) -> tuple[tuple[float, str], ...]:
    """A tick for every size that has a marker, the most wanted first."""
    if x.ticks:
        return tuple((x.place(value), x.text(value)) for value in x.ticks)
    names: dict[float, str] = {}
    for one in drawn:
        for point in one.points if one.marker else ():
            name = visible(point.label)
            if not name or len(name) != cell_width(name):
                name = x.text(point.parameters)
            names.setdefault(point.parameters, name)
    if not names:
        every = [point.parameters for one in drawn for point in one.points]
        names = {size: x.text(size) for size in (min(every), max(every))}
    sizes = sorted(names)
    wanted = sorted(sizes, key=lambda size: (size != current, size not in (sizes[0], sizes[-1])))
    return tuple((x.place(size), names[size]) for size in wanted)


# --- what is drawn -------------------------------------------------------------------------


def _levels(
    levels: Sequence[Level], window: Window, width: int, y: Axis, quiet: int | None
) -> Iterator[Ink]:
    columns = window.columns(width)
    span = window.x[1] - window.x[0]
    xs = tuple(window.x[0] + span * n / (2 * columns) for n in range(2 * columns + 1))
    for level in levels:
        at = y.place(level.value)
        yield Ink(xs, (at,) * len(xs), "╌", quiet)
        text = shorten(f" {level.label} ", columns)
        end = window.x[1]
        if level.is_left:
            end = window.x[0] + span * cell_width(text) / columns
        yield Ink((end,), (at,), text, quiet, text=True)


def _current(
    drawn: Sequence[_Drawn],
    current: float | None,
    window: Window,
    rows: int,
    x: Axis,
    quiet: int | None,
) -> Iterator[Ink]:
    """A dotted line through the size in use."""
    if current is None or not any(p.parameters == current for one in drawn for p in one.points):
        return
    low, high = window.y
    # More dots than rows, or rounding would leave holes.
    dots = tuple(low + (high - low) * n / (4 * rows) for n in range(4 * rows + 1))
    yield Ink((x.place(current),) * len(dots), dots, "┊", quiet)


def _lines(drawn: Sequence[_Drawn], x: Axis, y: Axis) -> Iterator[Ink]:
    for one in reversed(drawn):
        points = [point for point in one.points if point.is_joined]
        if one.line and len(points) > 1:
            xs = tuple(x.place(point.parameters) for point in points)
            ys = tuple(y.place(point.value) for point in points)
            yield Ink(xs, ys, "", one.colour, line=True)


def _bars(drawn: Sequence[_Drawn], window: Window, rows: int, x: Axis, y: Axis) -> Iterator[Ink]:
    for one in reversed(drawn):
        for point in one.points:
            for at, sign in _bar(point, window.y, rows - 2, y):
                yield Ink((x.place(point.parameters),), (at,), sign, one.colour)


def _bar(point: Point, window: tuple[float, float], rows: int, y: Axis) -> list[tuple[float, str]]:
    """The bar of a point, row by row, but for the row of the point itself: where and which sign.

    It ends on half a row.
    """
    ends = _interval(point, y)
    if ends is None or rows < 2:
        return []
    row_height = (window[1] - window[0]) / (rows - 1)

    def row(value: float) -> float:
        return (y.place(value) - window[0]) / row_height

    middle, bottom, top = (math.floor(row(v) + 0.5) for v in (point.value, *ends))
    bar = []
    for n in range(bottom, top + 1):
        if n > middle:
            reached = row(ends[1]) - (n - 0.5)
            sign = "│" if reached >= 0.75 else "╷"
        else:
            reached = n + 0.5 - row(ends[0])
            sign = "│" if reached >= 0.75 else "╵"
        if n != middle and reached >= 0.25:
            bar.append((window[0] + n * row_height, sign))
    return bar


def _markers(drawn: Sequence[_Drawn], current: float | None, x: Axis, y: Axis) -> Iterator[Ink]:
    for one in reversed(drawn):
        for point in one.points if one.marker else ():
            here = point.parameters == current
            sign = ink.EMPHASISED.get(one.marker, one.marker) if here else one.marker
            place = (x.place(point.parameters),), (y.place(point.value),)
            yield Ink(*place, sign, one.colour, bold=here)
