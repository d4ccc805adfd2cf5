"""The worker process: holds the models, scores what it is asked, most urgent first.

One thread reads requests, one downloads, the main one works. A job is a generator that pauses
after every batch, and what a batch gave is told before the next begins; an urgent request waits
for one batch at most. When the pipe closes what is finished is written and the worker leaves,
whatever is under way.
"""

from __future__ import annotations

import heapq
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import DeviceLost, EyebrowError, as_told, contained, reason
from ..machine.garbage import look_seldom
from ..results.compare.cuts import cuts_of
from ..results.endings import ALONE
from ..results.store import Store
from ..stories.story import Story, text_digest
from .exploring_messages import Diverge
from .job import keep_vocabulary, run
from .keeper import Keeper
from .messages import (
    Cancel,
    CancelDownload,
    Explore,
    Failed,
    Finished,
    Hello,
    Kept,
    Loaded,
    Loading,
    Reply,
    Request,
    Score,
    Scored,
    Settings,
    Unloaded,
    Vocabulary,
    Work,
    receive,
    send,
)

if TYPE_CHECKING:
    from ..models.load import LoadedModel
    from ..models.spec import ModelSpec
    from .shelf import Shelved

GRACE = 0.25  # seconds from the closing of the pipe until a batch under way is left undone
LIMIT = 3.0  # and until the process ends even where the store does not answer
NICE = 5  # a third of a share where others want the processor too; with 10, a ninth, it starves
IDLE = 0.3  # seconds without work until what is finished is written
URGENT, BACKGROUND = 0.3, 0.5  # seconds a batch should take: that long a key waits, at most


