"""Lines of one's own, side by side: each scored by itself under every size."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from ...core.engine.messages import Explored, Failed, Hello, Rescore, Rescored, WorkerDied
from ...core.scoring.scores import Summary
from .change import Change
from .jobs import Jobs
from .models import Models
from .size import Size
from .worker import Worker

Key = tuple[str, str]  # size, line


class Lines:
    """wanted: the lines that are compared, each once, in the order they were typed in."""

    def __init__(
        self, models: Models, jobs: Jobs, worker: Worker, announce: Callable[[Change], None]
    ) -> None:
        self.models, self.jobs, self.worker = models, jobs, worker
        self.announce = announce
        self.text = ""
        self.wanted: tuple[str, ...] = ()
        self.empty()

    def empty(self) -> None:
        """Other models are open."""
        self._known: dict[Key, Summary | None] = {}  # None: it cannot be scored
        self._asked: dict[Key, int | None] = {}

    def type(self, text: str) -> None:
        """So they read now; each is scored under the current size first."""
        self.text = text
        lines = (line.strip() for line in text.splitlines())
        self.wanted = tuple(dict.fromkeys(line for line in lines if line))
        for size, line in [*self._asked]:
            if line not in self.wanted and (size, line) not in self._known:
                self.jobs.drop(self._asked.pop((size, line)))
        self.want()

    def want(self) -> None:
        """Have them scored under the current size, and where that is done under the others."""
        current = self.models.size
        self._want(current)
        if current.is_out or all((current.name, line) in self._known for line in self.wanted):
            for size in self.models.sizes:
                self._want(size)

    def _want(self, size: Size) -> None:
        for line in self.wanted:
            key = size.name, line
            if key not in self._asked and not size.is_out and size.state != "downloading":
                self._asked[key] = self.jobs.explore(
                    partial(self._ask, size, line), partial(self._take, key)
                )

    def _ask(self, size: Size, line: str, number: int) -> Rescore:
        return Rescore(number, size.spec, self.worker.asked, line)

    def _take(self, key: Key, answer: Explored | Failed) -> None:
        self._known[key] = answer.score.summary if isinstance(answer, Rescored) else None
        self.announce(Change.NEXT)
        self.want()

    def perplexity(self, size: Size, line: str) -> float | None:
        """None while it is waited for; nan where the line cannot be scored."""
        key = size.name, line
        if key not in self._known:
            return None
        summary = self._known[key]
        return math.nan if summary is None else summary.perplexity

    def ranked(self, size: Size) -> list[str]:
        """The lines by their perplexity under a size; what has none yet comes last."""

        def order(line: str) -> float:
            value = self.perplexity(size, line)
            return math.inf if value is None or math.isnan(value) else value

        return sorted(self.wanted, key=order)

    def receive(self, message: object) -> None:
        """A worker that is gone is asked again when it is back."""
        match message:
            case WorkerDied():
                self._asked = dict.fromkeys(self._known)
            case Hello():
                self.want()
