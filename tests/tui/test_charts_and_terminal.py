"""Pictures keep to their room; terminals are told apart by their environment."""

from __future__ import annotations

import math
from typing import Any

import pytest
from eyebrow.tui.charts import SIZES, Axis, Point, Series, curves
from eyebrow.tui.terminal.colours import colour_depth, prepare
from eyebrow.tui.text.plain import cell_width

AXES: Any = {"x": SIZES, "y": Axis("perplexity")}
SETS = Series("the set", (Point(5e4, 147, 140, 154), Point(2e5, 105), Point(3e6, 75, 70, 80)))
STORY = Series("this story", (Point(5e4, 114), Point(2e5, math.nan), Point(3e6, 60)))


@pytest.mark.parametrize("size", [(20, 5), (60, 12), (95, 14), (140, 20), (240, 40)])
def test_a_picture_has_the_size_asked_for(size: tuple[int, int]) -> None:
    width, height = size
    picture = curves(
        (SETS, STORY), width=width, height=height, dark=True, depth="mono", current=2e5, **AXES
    )
    lines = picture.split("\n")
    assert len(lines) == height
    assert max(map(cell_width, lines)) <= width
    assert "\x1b" not in picture
    if width >= 60:
        assert "perplexity" in lines[0]


def test_ticks_are_the_sizes_and_the_same_data_give_the_same_picture() -> None:
    pictures = {
        curves((SETS,), width=90, height=14, dark=True, depth="256", **AXES) for _ in range(3)
    }
    assert len(pictures) == 1
    (picture,) = pictures
    for tick in ("50k", "200k", "3M", "parameters"):
        assert tick in picture
    assert "\x1b[" in picture


def test_what_cannot_be_drawn_is_left_out() -> None:
    room = {"width": 60, "height": 12, "dark": False, "depth": "mono", **AXES}
    assert curves((), **room) == ""  # type: ignore[arg-type]
    nothing = Series("x", (Point(1e5, math.nan), Point(1e6, math.inf), Point(1e7, 0.0)))
    assert curves((nothing,), **room) == ""  # type: ignore[arg-type]
    single = curves((Series("one", (Point(1e5, 20.0),)),), **room)  # type: ignore[arg-type]
    assert "100k" in single


def test_no_line_goes_through_a_point_that_is_not_joined() -> None:
    room: Any = {"width": 60, "height": 12, "dark": False, "depth": "mono", **AXES}
    ends = (Point(5e4, 147), Point(3e6, 75))
    joined, alone = (
        curves((Series("", (*ends, Point(4e5, 20, is_joined=is_joined)), 1, "●"),), **room)
        for is_joined in (True, False)
    )
    assert joined.count("●") == alone.count("●") == 3
    low = [row for row in alone.splitlines() if "●" in row][-1]
    assert not [sign for sign in low if "\u2800" < sign <= "\u28ff"]  # what lines are drawn with
    low = [row for row in joined.splitlines() if "●" in row][-1]
    assert [sign for sign in low if "\u2800" < sign <= "\u28ff"]


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "tmux"}, "256"),
        ({"TERM": "screen"}, "256"),
        ({"TERM": "alacritty"}, "truecolor"),
        ({"TERM": "xterm-ghostty"}, "truecolor"),
        ({"TERM": "linux"}, "16"),
        ({"TERM": "dumb"}, "mono"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "mono"),
        ({"TERM": "dumb", "TEXTUAL_COLOR_SYSTEM": "256"}, "256"),
    ],
)
def test_how_many_colours_a_terminal_has(environ: dict[str, str], depth: str) -> None:
    assert colour_depth(environ) == depth


def test_over_ssh_there_are_no_animations_unless_asked_for() -> None:
    local = {"TERM": "xterm-256color"}
    prepare(local)
    assert "TEXTUAL_ANIMATIONS" not in local
    assert local["TEXTUAL_COLOR_SYSTEM"] == "256"
    far = {"TERM": "xterm-256color", "SSH_CONNECTION": "1 2 3 4"}
    prepare(far)
    assert far["TEXTUAL_ANIMATIONS"] == "none"
    own = {**far, "TEXTUAL_ANIMATIONS": "full"}
    prepare(own)
    assert own["TEXTUAL_ANIMATIONS"] == "full"
