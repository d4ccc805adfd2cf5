"""What a token, a word or a sentence costs at every size: a small line with its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from ...core.wording import NOTHING, visible
from ..text.plain import cell_width, shorten, shorten_apart

HEIGHTS = "▁▂▃▄▅▆▇█"
TALL = 4.0  # bits of the tallest block at least: what is nearly certain everywhere stays low
CELL, WIDEST = 8, 12  # cells of a size: at least, at most
LEAST, MOST = 14, 24  # cells of what stands before them

Part = tuple[str, Style]
Line = list[Part]


@dataclass(frozen=True, slots=True)
class Across:
    """One stretch of a story under every size.

    text: the stretch. unit: of the numbers. names, bits: of the sizes, in their order; nan while
    it is not known. families: what each belongs to. styles: how text of so many bits looks.
    current: an index in them. waiting: what for, or why there is nothing to compare.
    """

    text: str = ""
    unit: str = "bits"
    names: tuple[str, ...] = ()
    bits: tuple[float, ...] = ()
    families: tuple[str, ...] = ()
    styles: tuple[Style, ...] = ()
    current: int = 0
    waiting: str = ""

    @property
    def verdict(self) -> str:
        """Whether it falls from each size to the next of the current one's family, by the tenths
        of a bit that are shown."""
        if self.waiting:
            return self.waiting
        known = [
            (name, round(bits, 1))
            for name, bits, family in zip(self.names, self.bits, self.families, strict=True)
            if bits == bits and family == self.families[self.current]
        ]
        steps = [*pairwise(known)]
        rises = [name for (_, before), (name, now) in steps if now > before]
        if rises:
            several = f"{len(rises)} of {len(steps)} steps"
            return f"rises at {several if len(rises) > 1 else rises[0]}"
        if len(known) > 1 and known[0][1] == known[-1][1]:
            return "the same at every size"
        return "falls all the way" if steps else ""


class SizeStrip(Widget):
    """Two lines, with the names of the sizes above, or one."""

    DEFAULT_CSS = """
    SizeStrip > .size-strip--quiet { color: $text-muted; }
    """
    COMPONENT_CLASSES = {"size-strip--quiet"}

    across: reactive[Across] = reactive(Across(), init=False)

    def render_line(self, y: int) -> Strip:
        quiet = self.get_component_rich_style("size-strip--quiet")
        found = lines(self.across, self.size.width, self.size.height, quiet)
        line = found[y] if y < len(found) else []
        segments = [Segment(text, self.rich_style + style) for text, style in line]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)


def lines(across: Across, width: int, height: int, quiet: Style) -> list[Line]:
    """The strip in so many cells; sizes that have no place are those farthest from the current."""
    blank: list[Line] = [[] for _ in range(max(0, height - 1))]
    if not across.names:
        return [[(shorten(visible(across.waiting), width), quiet)], *blank]
    if height < 2:
        return [_one_line(across, width, quiet)]
    names = [visible(name) for name in across.names]
    longest = max(map(cell_width, names)) + 2
    cell = max(CELL, min(WIDEST, longest, (width - MOST) // len(names)))
    count = max(1, min(len(names), (width - LEAST) // cell))
    first = max(0, min(across.current - count // 2, len(names) - count))
    room = max(0, min(MOST, width - cell * count))
    text = shorten(visible(across.text), room - len(across.unit) - 2)
    above: Line = [(text, Style(bold=True))]
    above.append(_left(f" {across.unit}", room - cell_width(text), quiet))
    below: Line = [_left(across.verdict, room, quiet)]
    short = shorten_apart(names, cell - 2)
    for at in range(first, first + count):
        is_current = at == across.current
        name = ("▸" if is_current else "") + short[at]
        look = Style(bold=True) if is_current else quiet
        above.append((" " * (cell - cell_width(name)) + name, look))
        block, chip = _number(across, at)
        below += [(" " * (cell - 1 - cell_width(chip[0])), Style.null()), block, chip]
    return [above, below, *blank[1:]]


def _one_line(across: Across, width: int, quiet: Style) -> Line:
    """Without the names of the sizes; the current one is marked, and the unit spares its room."""
    numbers: Line = []
    for at in range(len(across.names)):
        block, chip = _number(across, at)
        numbers += [("▸" if at == across.current else " ", Style.null()), block, chip]
    used = sum(cell_width(text) for text, _ in numbers)
    text = shorten(visible(across.text), max(LEAST - 7, width - used - MOST))
    left = width - used - cell_width(text)
    tail = f" {across.unit}, {across.verdict}"
    tail = tail if cell_width(tail) <= left else f" {across.verdict}"
    found: Line = []
    for part, style in [(text, Style(bold=True)), *numbers, (tail, quiet)]:
        found.append((shorten(part, width), style))
        width -= cell_width(found[-1][0])
    return found


def _left(text: str, room: int, style: Style) -> Part:
    said = shorten(visible(text), room - 1)
    return said + " " * (room - cell_width(said)), style


def _number(across: Across, at: int) -> tuple[Part, Part]:
    """A block as high as the surprise, and the surprise in the colours of the text."""
    bits, look = across.bits[at], Style(bold=at == across.current)
    if math.isnan(bits):
        return (" ", look), (f" {NOTHING} ", look)
    known = [value for value in across.bits if math.isfinite(value)]
    share = bits / max(TALL, *known) if math.isfinite(bits) else 1.0
    figure = f"{bits:.1f}" if math.isfinite(bits) else "∞"
    block = HEIGHTS[min(len(HEIGHTS) - 1, int(share * len(HEIGHTS)))]
    return (block, look), (f" {figure} ", across.styles[at] + look)
