"""Write to the terminal only the cells that changed.

Textual writes whole regions, from the left edge of the widget on: a token move costs a
kilobyte, a change of focus sixty. Over a slow line that is what one feels. Here the cells that
were last written are remembered, as curses does, and an update is cut down to the difference.

This stands on three attributes of Textual's updates that are not public. Where a release has
others, updates pass through unchanged: slower, not wrong. A test says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

from ...core.wording import powerless
from .ascii import in_ascii

BRIDGE = 4  # unchanged cells between two changed ones that are cheaper written than jumped over

Cell = tuple[str, Style | None]  # what follows the first cell of a wide character is ""


class Line(NamedTuple):
    """The cells `begin` to `end` of row `y` as (column, strip); strips may reach beyond them."""

    y: int
    begin: int
    end: int
    strips: list[tuple[int, Strip]]


class Screenful:
    """The cells as the terminal shows them; `forget` when something else has written there."""

    def __init__(self, *, ascii: bool = False) -> None:
        """ascii: nothing else is written."""
        self._ascii = ascii
        self._rows: dict[int, dict[int, Cell]] = {}
        self._size: Size | None = None

    def forget(self) -> None:
        """What the terminal shows is not known: the next update is written whole."""
        self._rows.clear()

    def thrifty(self, update: Any) -> Any:
        """`update`, or one that writes only what differs from the cells shown."""
        if isinstance(update, LayoutUpdate) and update.region.size != self._size:
            self._size = update.region.size
            self.forget()  # terminals do what they like with their cells when they are resized
        lines = _lines(update)
        return update if lines is None else Difference(self, lines)

    def write(self, line: Line, system: ColorSystem) -> str:
        """What to write so that the line is shown."""
        y, begin, end, strips = line
        row = self._rows.setdefault(y, {})
        changed: list[int] = []
        for column, strip in strips:
            x = column
            for cell in _cells(strip, self._ascii) if column < end else ():
                before = row.get(x)
                if not begin <= x < end:
                    pass
                elif before is None or before[0] != cell[0] or not _alike(before[1], cell[1]):
                    row[x] = cell
                    changed.append(x)
                x += 1
        return "".join(
            f"\x1b[{y + 1};{first + 1}H{_styled(row, first, last, system)}"
            for first, last in _runs(row, sorted(changed))
        )


class Difference(CompositorUpdate):
    """An update that is worked out when it is written."""

    def __init__(self, shown: Screenful, lines: Sequence[Line]) -> None:
        self.shown = shown
        self.lines = lines

    def render_segments(self, console: Console) -> str:
        system = console._color_system or ColorSystem.TRUECOLOR
        return "".join(self.shown.write(line, system) for line in self.lines)


def _lines(update: Any) -> list[Line] | None:
    """What an update draws, line by line; None for updates of another make."""
    if isinstance(update, ChopsUpdate):
        # Outside of its span a row holds whatever lies below what was not asked for.
        return [
            Line(y, x1, x2, [(x, strip) for x, strip in update.chops[y].items() if strip])
            for y, x1, x2 in update.spans
        ]
    if isinstance(update, LayoutUpdate):
        lines = []
        for y, strips in enumerate(update.strips, update.region.y):
            x, placed = update.region.x, []
            for strip in strips:
                placed.append((x, strip))
                x += strip.cell_length
            lines.append(Line(y, update.region.x, x, placed))
        return lines
    return None


def _cells(strip: Strip, ascii: bool) -> Iterator[Cell]:
    for text, style, control in strip:
        if control:
            continue
        text = powerless(text)  # whatever a widget let through
        if ascii:
            text = in_ascii(text)
        if text.isascii() or _is_narrow(text):
            for ch in text:
                yield ch, style
        else:  # wide characters and what is joined to them stay in one piece
            yield text, style
            for _ in range(cell_len(text) - 1):
                yield "", style


@lru_cache(maxsize=4096)
def _is_narrow(text: str) -> bool:
    return all(cell_len(ch) == 1 for ch in text)


def _alike(one: Style | None, other: Style | None) -> bool:
    return one is other or one == other


def _runs(row: dict[int, Cell], changed: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches (first, last) of cells to write; pieces of several cells are kept whole."""
    first = last = -1
    for x in changed:
        start = end = x
        while row.get(start, ("?", None))[0] == "" and start - 1 in row:
            start -= 1
        while row.get(end + 1, ("?", None))[0] == "":
            end += 1
        if (
            first >= 0
            and start - last - 1 <= BRIDGE
            and all(
                gap in row and _alike(row[gap][1], row[last][1]) for gap in range(last + 1, start)
            )
        ):
            last = max(last, end)
        else:
            if first >= 0:
                yield first, last
            first, last = start, end
    if first >= 0:
        yield first, last


def _styled(row: dict[int, Cell], first: int, last: int, system: ColorSystem) -> str:
    parts: list[str] = []
    text, style = "", row[first][1]
    for x in range(first, last + 1):
        piece, look = row[x]
        if not _alike(look, style):
            parts.append(_render(style, text, system))
            text, style = "", look
        text += piece
    parts.append(_render(style, text, system))
    return "".join(parts)


def _render(style: Style | None, text: str, system: ColorSystem) -> str:
    return text if style is None else Strip.render_style(style, text, color_system=system)
