"""What comes slowly, handed on as it comes: a pipe may give ten stories and then none for hours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from queue import Empty, Full, Queue
from threading import Event
from time import monotonic
from typing import TypeVar

from .lane import aside

T = TypeVar("T")
TURN = 0.2  # seconds after which a reader looks whether anybody still wants what it has


def in_batches(source: Iterator[T], most: int, soon: float) -> Iterator[list[T]]:
    """At most `most` at a time, and none later than `soon` seconds after it came.

    `source` is read on a thread of its own; what it raises is raised here, behind what came before.
    """
    queue: Queue[T | Exception | None] = Queue(most)
    unwanted = Event()
    aside(partial(_read, source, queue, unwanted), partial(_put, queue, unwanted))
    try:
        while True:
            came: list[T] = []
            item, end = queue.get(), monotonic() + soon
            while item is not None and not isinstance(item, Exception):
                came.append(item)
                if len(came) == most:
                    break
                try:
                    item = queue.get(timeout=max(0.0, end - monotonic()))
                except Empty:
                    break
            if came:
                yield came
            if isinstance(item, Exception):
                raise item
            if item is None:
                return
    finally:
        unwanted.set()


def _read(source: Iterator[T], queue: Queue[T | Exception | None], unwanted: Event) -> None:
    for item in source:
        _put(queue, unwanted, item)
        if unwanted.is_set():
            return
    _put(queue, unwanted, None)


def _put(queue: Queue[T | Exception | None], unwanted: Event, item: T | Exception | None) -> None:
    while not unwanted.is_set():
        try:
            queue.put(item, timeout=TURN)
            return
        except Full:
            pass
