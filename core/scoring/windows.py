"""Texts longer than the context: overlapping windows, each token scored once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Window(NamedTuple):
    """Tokens `start` to `stop` of a sequence, of which those from `first` on are scored."""

    start: int
    stop: int
    first: int

    @property
    def fed(self) -> int:
        """Tokens the model is fed: the last one is only a target."""
        return self.stop - self.start - 1


def windows(length: int, context: int, stride: int) -> Iterator[Window]:
    """Windows of at most `context` tokens over a sequence of `length`.

    Every token but the first is scored in exactly one window. Tokens of later windows have at
    least `stride` tokens before them; a sequence that fits gets one window.
    """
    done = 1
    while done < length:
        start = 0 if done == 1 else done - stride
        stop = min(start + context, length)
        yield Window(start, stop, done)
        done = stop
