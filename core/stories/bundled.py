"""The stories that come with eyebrow.

This is on the way to the first picture on the screen, so it reads JSON lines and nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path

from .story import Story

FOLDER = Path(__file__).parent / "texts"
ORDER = ("longer.jsonl", "five.jsonl")


def bundled_stories() -> list[Story]:
    """Every bundled story: the longer ones, then the five-sentence ones, each as in its file."""
    stories: list[Story] = []
    for path in sorted(FOLDER.glob("*.jsonl"), key=_place):
        with path.open(encoding="utf-8", newline="\n") as lines:
            stories.extend(_story(line) for line in lines if line.strip())
    return stories


def _place(path: Path) -> tuple[int, str]:
    return (ORDER.index(path.name) if path.name in ORDER else len(ORDER), path.name)


def _story(line: str) -> Story:
    record = json.loads(line)
    pair = record.get("pair", "")
    return Story(
        id=record["id"],
        title=record["title"],
        text=record["text"],
        kind=record.get("kind", ""),
        pair=pair,
        group=pair and f"pair: {pair}",
    )
