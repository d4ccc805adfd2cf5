"""What was opened lately: a short list for the next time one opens something."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from .errors import EyebrowError
from .files import write_atomically
from .models.catalogue import families
from .models.ngrams.counted import PREFIX, parse_counted

BUNDLED = "bundled"  # how the stories that come along are called among the others
KEPT = 30


@dataclass(frozen=True, slots=True)
class Recent:
    """Names as `open_stories` and `find_models` take them, the newest first, each once."""

    stories: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


def recall() -> Recent:
    """What is remembered; nothing where that cannot be read."""
    try:
        noted = json.loads(_note().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Recent()
    return Recent(_names(noted, "stories"), _names(noted, "models"))


def remember(stories: str | None, models: Sequence[str] = ()) -> None:
    """Put these first. Paths are noted from the root, so that they hold in any folder.

    Not noted: the bundled stories and stdin. A note that cannot be written is left out.
    """
    with suppress(OSError, EyebrowError):
        before = recall()
        told = () if stories is None or stories in (BUNDLED, "-") else (anywhere(stories),)
        recent = Recent(
            tuple(dict.fromkeys((*told, *before.stories)))[:KEPT],
            tuple(dict.fromkeys((*map(_model, models), *before.models)))[:KEPT],
        )
        _note().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_note(), json.dumps(asdict(recent), indent=1).encode())


def _note() -> Path:
    return user_state_path("eyebrow") / "recent.json"


def _names(noted: Any, kind: str) -> tuple[str, ...]:
    names = noted.get(kind) if isinstance(noted, dict) else None
    if not isinstance(names, list):
        return ()
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))[:KEPT]


def anywhere(name: str) -> str:
    """A path from the root on, so that it holds in any folder; other names as they are."""
    path = os.path.expanduser(name)
    return os.path.abspath(path) if os.path.lexists(path) else name


def _model(name: str) -> str:
    if name.startswith(PREFIX):
        return str(parse_counted(name))
    known = {*families(), *(member.name for listed in families().values() for member in listed)}
    return name if name.lower() in known else anywhere(name)
