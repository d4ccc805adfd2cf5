"""Continuations as a tree, a line each."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from textual.reactive import reactive
from textual.strip import Strip

from ...core.wording import visible
from ..text.plain import cell_width, shorten
from .rows import Rows


@dataclass(frozen=True, slots=True)
class BranchLine:
    """depth: how many branches it hangs from. text: how it goes on; state: at the right."""

    depth: int
    label: str
    text: str
    state: str


class BranchList(Rows):
    """Each branch below the one it leaves."""

    HELP = "Continuations: `j` `k` go through them, `space` makes more, `z` stops and resumes."

    COMPONENT_CLASSES = {"branch-list--cursor", "branch-list--quiet"}
    DEFAULT_CSS = """
    BranchList { overflow-x: hidden; }
    BranchList > .branch-list--cursor { background: $row; color: $row-text; }
    BranchList > .branch-list--quiet { color: $text-muted; }
    """

    lines: reactive[tuple[BranchLine, ...]] = reactive((), init=False, repaint=False)

    class Selected(Rows.Selected):
        """This row was clicked."""

    @property
    def count(self) -> int:
        return len(self.lines)

    def watch_lines(self) -> None:
        self.fill()

    def render_line(self, y: int) -> Strip:
        at, width = y + self.scroll_offset.y, self.width
        style, quiet = self.rich_style, self.get_component_rich_style("branch-list--quiet")
        if not self.lines and y == 0:
            said = "space continues from here, greedily and by the dials"
            return self.line(Segment(shorten(said, width), quiet))
        if at >= len(self.lines):
            return Strip.blank(width, style)
        line, sign = self.lines[at], " "
        if at == self.row:
            style = quiet = self.get_component_rich_style("branch-list--cursor")
            sign = "▸" if self.has_focus else "·"
        head = sign + "  " * line.depth + ("└ " if line.depth else "") + visible(line.label) + "  "
        room = max(0, width - cell_width(head) - cell_width(line.state) - 2)
        text = shorten(visible(line.text), room)
        gap = " " * (room - cell_width(text) + 2)
        parts = (Segment(head, style), Segment(text, quiet), Segment(gap + line.state, quiet))
        return self.line(*parts, style=style)
