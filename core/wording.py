"""Numbers, sizes and texts as people read them, on a terminal and in a report."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache

NOTHING = "–"
"""What stands in for a number that is not there."""

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
    return f"{value:.2g} %" if value < 1e-3 else f"{figures(value, 2)} %"


def figures(x: float | None, digits: int = 3) -> str:
    """A measured number in `digits` figures: `4.87`, `12.3`, `98.1`, `1,204`; `∞`; `–` for none.

    Whole numbers are not cut short (`1,204` has four figures), zeros at the end are figures too
    (`4.80`), and from ten million on, or below a ten-thousandth, a power of ten stands in, as in
    `1.20e7`.
    """
    special = _special(x)
    if special is not None:
        return special
    assert x is not None
    if x == 0:
        return "0"
    mantissa, _, power = f"{x:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if exponent >= 7 or exponent < -4:
        return f"{mantissa}e{exponent}"
    if exponent >= digits - 1:
        return f"{x:,.0f}"
    return f"{x:.{digits - 1 - exponent}f}"


def amount(n: float | None) -> str:
    """A count in at most three digits, as people say it: `950`, `50k`, `1.24M`, `135M`, `1.7B`."""
    special = _special(n)
    if special is not None:
        return special
    assert n is not None
    size = abs(n)
    for unit in ("", "k", "M", "B", "T"):
        rounded = float(f"{size:.3g}")
        if rounded < 1000 or unit == "T":
            break
        size /= 1000
    digits = f"{rounded:,.0f}" if rounded >= 1000 else f"{rounded:g}"
    return ("-" if n < 0 else "") + digits + unit


def duration(seconds: float | None) -> str:
    """A span of time in its two largest units: `4 s`, `2 min 5 s`, `1 h 12 min`, `3 d 4 h`."""
    special = _special(seconds)
    if special is not None:
        return special
    assert seconds is not None
    total = max(0, math.floor(seconds + 0.5))
    if total >= 3600:
        # Rounded before it is split, or 59 min 40 s after the hour would become "60 min".
        minutes = (total + 30) // 60
        if minutes >= 24 * 60:
            hours = (minutes + 30) // 60
            return _two(hours // 24, "d", hours % 24, "h")
        return _two(minutes // 60, "h", minutes % 60, "min")
    if total >= 60:
        return _two(total // 60, "min", total % 60, "s")
    return f"{total} s"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit}" + (f" {small} {small_unit}" if small else "")


def _special(x: float | None) -> str | None:
    """The text for what is no finite number, None for what is."""
    if x is None or math.isnan(x):
        return NOTHING
    if math.isinf(x):
        return "∞" if x > 0 else "-∞"
    return None


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
