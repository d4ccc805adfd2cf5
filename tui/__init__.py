"""The terminal user interface. `run` is its door; Textual is imported behind it."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.scoring.recipe import Recipe


def run(
    *,
    source: str | None,
    models: list[str],
    recipe: Recipe,
    store: Path | None,
    offline: bool = False,
    device: str = "auto",
    column: str | None = None,
    split: str = "train",
    limit: int | None = None,
    per_line: bool = False,
) -> int:
    """Open the stories and models in the terminal; returns the exit code.

    The worker starts first: while it imports torch on one core, the screen is made on another,
    and a child process must be started before Textual takes the terminal over.
    Raises `EyebrowError` for stories or models that are none.
    """
    from ..core.engine.client import Engine
    from ..core.engine.messages import Settings
    from ..core.models.catalogue import find_models
    from ..core.stories import open_stories
    from .mailbox import Mailbox
    from .terminal import prepare

    prepare(os.environ)
    mailbox = Mailbox()
    specs = find_models(models)
    stories = open_stories(source, column=column, split=split, limit=limit, per_line=per_line)
    settings = Settings(device, recipe.dtype, None if store is None else str(store), offline)
    engine = Engine(settings, mailbox.put)
    engine.start()
    try:
        from .app import EyebrowApp

        app = EyebrowApp(stories, specs, recipe, engine, mailbox, store)
        app.run(mouse=True)
        return app.return_code or 0
    finally:
        engine.close()
