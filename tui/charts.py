"""Pictures of perplexity against size: data, width, height and colours in, text out.

The text is plain but for SGR codes (none in mono) and has exactly as many lines as asked for, none
wider than asked for. The caller reads it with `rich.text.Text.from_ansi`.

plotext draws the plot; the line above it (title of the y axis, legend) and the one below it (title
of the x axis) are written here, because plotext puts its legend over the data. Its logarithmic axes
break on the second build, so it is given logarithms, and ticks by hand. It keeps its figure in a
global: that is cleared before and after each picture, under a lock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

from .plain import cell_width, compact_count, figures, shorten, visible
from .terminal import ColourDepth

MIN_WIDTH = 20
MIN_HEIGHT = 5
"""Below these there is no room for a picture, and a line of text says what can be said."""

_SMALLEST, _LARGEST = 1e-300, 1e300
"""Nothing beyond is drawn: its neighbourhood would leave the range of floats."""

_LOCK = Lock()
_SGR = re.compile("\x1b\\[[0-9;]*m")
_PALETTE_16 = re.compile("\x1b\\[38;5;([0-9]|1[0-5])m")
_RESET = "\x1b[0m"

# Entries of the 256-colour palette that keep 3:1 on the backgrounds of dark and of light themes,
# and entries of the 16 that most palettes keep readable on theirs.
_COLOURS: dict[tuple[bool, bool], tuple[int, ...]] = {
    (True, True): (208, 39, 150, 176, 250),
    (False, True): (130, 25, 28, 90, 240),
    (True, False): (11, 14, 10, 13, 7),
    (False, False): (1, 4, 2, 5, 0),
}
_QUIET = {True: 245, False: 240}
_MARKERS = "●○◆◇▲△"
_EMPHASISED = {"●": "◉", "○": "◎", "◆": "◈", "◇": "◈", "▲": "◭", "△": "◭"}


@dataclass(frozen=True)
class Point:
    """One model: its size, a value, perhaps an interval around it, perhaps a name for the axis."""

    parameters: float
    value: float
    low: float | None = None
    high: float | None = None
    label: str = ""


@dataclass(frozen=True)
class Series:
    """One story or one set under several models.

    `colour` is an entry of the 256-colour palette (below 16 on terminals of 16 colours). Colour and
    marker are chosen by the place in the list where they are None. `marker=""` draws the line
    alone, as for a fitted curve; such points have no ticks.
    """

    label: str
    points: tuple[Point, ...]
    colour: int | None = None
    marker: str | None = None
    line: bool = True


@dataclass(frozen=True)
class _Drawn:
    """A series with its look settled, its points drawable and in order."""

    label: str
    points: tuple[Point, ...]
    colour: int
    marker: str
    line: bool


@dataclass(frozen=True)
class _Axes:
    """The window, in the coordinates that plotext gets, and the ticks in it."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def perplexity_chart(
    series: Sequence[Series],
    *,
    width: int,
    height: int,
    dark: bool,
    depth: ColourDepth,
    current: float | None = None,
    x_title: str = "parameters",
    y_title: str = "perplexity",
    x_text: Callable[[float], str] = compact_count,
    log_x: bool = True,
) -> str:
    """Value against size, both logarithmic, one line per series.

    `current` is the size of the model in use: a dotted line and a fuller marker. Intervals are
    drawn as bars. The first series lies on top. Points that cannot be drawn (a value that is not
    finite or not above zero) are left out; without any that can, or without any room at all, the
    result is "". A small room gets one line of text instead of a picture. `log_x=False` and
    `x_text` serve other x axes, such as the part pruned.
    """
    drawn = _drawable(series, dark, depth, log_x)
    if not drawn or width <= 0 or height <= 0:
        return ""
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return shorten(_in_words(drawn, current, y_title, x_text), width)
    below = 1 if x_title and height >= 10 else 0
    plot_height = height - 1 - below
    axes = _axes(drawn, current, width, plot_height, x_text, log_x)
    quiet = _QUIET[dark] if depth in ("truecolor", "256") else None
    lines = [
        _heading(drawn, width, y_title, quiet),
        *_plot(drawn, axes, current, width, plot_height, quiet, log_x),
    ]
    if below:
        title = shorten(visible(x_title, newlines=True), width)
        lines.append(_paint(" " * (width - cell_width(title)) + title, quiet))
    return "\n".join(_in_depth(line, depth) for line in lines)


