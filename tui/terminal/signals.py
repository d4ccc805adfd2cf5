"""Signals that end the screen: it leaves in order, with 128 + n."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Leave = Callable[[int], None]


def leave_on_signals(leave: Leave, hang_up: Callable[[], object]) -> None:
    """From now on signals leave by `leave`, which is handed the exit code, in the running loop.

    hang_up: is called where the terminal went away, before the program ends at once.

    Not by asyncio's own handlers: those go with the loop, and the same signal sent again, as
    impatient hands do, would then kill in its own way.
    """

    def end(*_: object) -> None:
        """There is no terminal to restore; the worker sees the pipe close."""
        hang_up()
        os._exit(129)

    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, end)
    for name in ("SIGINT", "SIGTERM", "SIGQUIT"):
        if (number := getattr(signal, name, None)) is not None:
            with suppress(ValueError):  # not the main thread
                signal.signal(number, _handler(leave, signal.getsignal(number)))


def _handler(leave: Leave, before: Any) -> Callable[[int, Any], None]:
    """before: has the signal once the loop is closed."""
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: Any) -> None:
        try:
            loop.call_soon_threadsafe(leave, 128 + number)
        except RuntimeError:
            if callable(before):
                before(number, frame)

    return handle
