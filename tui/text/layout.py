"""Where each token of a text goes on the screen.

Where the lines begin is known at once, also of a long story; what stands on a line is worked out
when the line is asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
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


class Layout:
    """`text` wrapped at spaces to lines of at most `width` cells, and where its tokens stand.

    ends: where each token's characters end; empty where tokens are not known yet.
    marks: write spaces as `·`. A newline is always written, as `↵`, so that its token has a place
    for the cursor. A space that does not fit hangs over the edge.
    """

    def __init__(self, text: str, ends: Sequence[int], width: int, marks: bool) -> None:
        self.text, self.ends, self.width, self.marks = text, ends, max(2, width), marks
        self._begins = line_begins(text, self.width)
        self._lines: dict[int, Line] = {}

    def __len__(self) -> int:
        """How many lines they are."""
        return len(self._begins)

    def line(self, y: int) -> Line:
        """What stands on one line."""
        if y not in self._lines:
            begin = self._begins[y]
            end = self._begins[y + 1] if y + 1 < len(self) else len(self.text)
            self._lines[y] = _runs(self._fitting(begin, end))
        return self._lines[y]

    def cells(self, token: int) -> list[tuple[int, int, int]]:
        """The (line, column, width) of a token on every line it is on."""
        if not 0 <= token < len(self.ends):
            return []
        token = self.owner(token)
        first = self._line_of(self.ends[token - 1] if token else 0)
        last = self._line_of(self.ends[token] if token < len(self.ends) - 1 else len(self.text))
        return [
            (y, run.column, run.width)
            for y in range(first, last + 1)
            for run in self.line(y)
            if run.token == token
        ]

    def owner(self, token: int) -> int:
        """Tokens that are bytes of a character stand where the token does that it is drawn as."""
        if 0 < token < len(self.ends) and self.ends[token - 1] == self.ends[token]:
            return bisect_left(self.ends, self.ends[token])
        return token

    def _line_of(self, character: int) -> int:
        return bisect_right(self._begins, character) - 1

    def _fitting(self, begin: int, end: int) -> list[_Unit]:
        """What is seen of these characters, which are a line's."""
        used, units = 0, []
        for unit in _units(self.text, begin, end, self.ends, self.marks):
            if used + unit.width <= self.width:
                units.append(unit)
                used += unit.width
        return units


# --- where lines begin ----------------------------------------------------------------------


@lru_cache(maxsize=16)
def line_begins(text: str, width: int) -> list[int]:
    """The character at which each line begins; at least one line."""
    begins, at = [0], 0
    while True:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        _wrap(text, at, end, width, begins)
        at = end + 1
        if at >= len(text):
            return begins
        begins.append(at)


def _wrap(text: str, begin: int, end: int, width: int, begins: list[int]) -> None:
    """Where the further lines begin of the characters from `begin` to `end`, without a newline."""
    if end - begin <= width // _WIDEST:
        return
    cells, at = _Cells(text[begin:end]), begin
    while (full := begin + cells.until(at - begin, width)) < end:
        if text[full] == " ":
            at = _behind_spaces(text, full, end, cells, begin)
            if at == end:
                return
        else:  # before the word that does not fit, or in it where it is longer than a line
            at = text.rfind(" ", at, full) + 1 or max(full, at + 1)
        begins.append(at)


_WIDEST = len("‹U+10FFFF›")


class _Cells:
    """How many cells the characters of a paragraph take."""

    def __init__(self, text: str) -> None:
        self._before: list[int] | None = None  # cells before each; None where all have one
        if not (text.isascii() and text.isprintable()):
            widths = {ch: cell_width(visible_char(ch)) for ch in set(text)}
            if any(width != 1 for width in widths.values()):
                self._before = [*accumulate(map(widths.__getitem__, text), initial=0)]

    def until(self, at: int, width: int) -> int:
        """Behind the last character of those from `at` on that fit."""
        if self._before is None:
            return at + width
        return bisect_right(self._before, self._before[at] + width, at) - 1

    def are_none(self, start: int, end: int) -> bool:
        """Whether these are marks alone, which take no cell."""
        return self._before is not None and self._before[start] == self._before[end]


def _behind_spaces(text: str, at: int, end: int, cells: _Cells, begin: int) -> int:
    """Where the next word begins that takes a cell."""
    while at < end:
        if text[at] == " ":
            at += 1
            continue
        stop = text.find(" ", at, end)
        stop = end if stop < 0 else stop
        if not cells.are_none(at - begin, stop - begin):
            break
        at = stop
    return at


# --- what stands on them --------------------------------------------------------------------


def _units(text: str, start: int, stop: int, ends: Sequence[int], marks: bool) -> list[_Unit]:
    """The characters from `start` to `stop`."""
    units: list[_Unit] = []
    last = len(ends) - 1
    token = min(bisect_right(ends, start), last) if ends else NOTHING
    while start < stop:
        end = stop
        if ends:
            while token < last and ends[token] <= start:
                token += 1
            end = min(ends[token], stop) if token < last else stop
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