class Inbox:
    """Requests in order of urgency; within that, in order of arrival."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._waiting: list[tuple[int, int, Work]] = []
        self._arrived = 0
        self._takes: Callable[[Request], bool] = lambda _: False
        self.cancelled: set[int] = set()
        self.closed = False

    def put(self, request: Request) -> None:
        with self._ready:
            if isinstance(request, Cancel):
                self.cancelled.add(request.job)
            if not self._takes(request) and isinstance(request, Score | Explore):
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

    def get(self, timeout: float | None) -> Work | None:
        """The next request; None where there is none in time or no more will come."""
        with self._ready:
            if not self._waiting and not self.closed:
                self._ready.wait(timeout)
            return heapq.heappop(self._waiting)[2] if self._waiting else None

    def urgent(self) -> Work | None:
        """The urgent request that is next, where there is one."""
        with self._ready:
            first = self._waiting[0][2] if self._waiting else None
            return first if first is not None and first.urgent else None


@dataclass(slots=True, eq=False)
class Job:
    """A request under way, and where it paused; left: the stories to score, by text digest."""

    request: Work
    left: dict[str, Story]
    steps: Generator[None, None, None] | None = None


class Worker:
    """Works off an inbox; `answer` sends a reply."""

    def __init__(self, settings: Settings, inbox: Inbox, replies: BinaryIO) -> None:
        from .downloads import Downloads
        from .explorer import Explorer
        from .shelf import Shelf

        self.inbox = inbox
        self.replies = replies
        self.speaking = threading.Lock()
        store = None if settings.store is None else Store(Path(settings.store), self._say)
        self.keeper = Keeper(store, self._store_failed)
        self.shelf = Shelf(settings, self._let_go)
        self.downloads = Downloads(settings, self.answer, inbox.put, self.shelf.held)
        alone = None if store is None else Store(store.folder / ALONE, self._say)
        keeper = Keeper(alone, self._store_failed)
        self.explorer = Explorer(self.answer, inbox.cancelled, keeper)
        inbox.divert(self._divert)
        self.paused: list[Job] = []
        self.told: dict[str, str] = {}  # digests of tokenizers whose vocabulary was sent, by model
        self.owes = False  # to say that what was told is kept

    def answer(self, reply: Reply) -> None:
        with self.speaking, suppress(OSError, ValueError):
            send(self.replies, reply)

    def _say(self, line: str) -> None:
        """What the store has to tell."""
        self.answer(Failed(0, "", "Store", line))

    def _divert(self, request: Request) -> bool:
        """Past the work that is under way goes what concerns downloads, and what can be answered
        without a model."""
        match request:
            case Score() | Explore():
                return self.explorer.takes(request) or self.downloads.takes(request)
            case Cancel():
                self.downloads.forget(request.job)
            case CancelDownload():
                self.downloads.stop(request.model)
        return False

    def run(self) -> None:
        """Until the inbox is closed."""
        while not self.inbox.closed:
            if self.paused and not self._gives_way(self.paused[-1].request):
                self.go_on()
                continue
            request = self.inbox.get(IDLE if self.keeper.waiting else None)
            if request is not None:
                self.begin(request)
            else:
                self.keeper.write()
                self._tell_kept()
        self.write()

    def write(self) -> None:
        """Everything that is finished, into its store; from any thread."""
        self.keeper.write()
        self.explorer.alone.write()

    def _gives_way(self, request: Work) -> bool:
        """Whether what waits goes first. What is urgent does, but urgent scores keep their order:
        the size that is looked at is asked for before its reference."""
        waiting = self.inbox.urgent()
        if isinstance(request, Score) and request.urgent and isinstance(waiting, Score):
            return False
        return waiting is not None

    def begin(self, request: Work) -> None:
        """Put a request on top of what is under way."""
        stories = request.stories if isinstance(request, Score) else ()
        self.paused.append(Job(request, {text_digest(story.text): story for story in stories}))

    def go_on(self) -> None:
        """Work on what is on top until it pauses."""
        job = self.paused[-1]
        job.steps = job.steps or self._steps(job)
        try:
            next(job.steps)
        except StopIteration:
            self.paused.remove(job)

    def _let_go(self, model: str) -> None:
        """A model leaves the shelf: jobs that paused in its midst begin their rest anew.

        The one under way has nothing of it yet: it has just found that the model's files changed.
        """
        self.answer(Unloaded(model))
        self.explorer.forget(model)
        for job in self.paused:
            if job.request.model.name == model and job.steps is not None:
                with suppress(ValueError):  # it is under way
                    job.steps.close()
                    job.steps = None

    def _steps(self, job: Job) -> Generator[None, None, None]:
        request, held = job.request, None
        try:
            with contained():
                if request.job not in self.inbox.cancelled:
                    if isinstance(request, Diverge):
                        self._held(request.reference)
                    held = self._held(request.model)
                    if isinstance(request, Score):
                        yield from self._score(request, job.left, held)
                    elif isinstance(request, Diverge):
                        self.explorer.diverge(request, held, self._still_held(request.reference))
                    else:
                        yield from self.explorer.steps(request, held)
        except DeviceLost:
            raise
        except Exception as error:  # a worker that goes on is worth more than a traceback
            # What is wrong with a question is nothing of the model's.
            about = request.about if held is not None and isinstance(request, Explore) else ""
            self._fail(request, error, about)
        self.answer(Finished(request.job))

    def _fail(self, request: Work, error: Exception, story: str = "") -> None:
        told = as_told(error, "Scoring failed")
        if told is not error:
            traceback.print_exception(error)
        self.answer(Failed(request.job, request.model.name, told.title, told.message, story))

    def _store_failed(self, error: EyebrowError) -> None:
        self.answer(Failed(0, "", error.title, error.message))

    def _held(self, spec: ModelSpec) -> Shelved:
        """The model, loaded if it is not, and told of."""
        held = self.shelf.find(spec)
        if held is None:
            self.answer(Loading(spec.name))
            held = self.shelf.load(spec)
            self.answer(Loaded(spec.name, held.loaded.parameters, held.loaded.digest))
        self._tell_vocabulary(spec.name, held.loaded)
        return held

    def _still_held(self, spec: ModelSpec) -> Shelved:
        """A model that was loaded before another one was."""
        held = self.shelf.find(spec)
        if held is None:
            raise EyebrowError(
                "No room for both", f"{spec.name} had to leave; the memory holds one of them"
            )
        return held

    def _score(self, request: Score, left: dict[str, Story], held: Shelved) -> Iterator[None]:
        name = request.model.name
        recipe = held.loaded.recipe(request.recipe)
        if not (request.urgent or request.cuts):  # where sums are an answer, known ones will do
            known = self.keeper.known(held.loaded.digest, recipe.digest)
            there = tuple((d, known[d], None) for d in left if d in known)
            if there:
                self.answer(Scored(request.job, name, there, recipe, 0.0))
            for digest, _, _ in there:
                del left[digest]
        began, spent = time.monotonic(), 0.0
        texts = {d: story.text for d, story in left.items()} if request.cuts else {}
        seconds = URGENT if request.urgent else BACKGROUND
        for step in run(held.loaded, held.scorer(recipe), left, self.keeper, seconds):
            for digest, error in step.failures:
                self._fail(request, error, digest)
            rows = tuple((d, s.summary, s if request.urgent else None) for d, s in step.scores)
            spent += time.monotonic() - began
            if rows:
                cuts = {d: cuts_of(texts[d], s) for d, s in step.scores} if request.cuts else {}
                self.answer(Scored(request.job, name, rows, recipe, spent, cuts))
                spent, self.owes = 0.0, True
                self._tell_kept()
            yield
            if self.inbox.closed or request.job in self.inbox.cancelled:
                return
            began = time.monotonic()

    def _tell_kept(self) -> None:
        """Once for whatever was told since the last time."""
        if self.owes and not self.keeper.waiting:
            self.answer(Kept())
            self.owes = False

    def _tell_vocabulary(self, name: str, loaded: LoadedModel) -> None:
        if self.told.get(name) != loaded.tokenizer_digest:
            self.answer(Vocabulary(name, tuple(keep_vocabulary(loaded, self.keeper))))
            self.told[name] = loaded.tokenizer_digest


def main() -> None:
    """Entry of the process: requests on stdin, replies on what was stdout."""
    look_seldom()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the replies
    requests = os.fdopen(os.dup(0), "rb")
    with suppress(OSError, AttributeError):
        os.nice(NICE)  # the hands on the keyboard go first
        # Where Linux groups processes by session, that is what weighs between the groups.
        Path("/proc/self/autogroup").write_text(str(NICE))
    settings = receive(requests)
    inbox = Inbox()

    left = threading.Event()
    work: list[Worker] = []

    def read() -> None:
        status = 0
        try:
            while True:
                inbox.put(receive(requests))
        except (EOFError, OSError):
            pass
        except Exception as error:  # nothing behind it can be read either
            print(f"a request cannot be read: {error}", file=sys.stderr, flush=True)
            status = 1
        _leave(inbox, left, work, status)

    def end(number: int, _: object) -> None:  # what ends a whole job, of systemd or Slurm
        print("a signal told it to end", file=sys.stderr)
        threading.Thread(target=_leave, args=(inbox, left, work, 128 + number)).start()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=read, daemon=True).start()

    from ..machine.device import dtype_name, pick_device, pick_dtype, use_device

    try:
        device = pick_device(settings.device)
    except EyebrowError as error:
        send(replies, Failed(0, "", error.title, error.message))
        return
    use_device(device)
    send(replies, Hello(device.type, dtype_name(pick_dtype(settings.dtype, device))))
    work.append(Worker(settings, inbox, replies))
    status = 0
    try:
        work[0].run()
    except BaseException as error:  # of a lost device, say: a new process begins anew
        work[0].write()
        print(reason(error), file=sys.stderr)
        status = 1
    left.set()
    sys.stderr.flush()
    os._exit(status)  # interpreters with torch take a second to unwind; nothing is left to do


def _leave(inbox: Inbox, left: threading.Event, work: list[Worker], status: int) -> None:
    """Nobody speaks any more: end the process, what is finished written."""
    end = threading.Timer(LIMIT, os._exit, (status,))
    end.daemon = True
    end.start()
    if not status:  # else the process must not end by itself, which would say that all is well
        inbox.close()
    if status or not left.wait(GRACE):  # in the midst of a batch, a download, of loading
        for worker in work:
            worker.write()
        os._exit(status)


if __name__ == "__main__":
    main()
