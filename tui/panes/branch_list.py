"""Continuations as a tree, a line each."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...core.wording import visible
from ..text.plain import cell_width, shorten


@dataclass(frozen=True, slots=True)
class BranchLine:
    """depth: how many branches it hangs from. text: how it goes on; state: at the right."""

    depth: int
    label: str
    text: str
    state: str


class BranchList(ScrollView, can_focus=True, inherit_bindings=False):
    """Each branch below the one it leaves."""

    HELP = "Continuations: `j` `k` go through them, `space` makes more, `z` stops and resumes."

    COMPONENT_CLASSES = {"branch-list--cursor", "branch-list--quiet"}
    DEFAULT_CSS = """
    BranchList { overflow-x: hidden; }
    BranchList > .branch-list--cursor { background: $row; color: $row-text; }
    BranchList > .branch-list--quiet { color: $text-muted; }
    """

    lines: reactive[tuple[BranchLine, ...]] = reactive((), init=False, repaint=False)
    row: reactive[int] = reactive(0, init=False)

    class Selected(Message):
        """This row was clicked."""

        def __init__(self, row: int) -> None:
            self.row = row
            super().__init__()

    def watch_lines(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.lines))
        self.refresh()

    def watch_row(self) -> None:
        height, top = self.scrollable_content_region.height, self.scroll_offset.y
        if height > 0 and not top <= self.row < top + height:
            target = self.row if self.row < top else self.row - height + 1
            self.scroll_to(y=target, animate=False)

    def render_line(self, y: int) -> Strip:
        at, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        style, quiet = self.rich_style, self.get_component_rich_style("branch-list--quiet")
        if not self.lines and y == 0:
            said = "space continues from here, greedily and by the dials"
            return Strip([Segment(shorten(said, width), quiet)]).adjust_cell_length(width, style)
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
        return Strip(
            [Segment(head, style), Segment(text, quiet), Segment(gap + line.state, quiet)]
        ).adjust_cell_length(width, style)

    async def on_click(self, event: Click) -> None:
        row = event.y - self.gutter.top + self.scroll_offset.y
        if 0 <= row < len(self.lines):
            self.post_message(self.Selected(row))
