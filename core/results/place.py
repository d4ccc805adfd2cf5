"""Where the store is when nobody says; apart from it, so that asking costs no import of pyarrow."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path


def default_store() -> Path:
    """`$XDG_CACHE_HOME/eyebrow/store`."""
    return user_cache_path("eyebrow") / "store"


def older_places(store: Path) -> tuple[Path, ...]:
    """Where the parts of a store of the first layout lie: in its folder itself, and for the
    default place in the one that was it before.
    """
    if store == default_store():
        return store, store.with_name("scores")
    return (store,)
