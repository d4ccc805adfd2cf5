"""Many stories: what is known is not worked out again, and what can wait waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.engine.routing import AHEAD
from eyebrow.core.stories import Story, text_digest
from eyebrow.tui.session import arrange as arranging
from eyebrow.tui.session.arrange import parse_filter
from eyebrow.tui.session.library import batch_of
from eyebrow.tui.threads.answers import KeptSums

from .stage import SPECS, STORIES, made_app, made_score, settled
from .test_session import HELLO, Shop, many

SIZE = 100


def batches(count: int) -> list[Any]:
    stories = many(count * SIZE)
    return [batch_of(stories[at : at + SIZE]) for at in range(0, len(stories), SIZE)]


def test_stories_that_come_are_not_arranged_one_batch_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop(())
    calls: list[str] = []
    where = "eyebrow.tui.session.library.arrange"
    monkeypatch.setattr(where, lambda *of: calls.append(of[3]) or range(0))
    for batch in batches(10):
        shop.session.add(batch)
    assert calls == []
    shop.session.arrange()
    assert calls == ["as read"]
    assert len(shop.session.library.stories) == 10 * SIZE


def test_a_story_is_searched_once_for_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    speaks = arranging._speaks
    monkeypatch.setattr(
        arranging,
        "_speaks",
        lambda story, wanted: searched.append(story.id) or speaks(story, wanted),
    )
    shop = Shop(())
    session = shop.session
    session.library.filter = parse_filter("7 len>2")
    for batch in batches(5):
        session.add(batch)
        session.arrange()
    session.library.filter = parse_filter("7 ppl>3")
    session.arrange()
    session.library.filter = parse_filter("7")
    session.arrange()
    assert searched == [story.id for story in session.library.stories]
    assert list(session.library.order) == [n for n in range(5 * SIZE) if "7" in str(n)]


def test_what_the_store_knows_before_a_story_is_read_is_not_scored_again() -> None:
    shop = Shop(())
    session = shop.session
    stories = many(3 * SIZE)
    session.library.reading = True
    session.receive(HELLO)
    session.add(batch_of(stories[:1]))
    session.plan()
    recipe = session.worker.recipe.digest
    for n, spec in enumerate(SPECS, start=1):
        sums = {text_digest(story.text): made_score(story.text, n).summary for story in stories}
        session.receive(KeptSums(spec.name, recipe, "digest", sums))
    assert not any(kind == "interval" for kind, *_ in shop.asked)
    session.add(batch_of(stories[1:]))
    session.end_reading()
    session.plan()
    assert [rung.stories for rung in session.models.sizes] == [len(stories)] * 3
    assert shop.sent == []
    assert all(not rung.ahead for rung in session.models.sizes)
    intervals = [asked for asked in shop.asked if asked[0] == "interval"]
    assert sorted(intervals) == sorted(("interval", spec.name, 3 * SIZE) for spec in SPECS)


def test_the_interval_is_asked_for_once() -> None:
    shop = Shop()
    shop.begin()
    shop.answer_all()
    digest = text_digest(STORIES[0].text)
    name = shop.session.models.size.name
    again = KeptSums(
        name,
        shop.session.worker.recipe.digest,
        "d",
        {digest: shop.session.models.size.sums[digest]},
    )
    shop.session.receive(again)
    assert shop.asked.count(("interval", name, 3)) == 1


def test_stories_passed_by_are_not_asked_for() -> None:
    shop = Shop(many(SIZE))
    shop.begin()
    for place in range(SIZE):
        shop.session.select_row(place)
    current = shop.session.models.size.spec
    assert sum(sent.urgent and sent.model == current for sent in shop.sent) == AHEAD
    shop.answer_all()
    assert shop.session.score(shop.session.models.size) is not None  # of the one stopped at


def test_the_row_is_known_however_one_comes_to_a_story() -> None:
    shop = Shop(many(SIZE))
    session = shop.session
    session.select_row(40)
    session.library.sort = "longest"
    session.arrange()
    assert session.library.order[session.place.row] == session.place.story == 40
    session.select_story(3)
    assert session.library.order[session.place.row] == 3
    session.library.filter = parse_filter("-number")
    session.arrange()
    assert (list(session.library.order), session.place.row) == ([], None)


async def test_the_list_follows_scores_that_arrive() -> None:
    stories = [Story(f"s{n}", f"Story {n}", f"A text about {n} and {n * n}.") for n in range(2000)]
    app = made_app(stories, silent=True)
    async with app.run_test(size=(140, 40)) as pilot:
        app.mailbox.put(HELLO)
        while app.session.library.reading or not app.session.worker.recipe.is_settled:
            await pilot.pause(0.02)
        session = app.session
        session.library.filter = parse_filter("ppl>4")
        await pilot.press("s")
        await pilot.pause(0.5)
        assert (session.library.sort, list(session.library.order)) == ("perplexity ↓", [])
        texts = [story.text for story in stories]
        for at in range(0, 2000, 250):
            sums = {text_digest(text): made_score(text, 3).summary for text in texts[at : at + 250]}
            app.mailbox.put(
                KeptSums(session.models.size.name, session.worker.recipe.digest, "d", sums)
            )
        while app._arrivals:
            await pilot.pause(0.02)
        await pilot.pause(0.5)
        every = [made_score(text, 3).summary.perplexity for text in texts]
        values = [every[at] for at in session.library.order]
        assert values == sorted((value for value in every if value > 4), reverse=True)
        assert 0 < len(values) < 2000
        assert session.library.order[session.place.row] == session.place.story


async def test_a_mark_without_a_store_says_how_long_it_holds(tmp_path: Path) -> None:
    for store, said in ((None, 1), (tmp_path, 0)):
        app = made_app(store=store)
        async with app.run_test(size=(140, 40)) as pilot:
            await settled(app, pilot)
            await pilot.press("m", "j", "m")
            await pilot.pause(0.1)
            told = [toast for toast in app._notifications if "this run only" in toast.message]
            assert len(told) == said
            assert app.session.library.marked_count == 2
