"""Signals that end the screen: it leaves in order, with 128 + n."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Leave = Callable[[int], None]


def leave_on_signals(leave: Leave) -> None:
    """From now on signals leave by `leave`, which is handed the exit code, in the running loop.

    Not by asyncio's own handlers: those go with the loop, and the same signal sent again, as
    impatient hands do, would then kill in its own way.
    """
    if hasattr(signal, "SIGHUP"):
        # The terminal went away: there is nothing to restore; the worker sees the pipe close.
        signal.signal(signal.SIGHUP, lambda *_: os._exit(129))
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
