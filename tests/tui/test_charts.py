"""Charts of the Scale view: data in, text out."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from eyebrow.tui import charts
from eyebrow.tui.text.plain import cell_width

SIZES = (2e4, 5e4, 2e5, 8e5, 3e6)
SET = charts.Series(
    "the set",
    tuple(
        charts.Point(n, v, v * 0.9, v * 1.1)
        for n, v in zip(SIZES, (190, 150, 107, 86, 75), strict=True)
    ),
    marker="●",
    line=False,
)
BAND = charts.Band(
    "fit",
    SIZES,
    (190, 150, 107, 86, 75),
    (170, 135, 97, 77, 66),
    (210, 165, 118, 95, 84),
)


def bell(middle: float) -> tuple[float, ...]:
    """Over 64 steps from 8 to 90."""
    places = (math.log(8) + math.log(90 / 8) * n / 63 for n in range(64))
    return tuple(math.exp(-8 * (place - math.log(middle)) ** 2) for place in places)


RIDGES = [
    charts.Ridge("small", bell(31), (12, 25, 31, 40, 80), 50.0),
    charts.Ridge("large", bell(20), (10, 15, 20, 25, 40), 20.0),
]
STEPS = [
    charts.Difference("50k → 200k", -20.0, -25.0, -15.0, "better on 97 %"),
    charts.Difference("200k → 800k", -1.0, -3.0, 2.0, "better on 51 %"),
    charts.Difference("800k → 3m", 6.0, 4.0, 8.0, "better on 20 %"),
]
SHARES = [
    charts.Share("small", (0.1, 0.4, 0.7, 0.9)),
    charts.Share("large", (0.25, 0.5, 0.75, 1.0)),
]
LINEAR = charts.Axis("change", log=False)
MONO: dict[str, Any] = {"dark": True, "depth": "mono"}

curves = partial(charts.curves, (SET,), x=charts.SIZES, y=charts.Axis("perplexity"), bands=(BAND,))
ridges = partial(charts.ridges, RIDGES, (8.0, 90.0), axis=charts.Axis("perplexity"))
differences = partial(charts.differences, STEPS, axis=LINEAR)
shares = partial(charts.shares, SHARES, ["1", "10", "100", "1k"], title="among the first")


@pytest.mark.parametrize("picture", [curves, ridges, differences, shares])
@pytest.mark.parametrize("size", [(20, 5), (38, 9), (76, 19), (92, 22), (140, 30), (236, 60)])
@pytest.mark.parametrize("depth", ["mono", "16", "truecolor"])
def test_a_picture_has_the_size_asked_for(
    picture: Callable[..., str], size: tuple[int, int], depth: str
) -> None:
    from rich.text import Text

    width, height = size
    drawn = picture(width=width, height=height, dark=False, depth=depth)
    lines = Text.from_ansi(drawn).plain.split("\n")
    assert len(drawn.split("\n")) == height
    assert max(map(cell_width, lines)) <= width
    assert ("\x1b[" in drawn) == (depth != "mono")
    assert depth != "16" or "38;5" not in drawn


def plot(lines: list[str]) -> list[str]:
    """The rows between heading and axis, behind the axis."""
    bottom = next(n for n, line in enumerate(lines) if "└" in line)
    return [line.partition("│")[2] or line.partition("┤")[2] for line in lines[1:bottom]]


def test_a_band_holds_its_line_and_the_markers_stand_on_it() -> None:
    rows = plot(curves(width=100, height=30, **MONO).split("\n"))
    dots = [[0x2800 < ord(ch) < 0x2900 for ch in row.ljust(96)] for row in rows]
    markers = [(n, row.index("●")) for n, row in enumerate(rows) if "●" in row]
    assert len(markers) == 5
    for row, column in markers:
        assert any(
            dots[r][c]
            for r in (row - 1, row, row + 1)
            if 0 <= r < len(dots)
            for c in (column - 1, column + 1)
        )
    inside = range(markers[0][1], markers[-1][1])
    assert all(
        any(row[column] for row in dots)
        for column in inside
        if column not in {at for _, at in markers}
    )  # no hole from the first size to the last


def test_a_reference_line_is_drawn_where_it_leaves_room_for_the_data() -> None:
    draw = partial(curves, width=90, height=24, **MONO)
    near = draw(levels=(charts.Level(260.0, "uniform over 260"),))
    assert "uniform over 260" in near
    assert "╌╌╌╌" in near
    far = draw(levels=(charts.Level(50_000.0, "uniform over 50,000"),))
    assert far == draw()


def test_a_linear_axis_goes_to_the_ends_asked_for() -> None:
    share = charts.Axis("per cent", log=False, ticks=(0.0, 50.0, 100.0), ends=(0.0, 100.0))
    line = charts.Series("model", (charts.Point(1, 25.0), charts.Point(10, 50.0)))
    drawn = charts.curves((line,), width=60, height=16, x=charts.SIZES, y=share, **MONO)
    rows = drawn.split("\n")
    at = {
        tick: next(n for n, r in enumerate(rows) if r.startswith(f"{tick:>3}┤"))
        for tick in (0, 50, 100)
    }
    assert at[100] < at[50] < at[0]
    assert "◉" not in drawn
    assert "●" in rows[at[50]]


def test_ridges_stand_over_their_quantiles() -> None:
    lines = ridges(width=80, height=20, **MONO).split("\n")
    small, large = (
        next(line for line in lines if line[1:].startswith(n)) for n in ("small", "large")
    )
    ticks = next(line for line in lines if "┬" in line)
    assert small.index("─") < small.index("━") < small.index("●") < small.index("○")
    assert small.index("●") > large.index("◎")  # the story lies on the median of the other
    assert small.rstrip().endswith("31.0")
    above = lines[lines.index(small) - 1]
    full = [column for column, sign in enumerate(above) if sign == "█"]
    assert sum(full) / len(full) == pytest.approx(small.index("●"), abs=1.5)
    assert ticks.count("┬") >= 3


def test_differences_stand_around_zero_and_say_whether_they_are_sure() -> None:
    lines = differences(width=90, height=16, **MONO).split("\n")
    falls, level, rises = (next(x for x in lines if x.startswith(step.label)) for step in STEPS)
    zero = falls.index("┊")
    assert falls.index("├") < falls.index("●") < falls.index("┤") < zero
    assert "●" not in level
    assert level.index("├") < zero < level.index("┤")
    assert zero == rises.index("┊") < rises.index("├") < rises.index("●")
    assert "better on 97 %" in falls
    assert "better on" not in differences(width=40, height=16, **MONO)


def test_bars_are_as_long_as_their_shares() -> None:
    lines = shares(width=100, height=12, **MONO).split("\n")
    large = next(line for line in lines if line[1:].startswith("large"))
    lengths = [large.count(fill) for fill in "█▓▒░"]
    assert max(lengths) - min(lengths) <= 1
    small = next(line for line in lines if line[1:].startswith("small"))
    assert small.count("▓") == pytest.approx(3 * small.count("█"), abs=2)
    assert " 10 %  40 %  70 %  90 %" in small
    assert "%" not in shares(width=30, height=12, **MONO)
