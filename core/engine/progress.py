"""How far one model is, and how long the rest takes at the pace of that model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..stories import Story

if TYPE_CHECKING:
    from ..models.hub.transfer import Transfer

TELL_AFTER = 0.1  # seconds between two reports of progress


@dataclass(frozen=True, slots=True)
class Progress:
    """What is going on with one model: "fetching", "downloading", "loading" or "scoring".

    Before the first, without a model: "reading", and on a cluster "starting Ray" and "waiting for
    a worker". done, total: distinct stories; those found in
    the store count as done. tokens_per_second, stories_per_second and seconds_left (None while
    unknown) speak of what is really being scored. While downloading, done and total are bytes.
    """

    model: str
    doing: str
    done: int = 0
    total: int = 0
    tokens_per_second: float = 0.0
    seconds_left: float | None = None
    bytes_per_second: float = 0.0
    stories_per_second: float = 0.0


def downloading(model: str, tell: Callable[[Progress], None]) -> Callable[[Transfer], None]:
    """Tells what the download of a model tells of itself."""

    def told(transfer: Transfer) -> None:
        tell(
            Progress(
                model,
                "downloading",
                transfer.done,
                transfer.total,
                seconds_left=transfer.seconds_left,
                bytes_per_second=transfer.bytes_per_second,
            )
        )

    return told


class Pace:
    """How fast one model goes. Time left goes by characters: the longest stories come first."""

    def __init__(self, model: str, known: int, lengths: Sequence[int]) -> None:
        """known: stories that need no scoring; lengths: characters of those that do."""
        self.model, self.done, self.total = model, known, known + len(lengths)
        self.left, self.seen, self.tokens, self.scored = sum(lengths), 0, 0, 0
        self.began = self.told = time.monotonic()

    def add(self, story: Story, tokens: int) -> None:
        """One more story is scored; tokens: those of it that were scored."""
        self.done += 1
        self.scored += 1
        self.tokens += tokens
        self.seen += len(story.text)
        self.left -= len(story.text)

    @property
    def is_due(self) -> bool:
        """Whether the last report is old enough for another."""
        return time.monotonic() - self.told > TELL_AFTER

    def progress(self) -> Progress:
        """The report that is due now."""
        self.told = time.monotonic()
        took = max(1e-6, self.told - self.began)
        # The first batch says little: it pays for what is set up once.
        is_known = self.seen and (took > 0.5 or not self.left)
        left = self.left * took / self.seen if is_known else None
        return Progress(
            self.model,
            "scoring",
            self.done,
            self.total,
            self.tokens / took,
            left,
            stories_per_second=self.scored / took,
        )
