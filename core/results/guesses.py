"""What a reader guessed of a story: a small file for each story in the store, beside marks."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from ..errors import FAILED, EyebrowError, reason
from ..files import write_atomically
from ..stories.story import Story, text_digest


def keep_guesses(store: Path, story: Story, hits: tuple[int, ...]) -> None:
    """Keep the number of the right guess of each word so far, 0 where there was none.

    Raises `EyebrowError` where the store cannot be written.
    """
    place = _place(store, text_digest(story.text))
    told = json.dumps({"story": story.id, "title": story.title, "guesses": hits})
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, told.encode())
    except (OSError, EyebrowError) as error:
        why = error.message if isinstance(error, EyebrowError) else reason(error, named=False)
        raise EyebrowError("Cannot keep the guesses", f"{store}: {why}", FAILED) from error


def read_guesses(store: Path, digest: str) -> tuple[int, ...]:
    """Those of the story with this text, by its digest; none where nothing readable is kept."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(_place(store, digest).read_text(encoding="utf-8"))["guesses"]
        if all(isinstance(hit, int) and hit >= 0 for hit in told):
            return tuple(told)
    return ()


def _place(store: Path, digest: str) -> Path:
    return store / "guesses" / f"{digest}.json"
