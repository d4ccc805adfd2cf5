"""Compare: finds over all stories, one cursor in both texts, the gap by kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.models.member import Member
from eyebrow.core.results.store import Row, Store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories import Story
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.chart import Chart
from eyebrow.tui.panes.finds import Find, FindList, around
from eyebrow.tui.panes.story_text import StoryText
from eyebrow.tui.session.arrange import Filter
from eyebrow.tui.views.compare.showing import finds
from textual.widgets import Input

from .stage import OTHER, PATIENCE, SPECS, STORIES, digest_of, made_app, score_by, settled

PAIR = (*SPECS[:2], OTHER)
TEXTS = ("text", "reference")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The scores that the made engine gives, as a worker would have kept them."""
    kept = Store(tmp_path / "store")
    recipe = Recipe().settled("cpu", "float32")
    for spec in PAIR:
        member = Member(
            spec.name, digest_of(spec.name), spec.family, "", spec.family, spec.parameters or 0
        )
        kept.write([Row(s, member, recipe, score_by(spec.name, s.text)) for s in STORIES])
    return tmp_path / "store"


async def compared(app: EyebrowApp, pilot: Any) -> None:
    """Until the finds are listed as they are asked for."""
    comparison = app.session.comparison
    for _ in range(PATIENCE):
        await pilot.pause(0.02)
        if comparison.finds is not None and comparison.finds.listing == comparison.listing:
            break
    else:
        raise AssertionError(f"never compared: {comparison.why}")
    await pilot.pause(0.3)


async def begin(app: EyebrowApp, pilot: Any, *keys: str) -> None:
    await settled(app, pilot)
    await pilot.press("J", *keys)
    await compared(app, pilot)


async def test_finds_are_of_the_current_size_against_its_reference(store: Path) -> None:
    app = made_app(specs=SPECS[:2], store=store)
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        pane = app.screen.query_one(FindList)
        assert pane.border_title == "Finds, most gained, by word"
        listed = [finds(app.session).find(row) for row in range(pane.finds.count)]
        values = [float(find.value.replace("−", "-")) for find in listed]
        assert values == sorted(values)
        assert values[0] < -3
        larger, smaller = (
            sum(score_by(spec.name, story.text).summary.nll for story in STORIES)
            for spec in (SPECS[1], SPECS[0])
        )
        gaps = app.session.comparison.found
        assert gaps is not None
        total = gaps.compared.gaps.total
        assert total.nats_model - total.nats_reference == pytest.approx(larger - smaller, abs=1e-4)
        assert app.screen.query_one("#gaps", Chart).picture is not None


async def test_a_find_is_gone_to_in_both_texts_and_read_in_explore(store: Path) -> None:
    app = made_app(specs=PAIR, store=store)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.session.select_size(1)
        app.session.choose_reference(app.session.models.sizes[0])
        await pilot.press("J")
        await compared(app, pilot)
        await pilot.press("G")
        await pilot.pause(0.2)
        comparison = app.session.comparison
        assert comparison.finds is not None
        story, character = comparison.place(len(comparison.finds.order) - 1)
        assert app.session.place.story == story
        texts = [app.screen.query_one(f"#{name}", StoryText) for name in ("text", "reference")]
        for text in texts:
            begin = text.paint.ends[text.token - 1] if text.token else 0
            assert begin <= character < text.paint.ends[text.token] or character == 0
        await pilot.press("enter")
        assert app.screen.at == "text"  # type: ignore[attr-defined]
        before = app.session.place.character
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert app.current_mode == "explore"
        assert (app.session.place.story, app.session.place.character) == (story, before)
        await pilot.press("H")
        await pilot.pause(0.2)
        assert app.current_mode == "compare"


async def test_sort_unit_and_words(store: Path) -> None:
    app = made_app(specs=SPECS[:2], store=store)
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot, "s", "s", "s")
        pane = app.screen.query_one(FindList)
        assert "most surprising" in str(pane.border_title)
        shown = [float(finds(app.session).find(row).value) for row in range(pane.finds.count)]
        assert shown == sorted(shown, reverse=True)
        words = pane.finds.count
        assert str(pane.border_subtitle) == f"{words} words against {SPECS[0].name}"
        await pilot.press("u")
        await compared(app, pilot)
        assert 0 < pane.finds.count < words
        assert "by sentence" in str(pane.border_title)
        await pilot.press("u", "u", "slash", *"grey", "enter")
        await compared(app, pilot)
        assert pane.finds.count == 1  # the first word of the story is context
        assert finds(app.session).find(0).text.strip() == "grey"
        await pilot.press("slash")
        assert app.screen.query_one(Input).value == "grey"
        await pilot.press("escape", "escape")
        await compared(app, pilot)
        assert pane.finds.count == words


