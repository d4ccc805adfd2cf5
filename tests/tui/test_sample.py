"""Sample: bars of the next token, dials, draws, continuations as a tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.next_bars import NextBar, NextBars, drawn_bar
from eyebrow.tui.panes.story_text import StoryText
from eyebrow.tui.session.branches import Branch, in_tree
from eyebrow.tui.session.sampling import Sampling
from eyebrow.tui.views.sample import showing
from textual.widgets import Input, OptionList

from .stage import PATIENCE, SPECS, made_app, settled


async def until(pilot: Any, holds: Callable[[], bool]) -> None:
    for _ in range(PATIENCE):
        await pilot.pause(0.02)
        if holds():
            await pilot.pause(0.1)
            return
    raise AssertionError("never came")


async def begin(app: EyebrowApp, pilot: Any) -> Sampling:
    """In Sample, at the third token of the first story."""
    await settled(app, pilot)
    await pilot.press("enter", "l", "l", *["greater_than_sign"] * 3)
    sampling = app.session.sampling
    await until(pilot, lambda: app.current_mode == "sample" and bool(shown(app)))
    return sampling


def shown(app: EyebrowApp) -> tuple[NextBar, ...]:
    return app.screen.query_one(NextBars).bars


async def test_bars_are_of_the_context_under_the_cursor() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        assert sampling.context is not None
        assert sampling.context.text[: sampling.context.at] == "The cat"
        bars = shown(app)
        ranks = [bar.rank for bar in bars if not bar.is_true]
        assert ranks == sorted(ranks)
        assert [bar.is_true for bar in bars].count(True) == 1
        await pilot.press("l")
        await until(pilot, lambda: sampling.context is not None and sampling.context.at == 11)
        await pilot.press("a")
        await until(pilot, lambda: sampling.table is not None and len(sampling.added) == 1)
        await pilot.press("escape")
        assert sampling.added == ()


async def test_dials_turn_and_take_values() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        order = [bar.token for bar in shown(app)]
        await pilot.press("full_stop", "full_stop", "comma")
        assert sampling.dials.temperature == pytest.approx(1.1)
        await pilot.press("equals_sign", *"2.5", "enter")
        assert sampling.dials.temperature == 2.5
        likeliest = shown(app)[0].base
        await until(pilot, lambda: shown(app)[0].reshaped < likeliest)
        assert [bar.token for bar in shown(app)] == order
        await pilot.press("equals_sign", *"-1", "enter")
        assert isinstance(app.screen.query_one(Input), Input), "what is wrong can be mended"
        await pilot.press("escape", "semicolon", "full_stop")
        assert sampling.dials.top_k == 1
        sampling.turned = "bar"
        await pilot.press("equals_sign", *"0.5", "enter")
        await until(pilot, lambda: abs(shown(app)[0].reshaped - 0.5) < 1e-6)
        assert shown(app)[0].is_set


async def test_draws_add_up_and_their_distance_is_told() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        await pilot.press("r", "R")
        await until(pilot, lambda: "101 drawn" in showing.drawn(app.session))
        assert "total variation" in showing.drawn(app.session)
        table = sampling.table
        assert table is not None
        draws = table.table.draws
        assert draws is not None
        before = draws.last
        sampling.draw(0)
        assert sampling.draws == 101
        sampling.draws = 101
        sampling.want()
        await pilot.pause(0.2)
        again = sampling.table
        assert again is not None
        assert again.table.draws is not None
        assert again.table.draws.last == before


async def test_a_token_is_looked_up_and_a_prompt_typed() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        await pilot.press("slash", *"w150", "enter")
        await until(pilot, lambda: bool(shown(app)) and shown(app)[0].is_found)
        assert "w150" in shown(app)[0].token
        await pilot.press("e", *"Once", "enter")
        await until(pilot, lambda: sampling.context is not None and sampling.context.text == "Once")
        await pilot.press("l")
        assert sampling.prompt is not None, "a prompt is no story to go through"
        await pilot.press("e", "backspace", "enter")
        await until(pilot, lambda: sampling.prompt is None)


async def test_continuations_make_a_tree() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        await pilot.press("space")
        await until(pilot, lambda: [one.is_running for one in sampling.branches] == [False] * 2)
        assert [one.label for one in sampling.branches] == ["greedy", "T 1, seed 0"]
        text = app.screen.query_one("#branch", StoryText)
        assert text.paint.text == " w0 w1 w2 w3"
        await pilot.press("tab", "l", "l", "a")
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        await pilot.press("enter")
        await until(pilot, lambda: len(sampling.branches) == 3)
        fork = sampling.branches[2]
        assert fork.parent is sampling.branches[0]
        assert fork.context.added == (0, 1, 9)
        await until(pilot, lambda: not fork.is_running)
        assert [line.depth for line in showing.lines(app.session)] == [0, 1, 0]
        assert fork.whole().startswith(" w0 w1 w3")
        await pilot.press("tab", "G")
        assert sampling.branch is sampling.branches[1]


async def test_all_sizes_stand_side_by_side() -> None:
    app = made_app(specs=SPECS)
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        await pilot.press("c")
        await until(pilot, lambda: len(sampling.across) == len(SPECS))
        assert [one.name for one in showing.across(app.session, 5)] == [s.name for s in SPECS]


def test_a_bar_shows_the_model_and_the_draws() -> None:
    bar = NextBar(1, "a", 0.0, 0.25, 0.5, 0.5, 1.0)
    assert drawn_bar(bar, 8, 1.0) == "▇▇│▇   ┊"
    assert drawn_bar(NextBar(2, "b", 0.0, 0.5, 0.0, None, 0.0), 8, 1.0) == "░░░░    "


def test_branches_stand_below_those_they_leave() -> None:
    from eyebrow.core.scoring.dials import NEUTRAL
    from eyebrow.core.scoring.exploring import Context

    first = Branch("m", Context("a"), None, 0, NEUTRAL, 0)
    second = Branch("m", Context("b"), None, 0, NEUTRAL, 0)
    below = Branch("m", Context("c"), first, 0, NEUTRAL, 0)
    assert in_tree([first, second, below]) == [first, below, second]
