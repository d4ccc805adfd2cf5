"""The report's charts, by matplotlib, as functions of numbers and inks; nothing here is global."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)
from matplotlib.transforms import Bbox

from ...wording import amount
from .palette import Inks

Numbers = npt.NDArray[np.float64]
WIDTH, HEIGHT = 5.6, 3.7  # inches at 72 to the inch: the text is read on a phone, too
MARKERS = "os^Dv*PXph<>"
DASHES = ("-", "--", "-.", ":")
_BESIDE = 0.07  # of the way to the next place that one model stands beside another
NAMED = 10  # models whose names fit into their charts

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same picture everywhere
    "font.size": 10.0,
    "axes.labelsize": 10.0,
    "axes.linewidth": 0.7,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.handlelength": 1.8,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name is a name
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True, slots=True)
class Points:
    """What is drawn against size: M models, small to large in their families.

    inks: which colour and mark of all models each has. values, ends: with 95 % intervals, (low,
    high). is_size: False for a counted model, whose mark is hollow and which no line goes through.
    """

    names: tuple[str, ...]
    inks: tuple[int, ...]
    parameters: tuple[int, ...]
    values: tuple[float, ...]
    ends: tuple[tuple[float, float], ...]
    is_size: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A fitted line with its band: parameters and values, (K,) each."""

    parameters: Numbers
    values: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True, slots=True)
class Line:
    """A family on the chart: its sizes among the points, and its curve where the data allow one."""

    points: tuple[int, ...]
    curve: Curve | None


def against_size(points: Points, lines: Sequence[Line], ylabel: str, inks: Inks) -> Figure:
    """Values against parameters, both logarithmic, with 95 % intervals; a line for each family."""
    with _sheet(inks) as (figure, axes):
        axes.set(xscale="log", yscale="log", xlabel="parameters", ylabel=ylabel)
        for line, dash in zip(lines, DASHES * len(lines), strict=False):
            _draw_line(axes, line, points, inks, dash)
        for i, name in enumerate(points.names):
            value, (low, high), colour = (
                points.values[i],
                points.ends[i],
                inks.series[points.inks[i]],
            )
            axes.errorbar(
                points.parameters[i],
                value,
                [[_length(value - low)], [_length(high - value)]],
                fmt=_marker(points.inks[i]),
                color=colour,
                mfc=colour if points.is_size[i] else "none",
                capsize=3,
                zorder=3,
                label=name,
            )
        axes.margins(x=0.15, y=0.14)
        _whole_numbers(axes)
        if len(points.names) > NAMED or not _name_points(figure, axes, points, inks):
            _legend(figure, axes)
        axes.grid(axis="y", color=inks.rule, linewidth=0.5)
    return figure


def distribution(
    names: Sequence[str], series: Sequence[int], stories: Sequence[Numbers], xlabel: str, inks: Inks
) -> Figure:
    """A row for each model: every story's value as a tick, quartiles as a box above.

    series: which colour and mark each model has; also below.
    """
    with _sheet(inks, height=1.0 + 0.5 * len(names)) as (figure, axes):
        axes.set(xscale="log", xlabel=xlabel)
        rows = range(len(names))
        for i, own, values in zip(rows, series, stories, strict=True):
            values = values[np.isfinite(values)]
            if not len(values):
                continue
            low, first, middle, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
            colour = inks.series[own]
            # A picture of a hundred thousand ticks tells no more than one of a few hundred.
            shown = np.quantile(values, np.linspace(0, 1, min(len(values), 400)))
            axes.plot(shown, np.full(len(shown), i + 0.27), "|", color=colour, ms=6, mew=0.6)
            axes.plot([low, high], [i, i], color=colour, linewidth=1.2)
            axes.barh(i, third - first, left=first, height=0.3, color=colour, alpha=0.35)
            axes.plot([middle], [i], _marker(own), color=colour, zorder=3)
        axes.set_yticks(list(rows), names)
        axes.set_ylim(len(names) - 0.4, -0.5)
        axes.tick_params(axis="y", length=0)
        _ticks(axes.xaxis, axes.get_xlim())
        axes.grid(axis="x", color=inks.rule, linewidth=0.5)
    return figure


def by_place(
    names: Sequence[str],
    series: Sequence[int],
    places: Sequence[float],
    bits: Sequence[Sequence[float]],
    inks: Inks,
    *,
    xlabel: str,
    labels: Sequence[str],
    ends: Sequence[Sequence[tuple[float, float]]] = (),
) -> Figure:
    """Mean surprise at places of a story, a line for each model.

    places: where on the axis; labels: what they are called there. ends: of each model's values
    the intervals (low, high); the models then stand side by side, so that each is seen whole.
    """
    with _sheet(inks) as (figure, axes):
        axes.set(xlabel=xlabel, ylabel="bits per token")
        for n, (i, name, values) in enumerate(zip(series, names, bits, strict=True)):
            drawn: dict[str, Any] = {"color": inks.series[i], "label": name}
            if not ends:
                axes.plot(places, values, f"{_marker(i)}-", **drawn)
                continue
            aside = _BESIDE * (n - (len(names) - 1) / 2)
            lengths = [
                (_length(value - low), _length(high - value))
                for value, (low, high) in zip(values, ends[n], strict=True)
            ]
            axes.errorbar(
                *([place + aside for place in places], values, np.array(lengths).T),
                **(drawn | {"fmt": f"{_marker(i)}-", "elinewidth": 0.8, "capsize": 2}),
            )
        axes.set_xticks(list(places), labels)
        axes.grid(axis="y", color=inks.rule, linewidth=0.5)
        _legend(figure, axes)
    return figure


