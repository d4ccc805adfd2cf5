"""Numbers, sizes and texts as people read them, on a terminal and in a report."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache

# Decimal, as disks, networks and the Hub count.
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))


def number(value: float, digits: int) -> str:
    """With thousands separated; "–" where there is none."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return "–" if math.isnan(value) else f"{value:,.{digits}f}".replace("-", "−")


def interval(ends: tuple[float, float], digits: int) -> str:
    """`[81.83, 91.32]`; "–" where there is none."""
    return "–" if math.isnan(ends[0]) else f"[{number(ends[0], digits)}, {number(ends[1], digits)}]"


def percent(share: float) -> str:
    """A share to two digits that count: `31 %`, `0.21 %`, `3.2e-05 %`."""
    value = 100 * share
    if value >= 9.95 or not value > 0:
        return f"{value:.0f} %"
    return f"{value:.2g} %" if value < 1e-3 else f"{value:.{1 - math.floor(math.log10(value))}f} %"


def amount(count: int) -> str:
    """A number of parameters as people say it: 51k, 3.05M, 135M, 1.7B."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size * 0.9995:
            share = count / size
            digits = 2 if share < 9.995 else 1 if share < 99.95 else 0
            text = f"{share:.{digits}f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + unit
    return str(count)


def in_words(size: int) -> str:
    """47.4 GB, 269 MB, 12 kB, 88 bytes."""
    divisor, unit = _unit(size)
    return f"{_digits(size / divisor, unit)} {unit}"


def share_in_words(done: int, total: int) -> str:
    """120 / 270 MB: both in the unit of the total."""
    divisor, unit = _unit(total)
    return f"{_digits(done / divisor, unit)} / {in_words(total)}"


def _unit(size: int) -> tuple[float, str]:
    return next(((d, unit) for d, unit in _UNITS if size >= d), _UNITS[-1])


def _digits(value: float, unit: str) -> str:
    return f"{value:,.1f}" if unit == "GB" else f"{value:,.0f}"


def many(count: int, one: str, more: str = "") -> str:
    """`1 story`, `1,200 stories`."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def listed(words: list[str] | tuple[str, ...]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


# --- what comes from elsewhere ---------------------------------------------------------------
#
# Stories, tokens, names of models and files, and what servers answer come from anywhere. Before
# they reach a terminal every character that it would obey rather than show, or show as nothing,
# is replaced by something that can be seen: a control picture such as `␛`, or its name in the
# form `‹U+202E›`. Nothing is dropped, and every character is replaced by itself alone.

_SUSPICIOUS = re.compile(r"[^\x20-\x7e]")  # most of it turns out to be harmless
_SUSPICIOUS_OR_SPACE = re.compile(r"[^\x21-\x7e]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

# Marks and letters that are drawn as nothing (Unicode: Default_Ignorable_Code_Point, in so far as
# the category does not tell), and the braille cell without dots.
_DRAWN_AS_NOTHING = frozenset(
    code
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)


@lru_cache(maxsize=8192)
def visible_char(ch: str) -> str:
    """What stands on the screen for one character: itself, or one or more that can be seen.

    Shown by name: controls, what changes the direction of the text, what has no width and is no
    combining mark (joiners too, also between emoji: a token may end there, and terminals
    disagree about the width of the whole), variation selectors, lone surrogates, private,
    unassigned and non-characters. A line's end is `↵`.
    """
    code = ord(ch)
    if ch == "\n":
        return "↵"
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if code in _DRAWN_AS_NOTHING or unicodedata.category(ch) in _HIDDEN:
        return f"‹U+{code:04X}›"
    return ch


@lru_cache(maxsize=64)
def _visible_space(ch: str) -> str:
    if ch == " ":
        return "␣"
    return f"‹U+{ord(ch):04X}›" if unicodedata.category(ch) == "Zs" else visible_char(ch)


def visible(text: str, spaces: bool = False) -> str:
    """The same on one line, with everything visible that is not.

    spaces: a space is written ␣ as well, and the unusual ones by name, for tokens.
    """
    if spaces:
        return _SUSPICIOUS_OR_SPACE.sub(lambda match: _visible_space(match[0]), text)
    return _SUSPICIOUS.sub(lambda match: visible_char(match[0]), text)


def readable(text: str) -> str:
    """`visible` text that keeps its line ends and tabs."""
    return _SUSPICIOUS.sub(
        lambda match: match[0] if match[0] in "\n\t" else visible_char(match[0]), text
    )


def powerless(text: str) -> str:
    """The same with control characters, which alone can command a terminal, made visible."""
    return _CONTROL.sub(lambda match: visible_char(match[0]), text)
