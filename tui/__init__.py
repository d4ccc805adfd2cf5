"""The terminal user interface. `run` is its door; Textual is imported behind it."""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import asdict
from pathlib import Path

from ..core.errors import EyebrowError
from ..core.machine.gpus import ALL, devices
from ..core.models.options import LoadOptions
from ..core.scoring.recipe import Recipe

LEAVING = 0.5  # seconds that marks have to be kept when one leaves


def run(
    *,
    source: str | None,
    models: list[str],
    recipe: Recipe,
    store: Path | None,
    options: LoadOptions,
    gpus: str = ALL,
    follow: bool = False,
    column: str | None = None,
    group: str | None = None,
    split: str = "train",
    limit: int | None = None,
    per_line: bool = False,
) -> int:
    """Open the stories and models in the terminal; returns the exit code.

    The workers start first: while they import torch on other cores, the screen is made on one,
    and a child process must be started before Textual takes the terminal over.
    Raises `EyebrowError` for stories, models or GPUs that are none.
    """
    # Until the first paint: nearly all that is made stays, and looking through it for garbage is
    # a twentieth of the start.
    gc.disable()
    from ..core.engine.messages import Settings
    from ..core.engine.pool import Pool
    from ..core.models.catalogue import find_models
    from ..core.recent import remember
    from ..core.stories import open_stories
    from ..core.typed import as_typed, reading_as_typed
    from .config import read_config, store_in_force
    from .session.asked import Asked
    from .state import recall_state, remember_state
    from .terminal.colours import prepare
    from .threads.mailbox import Mailbox

    prepare(os.environ)
    config = read_config()
    on = devices(options.device, gpus)
    if source == "-":
        _keys_from_terminal()
    mailbox = Mailbox()
    specs = find_models(models)
    stories = open_stories(
        source, column=column, split=split, limit=limit, per_line=per_line, group=group
    )
    settings = Settings(**asdict(options), store=None if store is None else str(store))
    kept = as_typed({"--store": (store, store_in_force())})
    keeping = ("--no-store",) if store is None else kept
    asked = Asked(
        source,
        tuple(models),
        reading_as_typed(column=column, group=group, split=split, limit=limit, per_line=per_line),
        as_typed(
            {
                "--device": (options.device, "auto"),
                "--offline": (options.offline, False),
                "--allow-pickle": (options.allow_pickle, False),
                "--trust-remote-code": (options.trust_remote_code, False),
            }
        ),
        keeping,
    )
    engine = Pool(settings, mailbox.put, on)
    engine.start()
    try:
        from .app import EyebrowApp
        from .threads.opening import AT_ONCE
        from .views import VIEWS

        at_once = 0 if source == "-" else AT_ONCE  # a pipe may take its time
        state = recall_state()
        if state.view in VIEWS:
            EyebrowApp.DEFAULT_MODE = state.view
        app = EyebrowApp(
            stories,
            specs,
            recipe,
            engine,
            mailbox,
            store,
            at_once,
            config,
            state,
            asked,
            follow=follow,
        )
        if source is not None or models != ["pocket"]:
            remember(source, models)
        app.run(mouse=config.mouse)
        remember_state(app.state)
        app.store.close(LEAVING)
    finally:
        engine.close()
    return app.return_code or 0


def _keys_from_terminal() -> None:
    """Stories come in by stdin: they keep the pipe, and the keyboard takes its place."""
    piped = os.dup(0)
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        raise EyebrowError(
            "No terminal", "stories come from stdin and there is no terminal for the keys"
        ) from error
    os.dup2(terminal, 0)
    os.close(terminal)
    sys.stdin = os.fdopen(piped, encoding="utf-8")
