"""The worker process: holds the models, scores what it is asked, most urgent first.

One thread reads requests, one downloads, the main one works. A job is a generator that pauses
after every batch, so an urgent request waits for one batch at most. When the pipe closes the
worker stops after its batch, writes what it has finished and leaves; it never outlives that by
long.
"""

from __future__ import annotations

import heapq
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import EyebrowError
from ..headless import outcomes
from ..results.store import Row, Store
from ..scoring.scores import Summary
from ..stories.story import Story, text_digest
from .messages import (
    Cancel,
    CancelDownload,
    Failed,
    Finished,
    Hello,
    Loaded,
    Loading,
    Reply,
    Request,
    Score,
    Scored,
    Settings,
    Unloaded,
    Vocabulary,
    receive,
    send,
)

GRACE = 5.0  # seconds from the closing of the pipe to leaving, whatever is under way
IDLE = 0.3  # seconds without work until they are written
WRITE_AFTER = 2.0  # seconds that finished scores wait for company before they are written


class Inbox:
    """Requests in order of urgency; within that, in order of arrival."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._waiting: list[tuple[int, int, Score]] = []
        self._arrived = 0
        self._takes: Callable[[Request], bool] = lambda _: False
        self.cancelled: set[int] = set()
        self.closed = False

    def put(self, request: Request) -> None:
        with self._ready:
            if isinstance(request, Cancel):
                self.cancelled.add(request.job)
            if not self._takes(request) and isinstance(request, Score):
                self._arrived += 1
                heapq.heappush(self._waiting, (not request.urgent, self._arrived, request))
            self._ready.notify()

    def divert(self, takes: Callable[[Request], bool]) -> None:
        """Offer every request to `takes` first, also those that wait here already."""
        with self._ready:
            self._takes = takes
            self._waiting = [entry for entry in sorted(self._waiting) if not takes(entry[2])]

    def close(self) -> None:
        with self._ready:
            self.closed = True
            self._ready.notify()

    def get(self, timeout: float | None) -> Score | None:
        """The next request; None where there is none in time or no more will come."""
        with self._ready:
            if not self._waiting and not self.closed:
                self._ready.wait(timeout)
            return heapq.heappop(self._waiting)[2] if self._waiting else None

    def has_urgent(self) -> bool:
        with self._ready:
            return bool(self._waiting) and self._waiting[0][2].urgent


@dataclass(slots=True, eq=False)
class Job:
    """A request under way: what is left of it by text digest, and where it paused."""

    request: Score
    left: dict[str, Story]
    steps: Generator[None, None, None] | None = None


class Worker:
    """Works off an inbox; `answer` sends a reply."""

    def __init__(self, settings: Settings, inbox: Inbox, replies: BinaryIO) -> None:
        from .downloads import Downloads
        from .shelf import Shelf

        self.inbox = inbox
        self.replies = replies
        self.speaking = threading.Lock()
        self.store = None
        if settings.store is not None:
            self.store = Store(Path(settings.store), self._say)
        self.shelf = Shelf(
            settings.device,
            settings.dtype,
            settings.offline,
            self._let_go,
            allow_pickle=settings.allow_pickle,
            trust_remote_code=settings.trust_remote_code,
        )
        self.downloads = Downloads(settings, self.answer, inbox.put, self.shelf.held)
        inbox.divert(self._download)
        self.paused: list[Job] = []
        self.finished: list[Row] = []
        self.written = time.monotonic()
        self.known: dict[tuple[str, str], dict[str, Summary]] = {}
        self.told: set[str] = set()  # models whose vocabulary was sent

    def answer(self, reply: Reply) -> None:
        with self.speaking, suppress(OSError, ValueError):
            send(self.replies, reply)

    def _say(self, line: str) -> None:
        """What the store has to tell."""
        self.answer(Failed(0, "", "Store", line))

    def _download(self, request: Request) -> bool:
        """What concerns downloads goes there, past the work that is under way."""
        match request:
            case Score():
                return self.downloads.takes(request)
            case Cancel():
                self.downloads.forget(request.job)
            case CancelDownload():
                self.downloads.stop(request.model)
        return False

    def run(self) -> None:
        """Until the inbox is closed."""
        while not self.inbox.closed:
            if self.paused and not self.inbox.has_urgent():
                self.go_on()
                continue
            request = self.inbox.get(IDLE if self.finished else None)
            if request is not None:
                self.begin(request)
            else:
                self.write()
        self.write()

    def begin(self, request: Score) -> None:
        """Put a request on top of what is under way."""
        left = {text_digest(story.text): story for story in request.stories}
        self.paused.append(Job(request, left))

    def go_on(self) -> None:
        """Work on what is on top until it pauses."""
        job = self.paused[-1]
        job.steps = job.steps or self._steps(job)
        try:
            next(job.steps)
        except StopIteration:
            self.paused.remove(job)
        if time.monotonic() - self.written > WRITE_AFTER:
            self.write()

    def _let_go(self, model: str) -> None:
        """A model leaves the shelf: jobs that paused in its midst begin their rest anew."""
        self.answer(Unloaded(model))
        for job in self.paused:
            if job.request.model.name == model and job.steps is not None:
                job.steps.close()
                job.steps = None

    def _steps(self, job: Job) -> Generator[None, None, None]:
        request = job.request
        try:
            yield from self._score(job)
        except EyebrowError as error:
            self.answer(Failed(request.job, request.model.name, error.title, error.message))
        except Exception as error:  # a worker that goes on is worth more than a traceback
            self._scoring_failed(request, error)
        self.answer(Finished(request.job))

    def _scoring_failed(self, request: Score, error: Exception, story: str = "") -> None:
        title, reason = getattr(error, "title", "Scoring failed"), getattr(error, "message", "")
        if not reason:
            traceback.print_exception(error)
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
        self.answer(Failed(request.job, request.model.name, title, reason, story))

    def _score(self, job: Job) -> Iterator[None]:
        request = job.request
        if request.job in self.inbox.cancelled:
            return
        name = request.model.name
        if name not in self.shelf:
            self.answer(Loading(name))
            began = time.monotonic()
            loaded = self.shelf.get(request.model).loaded
            took = time.monotonic() - began
            self.answer(Loaded(name, loaded.parameters, loaded.digest, took))
        held = self.shelf.get(request.model)
        self._tell_vocabulary(request)
        recipe = held.loaded.recipe(request.recipe)
        scorer = held.scorer(recipe)
        known = {} if request.urgent else self._known(held.loaded.digest, recipe.digest)
        there = tuple((d, known[d], None) for d in job.left if d in known)
        if there:
            self.answer(Scored(request.job, name, there, recipe, 0.0))
        for digest, _, _ in there:
            del job.left[digest]
        began, batch, tokens = time.monotonic(), 0.0, 0
        rows = []
        for digest, score in outcomes(scorer, dict(job.left)):
            story = job.left.pop(digest)
            if isinstance(score, Exception):
                self._scoring_failed(request, score, digest)
                continue
            tokens += score.summary.tokens
            stored = self._known(held.loaded.digest, recipe.digest)
            if digest not in stored:  # an urgent story may be in the store, or on its way there
                self.finished.append(Row(story, held.loaded.member, recipe, score))
                stored[digest] = score.summary
            rows.append((digest, score.summary, score if request.urgent else None))
            if request.urgent or time.monotonic() - batch > 0.1:
                speed = tokens / max(1e-6, time.monotonic() - began)
                self.answer(Scored(request.job, name, tuple(rows), recipe, speed))
                rows, batch = [], time.monotonic()
                yield
                if self.inbox.closed or request.job in self.inbox.cancelled:
                    return
        if rows:
            speed = tokens / max(1e-6, time.monotonic() - began)
            self.answer(Scored(request.job, name, tuple(rows), recipe, speed))

    def _known(self, model_digest: str, recipe_digest: str) -> dict[str, Summary]:
        """What need not be scored again: in the store, or finished here and on its way there."""
        key = (model_digest, recipe_digest)
        if key not in self.known:
            if self.store is not None:
                self.store.mend(*key)
            self.known[key] = {} if self.store is None else self.store.summaries(*key)
        return self.known[key]

    def _tell_vocabulary(self, request: Score) -> None:
        name = request.model.name
        if name in self.told:
            return
        from ..models.fingerprint import tokenizer_digest
        from ..scoring.vocabulary import token_texts

        held = self.shelf.get(request.model)
        size = held.loaded.model.config.get_text_config().vocab_size
        texts = token_texts(held.loaded.tokenizer, size)
        self.answer(Vocabulary(name, tuple(texts)))
        self.told.add(name)
        folder = request.model.local_path
        if self.store is not None and folder is not None:
            self.store.keep_vocabulary(tokenizer_digest(folder), texts)

    def write(self) -> None:
        """Put what is finished into the store, a part for each model and recipe."""
        self.written = time.monotonic()
        rows, self.finished = self.finished, []
        if self.store is None:
            return
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            groups.setdefault((row.model.digest, row.recipe.digest), []).append(row)
        for members in groups.values():
            try:
                self.store.write(members)
            except Exception as error:  # pyarrow's too; scores were delivered, work goes on
                title = getattr(error, "title", "Cannot write the store")
                message = getattr(error, "message", str(error))
                self.answer(Failed(0, "", title, message))


def main() -> None:
    """Entry of the process: requests on stdin, replies on what was stdout."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the replies
    requests = os.fdopen(os.dup(0), "rb")
    with suppress(OSError, AttributeError):
        os.nice(10)  # the hands on the keyboard go first
        # Where Linux groups processes by session, that is what weighs between the groups.
        Path("/proc/self/autogroup").write_text("10")
    settings = receive(requests)
    inbox = Inbox()

    def read() -> None:
        try:
            while True:
                inbox.put(receive(requests))
        except (EOFError, OSError):
            inbox.close()
            time.sleep(GRACE)
            os._exit(0)

    threading.Thread(target=read, daemon=True).start()

    import torch
    import transformers

    from ..models.device import dtype_name, pick_device, pick_dtype

    try:
        device = pick_device(settings.device)
    except EyebrowError as error:
        send(replies, Failed(0, "", error.title, error.message))
        return
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    dtype = dtype_name(pick_dtype(settings.dtype, device))
    send(replies, Hello(device.type, name, dtype, str(torch.__version__), transformers.__version__))
    Worker(settings, inbox, replies).run()
    sys.stderr.flush()
    os._exit(0)  # interpreters with torch take a second to unwind; nothing is left to do


if __name__ == "__main__":
    main()
