"""Where each token of a text goes on the screen."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ...core.wording import visible_char
from .plain import cell_width

NOTHING = -1  # the token of characters that belong to none yet


class Run(NamedTuple):
    """Cells of one token on one line: `column` is where they begin, `width` how many.

    kind: "ink", "space" or "newline".
    """

    token: int
    column: int
    width: int
    text: str
    kind: str


Line = tuple[Run, ...]


class _Unit(NamedTuple):
    """What is never parted between two lines; of letters in ASCII a whole run, which may be."""

    token: int
    text: str
    width: int
    kind: str  # "ink", "space" or "newline"
    is_run: bool = False


_PIECE = re.compile(r"[!-~]+|.", re.DOTALL)  # letters that are a cell each, or a character


def lay_out(text: str, ends: Sequence[int], width: int, marks: bool) -> list[Line]:
    """Wrap `text` at spaces to lines of at most `width` cells.

    ends: where each token's characters end; empty where tokens are not known yet.
    marks: write spaces as `·`. A newline is always written, as `↵`, so that its token has a place
    for the cursor.
    """
    lines: list[list[_Unit]] = [[]]
    used = 0
    for word in _words(_units(text, ends, marks)):
        size = sum(unit.width for unit in word if unit.kind == "ink")
        if used and used + size > width:
            lines.append([])
            used = 0
        for unit in word:
            while used + unit.width > width and unit.kind == "ink":  # a word longer than a line
                if unit.is_run and used < width:
                    room = width - used
                    lines[-1].append(unit._replace(text=unit.text[:room], width=room))
                    rest = unit.text[room:]
                    unit = unit._replace(text=rest, width=len(rest))
                lines.append([])
                used = 0
                if not unit.is_run:
                    break
            if used + unit.width <= width:  # a space that does not fit hangs over the edge
                lines[-1].append(unit)
                used += unit.width
            if unit.kind == "newline":
                lines.append([])
                used = 0
    if not lines[-1] and len(lines) > 1:
        lines.pop()
    return [_runs(line) for line in lines]


def _units(text: str, ends: Sequence[int], marks: bool) -> list[_Unit]:
    units: list[_Unit] = []
    token = bisect_right(ends, 0) if ends else NOTHING
    start = 0
    while start < len(text):
        end = len(text)
        if ends:
            while token < len(ends) - 1 and ends[token] <= start:
                token += 1
            end = ends[token] if token < len(ends) - 1 else end
        for piece in _PIECE.findall(text, start, end):
            if len(piece) > 1 or "!" <= piece <= "~":
                units.append(_Unit(token, piece, len(piece), "ink", True))
            elif piece == "\n":
                units.append(_Unit(token, "↵", 1, "newline"))
            elif piece == " ":
                units.append(_Unit(token, "·" if marks else " ", 1, "space"))
            else:
                _add_character(units, token, piece)
        start = end
    return units


def _add_character(units: list[_Unit], token: int, ch: str) -> None:
    """As it is shown; a combining mark stays on its letter."""
    shown = visible_char(ch)
    width = cell_width(shown)
    if width or not units or units[-1].kind != "ink":
        units.append(_Unit(token, shown, width, "ink"))
        return
    before = units.pop()
    if before.is_run and before.width > 1:
        units.append(before._replace(text=before.text[:-1], width=before.width - 1))
        before = before._replace(text=before.text[-1], width=1)
    units.append(_Unit(before.token, before.text + shown, before.width, "ink"))


def _words(units: list[_Unit]) -> list[list[_Unit]]:
    """Runs of ink, each with the spaces or the newline behind it."""
    words: list[list[_Unit]] = []
    closed = True
    for unit in units:
        if closed and unit.kind == "ink":
            words.append([])
            closed = False
        elif unit.kind != "ink":
            closed = True
        if not words:
            words.append([])
        words[-1].append(unit)
        if unit.kind == "newline":
            words.append([])
    return [word for word in words if word]


def _runs(line: list[_Unit]) -> Line:
    runs: list[Run] = []
    column, before = 0, None
    for token, text, width, kind, _ in line:
        if before == (token, kind):
            last = runs.pop()
            runs.append(Run(token, last.column, last.width + width, last.text + text, kind))
        else:
            runs.append(Run(token, column, width, text, kind))
        column, before = column + width, (token, kind)
    return tuple(runs)


@dataclass(frozen=True, slots=True)
class Layout:
    """The lines of a text, and for each token its (line, column, width) on every line it is on.

    owners: tokens that are bytes of a character stand where the token does that it is drawn as.
    """

    lines: list[Line]
    cells: dict[int, list[tuple[int, int, int]]]
    owners: dict[int, int]


@lru_cache(maxsize=8)
def layout(text: str, ends: tuple[int, ...], width: int, marks: bool) -> Layout:
    """`lay_out`, and where each token went."""
    lines = lay_out(text, ends, max(2, width), marks)
    cells: dict[int, list[tuple[int, int, int]]] = {}
    for y, line in enumerate(lines):
        for run in line:
            cells.setdefault(run.token, []).append((y, run.column, run.width))
    owners: dict[int, int] = {}
    last = NOTHING
    for token, end in enumerate(ends):
        if token in cells:
            last = token
        elif last != NOTHING and ends[last] == end:
            owners[token] = last
            cells[token] = cells[last]
    return Layout(lines, cells, owners)
