"""Models on their way from the Hub, on a thread of their own: what is here is scored meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import STOPPED, as_told
from ..models.hub.download import here
from ..models.hub.transfer import Transfer
from ..models.load import fetch
from ..models.spec import ModelSpec
from .messages import Downloading, Failed, Finished, Reply, Settings, Work


@dataclass(slots=True)
class _Wanted:
    """A model to be downloaded, and the jobs that wait for it."""

    spec: ModelSpec
    jobs: list[Work] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


class Downloads:
    """One after the other: those for the screen first, then in order of arrival."""

    def __init__(
        self,
        settings: Settings,
        answer: Callable[[Reply], None],
        ready: Callable[[Work], None],
        held: Callable[[], int],
    ) -> None:
        self.settings, self.answer, self.ready, self.held = settings, answer, ready, held
        self._changed = threading.Condition()
        self._wanted: dict[str, _Wanted] = {}
        self._current = ""
        self._fetched: set[str] = set()
        threading.Thread(target=self._work, daemon=True).start()

    def takes(self, job: Work) -> bool:
        """Whether this job's model has to come first; the job is then `ready` when it has."""
        spec = job.model
        if spec.source != "hub" or spec.name in self._fetched:
            return False
        if here(spec, self.settings.allow_pickle):
            return False
        with self._changed:
            if spec.name not in self._wanted:
                self._wanted[spec.name] = _Wanted(spec)
                self.answer(Downloading(spec.name, 0, 0, 0.0))
            self._wanted[spec.name].jobs.append(job)
            self._changed.notify()
        return True

    def forget(self, job: int) -> None:
        """Take a job back that waits here; the download itself goes on."""
        with self._changed:
            for wanted in self._wanted.values():
                if any(waiting.job == job for waiting in wanted.jobs):
                    wanted.jobs = [waiting for waiting in wanted.jobs if waiting.job != job]
                    self.answer(Finished(job))

    def stop(self, model: str) -> None:
        """Stop a download, or take it off the list."""
        with self._changed:
            if model == self._current:
                self._wanted[model].stopped.set()
            elif waiting := self._wanted.pop(model, None):
                self._fail(waiting, STOPPED, f"{model}: it had not begun")

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted)
                wanted = min(
                    self._wanted.values(),
                    key=lambda wanted: not any(job.urgent for job in wanted.jobs),
                )
                self._current = wanted.spec.name
            error = self._fetch(wanted)
            with self._changed:
                del self._wanted[self._current]
                self._current = ""
                if error is None:
                    self._fetched.add(wanted.spec.name)
            if error is not None:
                self._fail(wanted, *error)
                continue
            for job in wanted.jobs:
                self.ready(job)

    def _fail(self, wanted: _Wanted, title: str, message: str) -> None:
        for job in wanted.jobs:
            self.answer(Failed(job.job, wanted.spec.name, title, message))
            self.answer(Finished(job.job))

    def _fetch(self, wanted: _Wanted) -> tuple[str, str] | None:
        """Title and message of what went wrong."""
        name = wanted.spec.name

        def tell(transfer: Transfer) -> None:
            speed = transfer.bytes_per_second
            self.answer(Downloading(name, transfer.done, transfer.total, speed))

        try:
            stopped, held = wanted.stopped.is_set, self.held()
            fetch(wanted.spec, self.settings, tell, stopped=stopped, held=held)
        except Exception as error:  # the thread has others to fetch
            told = as_told(error, "Download failed")
            return told.title, told.message if told is error else f"{name}: {told.message}"
        return None
