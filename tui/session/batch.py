"""Stories on their way to the list, with what it needs to know of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...core.stories.story import Story, text_digest


@dataclass(frozen=True, slots=True)
class Batch:
    """Stories with what the list needs to know of them; words: the length of each."""

    stories: tuple[Story, ...]
    digests: tuple[str, ...]
    words: tuple[int, ...]


def batch_of(stories: Iterable[Story]) -> Batch:
    """Where stories are read: this takes longer than adding them to the list."""
    read = tuple(stories)
    return Batch(
        read,
        tuple(text_digest(story.text) for story in read),
        tuple(len(story.text.split()) for story in read),
    )
