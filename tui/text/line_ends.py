"""Characters that an area to type in would take for the end of a line, kept as they are.

Textual cuts a text at all that Python calls a line end, form feeds and U+2028 among them, and puts
one and the same line end back: what was never touched would read otherwise. Such characters are
held by private ones meanwhile, one for one, so that no place moves.
"""

from __future__ import annotations

import re

_PRIVATE = 0xE000
_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_RETURN = {ord("\r"): _PRIVATE + ord("\r")}
_HELD = {ord(ch): _PRIVATE + (ord(ch) & 0xFF) for ch in _ENDS}
_LET_GO = {held: ch for ch, held in (_HELD | _RETURN).items()}
_SHOWN = {held: chr(0x2400 + ch) if ch < 0x20 else "␤" for held, ch in _LET_GO.items()}


_ANY_HELD = re.compile(f"[{''.join(map(chr, _LET_GO))}]")


def held(text: str, newline: str | None = None) -> str:
    """The same with no line end but `newline`, or else the one that is the text's only one."""
    if newline is None:
        every = set(re.findall(r"\r\n|\r|\n", text))
        newline = every.pop() if len(every) == 1 else "\n"
    text = text.translate(_HELD)
    if newline == "\n":
        return text.translate(_RETURN)
    return re.sub(r"\r(?!\n)", chr(_RETURN[ord("\r")]), text) if newline == "\r\n" else text


def let_go(text: str) -> str:
    """The text again."""
    return text if text.isascii() else _ANY_HELD.sub(lambda one: chr(_LET_GO[ord(one[0])]), text)


def shown(text: str) -> str:
    """A sign for each that is held, one cell wide."""
    return text.translate(_SHOWN)
