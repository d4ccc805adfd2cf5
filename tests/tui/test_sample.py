"""Sample: bars of the next token, dials, draws, continuations as a tree."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eyebrow.core import EyebrowError
from eyebrow.core.engine.exploring_messages import Continue, Continued, ShowNext
from eyebrow.core.engine.messages import WorkerDied
from eyebrow.core.scoring.exploring import Context, Cycle
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.bars import Bar
from eyebrow.tui.panes.next_bars import NextBar, NextBars, drawn_bar
from eyebrow.tui.panes.story_text import StoryText
from eyebrow.tui.session.branches import Branch, in_tree
from eyebrow.tui.session.dials import stepped, whole
from eyebrow.tui.session.sampling import Sampling
from eyebrow.tui.views.sample import showing
from textual.widgets import Input, OptionList

from .stage import OTHER, PATIENCE, SPECS, STORIES, made_app, next_shown, settled


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


def made_engine(app: EyebrowApp) -> Any:
    return app.session.worker.engine


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
        await until(pilot, lambda: "101 drawn" in showing.drawn(app.session)[0])
        assert "total variation" in showing.drawn(app.session)[0]
        assert "the last: u " in showing.drawn(app.session)[1]
        assert sampling.table is not None
        draws = sampling.table.table.draws
        sampling.reset()
        await until(pilot, lambda: not showing.drawn(app.session)[1])
        sampling.draw(101)
        await until(pilot, lambda: bool(showing.drawn(app.session)[1]))
        assert sampling.table.table.draws == draws, "a seed repeats"


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
        made = sampling.continuations
        await until(pilot, lambda: [one.is_running for one in made.branches] == [False] * 2)
        assert [one.label for one in made.branches] == ["greedy", "T 1, seed 0"]
        text = app.screen.query_one("#branch", StoryText)
        assert text.paint.text == " w0 w1 w2 w3"
        await pilot.press("tab", "l", "l", "a")
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        await pilot.press("enter")
        await until(pilot, lambda: len(made.branches) == 3)
        fork = made.branches[2]
        assert (fork.parent, fork.behind) == (made.branches[0], 2)
        await until(pilot, lambda: not fork.is_running)
        assert [line.depth for line in showing.lines(app.session)] == [0, 1, 0]
        assert fork.text().startswith(" w0 w1 w9 w3"), "the token put there is read too"
        assert text.paint.text == fork.text()
        await pilot.press("tab", "G")
        assert made.branch is made.branches[1]


async def test_all_sizes_stand_side_by_side() -> None:
    app = made_app(specs=SPECS)
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        await pilot.press("c")
        await until(pilot, lambda: len(sampling.across) == len(SPECS))
        assert [one.name for one in showing.across(app.session, 5)] == [s.name for s in SPECS]


async def test_keys_faster_than_answers_do_what_they_do_one_by_one() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        engine = made_engine(app)
        engine.slow = (ShowNext,)
        asked = [ShowNext(0, SPECS[0], Recipe(), Context("", None, ids)) for ids in ((), (0,))]
        one_by_one = [next_shown(one).rows[1].token_id for one in asked]
        await pilot.press("j", "a", "j", "a")
        assert [one.token_id for one in sampling.added] == one_by_one[:1]
        assert not sampling.is_fresh, "the bars are still those of the place before"
        assert showing.sums(app.session)[0][0].startswith("asking")
        engine.slow = ()
        engine.answer(engine.sent[-1])
        await until(pilot, lambda: len(sampling.added) == 2 and sampling.is_fresh)
        assert [one.token_id for one in sampling.added] == one_by_one
        await pilot.press("a", "l")
        await until(pilot, lambda: sampling.added == () and sampling.is_fresh)


async def test_bars_of_a_place_before_are_not_taken_for_those_of_this_one() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        engine = made_engine(app)
        engine.slow = (ShowNext,)
        await pilot.press("l")
        await until(pilot, lambda: engine.sent[-1].context.at == 11)
        pane = app.screen.query_one(NextBars)
        assert not pane.is_fresh
        assert shown(app), "they stay, quietly, until others come"
        late = engine.sent[-1]
        await pilot.press("l")
        await until(pilot, lambda: getattr(engine.sent[-1], "context", None) not in (None, late))
        engine.answer(late)
        await pilot.pause(0.1)
        assert not pane.is_fresh, "what comes late is of no use"
        engine.answer([one for one in engine.sent if isinstance(one, ShowNext)][-1])
        await until(pilot, lambda: pane.is_fresh)


async def test_a_bar_is_raised_as_often_as_its_key_is_pressed() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        sampling.turned = "bar"
        share = shown(app)[0].reshaped
        made_engine(app).slow = (ShowNext,)
        sampling.turn(1)
        sampling.turn(1)
        assert sampling.bar is not None
        odds = share / (1 - share) * 1.5**2
        token = sampling.bar.token_id
        assert sampling.by_hand[token] == pytest.approx(odds / (1 + odds))


async def test_bars_set_by_hand_leave_room_for_each_other() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        sampling.turned = "bar"
        assert sampling.set_dial(0.7) == ""
        await until(pilot, lambda: abs(shown(app)[0].reshaped - 0.7) < 1e-6)
        sampling.move(1)
        assert "0.3, what the other bars" in sampling.set_dial(0.7)
        assert sampling.set_dial(0.2) == ""
        await until(pilot, lambda: abs(shown(app)[1].reshaped - 0.2) < 1e-6)
        for _ in range(20):
            assert sampling.turn(1) == ""
        assert sum(sampling.by_hand.values()) < 1


def test_a_dial_takes_what_it_can_take() -> None:
    assert stepped("bar", 0.0, 1) > 0, "what is cut can be raised"
    assert stepped("bar", 1.0, -1) < 0.9999, "and what is certain lowered"
    assert stepped("top_k", 3000, 1) == 3000
    assert stepped("temperature", 0.05, -1) == 0
    for wrong in (2.5, -1.0, math.inf, math.nan):
        with pytest.raises(EyebrowError, match="whole number"):
            whole("top_k", wrong)
    assert whole("seed", 7.0) == 7


async def test_ids_of_one_tokenizer_are_text_to_another() -> None:
    app = made_app(specs=(*SPECS[:1], OTHER))
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        app.session.select_size(0)
        await until(pilot, lambda: sampling.is_fresh)
        await pilot.press("a")
        await until(pilot, lambda: len(sampling.added) == 1 and sampling.is_fresh)
        (added,) = sampling.added
        sampling.by_hand = {3: 0.2}
        app.session.select_size(1)
        await until(pilot, lambda: sampling.is_fresh)
        assert sampling.context == Context("The cat" + added.text)
        assert sampling.by_hand == {}
        await pilot.press("a")
        await until(pilot, lambda: len(sampling.added) == 2 and sampling.is_fresh)
        assert sampling.context == replace(
            Context("The cat" + added.text), added=(sampling.added[1].token_id,)
        )
        sampling.shows_sizes = True
        sampling.want()
        await until(pilot, lambda: len(sampling.across) == 2)
        asked = {
            one.model.name: one.context.added
            for one in made_engine(app).sent
            if isinstance(one, ShowNext)
        }
        assert asked[SPECS[0].name] == ()
        sampling.type_prompt("Who?", chat=True)
        await until(pilot, lambda: sampling.is_fresh)
        await pilot.press("a")
        await until(pilot, lambda: len(sampling.added) == 1 and sampling.is_fresh)
        app.session.select_size(0)
        await until(pilot, lambda: "esc takes" in showing.sums(app.session)[0][0])
        await pilot.press("escape")
        await until(pilot, lambda: sampling.is_fresh)


async def test_a_size_that_came_back_is_asked_again() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        size = app.session.models.size
        size.state, size.trouble = "failed", "Out of memory: it does not fit"
        sampling.want()
        await until(pilot, lambda: "does not fit" in showing.sums(app.session)[0][0])
        await pilot.press("z")
        await until(pilot, lambda: sampling.is_fresh and bool(shown(app)))


async def test_a_worker_that_died_takes_nothing_with_it() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: len(sampling.added) == 1 and sampling.is_fresh)
        sampling.draw(10)
        sampling.receive(WorkerDied(-9, ""))
        asked = len(made_engine(app).sent)
        sampling.want()
        assert len(made_engine(app).sent) > asked
        assert (len(sampling.added), sampling.draws) == (1, 10)


async def test_what_is_looked_up_is_seen_while_it_is_typed() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        await pilot.press("slash", *"w15")
        await until(pilot, lambda: sampling.table is not None and bool(sampling.table.table.wanted))
        await pilot.press("escape")
        await until(pilot, lambda: sampling.wanted == () and not shown(app)[0].is_found)


async def test_what_a_branch_reads_is_of_the_model_that_made_it() -> None:
    app = made_app(specs=(*SPECS[:1], OTHER))
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        app.session.select_size(0)
        await until(pilot, lambda: sampling.is_fresh)
        await pilot.press("space")
        made = sampling.continuations
        await until(pilot, lambda: [one.is_running for one in made.branches] == [False] * 2)
        under = app.screen.query_one("#under", Bar)
        await until(pilot, lambda: "␣w9 " in under.parts[0][0])
        app.session.select_size(1)
        await until(pilot, lambda: sampling.is_fresh)
        assert "␣w9 " in under.parts[0][0]


async def test_loops_are_counted_along_the_whole_line() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        await pilot.press("space")
        made = sampling.continuations
        await until(pilot, lambda: [one.is_running for one in made.branches] == [False] * 2)
        branch = made.branch
        assert branch is not None
        start = len(branch.tokens)
        branch.tokens += branch.tokens[:1] * 5
        engine = made_engine(app)
        engine.slow = (Continue,)
        made.stop_or_resume()
        asked = engine.sent[-1]
        assert (asked.drawn, len(asked.context.added)) == (start + 5, start + 5)
        told = branch.tokens[-1]
        last = (told, told, told, told)
        app.session.receive(Continued(asked.job, asked.model.name, last, "", "length"))
        assert branch.cycle == Cycle(start, 1)
        assert "loops from token 5 on: “␣w0”" in showing._state(branch)


async def test_copying_offers_what_was_made_here() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        await pilot.press("space")
        made = sampling.continuations
        await until(pilot, lambda: [one.is_running for one in made.branches] == [False] * 2)
        screen: Any = app.screen
        found = {offer.said: offer.text() for offer in screen.offers()}
        assert found["the continuation"] == "The cat w0 w1 w2 w3"
        assert found["the tree"].splitlines()[0] == "greedy: w0 w1 w2 w3"
        assert found["the table"].splitlines()[0].split("\t")[:3] == ["rank", "token", "logit"]
        assert found["the command that continues it"].startswith("eyebrow sample -m /nowhere/200")
        assert "--temperature 0" in found["the command that continues it"]
        assert found["the command that tells this"].endswith(f"--at 7 '{STORIES[0].text}'")


async def test_a_click_into_a_bar_sets_it() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        pane = app.screen.query_one(NextBars)
        most = shown(app)[0].base
        await pilot.click(pane, offset=(pane._before + pane._room // 2, 2))
        await until(pilot, lambda: shown(app)[2].is_set)
        assert sampling.row == 2
        assert shown(app)[2].reshaped == pytest.approx(most / 2, abs=2 * most / pane._room)
        await pilot.click(pane, offset=(10, 0))
        await until(pilot, lambda: sampling.row == 0)
        assert len(sampling.by_hand) == 1, "beside a bar a click only goes there"


async def test_where_panes_take_turns_space_leads_to_what_it_makes() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(80, 24)) as pilot:
        await begin(app, pilot)
        await pilot.press("space")
        screen: Any = app.screen
        await until(pilot, lambda: screen.query_one("#branches").display and screen.at == "branch")
        await pilot.press("c")
        await until(pilot, lambda: screen.query_one("#sizes").display and screen.at == "bars")


async def test_what_is_answered_before_the_largest_is_compared_with_it_afterwards() -> None:
    app = made_app(specs=SPECS[:2])
    async with app.run_test(size=(140, 40)) as pilot:
        sampling = await begin(app, pilot)
        app.session.select_size(0)
        await until(pilot, lambda: sampling.is_fresh)
        engine = made_engine(app)
        engine.slow = (ShowNext,)
        await pilot.press("c")
        large, small = engine.sent[-2:]
        assert (large.model.name, small.reference) == (SPECS[1].name, SPECS[1].name)
        engine.answer(small)
        await until(pilot, lambda: SPECS[0].name in sampling.across)
        engine.answer(large)
        await until(pilot, lambda: len(sampling.across) == 2)
        assert engine.sent[-1].model.name == SPECS[0].name
        assert engine.sent[-1].job > small.job


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
