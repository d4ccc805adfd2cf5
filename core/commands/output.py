"""What reaches the terminal: results on stdout, everything else on stderr, text only as text."""

from __future__ import annotations

import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import DONE
from ..finite import finite
from ..wording import visible


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
    """A result, on stdout. A reader who has seen enough (`| head`) ends the command quietly."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at the end and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        import typer

        raise typer.Exit(DONE) from None


def emit_json(value: Any) -> None:
    """A result as JSON in ASCII; numbers that are not finite, which JSON has not, as null."""
    emit(json.dumps(finite(value), indent=1, allow_nan=False))


def note(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(visible(text) + "\n")
    sys.stderr.flush()


def complain(title: str, message: str) -> None:
    """What went wrong, in one line on stderr."""
    note(f"eyebrow: {title}: {' '.join(message.split())}")


def number(value: float | None, digits: int) -> str:
    """With thousands separated; "-" where there is none."""
    if value == math.inf:
        return "∞"
    return "-" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
