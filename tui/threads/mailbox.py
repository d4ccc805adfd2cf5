"""Where threads leave messages for the UI, also before the UI is there to take them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Mailbox:
    """Keeps messages until `open` says who takes them; then hands each one on at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Any] = []
        self._take: Callable[[Any], object] | None = None

    def put(self, message: Any) -> None:
        """From any thread."""
        with self._lock:
            if self._take is None:
                self._kept.append(message)
                return
        self._take(message)

    def open(self, take: Callable[[Any], object]) -> None:
        """Hand on what was kept, and everything from now on."""
        with self._lock:
            kept, self._kept = self._kept, []
            for message in kept:
                take(message)
            self._take = take
