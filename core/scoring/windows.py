"""Texts longer than the context: overlapping windows, each token scored once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import EyebrowError


class Window(NamedTuple):
    """Tokens `start` to `stop` of a sequence, of which those from `first` on are scored.

    lead: how many of the sequence's first tokens are fed in front of them once more.
    """

    start: int
    stop: int
    first: int
    lead: int = 0

    @property
    def fed(self) -> int:
        """Tokens the model is fed: the last one is only a target."""
        return self.lead + self.stop - self.start - 1


def windows(length: int, context: int, stride: int, lead: int = 0) -> Iterator[Window]:
    """Windows of at most `context` tokens over a sequence of `length`.

    Every token but the first is scored in exactly one window. Later windows begin with the
    `lead` first tokens of the sequence (BOS), which count towards `context`; their tokens have
    at least `stride` tokens of text before them. A sequence that fits gets one window.

    Raises `EyebrowError` where a later window would have no room for a token to score.
    """
    done = 1
    while done < length:
        if done == 1:
            window = Window(0, min(context, length), 1)
        else:
            step = context - lead - stride
            if step < 1:
                raise EyebrowError(
                    "Bad recipe",
                    f"of a context of {context} tokens {stride} are stride and {lead} what this "
                    "tokenizer puts in front, so none is left to score; use a longer --context "
                    "or a shorter --stride",
                )
            window = Window(done - stride, min(done + step, length), done, lead)
        yield window
        done = window.stop
