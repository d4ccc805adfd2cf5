"""What reaches the terminal: results on stdout, everything else on stderr, text only as text."""

from __future__ import annotations

import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TextIO

from ..errors import FAILED, EyebrowError, reason
from ..results.finite import finite
from ..wording import readable, visible


def width(text: str) -> int:
    """Terminal cells that visible text takes."""
    return sum(
        0 if unicodedata.combining(ch) else 2 if unicodedata.east_asian_width(ch) in "WF" else 1
        for ch in text
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[str]) -> str:
    """Aligned columns under their heads, two spaces apart; those in `left` begin at the left."""
    lines = [list(heads), *([visible(cell) for cell in row] for row in rows)]
    sizes = [max(width(line[i]) for line in lines) for i in range(len(heads))]
    out = []
    for line in lines:
        cells = []
        for head, cell, size in zip(heads, line, sizes, strict=True):
            gap = " " * (size - width(cell))
            cells.append(cell + gap if head in left else gap + cell)
        out.append("  ".join(cells).rstrip())
    return "\n".join(out)


def emit(text: str) -> None:
    """A result, on stdout. Where a reader has seen enough (`| head`) the rest goes nowhere.

    Raises `EyebrowError` where stdout is closed or full.
    """
    if sys.stdout is None:
        raise EyebrowError("Cannot write", "standard output is closed", FAILED)
    try:
        sys.stdout.write(readable(text) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
    except (OSError, ValueError) as error:
        silence(sys.stdout)
        raise EyebrowError("Cannot write", f"standard output: {reason(error)}", FAILED) from error


def silence(stream: TextIO) -> None:
    """What is left in a stream that takes no more goes nowhere: Python flushes once more at the
    end, would complain, and leave with a status of its own."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def emit_json(value: Any) -> None:
    """A result as JSON in ASCII; numbers that are not finite, which JSON has not, as null."""
    text = json.dumps(finite(value), indent=1, allow_nan=False)
    emit(text.replace("\x7f", "\\u007f"))  # the one control character JSON leaves as it is


def write_aside(text: str) -> None:
    """On stderr. Where that is closed or full nobody is told, and no result is lost for it."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        silence(sys.stderr)


def note(text: str) -> None:
    """One line on stderr."""
    write_aside(visible(text) + "\n")


def complain(title: str, message: str) -> None:
    """What went wrong, in one line on stderr."""
    note(f"eyebrow: {title}: {' '.join(message.split())}")


def number(value: float | None, digits: int) -> str:
    """With thousands separated; "-" where there is none."""
    if value == math.inf:
        return "∞"
    return "-" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
