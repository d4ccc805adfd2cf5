"""What comes while something else goes on: nothing is lost, nothing acts on what is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.engine.messages import Loaded
from eyebrow.core.engine.routing import AHEAD
from eyebrow.core.stories import Story, text_digest
from eyebrow.tui.session import Session
from eyebrow.tui.session.arrange import parse_filter
from eyebrow.tui.session.change import Change
from eyebrow.tui.session.library import batch_of
from eyebrow.tui.text import moves
from eyebrow.tui.threads.answers import KeptScore, KeptSums
from eyebrow.tui.threads.opening import Opened, Ready
from eyebrow.tui.views.dialogs.choose import ChooseScreen

from .stage import OTHER, SPECS, STORIES, made_app, made_score, score_by, settled
from .test_session import HELLO, Shop

MORE = (Story("late", "The late one", "It came when nobody looked at the list any more."),)


def scored(session: Session, size: int = 0) -> None:
    """Every story is at hand under a size, as the worker would have it."""
    session.models.current = size
    name = session.models.size.name
    for story, digest in zip(session.library.stories, session.library.digests, strict=True):
        session.scores._keep(session.models.size, digest, score_by(name, story.text))


async def test_stories_that_come_as_the_view_changes_are_listed() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.session.add(batch_of(MORE))  # Explore would list it a quarter of a second later
        await pilot.press(">")
        await pilot.pause(0.5)
        assert app.current_mode == "scale"
        assert len(app.session.library.order) == len(STORIES) + 1
        await pilot.press("<")
        await pilot.pause()
        assert app.session.library.row_of(len(STORIES)) == len(STORIES)


def test_other_models_are_opened_while_whole_scores_are_looked_up() -> None:
    shop = Shop()
    session = shop.session
    session.receive(HELLO)
    recipe = session.worker.recipe.digest
    for n, spec in enumerate(SPECS, start=1):
        sums = {text_digest(one.text): made_score(one.text, n).summary for one in STORIES}
        session.receive(KeptSums(spec.name, recipe, f"digest of {spec.name}", sums))
    assert len([what for what, *_ in shop.asked if what == "score"]) == AHEAD
    session.open(None, "", [OTHER])
    for spec in SPECS:
        session.receive(KeptScore(spec.name, recipe, session.library.digests[0], None))
    sums = {text_digest(one.text): made_score(one.text, 2).summary for one in STORIES}
    session.receive(KeptSums(OTHER.name, recipe, "digest of other", sums))
    assert shop.asked[-1] == ("score", OTHER.name, session.library.digests[0])


def test_moves_among_the_tokens_of_a_model_that_is_open_no_more_keep_no_other_waiting() -> None:
    shop = Shop()
    session = shop.session
    session.move(moves.by_token(1))  # it is still loaded
    session.open(None, "", [OTHER])
    session.move(moves.by_token(2))
    scored(session)
    session._catch_up()
    assert session.place.token == 2
    assert session.place.waits_for is None


def test_what_models_that_were_closed_have_scored_is_let_go() -> None:
    shop = Shop()
    shop.begin()
    shop.answer_all()
    before = list(shop.session.models.sizes)
    assert all(size.sums for size in before)
    shop.session.open(None, "", [OTHER])
    assert not any(size.sums or size.nats for size in before)
    assert all(size.vocabulary for size in before)  # which the worker tells once
    shop.session.open(None, "", SPECS)
    assert [len(size.nats) for size in shop.session.models.sizes] == [len(STORIES)] * 3


def test_an_edit_outlives_the_models_it_was_scored_by() -> None:
    session = Shop().session
    session.edit.begin()
    session.edit.type("A dog sat on the mat.")
    session.open(None, "", [OTHER])
    assert not session.edit.is_on
    assert session.edit.begin() == "A dog sat on the mat."


def test_what_is_exported_is_what_was_open(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    shop.begin()
    shop.answer_all()
    kept: list[Any] = []
    monkeypatch.setattr(shop, "export", lambda rows, *_: kept.append(rows), raising=False)
    shop.session.export(Path("stories.jsonl"))
    shop.session.open(MORE, "others", [OTHER])
    rows = list(kept[0])
    assert [row.story for row in rows] == list(STORIES)
    assert all(len(row.sums) == len(SPECS) for row in rows)


def late(session: Session, begin: Any) -> Session:
    """The story one was at in the last run comes after something was begun."""
    session.resume(text_digest(MORE[0].text), 5)
    begin(session)
    session.add(batch_of(MORE))
    return session


@pytest.mark.parametrize(
    "begin",
    [
        lambda session: session.edit.begin(),
        lambda session: session.hunts.begin(1),
        lambda session: session.hunts.begin_finding(session.spot),
        lambda session: session.filter(parse_filter("cat"), session.spot),
    ],
)
def test_the_story_of_the_last_run_takes_nobody_away_from_what_was_begun(begin: Any) -> None:
    session = late(Shop().session, begin)
    assert session.place.story == 0


def test_the_story_of_the_last_run_is_gone_to_where_nothing_was_begun() -> None:
    assert late(Shop().session, lambda session: None).place.story == len(STORIES)


def test_a_hunt_stays_at_its_story_where_the_list_is_sorted_anew() -> None:
    session = Shop().session
    size = session.models.size
    session.library.sort = "perplexity ↑"
    session.hunts.begin(1)
    hunt = session.place.hunt
    assert hunt is not None
    assert session.library.order[hunt.row] == 0
    size.nats[0], size.nats[1], size.nats[2] = 3.0, 2.0, 1.0
    session.arrange()
    assert session.library.order[hunt.row] == 0
    assert hunt.left == 1  # it is the last one now


@pytest.mark.parametrize(
    "click",
    [
        lambda session: session.select_row(2),
        lambda session: session.move(moves.to_token(1)),
        lambda session: session.select_size(0),
    ],
)
def test_who_clicks_elsewhere_hunts_no_more(click: Any) -> None:
    """Keys wait for a hunt, the mouse does not."""
    shop = Shop()
    shop.session.hunts.begin(1)
    assert shop.session.place.hunt is not None
    click(shop.session)
    shop.session.receive(HELLO)
    assert shop.session.place.hunt is None
    assert not shop.notices


def test_a_hunt_goes_over_stories_that_have_come_meanwhile() -> None:
    session = Shop().session
    session.hunts.begin(1)
    session.add(batch_of(MORE))
    session.arrange()
    assert session.place.hunt is not None
    assert session.place.hunt.left == len(STORIES) + 1


async def test_a_size_is_chosen_by_its_name_where_the_sizes_are_listed_anew() -> None:
    app = made_app(silent=True)
    async with app.run_test(size=(140, 40)) as pilot:
        app.screen.action_ask_size()  # type: ignore[attr-defined]
        await pilot.pause()
        app.session.receive(Loaded(SPECS[0].name, 10**9, "digest"))  # it is the largest
        assert isinstance(app.screen, ChooseScreen)
        app.screen.take(1)
        assert app.session.models.size.name == SPECS[1].name


async def test_instead_is_not_put_into_another_story() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("enter", "l", "enter")
        assert isinstance(app.screen, ChooseScreen)
        app.session.place.go_to(1, 1)
        app.session.announce(Change.STORY)
        await pilot.press("enter")
        await pilot.pause()
        assert not app.session.edit.is_on


MANY = tuple(Story(f"s{n}", f"Tale {n}", f"Tale {n} is told once more.") for n in range(60))


@pytest.mark.parametrize("sort", ["as read", "most lost"])
async def test_a_list_of_more_stories_than_are_open_now_is_drawn_once_more(sort: str) -> None:
    """A view that comes back in another size is painted before it knows of other stories."""
    app = made_app(MANY)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.session.library.sort = sort
        app.session.arrange()
        await pilot.press("G", ">")
        app.open(Ready(Opened(), "one", MANY[:1], iter(())))
        await pilot.resize_terminal(120, 30)
        await pilot.press("<")
        await pilot.pause(0.3)
        assert app.current_mode == "explore"
        assert list(app.session.library.order) == [0]
