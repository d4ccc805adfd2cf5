"""What the numbers say, a sentence or two each; those that name a story lead to it."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...core.wording import visible
from ..text.layout import Layout

MARGIN = 3  # cells before the text: the cursor, and what leads on
GROUP = -1  # the finding of a line that belongs to none


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding. group: the family it is about; stories: those it names, by index."""

    group: str
    text: str
    stories: tuple[int, ...] = ()


class Findings(ScrollView, can_focus=True, inherit_bindings=False):
    """The findings one below the other, each with the stories that it names."""

    HELP = "What the numbers say. `j` `k` go through them; ▸ leads to its stories with `enter`."

    COMPONENT_CLASSES = {"findings--cursor", "findings--group"}
    DEFAULT_CSS = """
    Findings > .findings--cursor { background: $row; color: $row-text; }
    Findings > .findings--group { color: $text-muted; text-style: bold; }
    """

    entries: reactive[tuple[Entry, ...]] = reactive((), init=False, repaint=False)
    waiting: reactive[str] = reactive("")
    at: reactive[int] = reactive(0, init=False, repaint=False)

    class Opened(Message):
        """The finding under the cursor was clicked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[tuple[int, str]] = []  # finding, text
        self._read = 0  # stories of this finding that were opened: the next one is next

    def watch_entries(self) -> None:
        self._lay_out()
        self.at = max(0, min(self.at, len(self.entries) - 1))

    def on_resize(self) -> None:
        self._lay_out()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def watch_at(self) -> None:
        self._read = 0
        rows = [row for row, (finding, _) in enumerate(self._lines) if finding == self.at]
        height = self.scrollable_content_region.height
        if rows and height:
            top = self.scroll_offset.y
            if rows[0] < top:
                self.scroll_to(y=max(0, rows[0] - 1), animate=False, force=True)
            elif rows[-1] >= top + height:
                self.scroll_to(y=rows[-1] - height + 1, animate=False, force=True)
        self.refresh()

    def _lay_out(self) -> None:
        width = max(8, self.scrollable_content_region.width - MARGIN)
        self._lines = []
        group = ""
        groups = {entry.group for entry in self.entries}
        for n, entry in enumerate(self.entries):
            if self._lines:
                self._lines.append((GROUP, ""))
            if entry.group != group and len(groups) > 1:
                self._lines.append((GROUP, visible(entry.group)))
            group = entry.group
            laid_out = Layout(visible(entry.text), (), width, False)
            for y in range(len(laid_out)):
                self._lines.append((n, "".join(run.text for run in laid_out.line(y))))
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = y + self.scroll_offset.y
        if not self.entries and y == 0:
            return Strip([Segment(visible(self.waiting), self.rich_style)]).adjust_cell_length(
                width, self.rich_style
            )
        if row >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        finding, text = self._lines[row]
        if finding == GROUP:
            style = self.get_component_rich_style("findings--group")
            return Strip([Segment(text, style)]).adjust_cell_length(width, self.rich_style)
        first = row == 0 or self._lines[row - 1][0] != finding
        leads = first and self.entries[finding].stories
        style, mark = self.rich_style, " "
        if finding == self.at and self.has_focus:
            style, mark = self.get_component_rich_style("findings--cursor"), "▌"
        sign = Segment(f"{mark}{'▸' if leads else ' '} ", style + Style(bold=True))
        return Strip([sign, Segment(text, style)]).adjust_cell_length(width, style)

    def move(self, by: int) -> None:
        """So many findings on, or back."""
        self.at = max(0, min(self.at + by, len(self.entries) - 1))

    def next_story(self) -> int | None:
        """The next of the stories that the finding names; None where it names none."""
        stories = self.entries[self.at].stories if self.entries else ()
        self._read += 1
        return stories[(self._read - 1) % len(stories)] if stories else None

    async def on_click(self, event: Click) -> None:
        row = event.y - self.gutter.top + self.scroll_offset.y
        if 0 <= row < len(self._lines) and (finding := self._lines[row][0]) != GROUP:
            if finding == self.at:
                self.post_message(self.Opened())
            self.at = finding
