"""Several workers that look like one engine: one for each GPU of a machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .client import Engine
from .messages import (
    Cancel,
    CancelDownload,
    Downloading,
    Explore,
    Explored,
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
    WorkerDied,
    WorkerLost,
)
from .routing import Member, Task, choose, hold

GIVE_UP = 3  # deaths in a row of a worker, without one score between them; or around one job
NO_ROOM = ("Not enough memory", "Out of memory")


@dataclass(frozen=True, slots=True)
class Doing:
    """What a worker is at, for the screen.

    device: as it was told. pid: None while it does not run. state: "" once it is up, else why it
    is not. model: of the job under way, "" for none. urgent, background: jobs that it has. held:
    the models that are loaded.
    """

    device: str
    pid: int | None
    state: str
    model: str
    urgent: int
    background: int
    held: tuple[str, ...]


class Pool:
    """A worker process on each of `devices`; `deliver` gets their replies, on threads of theirs.

    Whoever asks sees one engine. Where one worker dies and others live, these get what it was
    asked and had not answered, or had not written yet: `WorkerLost` says so. `WorkerDied` says
    that none is left; then nothing that was asked is answered, and `start` begins anew.
    """

    def __init__(
        self,
        settings: Settings,
        deliver: Callable[[Reply], None],
        devices: Sequence[str] = (),
    ) -> None:
        """devices: none for the one that the settings name."""
        self.settings = settings
        self.deliver = deliver
        self._lock = threading.RLock()
        self._hello: Hello | None = None
        self._asked: dict[str, int] = {}  # who was asked of places, by model
        self._last = 0  # number of the worker that died last
        self._members = [
            self._member(number, device)
            for number, device in enumerate(devices or (settings.device,))
        ]

    def _member(self, number: int, device: str) -> Member:
        settings = replace(self.settings, device=device)
        return Member(number, device, Engine(settings, partial(self._take, number), number))

    # --- what the session asks ----------------------------------------------------------------

    @property
    def workers(self) -> int:
        """How many run, or are about to."""
        return max(1, len(self._running))

    @property
    def log(self) -> Path:
        """Of the worker that died last."""
        return self._members[self._last].engine.log

    def start(self) -> None:
        """Start the workers that do not run."""
        with self._lock:
            for member in self._members:
                if not member.is_running:
                    member.is_out, member.deaths = False, 0
                    member.start()

    def send(self, request: Request) -> None:
        """Hand a request to a worker; what concerns a job, to whoever has it."""
        with self._lock:
            match request:
                case Cancel(job=job):
                    for member in self._running:
                        if (task := member.tasks.get(job)) is not None:
                            task.is_cancelled = True
                            member.engine.send(request)
                case CancelDownload() | Settings():
                    for member in self._running:
                        member.engine.send(request)
                case _:
                    self._hand_over(Task(request))

    def close(self) -> None:
        """Let go of all: they write what they have finished and leave. Never waits."""
        for member in self._members:
            member.engine.close()

    def doing(self) -> tuple[Doing, ...]:
        """What each worker is at."""
        with self._lock:
            return tuple(map(_doing, self._members))

    # --- who does it --------------------------------------------------------------------------

    @property
    def _running(self) -> list[Member]:
        return [member for member in self._members if member.is_running]

    def _hand_over(self, task: Task) -> None:
        """To the worker that is to have it; to nobody where none runs, which was told."""
        there = [member for member in self._running if member.number not in task.refused]
        if not there:
            return
        request = task.request
        roomy = [member for member in there if request.model.name not in member.full]
        member = choose(request, roomy or there, self._asked)
        if request.urgent and isinstance(request, Explore):
            self._asked[request.model.name] = member.number
        member.take(task)

    # --- what they answer ---------------------------------------------------------------------

    def _take(self, number: int, reply: Reply) -> None:
        with self._lock:
            for told in self._heard(self._members[number], reply):
                self.deliver(told)

    def _heard(self, member: Member, reply: Reply) -> Iterator[Reply]:
        """Take note of a reply; what whoever asked is to hear of it."""
        others = [one for one in self._members if one is not member]
        match reply:
            case WorkerDied():
                yield from self._bury(member, reply)
            case Hello():
                yield from self._greet(member, reply)
            case Kept():
                _keep(member)
            case Downloading(model=model):
                member.fetching.add(model)
                yield reply
            case Loading(model=model):
                member.loading = model
                member.fetching.discard(model)
                if not hold(others, model):
                    yield reply
            case Loaded(model=model):
                member.loading = ""
                member.held.add(model)
                member.coming.discard(model)
                yield reply
            case Unloaded(model=model):
                member.held.discard(model)
                if not hold(others, model):
                    yield reply
            case Failed(job=0) if not member.is_up:
                member.refusal = reply
            case _ if job := getattr(reply, "job", 0):
                if (task := member.tasks.get(job)) is not None:
                    yield from self._answered(member, task, reply)
            case _:
                yield reply

    def _greet(self, member: Member, hello: Hello) -> Iterator[Reply]:
        member.is_up = True
        if self._hello is None:
            self._hello = hello
            yield hello
        elif hello != self._hello:  # other numbers: they would not be the same recipe's
            own, first = (f"{one.dtype} on {one.device}" for one in (hello, self._hello))
            member.is_out = True
            member.engine.close()
            why = f"it would compute in {own}, the others in {first}; name one with --dtype"
            yield from self._leave_to_others(member, why)

    def _answered(self, member: Member, task: Task, reply: Reply) -> Iterator[Reply]:
        match reply:
            case Explored():
                task.has_begun = True
            case Scored(rows=rows, seconds=seconds):
                digests = {digest for digest, _, _ in rows}
                (task.told if seconds else task.kept).update(digests)
                member.deaths = 0
                task.deaths = task.deaths if seconds else 0  # what is not kept may be lost again
            case Failed(story=""):
                member.loading = ""
                for asked in (member.coming, member.fetching):
                    asked.discard(task.request.model.name)
                if reply.title in NO_ROOM and self._goes_elsewhere(member, task):
                    return
            case Failed(story=digest):
                task.kept.add(digest)
            case Finished():
                task.is_finished = True
                if not task.told:
                    del member.tasks[task.request.job]
        yield reply

    def _goes_elsewhere(self, member: Member, task: Task) -> bool:
        """A model that one has no room for may fit with another; who had none is asked again only
        where nobody has, for it puts out of memory what it holds before it says so."""
        task.refused.add(member.number)
        if isinstance(task.request, Score):  # a question may take two models
            member.full.add(task.request.model.name)
        if all(one.number in task.refused for one in self._running):
            return False
        del member.tasks[task.request.job]
        self._hand_over(task)
        return True

    # --- death --------------------------------------------------------------------------------

    def _bury(self, member: Member, death: WorkerDied) -> Iterator[Reply]:
        self._last = member.number
        member.deaths += 1
        member.is_running = False
        refusal = member.refusal
        if not self._running:
            self._hello = None
            self._asked.clear()
            if refusal is not None:
                yield refusal
            yield death
            return
        member.is_out = refusal is not None or member.deaths >= GIVE_UP
        yield from self._leave_to_others(member, refusal.message if refusal else death.why)
        if not member.is_out:
            member.start()

    def _leave_to_others(self, member: Member, why: str) -> Iterator[Reply]:
        """What it was asked goes to the others, the screen's needs first."""
        member.is_running = False
        tasks = sorted(member.tasks.values(), key=lambda task: not task.request.urgent)
        models = member.held | member.coming
        member.tasks, member.held, member.coming = {}, set(), set()
        self._asked = {m: n for m, n in self._asked.items() if n != member.number}
        for task in tasks:
            yield from self._pass_on(task, why)
        for model in models:
            if not hold(self._running, model):
                yield Unloaded(model)
        yield WorkerLost(member.device, why, again=not member.is_out)

    def _pass_on(self, task: Task, why: str) -> Iterator[Reply]:
        request, job, rest = task.request, task.request.job, task.rest
        deaths = task.deaths + 1
        if rest is not None and deaths < GIVE_UP:
            self._hand_over(Task(rest, is_cancelled=task.is_cancelled, deaths=deaths))
            return
        if task.is_finished:
            return
        if not task.is_cancelled and (rest is not None or isinstance(request, Explore)):
            about = request.about if isinstance(request, Explore) else ""
            yield Failed(job, request.model.name, "Worker stopped", why, about)
        yield Finished(job)


def _keep(member: Member) -> None:
    for job, task in list(member.tasks.items()):
        if task.told:
            task.deaths = 0
        task.kept |= task.told
        task.told.clear()
        if task.is_finished:
            del member.tasks[job]


def _doing(member: Member) -> Doing:
    urgent, background = (member.waiting(urgent=which) for which in (True, False))
    task = next(iter([*urgent, *background]), None)
    state = "" if member.is_up else "starting"
    return Doing(
        member.device,
        member.engine.pid if member.is_running else None,
        "stopped" if not member.is_running else state,
        task.request.model.name if task else "",
        len(urgent),
        len(background),
        tuple(sorted(member.held)),
    )
