"""The report's charts, by matplotlib, as functions of numbers and inks; nothing here is global."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from ...wording import amount
from .palette import Inks

Numbers = npt.NDArray[np.float64]
WIDTH, HEIGHT = 5.6, 3.7  # inches at 72 to the inch: the text is read on a phone, too
MARKERS = "os^Dv*PXph<>"
DASHES = ("-", "--", "-.", ":")
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
class Curve:
    """A fitted line with its band: parameters and perplexities, (K,) each; low, high may be
    empty."""

    parameters: Numbers
    perplexity: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True, slots=True)
class Line:
    """A family on the chart: rows of its models, and its curve where the data allow one."""

    family: str
    rows: tuple[int, ...]
    curve: Curve | None


def against_size(
    names: Sequence[str],
    parameters: Sequence[int],
    perplexity: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    lines: Sequence[Line],
    inks: Inks,
) -> Figure:
    """Perplexity against parameters, both logarithmic, with 95 % intervals."""
    with _sheet(inks) as (figure, axes):
        axes.set(xscale="log", yscale="log", xlabel="parameters", ylabel="perplexity (pooled)")
        for line, dash in zip(lines, DASHES * len(lines), strict=False):
            _draw_line(axes, line, parameters, perplexity, inks, dash)
        for i, name in enumerate(names):
            low, high = intervals[i]
            axes.errorbar(
                parameters[i],
                perplexity[i],
                [[_length(perplexity[i] - low)], [_length(high - perplexity[i])]],
                fmt=_marker(i),
                color=inks.series[i],
                capsize=3,
                zorder=3,
                label=name,
            )
        _whole_numbers(axes)
        axes.margins(x=0.12, y=0.14)
        if len(names) <= NAMED:
            _name_points(axes, names, parameters, perplexity, inks)
        else:
            _legend(figure, axes)
        axes.grid(axis="y", color=inks.rule, linewidth=0.5)
    return figure


def distribution(names: Sequence[str], perplexities: Sequence[Numbers], inks: Inks) -> Figure:
    """A row for each model: every story's perplexity as a tick, quartiles as a box above."""
    with _sheet(inks, height=1.0 + 0.5 * len(names)) as (figure, axes):
        axes.set(xscale="log", xlabel="perplexity of a story")
        rows = range(len(names))
        for i, values in zip(rows, perplexities, strict=True):
            values = values[np.isfinite(values)]
            if not len(values):
                continue
            low, first, middle, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
            colour = inks.series[i]
            # A picture of a hundred thousand ticks tells no more than one of a few hundred.
            shown = np.quantile(values, np.linspace(0, 1, min(len(values), 400)))
            axes.plot(shown, np.full(len(shown), i + 0.27), "|", color=colour, ms=6, mew=0.6)
            axes.plot([low, high], [i, i], color=colour, linewidth=1.2)
            axes.barh(i, third - first, left=first, height=0.3, color=colour, alpha=0.35)
            axes.plot([middle], [i], _marker(i), color=colour, zorder=3)
        axes.set_yticks(list(rows), names)
        axes.set_ylim(len(names) - 0.4, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(axis="x", color=inks.rule, linewidth=0.5)
    return figure


def by_place(
    names: Sequence[str],
    places: Sequence[float],
    bits: Sequence[Sequence[float]],
    inks: Inks,
    *,
    xlabel: str,
    labels: Sequence[str] = (),
) -> Figure:
    """Mean surprise at places of a story, a line for each model.

    places: where on the axis; labels: what they are called there, else the numbers.
    """
    with _sheet(inks) as (figure, axes):
        axes.set(xlabel=xlabel, ylabel="bits per token")
        for i, (name, values) in enumerate(zip(names, bits, strict=True)):
            axes.plot(places, values, f"{_marker(i)}-", color=inks.series[i], label=name)
        if labels:
            axes.set_xticks(list(places), labels)
        axes.grid(axis="y", color=inks.rule, linewidth=0.5)
        _legend(figure, axes)
    return figure


def rank_shares(
    names: Sequence[str], ranks: Sequence[int], shares: Sequence[Sequence[float]], inks: Inks
) -> Figure:
    """The share of tokens among each model's first 1, 10, 100, ... guesses."""
    with _sheet(inks) as (figure, axes):
        axes.set(xscale="log", xlabel="first guesses", ylabel="share of tokens among them")
        for i, (name, values) in enumerate(zip(names, shares, strict=True)):
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


def _draw_line(
    axes: Axes,
    line: Line,
    parameters: Sequence[int],
    perplexity: Sequence[float],
    inks: Inks,
    dash: str,
) -> None:
    if line.curve is None:
        rows = list(line.rows)
        sizes = [parameters[i] for i in rows]
        axes.plot(sizes, [perplexity[i] for i in rows], ":", color=inks.quiet, linewidth=0.9)
        return
    curve = line.curve
    axes.plot(curve.parameters, curve.perplexity, dash, color=inks.ink, linewidth=1.1)
    if len(curve.low):
        axes.fill_between(
            curve.parameters, curve.low, curve.high, color=inks.quiet, alpha=0.18, linewidth=0
        )


def _name_points(
    axes: Axes,
    names: Sequence[str],
    parameters: Sequence[int],
    perplexity: Sequence[float],
    inks: Inks,
) -> None:
    """Names beside their points: above and to the right, where a falling line is not."""
    for name, x, y in zip(names, parameters, perplexity, strict=True):
        axes.annotate(
            name, (x, y), (5, 6), textcoords="offset points", fontsize=9.5, color=inks.ink
        )


def _whole_numbers(axes: Axes) -> None:
    """Both axes in numbers as people write them, however short the range."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: amount(round(x))))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.4g}"))


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
