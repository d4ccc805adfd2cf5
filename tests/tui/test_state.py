"""What is remembered between runs, and what is done with a note that is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.stories import text_digest
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.state import KEPT, START, State, recall_state, remember_state

from .stage import SPECS, STORIES, made_app, settled
from .test_explore import text_of


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "state" / "eyebrow" / "state.json"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "[" * 100_000, '{"theme": 3, "difference": "yes"}', "\x00"),
        '{"stories": [1]}',
        '{"stories": {"a": "b", "c": [1, 2], "d": ["x", -1], "e": ["x", "y"]}}',
    ],
)
def test_a_broken_note_is_no_note(note: Path, text: str) -> None:
    note.parent.mkdir(parents=True)
    note.write_text(text, encoding="utf-8")
    assert recall_state() == START
    remember_state(State(theme="nord"))
    assert recall_state().theme == "nord"


def test_what_other_runs_have_noted_stays(note: Path) -> None:
    remember_state(START.at("a", "one", 1).at("b", "two", 2))
    remember_state(START.at("b", "three", 3))
    assert recall_state().stories == {"b": ("three", 3), "a": ("one", 1)}
    for n in range(KEPT + 20):
        remember_state(START.at(f"source {n}", "x", 0))
    kept = [*json.loads(note.read_text(encoding="utf-8"))["stories"]]
    assert len(kept) == KEPT
    assert kept[0] == f"source {KEPT + 19}"


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    remember_state(State(theme="nord"))
    assert recall_state() == START


async def test_it_goes_on_as_it_was_left() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.theme = "nord"
        await pilot.press("c", "c", "s", "G", "enter", "l", "l", "greater_than_sign", "v")
        left = app.state
        spot = (app.session.place.story, app.session.place.token)
    remember_state(left)
    assert left.view == "scale"
    assert (left.kind, left.sort, left.measure) == ("entropy", "perplexity ↓", "bits per byte")
    again = made_app(state=recall_state())
    async with again.run_test(size=(140, 40)) as pilot:
        await settled(again, pilot)
        session = again.session
        assert again.theme == "nord"
        assert (session.place.story, session.place.token) == spot
        assert session.look.kind == "entropy"
        assert session.library.sort == "perplexity ↓"
        assert "entropy" in text_of(again)
        assert again.state.stories == left.stories
        assert session.place.trail.go(-1, session.spot) is None


async def test_the_users_own_theme_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_THEME", "textual-dark")
    app = made_app(state=State(theme="nord"))
    async with app.run_test():
        assert app.theme == "textual-dark"
    assert app.state.theme == "nord"


async def test_a_story_that_comes_later_is_gone_to_unless_one_has_moved() -> None:
    from eyebrow.tui.session.library import batch_of

    at = {"bundled": (text_digest(STORIES[2].text), 3)}
    for moves in (False, True):
        app = made_app(STORIES[:2], SPECS, state=State(stories=at))
        async with app.run_test(size=(140, 40)) as pilot:
            await pilot.pause()
            app.session.library.reading = True
            if moves:
                await pilot.press("j")
            app.session.add(batch_of(STORIES[2:]))
            app.session.arrange()
            assert app.session.place.story == (1 if moves else 2)


def test_a_view_of_old_is_started_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EyebrowApp, "DEFAULT_MODE", "scale")
    app: Any = made_app()
    assert app.session.place.view == "scale"
    assert app.current_mode == "scale"
