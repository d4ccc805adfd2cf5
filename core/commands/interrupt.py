"""Signals that end a command: what is finished is kept, one line is said, 128 + n is returned."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..errors import INTERRUPTED

SIGNALS = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    if (number := getattr(signal, name, None)) is not None
)
SIGNALLED = 128  # and the signal's number: the exit code of what a signal ended
PATIENCE = 3.0  # seconds in which the same again, which is what impatient hands send, does nothing


class Interrupted:
    """Which signal ended the command, if one did."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.is_late = False  # everything is done, nothing is to be interrupted
        self._at = 0.0

    @property
    def exit_code(self) -> int:
        """128 + the signal's number; that of Ctrl-C where none was seen."""
        return INTERRUPTED if self.number is None else SIGNALLED + self.number

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number, self._at = number, time.monotonic()
            if not self.is_late:
                raise KeyboardInterrupt
        elif time.monotonic() - self._at > PATIENCE:  # writing takes too long for somebody
            os._exit(self.exit_code)


@contextmanager
def interruptible() -> Iterator[Interrupted]:
    """Inside, the first of `SIGNALS` raises `KeyboardInterrupt`; more of them change nothing.

    A signal that is ignored already (`nohup`, a background job) stays so.
    """
    taken = Interrupted()
    if threading.current_thread() is not threading.main_thread():
        yield taken
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, taken)
    try:
        yield taken
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