def rank_shares(
    names: Sequence[str],
    series: Sequence[int],
    ranks: Sequence[int],
    shares: Sequence[Sequence[float]],
    inks: Inks,
) -> Figure:
    """The share of tokens among each model's first 1, 10, 100, ... guesses."""
    with _sheet(inks) as (figure, axes):
        axes.set(xscale="log", xlabel="first guesses", ylabel="share of tokens among them")
        for i, name, values in zip(series, names, shares, strict=True):
            axes.plot(ranks, values, f"{_marker(i)}-", color=inks.series[i], label=name)
        axes.xaxis.set_major_locator(FixedLocator(list(ranks)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
        axes.set_ylim(0, 1.02)
        axes.grid(axis="y", color=inks.rule, linewidth=0.5)
        _legend(figure, axes)
    return figure


@contextmanager
def _sheet(inks: Inks, height: float = HEIGHT) -> Iterator[tuple[Figure, Axes]]:
    """A figure of one chart in these inks; not of pyplot, so that nothing stays behind."""
    style: Any = _STYLE | {
        "text.color": inks.ink,
        "axes.labelcolor": inks.ink,
        "axes.edgecolor": inks.quiet,
        "xtick.color": inks.quiet,
        "ytick.color": inks.quiet,
        "xtick.labelcolor": inks.ink,
        "ytick.labelcolor": inks.ink,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(WIDTH, height))
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        yield figure, axes


def _draw_line(axes: Axes, line: Line, points: Points, inks: Inks, dash: str) -> None:
    if line.curve is None:
        sizes = [points.parameters[i] for i in line.points]
        values = [points.values[i] for i in line.points]
        axes.plot(sizes, values, dash, color=inks.quiet, linewidth=1.0)
        return
    curve = line.curve
    axes.plot(curve.parameters, curve.values, dash, color=inks.ink, linewidth=1.1)
    axes.fill_between(
        curve.parameters, curve.low, curve.high, color=inks.quiet, alpha=0.18, linewidth=0
    )


def _name_points(figure: Figure, axes: Axes, points: Points, inks: Inks) -> bool:
    """Names beside their points; False, and none at all, where they would cover one another."""
    FigureCanvasAgg(figure)  # names are as wide as it draws them
    figure.draw_without_rendering()
    bars: dict[int, Bbox] = {}
    for i, (x, value) in enumerate(zip(points.parameters, points.values, strict=True)):
        if np.isfinite(value):
            ends = [end for end in (value, *points.ends[i]) if np.isfinite(end)]
            corners = axes.transData.transform([(x, end) for end in ends])
            bars[i] = Bbox([corners.min(axis=0) - 5, corners.max(axis=0) + 5])
    strokes = [
        Bbox.from_bounds(x - 1, y - 1, 2, 2)
        for line in axes.lines
        if line.get_linestyle() != "None"
        for x, y in _along(axes.transData.transform(line.get_xydata()))
    ]
    taken, named = list(bars.values()), []
    for i, bar in bars.items():
        at = (points.parameters[i], points.values[i])
        text = axes.annotate(
            points.names[i], at, (0, 0), textcoords="offset points", fontsize=9.5, color=inks.ink
        )
        named.append(text)
        point = axes.transData.transform(at)
        middle_x, middle_y = (bar.x0 + bar.x1) / 2, (bar.y0 + bar.y1) / 2
        # Above and to the right first, where a falling line is not.
        places = (
            (bar.x1, middle_y + 2, "left", "bottom"),
            (middle_x, bar.y1, "center", "bottom"),
            (bar.x0, middle_y - 2, "right", "top"),
            (middle_x, bar.y0, "center", "top"),
            (bar.x1, middle_y - 2, "left", "top"),
            (bar.x0, middle_y + 2, "right", "bottom"),
        )
        for lines, (x, y, across, up) in product((strokes, []), places):
            text.set_position(((x, y) - point) * 72 / figure.dpi)
            text.set_horizontalalignment(across)
            text.set_verticalalignment(up)
            box = text.get_window_extent()
            inside = axes.bbox.x0 < box.x0 and box.x1 < figure.bbox.x1
            if inside and not box.count_overlaps([*taken, *lines]):
                taken.append(box)
                break
        else:
            for text in named:
                text.remove()
            return False
    return True


def _along(corners: Numbers) -> Numbers:
    """Points on a line through (K, 2) corners, close enough to hit any name it crosses."""
    steps = np.linspace(0, len(corners) - 1, 40 * len(corners))
    at = np.arange(len(corners))
    return np.stack([np.interp(steps, at, column) for column in corners.T], axis=1)


def _whole_numbers(axes: Axes) -> None:
    """Both axes in numbers as people write them, however short the range."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: amount(round(x))))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _ticks(axes.yaxis, axes.get_ylim())


def _ticks(axis: Axis, ends: tuple[float, float]) -> None:
    """Of a logarithmic axis of values; over a short range as on a linear one."""
    if ends[1] < 4 * ends[0]:
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    else:
        subs = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if ends[1] < 20 * ends[0] else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    longest = max(map(len, labels), default=1)
    columns = max(1, min(len(labels), 60 // (longest + 6)))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def _marker(i: int) -> str:
    return MARKERS[i % len(MARKERS)]


def _length(value: float) -> float:
    """Of half an error bar; none where there is no interval."""
    return value if np.isfinite(value) and value > 0 else 0.0
