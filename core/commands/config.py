"""`eyebrow config`: the settings in force, with their defaults."""

from __future__ import annotations

from pathlib import Path

from ..errors import DONE, USAGE
from ..results.default_store import default_store
from .output import complain, emit


def config() -> int:
    """Print the settings in force as the file that would set them, with their defaults.

    Each mistake in the file is told in a line, and the exit code is 2. What this prints can be
    kept as the file: `eyebrow config` says in its first line where that is.

    \b
    Example:
      eyebrow config
    """
    from ...tui.config import BadConfig, in_force, read_config

    try:
        settings = read_config()
    except BadConfig as error:
        for mistake in error.mistakes:
            complain(error.title, f"{error.place}, {mistake}")
        return USAGE
    emit(in_force(settings, default_store()))
    return DONE


def configured_store() -> Path:
    """Where scores are kept when nobody says: as set in the file, else in the cache folder.

    Raises `EyebrowError` where the file has a mistake.
    """
    from ...tui.config import read_config

    return read_config().store or default_store()
