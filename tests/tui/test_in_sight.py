"""What matters is in sight and can be told from its neighbours; what is not is said."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.scores import TOP, StoryScore, Summary
from eyebrow.core.stories import Story, text_digest
from eyebrow.tui import charts
from eyebrow.tui.views.status import of_listed

from .stage import OTHER, SPECS, STORIES, made_app, made_score, settled
from .test_explore import text_of


async def test_the_selected_size_is_in_sight_from_the_start() -> None:
    specs = [
        ModelSpec(f"run20/checkpoint-{n}", "folder", f"/nowhere/{n}", "run20", parameters=1000 + n)
        for n in range(20)
    ]
    app = made_app(specs=specs, silent=True)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause(0.1)
        assert app.session.models.current == 19
        assert "▸  …19" in text_of(app)


async def test_titles_that_begin_alike_can_be_told_apart() -> None:
    begun = "Once upon a time there was a little girl who"
    tales = [
        Story(f"s{n}", f"{begun} {what}", f"Tale {n}.") for n, what in enumerate(["ran", "sang"])
    ]
    app = made_app(tales)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        listed = text_of(app).splitlines()[2:4]
        assert "who ran" in listed[0][:42]
        assert "who sang" in listed[1][:42]


async def test_a_size_that_was_stopped_is_not_waited_for() -> None:
    app = made_app(silent=True)
    async with app.run_test(size=(140, 40)):
        size = app.session.models.size
        size.put("d", made_score(STORIES[0].text, 1).summary, [0], 5)
        assert of_listed(app.session) == ("set", "…")
        size.state = "stopped"
        assert of_listed(app.session)[0] == "1 of the set"
        assert of_listed(app.session)[1] != "…"


def test_a_chart_says_how_many_rows_it_leaves_out() -> None:
    rows = 20
    look = {"width": 76, "height": 14, "dark": True, "depth": "mono"}
    change = [charts.Difference(f"{n} → {n + 1}", -2.0, -3.0, -1.0) for n in range(rows)]
    share = [charts.Share(f"m{n}", (0.1, 0.9)) for n in range(rows)]
    bell = (0.1, 0.5, 0.1)
    ridge = [charts.Ridge(f"m{n}", bell, (10, 15, 20, 25, 40)) for n in range(rows)]
    axis = charts.Axis("change", log=False)
    for drawn in (
        charts.differences(change, axis=axis, **look),  # type: ignore[arg-type]
        charts.ridges(ridge, (8.0, 90.0), axis=charts.Axis("perplexity"), **look),  # type: ignore[arg-type]
        charts.shares(share, ["1", "10"], title="first", **look),  # type: ignore[arg-type]
    ):
        lines = drawn.split("\n")
        assert len(lines) == 14
        (said,) = (line for line in lines if "more" in line)
        shown = sum("→" in line or " m" in line[:4] for line in lines)
        assert f"… and {rows - shown} more" in said


def by_character(text: str) -> StoryScore:
    size = len(text)
    at, top = np.arange(size, dtype=np.int32), np.zeros((size, TOP), dtype=np.int32)
    bits = np.full(size, -1.0, dtype=np.float32)
    sums = Summary(size, size, float(size))
    return StoryScore(at, at, at + 1, bits, -bits, at + 1, top, top.astype(np.float32) - 1, sums)


async def test_what_a_hunt_has_found_is_the_same_characters_under_another_size() -> None:
    app = made_app(STORIES, (SPECS[0], OTHER))
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        session = app.session
        session.select_size([size.name for size in session.models.sizes].index(SPECS[0].name))
        other = session.models.named(OTHER.name)
        assert other is not None
        for story in STORIES:
            key = (other.digest or other.name, text_digest(story.text))
            session.scores._kept[key] = by_character(story.text)
        while (score := session.score(session.models.size)) is None:
            await pilot.pause(0.01)
        session.hunts.begin(1)
        assert session.place.hunt is None
        start = int(score.starts[session.place.token])
        assert start
        session.select_size(session.models.sizes.index(other))
        assert session.place.token == start


def test_differences_that_are_infinite_or_no_numbers_are_drawn_as_far_as_they_can_be() -> None:
    rows = [
        charts.Difference("plain", 1.0, 0.5, 2.0),
        charts.Difference("edge", math.inf, 1.0, math.inf),
        charts.Difference("wide", 0.0, -math.inf, math.inf),
        charts.Difference("nobody knows", math.nan, math.nan, math.nan),
    ]
    room: Any = {"width": 60, "height": 16, "dark": True, "depth": "mono"}
    for some in (rows, rows[1:], rows[3:]):
        drawn = charts.differences(some, axis=charts.Axis("bits", log=False), **room)
        lines = {
            row.label: line for row in some for line in drawn.splitlines() if row.label in line
        }
        assert "─" not in lines["nobody knows"]
        if len(some) > 1:
            assert lines["edge"].rstrip().endswith("●")
            assert lines["wide"].count("─") > 20
