"""What lists have in common: a line a row, drawn as it is seen, and a cursor on one of them."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip


class Rows(ScrollView, can_focus=True, inherit_bindings=False):
    """Virtual: a hundred thousand rows cost what forty do.

    FIXED: lines above the rows that stay where they are. row: the one under the cursor; None: none.
    """

    FIXED = 0

    row: reactive[int | None] = reactive[int | None](0, init=False, repaint=False)

    class Selected(Message):
        """This row was clicked."""

        def __init__(self, row: int) -> None:
            self.row = row
            super().__init__()

    @property
    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    @property
    def width(self) -> int:
        """Cells of a line."""
        return self.scrollable_content_region.width

    def fill(self) -> None:
        """The rows are others."""
        self.virtual_size = Size(self.width, self.count + self.FIXED)
        self._show_row()
        self.refresh()

    def on_resize(self) -> None:
        self.fill()

    def watch_row(self, before: int | None, now: int | None) -> None:
        if not self._show_row():
            self._refresh_row(before)
            self._refresh_row(now)

    def on_focus(self) -> None:
        self._refresh_row(self.row)

    def on_blur(self) -> None:
        self._refresh_row(self.row)

    def _refresh_row(self, row: int | None) -> None:
        if row is not None:
            self.refresh_line(row + self.FIXED)

    def _show_row(self) -> bool:
        """Scroll so that the row is seen; True if that moved anything."""
        height, top = self.scrollable_content_region.height - self.FIXED, self.scroll_offset.y
        if self.row is None or height < 1 or top <= self.row < top + height:
            return False
        target = self.row if self.row < top else self.row - height + 1
        # Forced: after a filter there is a bar to scroll by only with the next layout.
        self.scroll_to(y=target, animate=False, force=True)
        return True

    def line(self, *segments: Segment, style: Style | None = None) -> Strip:
        """These, over the width of the pane."""
        return Strip(segments).adjust_cell_length(self.width, style or self.rich_style)

    def row_at(self, event: Click) -> int | None:
        """The row under the pointer."""
        line = event.y - self.gutter.top
        row = line - self.FIXED + self.scroll_offset.y
        return row if line >= self.FIXED and 0 <= row < self.count else None

    async def on_click(self, event: Click) -> None:
        if (row := self.row_at(event)) is not None:
            self.post_message(self.Selected(row))