def nice_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """At most `most` round numbers from `low` to `high`, for a logarithmic axis.

    The finest of 1; 1-3; 1-2-5; 1-2-3-5-7 per decade that is not too many. Where that gives fewer
    than two, because the range is narrow, round steps of equal size.
    """
    if not _SMALLEST <= low <= high <= _LARGEST or most < 1:
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
    return max(best, _even_ticks(low, high, most), key=len)


def _even_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
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


def _drawable(
    series: Iterable[Series], dark: bool, depth: ColourDepth, log_x: bool
) -> tuple[_Drawn, ...]:
    colours = _COLOURS[dark, depth in ("truecolor", "256")]
    drawn = []
    for place, one in enumerate(series):
        points = sorted(
            (point for point in one.points if _can_be_drawn(point, log_x)),
            key=lambda point: point.parameters,
        )
        if points:
            marker = _MARKERS[place % len(_MARKERS)] if one.marker is None else one.marker
            if cell_width(marker) > 1:
                marker = _MARKERS[0]
            colour = colours[place % len(colours)] if one.colour is None else one.colour
            drawn.append(
                _Drawn(visible(one.label, newlines=True), tuple(points), colour, marker, one.line)
            )
    return tuple(drawn)


def _can_be_drawn(point: Point, log_x: bool) -> bool:
    x = point.parameters
    return (_drawable_log(x) if log_x else abs(x) < _LARGEST) and _drawable_log(point.value)


def _drawable_log(value: float) -> bool:
    return _SMALLEST < value < _LARGEST


def _interval(point: Point) -> tuple[float, float] | None:
    """The ends of the bar, if there is one to draw."""
    low = point.value if point.low is None else point.low
    high = point.value if point.high is None else point.high
    return (low, high) if _drawable_log(low) and low < high < _LARGEST else None


def _in_words(
    drawn: Sequence[_Drawn], current: float | None, y_title: str, x_text: Callable[[float], str]
) -> str:
    points = drawn[0].points
    chosen = next((point for point in points if point.parameters == current), points[-1])
    size = x_text(chosen.parameters)
    return visible(f"{y_title} {figures(chosen.value)} at {size}", newlines=True)


