"""Where the store is when nobody says; apart from it, so that asking costs no import of pyarrow."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path


def default_store() -> Path:
    """`$XDG_CACHE_HOME/eyebrow/scores`."""
    return user_cache_path("eyebrow") / "scores"
