"""Other stories and models in the running app: a new session on the worker that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.engine.messages import Cancel, Hello, Loaded, Score, Scored, WorkerDied
from eyebrow.core.engine.pool import GIVE_UP
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.scores import Summary
from eyebrow.core.stories import Story, text_digest
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.session.models import Models
from eyebrow.tui.threads.answers import Interval
from eyebrow.tui.threads.opening import AT_ONCE, Opened, Ready
from eyebrow.tui.views.dialogs.open import OpenScreen
from eyebrow.tui.views.explore.screen import ExploreScreen

from .stage import SPECS, STORIES, WORDS, MadeEngine, made_app, settled, threads_done
from .test_session import Shop

OTHERS = tuple(Story(f"s{n}", f"Tale {n}", f"Tale {n} is told once more.") for n in range(4))


def engine_of(app: EyebrowApp) -> MadeEngine:
    engine: Any = app.session.worker.engine
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
        app.open(ready(OTHERS))
        await settled(app, pilot)
        assert isinstance(app.screen, ExploreScreen)
        assert [story.title for story in app.session.library.stories] == [s.title for s in OTHERS]
        assert app.session.models.current == 0
        for rung in app.session.models.sizes:  # the worker tells these once
            assert rung.state == "ready"
            assert list(rung.vocabulary) == WORDS
        assert app.session.score(app.session.models.size) is not None
        assert engine_of(app).starts == 1


async def test_other_models_on_the_story_that_is_read() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.session.select_story(2)
        app.open(ready(specs=SPECS[:2]))
        await settled(app, pilot)
        assert app.session.library.name == "made up"
        assert app.session.place.story == 2
        assert len(app.session.library.stories) == len(STORIES)
        assert [rung.name for rung in app.session.models.sizes] == [spec.name for spec in SPECS[:2]]
        app.open(ready(specs=SPECS))
        await settled(app, pilot)  # the third was told of two sessions ago
        assert list(app.session.models.sizes[2].vocabulary) == WORDS


async def test_what_was_under_way_is_cancelled_and_its_answers_are_nobodys() -> None:
    app = made_app(silent=True)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause(0.2)
        engine = engine_of(app)
        app.session.receive(Hello("cpu", "float32"))
        await pilot.pause(0.2)
        asked = [request.job for request in engine.sent if isinstance(request, Score)]
        assert asked
        app.open(ready((STORIES[0], *OTHERS)))
        await pilot.pause(0.2)
        assert [r.job for r in engine.sent if isinstance(r, Cancel)] == asked
        later = [r for r in engine.sent if isinstance(r, Score) and r.job not in asked]
        size = app.session.models.named(later[0].model.name)
        assert size is not None
        digest, name = text_digest(STORIES[0].text), size.name
        row = (digest, Summary(3, 9, 1.0), None)
        app.session.receive(Scored(asked[0], name, (row,), app.session.worker.recipe, 1.0))
        assert not size.sums
        app.session.receive(Scored(later[0].job, name, (row,), app.session.worker.recipe, 1.0))
        assert digest in size.sums
        app.session.receive(Interval(asked[0], name, 1.0, 2.0))
        assert size.interval is None


async def test_the_old_stories_are_read_no_further() -> None:
    read = 0

    def endless() -> Iterator[Story]:
        nonlocal read
        while True:
            read += 1
            yield Story(f"e{read}", f"End {read}", f"It never ends, {read}.")

    app = made_app(silent=True)
    app._reading = app._reading_of(endless())
    app.session.library.reading = True
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.1)
        assert read > 0
        app.open(ready(OTHERS))
        await threads_done(pilot)
        await pilot.pause()
        before = read
        await pilot.pause(0.1)
        assert read == before
        assert [story.id for story in app.session.library.stories] == [story.id for story in OTHERS]
        assert not app.session.library.reading


async def test_the_stories_behind_the_first_come_in() -> None:
    many = tuple(Story(f"m{n}", f"Many {n}", f"Tale {n} of many.") for n in range(AT_ONCE + 50))
    app = made_app(silent=True)
    async with app.run_test(size=(100, 30)) as pilot:
        app.open(ready(many[:AT_ONCE], rest=many[AT_ONCE:]))
        assert app.session.library.reading
        await threads_done(pilot)
        await pilot.pause()
        assert len(app.session.library.stories) == len(many)
        assert not app.session.library.reading


async def test_from_the_key_to_other_stories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "tale.txt").write_text("One.\n\nTwo two.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    app = made_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(app, pilot)
        await pilot.press("o", *"tale.tx", "enter")
        await threads_done(pilot)
        await pilot.pause(0.1)
        assert isinstance(app.screen, OpenScreen)
        assert app.session.library.name == "made up"  # a wrong name changes nothing
        await pilot.press("ctrl+p", "ctrl+n")  # not the palette
        assert isinstance(app.screen, OpenScreen)
        await pilot.press("enter")  # the candidate that was chosen
        await threads_done(pilot)
        await settled(app, pilot)
        assert app.session.library.name == "tale.txt"
        assert isinstance(app.screen, ExploreScreen)


def test_one_name_is_one_model_while_the_worker_lives() -> None:
    """It keeps models by their names."""
    first, second = (ModelSpec("model", "folder", f"/{place}/model") for place in "ab")
    models = Models([first], lambda _: None, lambda _: None)
    models.open([second])
    assert [size.name for size in models.sizes] == ["/b/model"]
    models.open([first, second])
    assert [size.name for size in models.sizes] == ["model", "/b/model"]


def test_the_size_stays_where_the_models_are_listed_in_another_order() -> None:
    """What is learnt of a size as it is loaded puts it elsewhere than its name alone does."""
    unknown = ModelSpec("owner/tiny", "hub", "owner/tiny")
    shop = Shop(specs=(unknown, SPECS[1]))
    session = shop.session
    shop.begin()
    session.receive(Loaded("owner/tiny", 1000, "digest"))
    for name in ("owner/tiny", SPECS[1].name):
        session.select_size([size.name for size in session.models.sizes].index(name))
        session.open(OTHERS, "others")
        assert [size.name for size in session.models.sizes] == ["owner/tiny", SPECS[1].name]
        assert session.models.size.name == name
    session.open(None, "", (SPECS[1], unknown))
    assert [size.parameters for size in session.models.sizes] == [1000, SPECS[1].parameters]


def test_opening_starts_a_worker_that_was_given_up() -> None:
    shop = Shop()
    shop.begin()
    for _ in range(GIVE_UP):
        shop.session.receive(WorkerDied(1, "no memory"))
    assert shop.session.worker.stopped
    starts = shop.engine.starts
    shop.session.open(OTHERS, "others")
    assert shop.engine.starts == starts + 1
    shop.begin()
    shop.answer_all()
    assert [size.stories for size in shop.session.models.sizes] == [len(OTHERS)] * len(SPECS)