async def test_the_story_of_the_first_find_is_shown_where_others_are_listed(store: Path) -> None:
    app = made_app(specs=SPECS[:2], store=store)
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        comparison, place = app.session.comparison, app.session.place
        before = place.story, place.character
        seen = set()
        for key in ("s", "s", "u", "s"):
            await pilot.press(key)
            await compared(app, pilot)
            found = comparison.move(0)
            assert found == (place.story, place.character)
            seen.add(found)
        assert len(seen | {before}) > 1
        await pilot.press("tab", "s")
        await compared(app, pilot)
        assert found == (place.story, place.character), "one reads: the text stays"


async def test_what_there_is_nothing_of_is_said(store: Path) -> None:
    for specs, folder, said in (
        (SPECS[:2], None, "keeps none (--no-store)"),
        (SPECS[:1], store, "no smaller size"),
    ):
        app = made_app(specs=specs, store=folder)
        async with app.run_test(size=(140, 40)) as pilot:
            await settled(app, pilot)
            await pilot.press("J")
            await pilot.pause(0.5)
            assert said in app.screen.query_one(FindList).waiting
            assert said in app.screen.query_one("#gaps", Chart).waiting


async def test_finds_that_come_late_are_not_taken_for_those_of_another_pair(store: Path) -> None:
    app = made_app(specs=PAIR[:2], store=store)
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        comparison = app.session.comparison
        late = comparison.finds
        assert late is not None
        app.session.select_size(0)  # there is no smaller one
        comparison.want()
        app.session.receive(late)
        await pilot.pause(0.3)
        assert comparison.finds is None
        assert app._exception is None


async def test_as_many_other_marked_stories_are_compared_anew(store: Path) -> None:
    app = made_app(specs=SPECS[:2], store=store)
    async with app.run_test(size=(140, 40)) as pilot:
        session = app.session
        session.select_story(0)
        session.mark()
        session.filter(Filter(marked=True))
        await begin(app, pilot)
        await pilot.press("<", "<")  # in Explore nothing is compared
        for story in (0, 1):
            session.select_story(story)
            session.mark()
        session.arrange()
        await pilot.press("J")
        await compared(app, pilot)
        found = session.comparison.found
        assert found is not None
        assert [one.id for one in found.compared.stories] == [STORIES[1].id]


async def test_other_tokenizers_are_lined_up(store: Path) -> None:
    app = made_app(specs=(SPECS[0], OTHER), store=store)
    async with app.run_test(size=(100, 30)) as pilot:
        await begin(app, pilot)
        found = app.session.comparison.found
        assert found is not None
        assert found.compared.model.name == OTHER.name
        assert found.compared.gaps.stories == len(STORIES)


async def test_finds_of_what_was_open_are_drawn_once_more_without_harm(store: Path) -> None:
    """As after a resize in another view, before the view that comes back knows of the others."""
    app = made_app(specs=SPECS[:2], store=store)
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        before = finds(app.session)
        told = before.find(0)
        app.session.open(STORIES[:1], "others")
        assert app.session.comparison.finds is None
        assert before.find(0) == told


def test_finds_stand_in_one_column() -> None:
    find = Find("−1.0", "a very long beginning of it ", "lamp", " and the rest")
    before, text, after = around(find, 30)
    assert (len(before), text) == (10, "lamp")
    assert len(before + text + after) <= 30
    assert around(Find("", "", " \n", ""), 12)[1] == "␣↵"


async def test_both_texts_show_the_same_lines(tmp_path: Path) -> None:
    long = Story("long", "Long", " ".join(f"word{n}" for n in range(900)))
    kept, recipe = Store(tmp_path / "store"), Recipe().settled("cpu", "float32")
    for spec in SPECS[:2]:
        size = spec.parameters or 0
        member = Member(spec.name, digest_of(spec.name), spec.family, "", spec.family, size)
        kept.write([Row(long, member, recipe, score_by(spec.name, long.text))])
    app = made_app((long,), specs=SPECS[:2], store=tmp_path / "store")
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot, "tab", "$")
        text, reference = (app.screen.query_one(f"#{name}", StoryText) for name in TEXTS)
        await pilot.pause(0.2)
        assert text.scroll_offset.y > 0
        assert abs(reference.scroll_offset.y - text.scroll_offset.y) <= 1, (
            "one may be a line higher"
        )
        assert reference.region.y > text.region.y
        await pilot.press("plus")
        await pilot.pause(0.2)
        assert reference.region.y == text.region.y, "there is room for them side by side"
        await pilot.press("0")
        await pilot.pause(0.2)
        assert (text.scroll_offset.y, reference.scroll_offset.y) == (0, 0)
