"""Widths of text on the terminal, and what takes little room there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from rich.cells import cell_len

from ...core.wording import duration, figures

ELLIPSIS = "…"


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
