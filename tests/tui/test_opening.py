"""Other stories and models in the running app: a new session on the worker that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.engine.messages import Cancel, Hello, Loaded, Score, Scored
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scores import Summary
from eyebrow.core.stories import Story, text_digest
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.session.opening import AT_ONCE, Heard, Opened, Ready, successor
from eyebrow.tui.threads.store import Interval
from eyebrow.tui.views.dialogs.open import OpenScreen
from eyebrow.tui.views.explore.screen import ExploreScreen

from .stage import SPECS, STORIES, WORDS, MadeEngine, made_app, settled
from .test_session import Shop

OTHERS = tuple(Story(f"s{n}", f"Tale {n}", f"Tale {n} is told once more.") for n in range(4))


def engine_of(app: EyebrowApp) -> MadeEngine:
    engine: Any = app.session.engine
    return engine


def ready(
    stories: Sequence[Story] = (), specs: Sequence[ModelSpec] = (), rest: Sequence[Story] = ()
) -> Ready:
    reader = iter(rest) if stories else None
    return Ready(Opened(), "others", tuple(stories), reader, tuple(specs))


async def test_other_stories_are_scored_by_the_models_that_are_loaded() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("1")
        old = app.session
        app.open(ready(OTHERS))
        await settled(app, pilot)
        assert app.session is not old
        assert isinstance(app.screen, ExploreScreen)
        assert app.screen.session is app.session
        assert [story.title for story in app.session.stories] == [s.title for s in OTHERS]
        assert app.session.current == 0
        for rung in app.session.rungs:  # the worker tells these once
            assert rung.state == "ready"
            assert list(rung.vocabulary) == WORDS
        assert app.session.whole(app.session.rung) is not None
        assert engine_of(app).starts == 1


async def test_other_models_on_the_story_that_is_read() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.session.select_story(2)
        app.open(ready(specs=SPECS[:2]))
        await settled(app, pilot)
        assert app.session.name == "made up"
        assert app.session.story == 2
        assert len(app.session.stories) == len(STORIES)
        assert [rung.name for rung in app.session.rungs] == [spec.name for spec in SPECS[:2]]
        app.open(ready(specs=SPECS))
        await settled(app, pilot)  # the third was told of two sessions ago
        assert list(app.session.rungs[2].vocabulary) == WORDS


async def test_what_was_under_way_is_cancelled_and_its_answers_are_nobodys() -> None:
    app = made_app(silent=True)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause(0.2)
        engine = engine_of(app)
        app.session.receive(Hello("cpu", "cpu", "float32", "0", "0"))
        await pilot.pause(0.2)
        asked = [request.job for request in engine.sent if isinstance(request, Score)]
        assert asked
        app.open(ready((STORIES[0], *OTHERS)))
        await pilot.pause(0.2)
        assert [r.job for r in engine.sent if isinstance(r, Cancel)] == asked
        later = {r.job for r in engine.sent if isinstance(r, Score)} - set(asked)
        assert later
        digest, name = text_digest(STORIES[0].text), SPECS[0].name
        row = (digest, Summary(3, 9, 1.0), None)
        app.session.receive(Scored(asked[0], name, (row,), app.session.recipe, 1.0))
        assert not app.session.rungs[0].sums
        app.session.receive(Scored(min(later), name, (row,), app.session.recipe, 1.0))
        assert digest in app.session.rungs[0].sums
        app.session.receive(Interval(asked[0], name, 1.0, 2.0))
        assert app.session.rungs[0].interval is None


async def test_the_old_stories_are_read_no_further() -> None:
    read = 0

    def endless() -> Iterator[Story]:
        nonlocal read
        while True:
            read += 1
            yield Story(f"e{read}", f"End {read}", f"It never ends, {read}.")

    app = made_app(silent=True)
    app._reader = endless()
    app.session.reading = True
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.1)
        assert read > 0
        app.open(ready(OTHERS))
        await app.workers.wait_for_complete()
        await pilot.pause()
        before = read
        await pilot.pause(0.1)
        assert read == before
        assert [story.id for story in app.session.stories] == [story.id for story in OTHERS]
        assert not app.session.reading


async def test_the_stories_behind_the_first_come_in() -> None:
    many = tuple(Story(f"m{n}", f"Many {n}", f"Tale {n} of many.") for n in range(AT_ONCE + 50))
    app = made_app(silent=True)
    async with app.run_test(size=(100, 30)) as pilot:
        app.open(ready(many[:AT_ONCE], rest=many[AT_ONCE:]))
        assert app.session.reading
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert len(app.session.stories) == len(many)
        assert not app.session.reading


async def test_from_the_key_to_other_stories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "tale.txt").write_text("One.\n\nTwo two.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    app = made_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(app, pilot)
        old = app.session
        await pilot.press("o", *"tale.tx", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause(0.1)
        assert isinstance(app.screen, OpenScreen)
        assert app.session is old  # a wrong name changes nothing
        await pilot.press("ctrl+p", "ctrl+n")  # not the palette
        assert isinstance(app.screen, OpenScreen)
        await pilot.press("enter")  # the candidate that was chosen
        await app.workers.wait_for_complete()
        await settled(app, pilot)
        assert app.session.name == "tale.txt"
        assert isinstance(app.screen, ExploreScreen)


def test_one_name_is_one_model_while_the_worker_lives() -> None:
    """It keeps models by their names."""
    first, second = (ModelSpec("model", "folder", f"/{place}/model") for place in "ab")
    heard = Heard([first])
    assert heard.distinct([first]) == [first]
    assert [spec.name for spec in heard.distinct([second])] == ["/b/model"]
    assert [spec.name for spec in heard.distinct([first, second])] == ["model", "/b/model"]


def test_the_size_stays_where_the_models_are_listed_in_another_order() -> None:
    """What is learnt of a size as it is loaded puts it elsewhere than its name alone does."""
    unknown = ModelSpec("owner/tiny", "hub", "owner/tiny")
    shop = Shop(specs=(unknown, SPECS[1]))
    heard = Heard((unknown, SPECS[1]))
    shop.begin()
    loaded = Loaded("owner/tiny", 1000, "digest", 0.1)
    heard.hear(loaded)
    shop.session.receive(loaded)
    for name in ("owner/tiny", SPECS[1].name):
        shop.session.select_rung([rung.name for rung in shop.session.rungs].index(name))
        new = successor(ready(OTHERS), shop.session, Recipe(), heard)
        assert [rung.name for rung in new.rungs] == ["owner/tiny", SPECS[1].name]
        assert new.rung.name == name
    new = successor(ready(specs=(SPECS[1], unknown)), shop.session, Recipe(), heard)
    assert [rung.parameters for rung in new.rungs] == [1000, SPECS[1].parameters]
