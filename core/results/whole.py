"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..errors import FAILED, EyebrowError


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the place and rename. Raises `EyebrowError` where that cannot be done."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise EyebrowError("Cannot write", f"{path}: {error.strerror or error}", FAILED) from error
