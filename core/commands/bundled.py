"""`eyebrow` alone: the bundled stories and models on the screen, as fast as can be."""

from __future__ import annotations

import sys

from ..errors import EyebrowError
from ..machine.limits import check_address_space
from ..models.options import LoadOptions
from ..results.default_store import check_store
from ..scoring.recipe import Recipe

DEFAULT_MODELS = ["pocket"]


def open_bundled() -> int:
    """The bundled stories and models on the screen; returns the exit code."""
    needs_terminal(None)
    check_address_space()
    from ...tui import run
    from ...tui.config import store_in_force

    store = check_store(store_in_force())
    options = LoadOptions()
    return run(source=None, models=DEFAULT_MODELS, recipe=Recipe(), store=store, options=options)


def needs_terminal(source: str | None) -> None:
    """The screen is written to stderr; keys come from stdin unless the stories do."""
    keys = source == "-" or (sys.stdin is not None and sys.stdin.isatty())
    if not (keys and sys.stderr is not None and sys.stderr.isatty()):
        raise EyebrowError(
            "No terminal", "the screen needs one; `eyebrow score` does the same without"
        )
