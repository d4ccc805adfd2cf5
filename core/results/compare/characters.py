"""What stands where in a text, for all of its characters at once.

A word here is a run of letters and digits, with the marks on them and the apostrophes inside it:
`don't` is one, `well-known` and `lamp—and` are two.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

SPACE, LETTER, CAPITAL, DIGIT, MARK, APOSTROPHE = (1 << n for n in range(6))
STRAIGHT, OPEN, CLOSE, STOP, COLON = (1 << n for n in range(6, 11))  # of punctuation

_NAMED = {
    "'": APOSTROPHE,
    "’": APOSTROPHE,
    '"': STRAIGHT,
    **dict.fromkeys("“«「『", OPEN),
    **dict.fromkeys("”»」』", CLOSE),
    **dict.fromkeys(".!?…。！？।", STOP),
    ":": COLON,
}
_KNOWN = 1 << 15  # a character that was looked up before
_table = np.zeros(0x110000, dtype=np.uint16)
_BLANK_LINE = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True, eq=False)
class Characters:
    """The C characters of a text.

    classes: uint16 (C,), of the flags above. letters: bool (C,), marks on letters included.
    quoted: bool (C,), in quotation marks, these included. sums: int64 (C + 1,), the UTF-8 bytes
    in front of each character. word_starts, word_ends: int64 (W,), of the words. number: int64
    (C,), how many words begin up to each character, less one: the word that it is in, where it
    is in one.
    """

    classes: npt.NDArray[np.uint16]
    letters: Flags
    quoted: Flags
    sums: Indices
    word_starts: Indices
    word_ends: Indices
    number: Indices

    def having(self, flag: int) -> Flags:
        """bool (C,): which characters are of a class."""
        return (self.classes & flag) > 0


def look_at(text: str) -> Characters:
    """Every character of a text, in one pass over arrays."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    classes = _classes(codes)
    letters = (classes & LETTER) > 0
    solid = letters | ((classes & DIGIT) > 0)
    if (marks := (classes & MARK) > 0).any():
        base = np.maximum.accumulate(np.where(marks, 0, np.arange(len(codes))))
        letters |= marks & letters[base]
        solid |= marks & solid[base]
    before, after = np.append(False, solid[:-1]), np.append(solid[1:], False)
    inside = solid | (((classes & APOSTROPHE) > 0) & before & after)
    starts = inside & ~np.append(False, inside[:-1])
    return Characters(
        classes,
        letters,
        _quoted(text, classes),
        np.concatenate([[0], np.cumsum(_widths(codes))]),
        np.flatnonzero(starts),
        np.flatnonzero(inside & ~np.append(inside[1:], False)) + 1,
        np.cumsum(starts) - 1,
    )


def next_of(flags: Flags) -> Indices:
    """int64 (C + 1,): the first place from each on that has the flag, C where there is none."""
    size = len(flags)
    places = np.append(np.where(flags, np.arange(size), size), size)
    return np.asarray(np.minimum.accumulate(places[::-1])[::-1])


def counts(flags: Flags) -> Indices:
    """int64 (C + 1,): how many places in front of each have the flag."""
    return np.concatenate([[0], np.cumsum(flags)])


def _classes(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint16]:
    found = _table[codes]
    if not found.all():
        for code in np.unique(codes[found == 0]).tolist():
            _table[code] = _KNOWN | _class(chr(code))
        found = _table[codes]
    return found


def _class(ch: str) -> int:
    category = unicodedata.category(ch)
    if ch.isspace():
        return SPACE
    if category[0] == "L":
        return LETTER | (CAPITAL if category in ("Lu", "Lt") else 0)
    return {"N": DIGIT, "M": MARK}.get(category[0], _NAMED.get(ch, 0))


def _widths(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """UTF-8 bytes; of half a surrogate pair 1, as the store writes `?` for it."""
    half = (codes >= 0xD800) & (codes < 0xE000)
    wide = (codes >= 0x80) + (codes >= 0x800).astype(np.int64) + (codes >= 0x10000)
    return np.where(half, 1, 1 + wide)


def _quoted(text: str, classes: npt.NDArray[np.uint16]) -> Flags:
    """Straight marks open and close in turn, others nest; a blank line ends every quotation."""
    straight, opening, closing = ((classes & flag) > 0 for flag in (STRAIGHT, OPEN, CLOSE))
    if not (straight.any() or opening.any()):
        return np.zeros(len(classes), dtype=bool)
    starts = [0, *(match.end() for match in _BLANK_LINE.finditer(text))]
    paragraph = np.searchsorted(starts, np.arange(len(classes)), side="right") - 1

    def since(changes: npt.NDArray[np.int64]) -> Indices:
        sums = np.concatenate([[0], np.cumsum(changes)])
        return np.asarray(sums[1:] - sums[np.asarray(starts)][paragraph])

    depth = since(opening.astype(np.int64) - closing)
    is_open = (since(straight.astype(np.int64)) & 1) > 0
    return np.asarray(is_open | straight | (depth > 0) | (closing & (depth == 0)))
