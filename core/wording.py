"""Numbers, sizes and texts as people read them."""

from __future__ import annotations

import math

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


def readable(text: str) -> str:
    """The same with every character but line ends and tabs that does something instead of
    showing something (controls, bidi overrides, invisible ones) written as a symbol."""
    return "".join(ch if ch in "\n\t" else _symbol(ch) for ch in text)


def visible(text: str, spaces: bool = False) -> str:
    """`readable` text without line ends; spaces: a space is written ␣ as well, for tokens."""
    return "".join("␣" if spaces and ch == " " else _symbol(ch) for ch in text)


def _symbol(ch: str) -> str:
    code = ord(ch)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if ch == "\xa0":
        return ch
    return ch if ch.isprintable() else f"‹U+{code:04X}›"
