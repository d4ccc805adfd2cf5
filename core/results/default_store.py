"""Where the store is when nobody says; apart from it, so that asking costs no import of pyarrow."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from ..errors import EyebrowError
from ..files import closed_folder


def default_store() -> Path:
    """`$XDG_CACHE_HOME/eyebrow/store`."""
    return user_cache_path("eyebrow") / "store"


def check_store(folder: Path) -> Path:
    """The folder itself, if a store can be there. Raises `EyebrowError`."""
    closed = closed_folder(folder / "scores")
    if closed is not None:
        raise EyebrowError(
            "Bad store",
            f"{closed} may not be searched by this user; change its permissions, or name another "
            "folder with --store",
        )
    for place in (folder, *folder.parents):
        if os.path.lexists(place) and not place.is_dir():
            what = "a link that leads nowhere" if place.is_symlink() else "not a folder"
            raise EyebrowError("Bad store", f"{place} is {what}; name another folder with --store")
    return folder


def older_places(store: Path) -> tuple[Path, ...]:
    """Where the parts of a store of the first layout lie: in its folder itself, and for the
    default place in the one that was it before.
    """
    if store == default_store():
        return store, store.with_name("scores")
    return (store,)
