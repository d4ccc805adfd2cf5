"""The list of stories: virtual, so that a hundred thousand cost what forty do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ..text.plain import Apart, cell_width, figures

BLOCKS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """What the list shows: row n is story `order[n]`.

    title, value: of a story; the value (perplexity) is nan while it is not known.
    span: the smallest and the largest value, for the bars. is_marked: by the reader.
    """

    order: Sequence[int]
    title: Callable[[int], str]
    value: Callable[[int], float]
    span: tuple[float, float]
    is_marked: Callable[[int], bool]


EMPTY = Shelf((), str, float, (1.0, 1.0), bool)


class StoryList(ScrollView, can_focus=True, inherit_bindings=False):
    """One line per story: title, perplexity under the current model, a bar."""

    HELP = "The stories, under the current size."

    COMPONENT_CLASSES = {"story-list--cursor", "story-list--quiet"}
    DEFAULT_CSS = """
    StoryList > .story-list--cursor { background: $row; color: $row-text; }
    StoryList > .story-list--quiet { color: $line; }
    """

    shelf: reactive[Shelf] = reactive(EMPTY, init=False, always_update=True, repaint=False)
    row: reactive[int | None] = reactive(None, init=False, repaint=False)

    class Selected(Message):
        """This row was clicked."""

        def __init__(self, row: int) -> None:
            self.row = row
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._apart = Apart()

    def watch_shelf(self) -> None:
        width = self.scrollable_content_region.width
        self.virtual_size = Size(width, len(self.shelf.order))
        self._show_row()
        self.refresh()

    def on_resize(self) -> None:
        self.watch_shelf()

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
            self.refresh_line(row)

    def _show_row(self) -> bool:
        """Scroll so that the row is seen; True if that moved anything."""
        height = self.scrollable_content_region.height
        top = self.scroll_offset.y
        if self.row is None or height < 1 or top <= self.row < top + height:
            return False
        target = self.row if self.row < top else self.row - height + 1
        self.scroll_to(y=target, animate=False)
        return True

    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if at >= len(self.shelf.order):
            return Strip.blank(width, self.rich_style)
        style = self.rich_style
        quiet = self.get_component_rich_style("story-list--quiet")
        if at == self.row:
            style = quiet = self.get_component_rich_style("story-list--cursor")
            if self.has_focus:
                style = quiet = style + Style(bold=True)
        story = self.shelf.order[at]
        value = self.shelf.value(story)
        bar_width = max(0, min(8, width - 30))
        room = max(4, width - 10 - bar_width)
        mark = f"{'▸' if at == self.row else ' '}{'●' if self.shelf.is_marked(story) else ' '}"
        title = self._titles(room)[y]
        pad = " " * (room - cell_width(title))
        return Strip(
            [
                Segment(f"{mark}{title}{pad}", style),
                Segment(f"{figures(value):>6} ", style),
                Segment(_bar(value, self.shelf.span, bar_width), quiet),
                Segment(" ", style),
            ]
        ).adjust_cell_length(width, style)

    def _titles(self, room: int) -> list[str]:
        """Of the stories in sight, so that those that begin alike can be told apart."""
        shelf, top, height = self.shelf, self.scroll_offset.y, self.size.height
        seen = shelf.order[top : top + height]
        return self._apart.cut((shelf, top, height), lambda: [*map(shelf.title, seen)], room)

    async def on_click(self, event: Click) -> None:
        row = event.y - self.gutter.top + self.scroll_offset.y
        if 0 <= row < len(self.shelf.order):
            self.post_message(self.Selected(row))


def _bar(value: float, span: tuple[float, float], width: int) -> str:
    """A bar of `width` cells, as long as the value's logarithm lies between those of the span."""
    low, high = span
    if math.isnan(value) or not low < high or not width:
        return " " * width
    share = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    eighths = max(1, round(8 * width * min(1.0, max(0.0, share))))
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (BLOCKS[rest] if rest else "")).ljust(width)
