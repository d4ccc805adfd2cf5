"""Pictures of the main screen, compared with those that were looked at and found good.

After a change that is meant to be seen:

    EYEBROW_ACCEPT_SNAPSHOTS=1 pytest tests/tui/test_pictures.py
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from .stage import made_app, settled

FOLDER = Path(__file__).parent / "snapshots"


def normal(svg: str) -> str:
    """Without the identifiers that Textual makes anew for every picture."""
    return re.sub(r"terminal-\d+", "terminal", svg)


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
        await pilot.pause(0.5)
        picture = normal(app.export_screenshot(title="eyebrow"))
    accepted = FOLDER / f"{name}.svg"
    if os.environ.get("EYEBROW_ACCEPT_SNAPSHOTS"):
        accepted.write_text(picture, encoding="utf-8")
    if picture != accepted.read_text(encoding="utf-8"):
        seen = tmp_path / accepted.name
        seen.write_text(picture, encoding="utf-8")
        pytest.fail(f"{name} looks different: {seen}; accept with EYEBROW_ACCEPT_SNAPSHOTS=1")
