"""What the worker was asked for: a job's replies go to whoever asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from ...core.engine.messages import (
    Cancel,
    Explore,
    Explored,
    Failed,
    Finished,
    Score,
    Scored,
    WorkerDied,
)
from ...core.engine.routing import AHEAD
from ...core.stories.story import Story
from .change import Change
from .size import Size
from .worker import Worker

CHUNK = 64  # texts of a background job: the most that a change of mind has to wait for
NUMBERS = count(1)  # of all questions: answers to earlier ones are not taken for later ones'

Take = Callable[[Scored | Failed], None]
TakeExplored = Callable[[Explored | Failed], None]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Texts that were asked for under a size, by digest; urgent ones go before all others."""

    size: Size
    digests: tuple[str, ...]
    urgent: bool
    take: Take


class Jobs:
    """Hands jobs to the worker, and what comes back to their askers."""

    def __init__(self, worker: Worker, announce: Callable[[Change], None]) -> None:
        self.worker = worker
        self.announce = announce
        self.under_way: dict[int, Job] = {}
        self.exploring: dict[int, TakeExplored] = {}  # who asked about a place

    def ask(
        self,
        size: Size,
        texts: Sequence[tuple[str, Story]],
        take: Take,
        *,
        urgent: bool,
        cuts: bool = False,
    ) -> None:
        """Have texts, (digest, story), scored; `take` gets `Scored`, in parts, or `Failed`.

        urgent: whole scores come back, else sums; cuts: the first cuts of each text too.
        """
        if self.worker.stopped:
            return
        number = next(NUMBERS)
        digests = tuple(digest for digest, _ in texts)
        self.under_way[number] = Job(size, digests, urgent, take)
        stories = tuple(story for _, story in texts)
        self.worker.send(Score(number, size.spec, self.worker.asked, stories, urgent, cuts))
        self.announce(Change.STATUS)

    def explore(self, make: Callable[[int], Explore], take: TakeExplored) -> int | None:
        """Ask about a place; make: the question, of its number. `take` gets the answers, or
        `Failed`. Returns the number, None where there is no worker."""
        if self.worker.stopped:
            return None
        number = next(NUMBERS)
        self.exploring[number] = take
        self.worker.send(make(number))
        return number

    def drop(self, number: int | None) -> None:
        """Want nothing more of a question about a place."""
        if number is not None and self.exploring.pop(number, None) is not None:
            self.worker.send(Cancel(number))

    def has_room(self, size: Size, digest: str) -> bool:
        """Whether a text may be asked for urgently: texts passed by are not."""
        asked = [job.digests for job in self.under_way.values() if job.urgent and job.size is size]
        return len(asked) < AHEAD and (digest,) not in asked

    def wants(self, size: Size, to_do: int) -> bool:
        """Whether another background job of a size is to be asked for; to_do: sizes that have any
        and are not being downloaded.

        Each worker has `AHEAD` of them. A size has the share of the workers that it is one of
        `to_do` for, and one worker's until its model is loaded: others load it when that is done.
        What is downloaded holds up only itself.
        """
        workers, own = self.worker.engine.workers, len(self._background(size))
        share = -(-workers // max(1, to_do)) if size.state == "ready" else 1
        if own >= AHEAD * share:
            return False
        waits = size.state == "downloading"
        return waits or len(self._background()) < AHEAD * workers

    def asked(self, size: Size) -> set[str]:
        """Digests of the texts of a size that are being scored in the background."""
        return {digest for job in self._background(size) for digest in job.digests}

    def hands(self, size: Size) -> int:
        """How many workers score a size in the background, as far as one can tell from here."""
        return max(1, -(-len(self._background(size)) // AHEAD))

    def running(self) -> Size | None:
        """The size that is being scored in the background; the first of several."""
        return next((job.size for job in self._background()), None)

    def also_running(self) -> int:
        """How many other sizes are."""
        return max(0, len({id(job.size) for job in self._background()}) - 1)

    def _background(self, size: Size | None = None) -> list[Job]:
        """Those of a size; of all whose models are not being downloaded."""
        return [
            job
            for job in self.under_way.values()
            if not job.urgent
            and (job.size is size if size is not None else job.size.state != "downloading")
        ]

    def cancel(self) -> None:
        """Want nothing more of what was asked; what is finished is kept."""
        for number in (*self.under_way, *self.exploring):
            self.worker.send(Cancel(number))
        self.under_way.clear()
        self.exploring.clear()

    def cancel_background(self) -> None:
        """Want nothing more of what is scored for the set."""
        for number, job in list(self.under_way.items()):
            if not job.urgent:
                self.worker.send(Cancel(number))
                del self.under_way[number]

    def receive(self, message: object) -> None:
        match message:
            case Scored(job=number) | Failed(job=number) if number in self.under_way:
                self.under_way[number].take(message)
            case Explored() | Failed() if take := self.exploring.get(message.job):
                take(message)
            case Finished(job=number):
                self.exploring.pop(number, None)
                if self.under_way.pop(number, None) is not None:
                    self.announce(Change.STATUS | Change.SIZES)
            case WorkerDied():
                self.under_way.clear()
                self.exploring.clear()
