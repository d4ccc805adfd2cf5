"""Pictures of the Scale view, compared with those that were looked at and found good."""

from __future__ import annotations

from pathlib import Path

import pytest
from eyebrow.core.results.findings.find import Finding
from eyebrow.core.stories import Story, text_digest
from eyebrow.core.stories.story import Label
from eyebrow.tui.threads import measuring

from .picture import is_as_accepted
from .stage import STORIES, made_app, settled
from .test_scale import shown

MANY = (
    *STORIES,
    *(
        Story(f"s{n}", f"Story {n}", " ".join(f"word{(n * k) % 17}" for k in range(1, 12 + n % 7)))
        for n in range(1, 60)
    ),
)
DOG = Label(text_digest(STORIES[1].text), "dog", "The dog")
SAID = [
    Finding("size", "made", "Perplexity falls with every size."),
    Finding("stories", "made", "The hardest story is “The dog”.", (DOG,)),
]


@pytest.mark.parametrize(
    ("name", "size", "keys", "theme"),
    [
        ("scale-wide", (140, 40), ("tab", "j"), "textual-dark"),
        ("scale-steps", (140, 40), ("c", "v", "s", "s"), "textual-light"),
        ("scale-middle", (100, 30), ("c", "c", "tab", "tab", "j"), "textual-dark"),
        ("scale-narrow", (80, 24), (), "textual-dark"),
    ],
)
async def test_the_scale_view_looks_as_accepted(
    name: str,
    size: tuple[int, int],
    keys: tuple[str, ...],
    theme: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_COLOR_SYSTEM", "truecolor")
    monkeypatch.setattr(measuring, "find", lambda *_: SAID)
    app = made_app(MANY)
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        await settled(app, pilot)
        await shown(app, pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.1)
        await is_as_accepted(name, app, pilot, tmp_path)
