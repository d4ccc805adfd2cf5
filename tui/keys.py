"""Keys one after the other, each acting on what those before it have done."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any

from textual.app import App
from textual.events import Event, Key
from textual.widget import Widget

from .views.frame import Frame

ANSWER = 0.025  # seconds that a key takes to be answered; one held down comes every 0.03
PATIENCE = 2.0  # seconds that a key waits for what the one before it has set off, at most


class KeysInTurn(App[None]):
    """Textual hands a key from widget to widget, each with a queue of its own: keys that arrive
    together would act on what is drawn.

    stopping: keys that are taken even while others wait.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.stopping: set[str] = set()
        self._keys: deque[Key] = deque()
        self._pressed_at = 0.0

    @property
    def keys_wait(self) -> bool:
        """Whether something is under way that has to end before the next key is taken."""
        raise NotImplementedError

    def take_waiting_keys(self) -> None:
        """Nothing keeps them any more."""
        if self._keys and not self.keys_wait:
            self.call_later(self._take_keys)

    async def on_event(self, event: Event) -> None:
        if not isinstance(event, Key) or event.is_forwarded:
            await super().on_event(event)
            return
        self._pressed_at = perf_counter()
        if event.key == "ctrl+g" and self.screen.is_modal:
            event = Key("escape", "\x1b")  # it does what esc does, in every dialogue
        if self.keys_wait and event.key in self.stopping:
            self._keys.clear()
            await self._take_key(event)
            return
        self._keys.append(event)
        if len(self._keys) == 1:
            await self._take_keys()

    async def _take_keys(self) -> None:
        while self._keys and not self.keys_wait:
            await self._take_key(self._keys[0])
            self._keys.popleft()

    async def _take_key(self, event: Key) -> None:
        screen, before = self.screen, self._standing
        target = self.focused or screen
        is_typed = False
        if not await self._check_bindings(event.key, priority=True):
            is_typed = target.check_consume_key(event.key, event.character)
            if is_typed:
                target._forward_event(event)
            elif await self._check_bindings(event.key):
                pass
            elif isinstance(screen, Frame):
                screen.say_why(event.key)
            else:
                target._forward_event(event)
        if is_typed or before != self._standing or not isinstance(screen, Frame):
            await self._settle()

    @property
    def _standing(self) -> tuple[object, ...]:
        """Screen and pane: where either is another, layouts and bindings are too."""
        screen = self.screen
        at = (screen.at, screen.has_class("-alone")) if isinstance(screen, Frame) else None
        return screen, at, self.current_mode

    async def _settle(self) -> None:
        """Until what a key has set off has gone through the screen, and through one that opened."""
        before = None
        # Nothing settles in a program that ends, by an error at that.
        while before is not self.screen and not (self._exit or self._closing):
            before = self.screen
            for node in [*(before.focused or before).ancestors_with_self]:
                if node is not self and isinstance(node, Widget) and not self._closing:
                    await _through(node.call_later)
            await _through(before.call_after_refresh)

    def patience(self) -> float:
        """Seconds for which what can wait leaves the machine to the last key."""
        return max(0.0, self._pressed_at + ANSWER - perf_counter())


async def _through(schedule: Callable[[Callable[[], object]], object]) -> None:
    """Until a callback that is scheduled now has been called."""
    done = asyncio.Event()
    if schedule(done.set):
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), PATIENCE)
