"""Where a key takes the cursor in a text: pure functions of the text, its tokens and the cursor."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from .layout import Layout


@dataclass(frozen=True, slots=True)
class Cursor:
    """A token, and the column that moves from line to line aim at (None: the token's own)."""

    token: int = 0
    column: int | None = None


Ends = tuple[int, ...]  # where the characters of each token end
Move = Callable[[str, Ends, Cursor], Cursor]


def by_token(by: int) -> Move:
    """So many tokens on, or back."""
    return partial(_by_token, by)


def by_word(by: int) -> Move:
    """To the beginning of the next word (1), or of this or the previous one (-1)."""
    return partial(_by_word, by)


def by_sentence(by: int) -> Move:
    """To the beginning of the next sentence (1), or of this or the previous one (-1)."""
    return partial(_by_sentence, by)


def to_end(to: int) -> Move:
    """To the first token (-1), or to the last (1)."""
    return lambda text, ends, cursor: Cursor(0 if to < 0 else len(ends) - 1)


def to_token(token: int) -> Move:
    """To this one."""
    return lambda text, ends, cursor: Cursor(max(0, min(token, len(ends) - 1)))


def by_line(by: int, width: int, marks: bool) -> Move:
    """So many lines of `width` cells on, or back, in the column where the moves began."""
    return partial(_by_line, by, width, marks)


def _by_token(by: int, text: str, ends: Ends, cursor: Cursor) -> Cursor:
    return Cursor(max(0, min(cursor.token + by, len(ends) - 1)))


def _by_word(by: int, text: str, ends: Ends, cursor: Cursor) -> Cursor:
    at = cursor.token + by
    while 0 < at < len(ends) - 1 and not begins_word(text, ends, at):
        at += by
    return Cursor(max(0, min(at, len(ends) - 1)))


def _by_sentence(by: int, text: str, ends: Ends, cursor: Cursor) -> Cursor:
    from ...core.scoring.sentences import sentence_spans

    starts = [bisect_right(ends, start) for start, _ in sentence_spans(text)]
    if by > 0:
        token = next((start for start in starts if start > cursor.token), cursor.token)
    else:
        token = next((start for start in reversed(starts) if start < cursor.token), 0)
    return Cursor(max(0, min(token, len(ends) - 1)))


def _by_line(by: int, width: int, marks: bool, text: str, ends: Ends, cursor: Cursor) -> Cursor:
    found = Layout(text, ends, width, marks)
    cells = found.cells(cursor.token)
    if not cells:
        return _by_token(by, text, ends, cursor)
    column = cells[0][1] if cursor.column is None else cursor.column
    line = max(0, min((cells[-1] if by > 0 else cells[0])[0] + by, len(found) - 1))
    runs = found.line(line)
    if not runs:
        return cursor
    hit = next((run for run in runs if run.column + run.width > column), runs[-1])
    return Cursor(hit.token, column)


def begins_word(text: str, ends: Sequence[int], token: int) -> bool:
    """True where a token holds the first letters of a word."""
    start = ends[token - 1] if token else 0
    piece = text[start : ends[token]]
    before = text[start - 1 : start]
    return bool(piece.strip()) and (piece[0].isspace() or not before or before.isspace())
