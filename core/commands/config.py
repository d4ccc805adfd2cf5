"""`eyebrow config`: the settings in force, with their defaults."""

from __future__ import annotations

from ..errors import DONE, USAGE
from . import options as o
from .output import complain, emit, emit_json


def config(json: o.Json = False, quiet: o.Quiet = False) -> int:
    """Print the settings in force as the file that would set them, with their defaults.

    Each mistake in the file is told in a line, and the exit code is 2. What this prints can be
    kept as the file: `eyebrow config` says in its first line where that is.

    \b
    Example:
      eyebrow config
    """
    from ...tui.config import BadConfig, in_force, read_config, to_json

    try:
        settings = read_config()
    except BadConfig as error:
        for mistake in error.mistakes:
            complain(error.title, f"{error.place}, {mistake}")
        return USAGE
    if json:
        emit_json(to_json(settings))
    else:
        emit(in_force(settings))
    return DONE
