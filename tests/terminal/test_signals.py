"""Signals that end the screen."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
from eyebrow.tui.terminal.signals import leave_on_signals

NAMES = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP")


@pytest.fixture(autouse=True)
def as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in map(signal.Signals.__getitem__, NAMES)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGQUIT"])
def test_the_same_signal_again_does_not_kill(name: str) -> None:
    """Once the loop is closed it is for whoever had it before, not for the system."""
    number = signal.Signals[name]
    codes: list[int] = []
    again: list[int] = []
    signal.signal(number, lambda number, _: again.append(number))

    async def screen() -> None:
        leave_on_signals(codes.append)
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        while not codes:
            await asyncio.sleep(0)

    asyncio.run(screen())
    assert set(codes) == {128 + number}
    assert not again
    os.kill(os.getpid(), number)
    assert again == [number]
