"""Variants of a model, a line each, with what they cost in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...core.wording import visible
from ..text.plain import cell_width, shorten, shorten_apart

GAP = 2  # cells between columns
LEAST = 10  # cells of a name


@dataclass(frozen=True, slots=True)
class VariantRow:
    """cells: one for each column; said: what stands in their place while there are none."""

    name: str
    cells: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class VariantTable:
    """heads: of the columns behind the names. leaving: the columns, by their places, in the
    order in which they leave where there is no room."""

    heads: tuple[str, ...] = ()
    rows: tuple[VariantRow, ...] = ()
    leaving: tuple[int, ...] = ()


class VariantList(ScrollView, can_focus=True, inherit_bindings=False):
    """Heads that stay, then a line for each variant."""

    HELP = (
        "What each variant costs on the same tokens, the noise floor first. `enter` measures the "
        "usual widths, `/` others, `P` each part alone, `z` stops and goes on."
    )

    COMPONENT_CLASSES = {"variant-list--cursor", "variant-list--quiet"}
    DEFAULT_CSS = """
    VariantList > .variant-list--cursor { background: $row; color: $row-text; }
    VariantList > .variant-list--quiet { color: $text-muted; }
    """

    table: reactive[VariantTable] = reactive(VariantTable(), init=False, repaint=False)
    row: reactive[int] = reactive(0, init=False)
    waiting: reactive[str] = reactive("")

    class Selected(Message):
        """This row was clicked."""

        def __init__(self, row: int) -> None:
            self.row = row
            super().__init__()

    def watch_table(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.table.rows) + 1)
        self.watch_row()
        self.refresh()

    def on_resize(self) -> None:
        self.watch_table()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def watch_row(self) -> None:
        height, top = self.scrollable_content_region.height - 1, self.scroll_offset.y
        if height > 0 and not top <= self.row < top + height:
            target = self.row if self.row < top else self.row - height + 1
            self.scroll_to(y=target, animate=False)

    def render_line(self, y: int) -> Strip:
        width, style = self.scrollable_content_region.width, self.rich_style
        quiet = self.get_component_rich_style("variant-list--quiet")
        rows = self.table.rows
        if not rows:
            said = self.waiting.splitlines()[y : y + 1] or [""]
            line = shorten(visible(said[0]), width)
            return Strip([Segment(line, style)]).adjust_cell_length(width, style)
        names, columns = fitting(self.table, width)
        if y == 0:
            heads = _columns(self.table.heads, columns)
            return Strip([Segment(f" {'variant':<{names}}{heads}", quiet)]).adjust_cell_length(
                width, style
            )
        at = y - 1 + self.scroll_offset.y
        if at >= len(rows):
            return Strip.blank(width, style)
        sign = " "
        if at == self.row:
            style = quiet = self.get_component_rich_style("variant-list--cursor")
            sign = "▸" if self.has_focus else "·"
        row = rows[at]
        name = shorten_apart([visible(one.name) for one in rows], names)[at]
        head = f"{sign}{name}{' ' * (names - cell_width(name))}"
        if row.cells:
            body = Segment(_columns(row.cells, columns), style)
        else:
            room = max(0, width - names - 1 - GAP)
            body = Segment(" " * GAP + shorten(visible(row.said), room), quiet)
        return Strip([Segment(head, style), body]).adjust_cell_length(width, style)

    async def on_click(self, event: Click) -> None:
        line = event.y - self.gutter.top
        row = line - 1 + self.scroll_offset.y
        if line > 0 and 0 <= row < len(self.table.rows):
            self.post_message(self.Selected(row))


def fitting(table: VariantTable, width: int) -> tuple[int, list[tuple[int, int]]]:
    """Cells of the names, and the columns that there is room for: their places and cells."""
    sizes = [
        max([cell_width(head), *(cell_width(row.cells[at]) for row in table.rows if row.cells)])
        for at, head in enumerate(table.heads)
    ]
    names = max([LEAST, *(cell_width(visible(row.name)) for row in table.rows)])
    left = set(range(len(sizes)))
    for at in table.leaving:
        if 1 + min(names, width // 3) + sum(GAP + sizes[n] for n in left) <= width:
            break
        left.discard(at)
    room = width - 1 - sum(GAP + sizes[n] for n in left)
    return max(1, min(names, room)), [(at, sizes[at]) for at in sorted(left)]


def _columns(cells: Sequence[str], columns: Sequence[tuple[int, int]]) -> str:
    return "".join(" " * (GAP + size - cell_width(cells[at])) + cells[at] for at, size in columns)
