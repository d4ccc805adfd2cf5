"""A screen as text: its characters, and below them which cells look alike.

Looks are letters, in the order in which they are first met, and not the colours themselves: what a
release of Textual does to its themes is no change of ours. Which colours our own scales have is
tested where they are made. After a change that is meant to be seen:

    EYEBROW_ACCEPT_SNAPSHOTS=1 pytest tests/tui/test_pictures.py tests/tui/test_scale_pictures.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from string import ascii_letters, digits
from typing import Any

import pytest
from eyebrow.tui.app import EyebrowApp
from rich.style import Style

FOLDER = Path(__file__).parent / "snapshots"
LETTERS = ascii_letters + digits + "!#$%&*+=?@^~"
PATIENCE = 1500  # looks at the screen before a test gives up; nothing is measured by it


def picture(app: EyebrowApp) -> str:
    """Lines of characters, then for each line its looks and over how many cells each goes."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()[:height]
    letters: dict[object, str] = {}

    def looks(strip: Any) -> Iterator[str]:
        for text, style, _ in strip.crop(0, width):
            for sign in text:
                look = _look(sign, style or Style())
                yield letters.setdefault(look, LETTERS[len(letters)])

    rows = [
        " ".join(f"{letter}{len([*run])}" for letter, run in groupby(looks(strip)))
        for strip in strips
    ]
    return "\n".join([*(strip.text[:width].rstrip() for strip in strips), "", *rows, ""])


def _look(sign: str, style: Style) -> object:
    """What is seen of a style: of a blank cell its letters' colour is not."""
    marks = (bool(style.underline), bool(style.reverse), bool(style.strike))
    if sign.isspace():
        return (style.bgcolor, *marks, style.color if style.reverse else None)
    return (style.bgcolor, *marks, style.color, bool(style.bold), bool(style.italic))


async def is_as_accepted(name: str, app: EyebrowApp, pilot: Any, seen: Path) -> None:
    """Wait until the screen is the accepted one; seen: a folder for what it is instead."""
    accepted = FOLDER / f"{name}.txt"
    if os.environ.get("EYEBROW_ACCEPT_SNAPSHOTS"):
        await pilot.pause(5)
        accepted.write_text(picture(app), encoding="utf-8")
    wanted = accepted.read_text(encoding="utf-8")
    for _ in range(PATIENCE):
        if picture(app) == wanted:
            return
        await pilot.pause(0.02)
    (seen / accepted.name).write_text(picture(app), encoding="utf-8")
    pytest.fail(f"{name} looks different: diff {accepted} {seen / accepted.name}")
