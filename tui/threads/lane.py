"""Threads that never keep the program from ending: one may wait for a pipe for ever."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

ASIDE = "aside"

Job = Callable[[], object]
Failed = Callable[[Exception], object]


def aside(job: Job, failed: Failed) -> None:
    """Do a job on a thread of its own; failed: gets what it raises, on that thread."""
    Thread(target=_done, args=(job, failed), name=ASIDE, daemon=True).start()


def _done(job: Job, failed: Failed) -> None:
    try:
        job()
    except Exception as error:  # what is on the screen stays, and says so
        with suppress(RuntimeError):  # there is no screen any more
            failed(error)


class Lane:
    """Jobs one after the other, on a thread that starts with the first."""

    def __init__(self, name: str, failed: Failed) -> None:
        self._name = name
        self._failed = failed
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._is_closed = False

    def submit(self, job: Job) -> None:
        """Nothing where it is closed."""
        if self._is_closed:
            return
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def close(self, patience: float | None = 0.0) -> None:
        """Take no more jobs; wait so many seconds (None: for ever) for those that are there."""
        self._is_closed = True
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join(patience)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            _done(job, self._failed)
