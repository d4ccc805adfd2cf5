"""One line on stderr that says how far it is."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from ..wording import in_words, share_in_words, visible
from .output import width

if TYPE_CHECKING:
    from ..engine.progress import Progress


class ProgressLine:
    """Written over itself; nothing is written where stderr is no terminal."""

    def __init__(self, wanted: bool) -> None:
        self.on = wanted and sys.stderr.isatty()
        self.shown = 0

    def show(self, progress: Progress) -> None:
        if not self.on:
            return
        room = shutil.get_terminal_size().columns - 1
        line = visible(described(progress))[:room]
        # Spaces, no escape sequence: every terminal knows how to do that.
        sys.stderr.write("\r" + line + " " * (self.shown - width(line)))
        sys.stderr.flush()
        self.shown = width(line)

    def clear(self) -> None:
        if self.shown:
            sys.stderr.write("\r" + " " * self.shown + "\r")
            sys.stderr.flush()
            self.shown = 0


def described(progress: Progress) -> str:
    """`pocket-3m  85/120  10,400 tokens/s  4 s left`.

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
    if progress.tokens_per_second:
        parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.bytes_per_second:
        parts.append(f"{in_words(round(progress.bytes_per_second))}/s")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """4 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
