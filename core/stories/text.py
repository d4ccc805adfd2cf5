"""Plain text: stories parted by `<|endoftext|>`, by NUL, by blank lines, or one a line.

Which of them it is, is decided on the first 256 Ki characters, in this order: `<|endoftext|>` if
it occurs there, else NUL if it occurs there, else blank lines. A line of white space is blank,
whether lines end in LF or CRLF.

A story is what stands between two separators, less the line ends on both sides of it; all else
is kept as it is, spaces at its ends and carriage returns inside included.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from .drafts import Draft
from .stream import LONGEST, beginning, pieces, too_long

END_OF_TEXT = "<|endoftext|>"
NUL = "\0"


def text_drafts(chunks: Iterator[str], name: str, per_line: bool = False) -> Iterator[Draft]:
    """The stories of a plain text; `name` says in messages which."""
    if per_line:
        parts = _without_last_if_blank(pieces(chunks, "\n", name))
    else:
        parts = _parted(chunks, name)
    for number, part in enumerate(parts, start=1):
        yield Draft(part.strip("\r\n"), where=f"story {number}")


def whole_text_drafts(
    chunks: Iterator[str], name: str, stem: str, per_line: bool = False
) -> Iterator[Draft]:
    """As `text_drafts`, but a text of one story has its id and title from the file's name."""
    drafts = text_drafts(chunks, name, per_line)
    first = next(drafts, None)
    if first is None:
        return
    second = next(drafts, None)
    if second is None:
        first.id = first.title = stem
        yield first
        return
    yield from chain([first, second], drafts)


def _parted(chunks: Iterator[str], name: str) -> Iterator[str]:
    first, chunks = beginning(chunks)
    for mark in (END_OF_TEXT, NUL):
        if mark in first:
            return _without_last_if_blank(pieces(chunks, mark, name))
    return _paragraphs(pieces(chunks, "\n", name), name)


def _paragraphs(lines: Iterator[str], name: str) -> Iterator[str]:
    kept: list[str] = []
    size = 0
    for line in lines:
        if line and not line.isspace():
            kept.append(line)
            size += len(line) + 1
            if size > LONGEST:
                raise too_long(name)
        elif kept:
            yield "\n".join(kept)
            kept, size = [], 0
    if kept:
        yield "\n".join(kept)


def _without_last_if_blank(parts: Iterator[str]) -> Iterator[str]:
    """Leaves out what follows a closing separator: it is no story, not even an empty one."""
    held: str | None = None
    for part in parts:
        if held is not None:
            yield held
        held = part if not part or part.isspace() else None
        if held is None:
            yield part
