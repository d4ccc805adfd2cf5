"""The stories of a source that are still to come: read on a thread, told as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter, sleep

from ...core.errors import EyebrowError, as_told
from ...core.stories import Story
from ..threads.lane import aside
from ..threads.reading import in_batches
from .library import Batch, batch_of

BATCH = 200  # at a time: taking them in must not keep a key waiting
SOON = 0.1  # seconds until fewer are shown, at most
ROOM = 300_000_000  # characters of all the stories together


class Reading:
    """One source. deliver: gets `StoriesRead`, on the thread.

    patience: seconds for which what can wait leaves the machine to others. is_wanted: whether
    anybody still waits for these stories.
    """

    def __init__(
        self,
        stories: Iterator[Story],
        deliver: Callable[[StoriesRead], object],
        patience: Callable[[], float],
        is_wanted: Callable[[Reading], bool],
    ) -> None:
        self.stories, self.deliver = stories, deliver
        self.patience, self.is_wanted = patience, is_wanted

    def first(self, count: int) -> list[Story]:
        """So many, read here and now."""
        return list(islice(self.stories, count))

    def read_on(self) -> None:
        """Until the end, or until nobody wants them; what comes slowly is told as it comes."""
        aside(self._read, self._fail)

    def _read(self) -> None:
        size, began = 0, perf_counter()
        for came in in_batches(self.stories, BATCH, SOON):
            if not self.is_wanted(self):
                return
            size += sum(len(story.text) for story in came)
            self.deliver(StoriesRead(self, batch_of(came)))
            if size > ROOM:
                raise EyebrowError(
                    "Too long to list",
                    "reading stopped here, the memory would fill; --limit or a smaller file "
                    "holds what you want to browse, `eyebrow score` reads it all",
                )
            sleep(max(min(perf_counter() - began, SOON), self.patience()))
            began = perf_counter()
        self.deliver(StoriesRead(self, batch_of(()), done=True))

    def _fail(self, error: Exception) -> None:
        trouble = as_told(error, "Cannot read on")
        self.deliver(StoriesRead(self, batch_of(()), done=True, trouble=trouble))


@dataclass(frozen=True, slots=True)
class StoriesRead:
    """More stories of a source; `done` with the last of them, `trouble` if it ended early."""

    reading: Reading
    batch: Batch
    done: bool = False
    trouble: EyebrowError | None = None
