"""Marked stories: a small file for each in the store, so that several programs may mark at once."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from ..errors import FAILED, EyebrowError
from ..stories.story import Story, text_digest

_FOLDER = ".marks"  # a name that readers of Parquet pass over


def read_marks(store: Path) -> set[str]:
    """The text digests of all marked stories."""
    with suppress(OSError):
        return {path.stem for path in (store / _FOLDER).glob("*.json")}
    return set()


def mark(store: Path, story: Story) -> None:
    """Mark a story, by its text. Raises `EyebrowError` where the store cannot be written."""
    place = _place(store, story)
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps({"story": story.id, "title": story.title}), encoding="utf-8")
        beside.replace(place)
    except OSError as error:
        raise _cannot(store, error) from error


def unmark(store: Path, story: Story) -> None:
    """Take a mark away; one that is not there is no error."""
    try:
        _place(store, story).unlink(missing_ok=True)
    except OSError as error:
        raise _cannot(store, error) from error


def _place(store: Path, story: Story) -> Path:
    return store / _FOLDER / f"{text_digest(story.text)}.json"


def _cannot(store: Path, error: OSError) -> EyebrowError:
    return EyebrowError(
        "Cannot keep the mark", f"{store}: {error.strerror or error}; it holds for now", FAILED
    )
