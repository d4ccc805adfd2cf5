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


def visible(text: str, spaces: bool = False) -> str:
    """`text` on one line, with every character that does something instead of showing something
    (controls, escape sequences, bidi overrides, invisible ones) written as a symbol.

    spaces: a space is written ␣ as well, for tokens.
    """
    return "".join(_symbol(ch, spaces) for ch in text)


def _symbol(ch: str, spaces: bool) -> str:
    if ch == " ":
        return "␣" if spaces else ch
    code = ord(ch)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if ch.isprintable():
        return ch
    return f"‹U+{code:04X}›"


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


def amount(count: int | None) -> str:
    """A number of parameters as people say it: 51k, 3.05M, 135M, 1.7B."""
    if count is None:
        return "-"
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size * 0.9995:
            share = count / size
            digits = 2 if share < 9.995 else 1 if share < 99.95 else 0
            text = f"{share:.{digits}f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + unit
    return str(count)


def size_of(count: float) -> str:
    """Bytes as people say them: 3.2 MB."""
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} bytes"
