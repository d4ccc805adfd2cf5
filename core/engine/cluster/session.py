"""Ray itself: connected to, asked what it has, let go; and its actors as a pool of workers."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...errors import FAILED, EyebrowError, reason
from .asked import Asked
from .dispatch import Lost, Reply
from .worker import Setup, Worker

if TYPE_CHECKING:
    from .blocks import Block
    from .worker import Task

OBJECTS = 512 << 20  # bytes of shared memory for what goes between processes, on this machine
REACHED = 10.0  # seconds in which a cluster answers
MOMENT = 0.5  # seconds that a reply is waited for at a time
PATIENCE = 15.0  # seconds in which workers write what is finished once they are to stop

# Nothing of Ray's own reaches the terminal; read once, when it is imported.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
}


@dataclass(frozen=True, slots=True)
class Room:
    """What the workers get: how many there are, GPUs and CPUs of each, and threads of a CPU one."""

    workers: int
    gpus: float
    cpus: float
    threads: int


@contextmanager
def connected(asked: Asked) -> Iterator[ModuleType]:
    """Ray, which is let go at the end. Inside, nobody else writes to stdout: Ray would.

    Raises `EyebrowError` where it is not installed, and where there is no cluster.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in _QUIET.items()})
    try:
        import ray
    except ImportError:
        raise EyebrowError(
            "Not installed", "--engine ray takes Ray: pip install 'eyebrow[ray]'"
        ) from None
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        try:
            _connect(ray, asked)
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: ModuleType, asked: Asked) -> None:
    own = {} if asked.address else {"object_store_memory": OBJECTS, "include_dashboard": False}
    try:
        if asked.address is not None and asked.address != "auto":
            _check_open(asked.address)
        with _handlers_kept(), _silent():
            ray.init(
                address=asked.address or "local",
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **own,
            )
    except Exception as error:
        raise _unreached(asked, error) from error


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing is written to stderr, not by C++ either, which has no other place yet."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _check_open(address: str) -> None:
    """Ray itself tries for minutes. Raises `OSError` and `ValueError`."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise ValueError("it is written host:port, or auto")
    socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED).close()


def _unreached(asked: Asked, error: Exception) -> EyebrowError:
    if asked.address is None:
        return EyebrowError("Ray did not start", reason(error), FAILED)
    return EyebrowError(
        "No cluster",
        f"there is no Ray at {asked.address} ({reason(error)}); start one with ray start --head, "
        "or leave --address out to use this machine",
    )


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Signals end the program in its own way: Ray takes them over for its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def room(ray: ModuleType, asked: Asked) -> Room:
    """How the cluster's nodes are parted among workers.

    A worker has a GPU; without any, two CPUs: while it prepares a batch or takes one apart on
    one, the other computes. Half of the CPUs are left to the command and to Ray itself.
    Raises `EyebrowError` for what no node has room for.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cpus = [int(node.get("CPU", 0)) for node in nodes]
    found = [node.get("GPU", 0.0) for node in nodes]
    gpus = float(any(found)) if asked.gpus is None else asked.gpus
    if gpus and (most := max(found, default=0.0)) < gpus:
        raise EyebrowError(
            "No room",
            f"--gpus-per-worker {gpus:g}: the node with most of them has {most:g}"
            + ("" if most else "; 0 scores on CPUs"),
        )
    fitting = sum(int(n / gpus) for n in found) if gpus else sum(max(1, n // 2) for n in cpus if n)
    most = fitting if gpus else sum(cpus)
    workers = asked.workers or fitting
    if not most:
        raise EyebrowError("No room", "no node of the cluster has a CPU for a worker")
    if workers > most:
        raise EyebrowError(
            "No room", f"--workers {workers}: the cluster has room for {most:g} of them"
        )
    each = sum(cpus) / workers
    threads = 0 if gpus else max(1, min(int(each), max(cpus)))
    return Room(workers, gpus, min(1.0, each / 2), threads)


class RayPool:
    """Actors by number; see `Pool`."""

    def __init__(self, ray: ModuleType, room: Room, setup: Setup) -> None:
        self._ray, self._setup = ray, ray.put(setup)
        self._kind = ray.remote(
            num_cpus=room.cpus,
            num_gpus=room.gpus,
            max_restarts=0,
            scheduling_strategy="SPREAD",
            concurrency_groups={"aside": 1},
        )(Worker)
        self._actors: dict[int, Any] = {}
        self._asked: dict[Any, int] = {}
        self._count = 0

    def start(self) -> int:
        self._count += 1
        actor = self._actors[self._count] = self._kind.remote(self._setup)
        self._asked[actor.ready.remote()] = self._count
        return self._count

    def hold(self, worker: int, task: Task) -> None:
        self._asked[self._actors[worker].hold.remote(task)] = worker

    def score(self, worker: int, block: Block) -> None:
        self._asked[self._actors[worker].score.remote(block)] = worker

    def end(self, worker: int) -> None:
        with suppress(Exception):
            self._ray.kill(self._actors[worker])
        self._forget(worker)

    def next(self) -> tuple[int, Reply] | None:
        # In the order they were asked: of a worker's replies the first comes first.
        done, _ = self._ray.wait(list(self._asked), num_returns=1, timeout=MOMENT)
        if not done:
            return None
        worker = self._asked.pop(done[0])
        reply = self._reply(done[0])
        if isinstance(reply, Lost):
            self.end(worker)
        return worker, reply

    def stop(self) -> Iterator[tuple[int, Reply]]:
        for actor in self._actors.values():
            with suppress(Exception):
                actor.stop.options(concurrency_group="aside").remote()
        until = time.monotonic() + PATIENCE
        while self._asked and time.monotonic() < until:
            if (found := self.next()) is not None:
                yield found

    def _reply(self, reference: Any) -> Reply:
        try:
            reply: Reply = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            return Lost(reason(error.cause))
        except self._ray.exceptions.RayError as error:
            return Lost(reason(error).rstrip("."))
        return reply

    def _forget(self, worker: int) -> None:
        self._actors.pop(worker, None)
        self._asked = {ref: one for ref, one in self._asked.items() if one != worker}
