"""What is scored: the bundled stories, over and over where more are asked for."""

from __future__ import annotations

from itertools import cycle, islice


def read_texts(count: int) -> list[str]:
    from eyebrow.core.stories import open_stories

    return list(islice(cycle([story.text for story in open_stories(None)]), count))
