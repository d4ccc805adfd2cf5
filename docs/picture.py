"""Take the README's pictures: the real program, real models, real scores.

python docs/picture.py 140x40 enter,n,n docs/explore.svg [THEME [STORE]]
python docs/picture.py 140x40 less_than_sign,enter,j,j,j,j,j docs/damage.svg
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

os.environ |= {"COLORTERM": "truecolor", "TERM": "xterm-256color"}

from eyebrow.core.engine.messages import Settings
from eyebrow.core.engine.pool import Pool
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories import open_stories
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.threads.mailbox import Mailbox


async def take(size: tuple[int, int], keys: list[str], theme: str, store: Path) -> str:
    mailbox = Mailbox()
    engine = Pool(Settings(store=str(store)), mailbox.put)
    engine.start()
    specs = find_models(["pocket"])
    app = EyebrowApp(open_stories(None), specs, Recipe(), engine, mailbox, store)
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        session = app.session
        while session.worker.hello is None or not all(s.interval for s in session.models.sizes):
            await pilot.pause(0.2)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.5)
        await pilot.pause(2)  # what threads have to say
        while session.jobs.under_way or session.jobs.exploring or is_measuring(app):
            await pilot.pause(0.5)
        await pilot.pause(2)
        picture = app.export_screenshot(title="eyebrow")
    engine.close()
    return picture


def is_measuring(app: EyebrowApp) -> bool:
    """Whether Damage waits for its rows, or for the story under one of them."""
    variants = app.session.variants
    has_row = variants.line is not None and variants.line.damage is not None
    return bool(variants.running) or (has_row and variants.story is None)


if __name__ == "__main__":
    width, height = map(int, sys.argv[1].split("x"))
    keys = [key for key in sys.argv[2].split(",") if key]
    theme = sys.argv[4] if len(sys.argv) > 4 else "textual-dark"
    with tempfile.TemporaryDirectory() as empty:
        store = Path(sys.argv[5] if len(sys.argv) > 5 else empty)
        picture = asyncio.run(take((width, height), keys, theme, store))
    Path(sys.argv[3]).write_text(picture, encoding="utf-8")
