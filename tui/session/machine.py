"""What this machine answered last time, so that a warm start need not wait for the worker.

Scores are kept by recipe, and a recipe holds the device and dtype that only torch can tell.
The last answer is a good guess until the worker has said it anew.
"""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from ...core.errors import EyebrowError
from ...core.files import write_atomically
from ...core.scoring.recipe import Recipe


def _note() -> Path:
    return user_cache_path("eyebrow") / "machine.json"


def _circumstances() -> str:
    return f"{platform.node()} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}"


def recall_machine(recipe: Recipe) -> Recipe:
    """`recipe` with the device and dtype of last time; as it is where none is remembered."""
    with suppress(KeyError, TypeError):
        last = _notes()[_circumstances()]
        return recipe.settled(str(last["device"]), str(last["dtype"]))
    return recipe


def remember_machine(device: str, dtype: str) -> None:
    """Note what "auto" came to, beside what it came to under other circumstances."""
    with suppress(OSError, EyebrowError):
        _note().parent.mkdir(parents=True, exist_ok=True)
        notes = _notes() | {_circumstances(): {"device": device, "dtype": dtype}}
        write_atomically(_note(), json.dumps(notes).encode())


def _notes() -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        notes = json.loads(_note().read_text(encoding="utf-8"))
        if isinstance(notes, dict):
            return notes
    return {}
