"""Variants of a model, a line each, with what they cost in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual.reactive import reactive
from textual.strip import Strip

from ...core.wording import visible
from ..text.plain import cell_width, shorten, shorten_apart
from .rows import Rows

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


class VariantList(Rows):
    """Heads that stay, then a line for each variant."""

    HELP = (
        "What each variant costs on the same tokens, the noise floor first. `enter` measures the "
        "usual widths, `/` others, `P` each part alone, `z` stops and goes on."
    )

    FIXED = 1

    COMPONENT_CLASSES = {"variant-list--cursor", "variant-list--quiet"}
    DEFAULT_CSS = """
    VariantList > .variant-list--cursor { background: $row; color: $row-text; }
    VariantList > .variant-list--quiet { color: $text-muted; }
    """

    table: reactive[VariantTable] = reactive(VariantTable(), init=False, repaint=False)
    waiting: reactive[str] = reactive("")

    class Selected(Rows.Selected):
        """This row was clicked."""

    @property
    def count(self) -> int:
        return len(self.table.rows)

    def watch_table(self) -> None:
        self.fill()

    def render_line(self, y: int) -> Strip:
        width, style = self.width, self.rich_style
        quiet = self.get_component_rich_style("variant-list--quiet")
        rows = self.table.rows
        if not rows:
            said = self.waiting.splitlines()[y : y + 1] or [""]
            return self.line(Segment(shorten(visible(said[0]), width), style))
        names, columns = fitting(self.table, width)
        if y == 0:
            heads = _columns(self.table.heads, columns)
            return self.line(Segment(f" {'variant':<{names}}{heads}", quiet))
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
        return self.line(Segment(head, style), body, style=style)


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
