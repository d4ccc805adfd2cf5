"""A real worker process at the end of a real pipe."""

from __future__ import annotations

import queue
from typing import Any

from eyebrow.core.engine.client import Engine
from eyebrow.core.engine.messages import Kept, Reply, Scored, Settings
from eyebrow.core.stories import Story, text_digest

PATIENCE = 120.0  # seconds before a test gives up on a reply; nothing is measured by it


class Desk:
    """Sends requests and reads replies in the order they come."""

    def __init__(self, settings: Settings) -> None:
        self.replies: queue.Queue[Reply] = queue.Queue()
        self.engine = Engine(settings, self.replies.put)
        self.engine.start()

    @property
    def process(self) -> Any:
        return self.engine._process

    def send(self, request: Any) -> None:
        self.engine.send(request)

    def until(self, *kinds: type, job: int | None = None) -> list[Any]:
        """Replies up to the first of one of these kinds (of one job), it included."""
        seen: list[Any] = []
        while True:
            reply = self.replies.get(timeout=PATIENCE)
            if isinstance(reply, Kept) and Kept not in kinds:
                continue  # it says when it wrote, which is at no certain place among the others
            seen.append(reply)
            right_job = job is None or getattr(seen[-1], "job", None) == job
            if isinstance(seen[-1], kinds) and right_job:
                return seen

    def leave(self) -> None:
        """Close the pipe and see the process off."""
        self.engine.close()
        self.process.wait(PATIENCE)


def stories(count: int, words: int = 12) -> tuple[Story, ...]:
    """Stories of different texts and lengths."""
    line = [
        "the",
        "bear",
        "looked",
        "at",
        "the",
        "moon",
        "and",
        "the",
        "cat",
        "sat",
        "on",
        "the",
        "mat",
    ]
    return tuple(
        Story(f"s{n}", f"Story {n}", " ".join([f"{n}", *line[: words - n % 5]]))
        for n in range(count)
    )


def digests(told: Any) -> set[str]:
    """The texts that replies or stories speak of."""
    found = set()
    for one in told:
        if isinstance(one, Scored):
            found |= {digest for digest, _, _ in one.rows}
        elif isinstance(one, Story):
            found.add(text_digest(one.text))
    return found
