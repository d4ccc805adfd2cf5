"""Where a result may be written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import FAILED, EyebrowError


def place_for(out: Path, endings: Sequence[str], force: bool) -> Path:
    """The file itself, if it can be written: asked before the work, not after it.

    endings: those it may have, lower case. Raises `EyebrowError`.
    """
    if out.suffix.lower() not in endings:
        known = f"{', '.join(endings[:-1])} nor {endings[-1]}"
        raise EyebrowError("No such format", f"{out} ends in neither {known}")
    if out.is_dir() or not out.parent.is_dir():
        wrong = f"{out} is a folder" if out.is_dir() else f"there is no folder {out.parent}"
        raise EyebrowError("Cannot write", wrong)
    if not os.access(out.parent, os.W_OK):
        raise EyebrowError("Cannot write", f"{out.parent}: permission denied", FAILED)
    if out.exists() and not force:
        raise EyebrowError("Already there", f"{out} is left as it is; --force replaces it")
    return out
