"""`y`: what is offered, and where the copy went."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories import Story
from eyebrow.core.typed import as_typed
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.session.asked import Asked
from eyebrow.tui.terminal.clipboard import MOST, takes_copies
from eyebrow.tui.threads.opening import Opened
from eyebrow.tui.views.copying import HEADS
from eyebrow.tui.views.dialogs.choose import ChooseScreen
from eyebrow.tui.views.scale.screen import ScaleScreen

from .stage import STORIES, made_app, settled

KITTY = {"TERM": "xterm-kitty"}


@pytest.mark.parametrize(
    ("environ", "takes"),
    [
        (KITTY, "yes"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "yes"),
        ({"TERM": "xterm-256color", "WT_SESSION": "1"}, "yes"),
        ({"TERM": "xterm-256color"}, "maybe"),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux"}, "maybe"),
        ({"TERM": "screen", "TMUX": "/tmp/tmux"}, "maybe"),
        ({"TERM": "screen", "STY": "1.pts"}, "no"),
        ({"TERM": "linux"}, "no"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, "no"),
        ({}, "maybe"),
    ],
)
def test_which_terminals_take_copies(environ: dict[str, str], takes: str) -> None:
    assert takes_copies(environ, 100) == takes
    assert takes_copies(environ, MOST + 1) == "no"


async def copied(app: EyebrowApp, pilot: Any, at: int) -> str:
    await pilot.press("y")
    assert isinstance(app.screen, ChooseScreen)
    await pilot.press(*["j"] * at, "enter")
    await pilot.pause()
    return app.clipboard


async def test_story_tokens_and_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "STY", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-kitty")
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        assert await copied(app, pilot, 0) == STORIES[0].text
        rows = [row.split("\t") for row in (await copied(app, pilot, 1)).splitlines()]
        score = app.session.score(app.session.models.size)
        assert score is not None
        assert tuple(rows[0]) == HEADS
        assert len(rows) == len(score) + 1
        assert rows[1] == ["The", *[""] * 5]  # context
        assert rows[2][0] == "␣cat"
        assert float(rows[2][2]) == pytest.approx(-float(score.logprobs[1]), abs=1e-4)
        command = shlex.split(await copied(app, pilot, 2))
        assert command == ["eyebrow", "tokens", "-m", "/nowhere/800", STORIES[0].text]
        assert await copied(app, pilot, 3) == "eyebrow score -m pocket"
        assert app.told[-1] == ("the command", "copied to the clipboard (OSC 52)")


async def test_where_the_terminal_takes_none_it_is_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.delenv("TMUX", raising=False)
    app = made_app([Story("odd", "[/odd]", "in a file")])
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        assert await copied(app, pilot, 0) == ""
        title, said = app.told[-1]
        place = tmp_path / "cache" / "eyebrow" / "copied.txt"
        assert (title, said) == ("[/odd]", f"written to {place}")
        assert place.read_text(encoding="utf-8") == "in a file"
        app.copy("lone \ud800 surrogate", "odd")
        assert place.read_text(encoding="utf-8") == "lone ? surrogate"


async def test_in_scale_the_finding_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("greater_than_sign")
        screen = app.screen
        assert isinstance(screen, ScaleScreen)
        while screen.offers()[0].name != "the finding":
            await pilot.pause(0.02)
        assert await copied(app, pilot, 0) == screen.offers()[0].text()


async def test_what_was_told_can_be_read_and_copied() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.notify("the disk is full", title="Cannot write", severity="error")
        app.notify("later")
        app.action_notices()
        await pilot.pause()
        assert isinstance(app.screen, ChooseScreen)
        assert list(app.screen.names)[:2] == ["later", "Cannot write: the disk is full"]
        await pilot.press("j", "enter")
        await pilot.pause()
        assert app.clipboard == "Cannot write: the disk is full"


def test_commands_hold_what_was_asked_for() -> None:
    given = as_typed({"--limit": (5, None), "--per-line": (True, False), "--split": ("a", "a")})
    assert given == ("--limit", "5", "--per-line")
    asked = Asked("my tales.txt", ("smollm2", "./run 1"), given, ("--offline",), ("--no-store",))
    recipe = Recipe("scored", 256, 64, "bfloat16")
    spec = ModelSpec("run 1", "folder", "/data/run 1")
    assert asked.scores(recipe) == (
        "eyebrow score 'my tales.txt' -m smollm2 -m './run 1' --limit 5 --per-line "
        "--first-token scored --context 256 --stride 64 --dtype bfloat16 --offline --no-store"
    )
    assert asked.tokens("-1 is odd", spec, Recipe()) == (
        "eyebrow tokens -m '/data/run 1' --offline -- '-1 is odd'"
    )
    then = asked.then(Opened("owner/tales[:500]"))
    assert then.scores(Recipe()).startswith(
        "eyebrow score owner/tales -m smollm2 -m './run 1' --split 'train[:500]' --offline"
    )
    assert asked.then(Opened("bundled", ("gpt2",))).scores(Recipe()) == (
        "eyebrow score -m gpt2 --offline --no-store"
    )
