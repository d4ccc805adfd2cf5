"""One line on stderr that says how far it is."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from ..wording import duration, in_words, share_in_words, visible
from .output import note, width, write_aside

if TYPE_CHECKING:
    from ..engine.progress import Progress


EVERY = 60.0  # seconds between two lines where they cannot be written over themselves


class ProgressLine:
    """Written over itself on a terminal; elsewhere, in the log of a job, a line a minute."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted and sys.stderr is not None
        self.on_terminal = self.wanted and sys.stderr.isatty()
        self.shown = 0
        self.said = time.monotonic()

    def show(self, progress: Progress) -> None:
        if self.on_terminal:
            room = shutil.get_terminal_size().columns - 1
            line = visible(described(progress))[:room]
            # Spaces, no escape sequence: every terminal knows how to do that.
            write_aside("\r" + line + " " * (self.shown - width(line)))
            self.shown = width(line)
        elif self.wanted and time.monotonic() - self.said >= EVERY:
            note(described(progress))
            self.said = time.monotonic()

    def clear(self) -> None:
        if self.shown:
            write_aside("\r" + " " * self.shown + "\r")
            self.shown = 0


def described(progress: Progress) -> str:
    """`pocket-3m  85/120  52 stories/s  10,400 tokens/s  4 s left`.

    Before: `reading  12,000 stories`.
    While downloading: `smollm2-135m  downloading  120 / 270 MB  11 MB/s  14 s left`.
    """
    parts = [progress.model] if progress.model else []
    if progress.doing != "scoring":
        parts.append(progress.doing)
    if progress.doing == "reading":
        of = f"/{progress.total:,}" if progress.total else ""
        parts.append(f"{progress.done:,}{of} stories")
    elif progress.doing == "downloading":
        parts.append(share_in_words(progress.done, progress.total))
    elif progress.total:
        parts.append(f"{progress.done:,}/{progress.total:,}")
    if pace := progress.stories_per_second:
        parts.append(f"{pace:,.0f} stories/s" if pace >= 10 else f"{pace:.1f} stories/s")
    if progress.tokens_per_second:
        parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.bytes_per_second:
        parts.append(f"{in_words(round(progress.bytes_per_second))}/s")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return "  ".join(parts)