def _axes(
    drawn: Sequence[_Drawn],
    current: float | None,
    width: int,
    height: int,
    x_text: Callable[[float], str],
    log_x: bool,
) -> _Axes:
    xs = [_x(point.parameters, log_x) for one in drawn for point in one.points]
    ends = [
        end
        for one in drawn
        for point in one.points
        for end in (point.value, *(_interval(point) or ()))
    ]
    rows = max(1, height - 2)
    y = _widened(math.log10(min(ends)), math.log10(max(ends)), 0.06, 0.5 / rows)
    y_values = nice_ticks(10 ** y[0], 10 ** y[1], max(2, min(8, rows // 2)))
    y_ticks = tuple((math.log10(value), _y_text(value)) for value in y_values)
    columns = max(1, width - 1 - max((len(text) for _, text in y_ticks), default=0))
    least = 0.3 if log_x else abs(xs[0]) / 10 + 0.1 if min(xs) == max(xs) else 0.0
    x = _widened(min(xs), max(xs), least, 3 / columns)
    return _Axes(x, y, _x_ticks(drawn, current, x_text, log_x), y_ticks)


def _widened(low: float, high: float, least: float, margin: float) -> tuple[float, float]:
    """The range with a margin (a part of it) on both sides, and no narrower than twice `least`."""
    room = max((high - low) * margin / max(0.1, 1 - 2 * margin), least - (high - low) / 2)
    return low - room, high + room


def _x_ticks(
    drawn: Sequence[_Drawn], current: float | None, x_text: Callable[[float], str], log_x: bool
) -> tuple[tuple[float, str], ...]:
    """A tick for every size that has a marker, the most wanted first: plotext writes them in this
    order and drops those for which no room is left."""
    names: dict[float, str] = {}
    for one in drawn:
        for point in one.points if one.marker else ():
            name = visible(point.label, newlines=True)
            if not name or len(name) != cell_width(name):
                name = x_text(point.parameters)
            names.setdefault(point.parameters, name)
    if not names:
        every = [point.parameters for one in drawn for point in one.points]
        names = {size: x_text(size) for size in (min(every), max(every))}
    sizes = sorted(names)
    wanted = sorted(sizes, key=lambda size: (size != current, size not in (sizes[0], sizes[-1])))
    return tuple((_x(size, log_x), names[size]) for size in wanted)


def _x(size: float, log_x: bool) -> float:
    return math.log10(size) if log_x else size


def _y_text(value: float) -> str:
    return compact_count(value) if value >= 1000 else f"{value:g}"


def _plot(
    drawn: Sequence[_Drawn],
    axes: _Axes,
    current: float | None,
    width: int,
    height: int,
    quiet: int | None,
    log_x: bool,
) -> list[str]:
    """The lines of the plot itself: axes, ticks, data."""
    # Not at the top: Textual starts without it, and it takes its time.
    import plotext as plt

    with _LOCK:
        plt.clear_figure()
        try:
            plt.limitsize(False, False)
            plt.plotsize(width, height)
            plt.theme("clear")
            if quiet is not None:
                plt.ticks_color(quiet)
            plt.xaxes(True, False)
            plt.yaxes(True, False)
            plt.xlim(*axes.x)
            plt.ylim(*axes.y)
            plt.xticks([at for at, _ in axes.x_ticks], [text for _, text in axes.x_ticks])
            plt.yticks([at for at, _ in axes.y_ticks], [text for _, text in axes.y_ticks])
            if any(point.parameters == current for one in drawn for point in one.points):
                assert current is not None
                # More dots than rows, or rounding would leave holes.
                dots = [
                    axes.y[0] + (axes.y[1] - axes.y[0]) * n / (4 * height)
                    for n in range(4 * height + 1)
                ]
                colour = "default" if quiet is None else quiet
                plt.scatter([_x(current, log_x)] * len(dots), dots, marker="┊", color=colour)
            # What is drawn later lies above: lines, bars, markers.
            for one in reversed(drawn):
                if one.line and len(one.points) > 1:
                    plt.plot(
                        [_x(point.parameters, log_x) for point in one.points],
                        [math.log10(point.value) for point in one.points],
                        marker="braille",
                        color=one.colour,
                    )
            for one in reversed(drawn):
                for point in one.points:
                    for at, sign in _bar(point, axes.y, height - 2):
                        x = _x(point.parameters, log_x)
                        plt.scatter([x], [at], marker=sign, color=one.colour)
            for one in reversed(drawn):
                for point in one.points if one.marker else ():
                    here = point.parameters == current
                    plt.scatter(
                        [_x(point.parameters, log_x)],
                        [math.log10(point.value)],
                        marker=_EMPHASISED.get(one.marker, one.marker) if here else one.marker,
                        color=one.colour,
                        style="bold" if here else "default",
                    )
            text: str = plt.build()
        finally:
            plt.clear_figure()
    lines = text.split("\n")[:height]
    return lines + [""] * (height - len(lines))


def _bar(point: Point, y: tuple[float, float], rows: int) -> list[tuple[float, str]]:
    """The bar of a point, row by row, but for the row of the point itself: where and which sign.

    It ends on half a row.
    """
    ends = _interval(point)
    if ends is None or rows < 2:
        return []
    row_height = (y[1] - y[0]) / (rows - 1)

    def row(value: float) -> float:
        return (math.log10(value) - y[0]) / row_height

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
            bar.append((y[0] + n * row_height, sign))
    return bar


def _heading(drawn: Sequence[_Drawn], width: int, y_title: str, quiet: int | None) -> str:
    """The title of the y axis on the left, the legend on the right, cut where they do not fit."""
    title = shorten(visible(y_title, newlines=True), width)
    labels = [one.label for one in drawn]
    signs = [one.marker or "⠒" for one in drawn]

    def legend_width() -> int:
        return sum(2 + cell_width(label) for label in labels) + 3 * (len(labels) - 1)

    if cell_width(title) + 2 + legend_width() > width:
        title = ""
    if legend_width() > width:
        each = max(1, (width + 3) // len(labels) - 5)
        labels = [shorten(label, each) for label in labels]
    while legend_width() > width:
        labels.pop()
    gap = " " * (width - cell_width(title) - legend_width()) if labels else ""
    entries = [
        _paint(sign, one.colour) + " " + label
        for sign, label, one in zip(signs, labels, drawn, strict=False)
    ]
    return _paint(title, quiet) + gap + "   ".join(entries)


def _paint(text: str, colour: int | None) -> str:
    return text if colour is None or not text else f"\x1b[38;5;{colour}m{text}{_RESET}"


def _in_depth(line: str, depth: ColourDepth) -> str:
    """The line in the codes of the terminal: none in mono, the short ones for 16 colours."""
    if depth == "mono":
        return _SGR.sub("", line)
    if depth == "16":
        return _PALETTE_16.sub(_short_code, line)
    return line


def _short_code(match: re.Match[str]) -> str:
    number = int(match[1])
    return f"\x1b[{30 + number if number < 8 else 82 + number}m"
