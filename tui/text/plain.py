"""Widths of text on the terminal, and numbers that take little room."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from rich.cells import cell_len

ELLIPSIS = "…"
NOTHING = "–"
"""What stands in for a number that is not there."""


def cell_width(text: str) -> int:
    """How many cells of the terminal `text` takes, counted as Textual counts."""
    return cell_len(text)


def shorten(text: str, cells: int) -> str:
    """`text` cut to at most `cells` cells, with `…` at the end if something was cut.

    A wide character is never split, and a combining mark stays with its letter. The result can be
    a cell narrower than asked where a wide character does not fit.
    """
    if cells <= 0:
        return ""
    if cell_len(text) <= cells:
        return text
    # The width of text[:n] never falls as n grows: find the longest that leaves room for the "…".
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if cell_len(text[:middle]) <= cells - 1:
            fits = middle
        else:
            too_long = middle
    return text[:fits] + ELLIPSIS


def shorten_apart(names: Sequence[str], cells: int) -> list[str]:
    """Names cut to at most `cells` cells each so that they can still be told apart.

    Nothing is cut where all fit. Else names that begin alike up to a dash lose that beginning
    (`…50k`, `…200k`), and those that would be equal once cut at the end keep their end instead.
    """
    if all(cell_len(name) <= cells for name in names):
        return list(names)
    heads = Counter(name[:at] for name in set(names) for at in _behind_dashes(name))
    tails = []
    for name in names:
        head = max((name[:at] for at in _behind_dashes(name) if heads[name[:at]] > 1), default="")
        tails.append(ELLIPSIS + name.removeprefix(head) if head else name)
    cut = [shorten(tail, cells) for tail in tails]
    same = Counter(dict(zip(names, cut, strict=True)).values())
    return [
        short if same[short] == 1 else shorten_front(tail, cells)
        for short, tail in zip(cut, tails, strict=True)
    ]


class Apart:
    """Texts in sight, cut so that they can be told apart; once for all lines that show them."""

    def __init__(self) -> None:
        self._about: tuple[object, ...] = ()
        self._cut: list[str] = []

    def cut(
        self, about: tuple[object, ...], texts: Callable[[], list[str]], cells: int
    ) -> list[str]:
        """about: what the texts depend on; where it stays, they are not asked for again."""
        if (about := (*about, cells)) != self._about:
            self._about, self._cut = about, shorten_apart(texts(), cells)
        return self._cut


def _behind_dashes(name: str) -> list[int]:
    return [at + 1 for at, sign in enumerate(name[:-1]) if sign == "-"]


def shorten_front(text: str, cells: int) -> str:
    """`text` cut to at most `cells` cells, with `…` where it begins if something was cut."""
    while text and cell_len(text) > cells:
        text = ELLIPSIS + text.removeprefix(ELLIPSIS)[1:]
        if text == ELLIPSIS:
            break
    return shorten(text, cells)


def compact_count(n: float | None) -> str:
    """A count in at most three digits: `950`, `50k`, `1.24M`, `135M`, `1.7B`."""
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


def arrival(done: int, total: int, speed: float) -> str:
    """A download in words: `120/269 MB 11 MB/s 14 s`. Bytes, and bytes per second."""
    unit, name = (1e9, "GB") if total >= 1e9 else (1e6, "MB")
    amount = (
        f"{done / unit:.1f}/{total / unit:.1f}"
        if unit > 1e6
        else f"{done / unit:.0f}/{total / unit:.0f}"
    )
    if speed <= 0:
        return f"{amount} {name}"
    left = duration((total - done) / speed)
    return f"{amount} {name} {figures(speed / 1e6, 2)} MB/s {left}"


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
