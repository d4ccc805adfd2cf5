"""Everything in ASCII, a cell for a cell: for terminals and fonts that have nothing else."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len

_SIGNS = {
    **dict.fromkeys("–—−·", "-"),
    **dict.fromkeys("…", "~"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("●◆■▲", "*"),
    **dict.fromkeys("○◇□△", "o"),
    **dict.fromkeys("◉◎", "@"),
    **dict.fromkeys("▸▶→", ">"),
    **dict.fromkeys("◂◀←", "<"),
    **dict.fromkeys("↑▴", "^"),
    **dict.fromkeys("↓▾", "v"),
    "␣": "_",
    "↵": "$",
    "×": "x",
    "±": "~",
    "∞": "8",
}


def in_ascii(text: str) -> str:
    """The same in as many cells."""
    return text if text.isascii() else "".join(map(_sign, text))


@lru_cache(maxsize=4096)
def _sign(ch: str) -> str:
    if ch.isascii():
        return ch
    return _one(ch) * cell_len(ch)


def _one(ch: str) -> str:
    if ch in _SIGNS:
        return _SIGNS[ch]
    code = ord(ch)
    if 0x2500 <= code < 0x2580:
        name = unicodedata.name(ch)
        across, down = "HORIZONTAL" in name, "VERTICAL" in name
        if across == down or "AND" in name.replace("LIGHT AND", ""):
            return "+"
        return "-" if across else "|"
    if 0x2580 <= code < 0x25A0:
        return "#" if ch in "█▉▊▋▌▐▇▆▅▄▀▓" else ":"
    if 0x2800 < code < 0x2900:  # braille: the dots of charts
        return ":" if bin(code & 0xFF).count("1") > 3 else "."
    plain = unicodedata.normalize("NFKD", ch)[:1]
    return plain if plain.isascii() and plain.isprintable() else "?"
