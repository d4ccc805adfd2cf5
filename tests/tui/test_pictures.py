"""Pictures of the main screen, compared with those that were looked at and found good."""

from __future__ import annotations

from pathlib import Path

import pytest

from .picture import is_as_accepted
from .stage import made_app, settled


@pytest.mark.parametrize(
    ("name", "size", "keys", "theme"),
    [
        ("wide", (140, 40), ("enter", "l", "l"), "textual-dark"),
        ("wide-light", (140, 40), ("enter", "l", "d"), "textual-light"),
        ("middle", (100, 30), ("j",), "textual-dark"),
        ("narrow-text", (80, 24), ("tab", "l"), "textual-dark"),
        ("narrow-sizes", (80, 24), ("tab", "tab"), "textual-dark"),
    ],
)
async def test_the_main_screen_looks_as_accepted(
    name: str,
    size: tuple[int, int],
    keys: tuple[str, ...],
    theme: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_COLOR_SYSTEM", "truecolor")
    app = made_app()
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        await settled(app, pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.1)
        await is_as_accepted(name, app, pilot, tmp_path)
