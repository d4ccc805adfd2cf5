"""Stories as a caller in Python gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import EyebrowError
from .drafts import title_of
from .sources import Stories
from .story import Story


def as_stories(given: Iterable[Story | str]) -> Iterable[Story]:
    """Stories, among them plain texts, which are called by their numbers and first words.

    Raises `EyebrowError` for what is neither, a single text or the name of a source included.
    """
    if isinstance(given, Stories):
        return given
    if isinstance(given, str | Path) or not isinstance(given, Iterable):
        raise EyebrowError(
            "No stories", f"{_short(given)} is none; give open_stories(...), or a list of texts"
        )
    return _stories(given)


def _stories(given: Iterable[Story | str]) -> Iterator[Story]:
    for number, one in enumerate(given, start=1):
        if isinstance(one, Story):
            yield one
        elif isinstance(one, str):
            yield Story(str(number), title_of(one), one)
        else:
            raise EyebrowError(
                "No stories", f"number {number} is {_short(one)}; give texts or stories"
            )


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str | int | float | Path) else type(value).__name__
    return text if len(text) <= 60 else text[:59] + "…"
