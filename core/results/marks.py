"""Marked stories: a small file for each in the store, so that several programs may mark at once."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from ..errors import FAILED, EyebrowError, reason
from ..files import write_atomically
from ..stories.story import Story, text_digest
from .default_store import older_places


def read_marks(store: Path) -> set[str]:
    """The text digests of all marked stories."""
    found: set[str] = set()
    for folder in _folders(store):
        with suppress(OSError):
            found |= {path.stem for path in folder.glob("*.json")}
    return found


def mark(store: Path, story: Story) -> None:
    """Mark a story, by its text. Raises `EyebrowError` where the store cannot be written."""
    folder = _folders(store)[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot(store, reason(error, named=False)) from error
    told = json.dumps({"story": story.id, "title": story.title})
    try:
        write_atomically(folder / _name(story), told.encode())
    except EyebrowError as error:
        raise _cannot(store, error.message) from error


def unmark(store: Path, story: Story) -> None:
    """Take a mark away; one that is not there is no error."""
    for folder in _folders(store):
        try:
            (folder / _name(story)).unlink(missing_ok=True)
        except OSError as error:
            raise _cannot(store, reason(error, named=False)) from error


def _folders(store: Path) -> list[Path]:
    """Where marks lie; behind it, where they lay in the first layout."""
    return [store / "marks", *(place / ".marks" for place in older_places(store))]


def _name(story: Story) -> str:
    return f"{text_digest(story.text)}.json"


def _cannot(store: Path, reason: str) -> EyebrowError:
    return EyebrowError("Cannot keep the mark", f"{store}: {reason}; it holds for now", FAILED)
