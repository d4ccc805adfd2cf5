"""The list of stories."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip

from ...core.wording import figures
from ..text.plain import Apart, cell_width
from .rows import Rows

BLOCKS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """What the list shows: row n is story `order[n]`.

    title, value: of a story; the value (perplexity) is nan while it is not known.
    share: of the longest bar, 0 to 1, for a value. is_marked: by the reader. figure: a value as it
    is written.
    """

    order: Sequence[int]
    title: Callable[[int], str]
    value: Callable[[int], float]
    share: Callable[[float], float]
    is_marked: Callable[[int], bool]
    figure: Callable[[float], str] = figures


EMPTY = Shelf((), str, float, float, bool)


class StoryList(Rows):
    """One line per story: title, perplexity under the current model, a bar."""

    HELP = "The stories, under the current size."

    COMPONENT_CLASSES = {"story-list--cursor", "story-list--quiet"}
    DEFAULT_CSS = """
    StoryList > .story-list--cursor { background: $row; color: $row-text; }
    StoryList > .story-list--quiet { color: $line; }
    """

    shelf: reactive[Shelf] = reactive(EMPTY, init=False, always_update=True, repaint=False)
    row: reactive[int | None] = reactive[int | None](None, init=False, repaint=False)

    class Selected(Rows.Selected):
        """This row was clicked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._apart = Apart()

    @property
    def count(self) -> int:
        return len(self.shelf.order)

    def watch_shelf(self) -> None:
        self.fill()

    def render_line(self, y: int) -> Strip:
        at, width = y + self.scroll_offset.y, self.width
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
        return self.line(
            Segment(f"{mark}{title}{pad}", style),
            Segment(f"{self.shelf.figure(value):>6} ", style),
            Segment(_bar(value, self.shelf.share, bar_width), quiet),
            Segment(" ", style),
            style=style,
        )

    def _titles(self, room: int) -> list[str]:
        """Of the stories in sight, so that those that begin alike can be told apart."""
        shelf, top, height = self.shelf, self.scroll_offset.y, self.size.height
        seen = shelf.order[top : top + height]
        return self._apart.cut((shelf, top, height), lambda: [*map(shelf.title, seen)], room)


def _bar(value: float, share: Callable[[float], float], width: int) -> str:
    """A bar of `width` cells, as long as the value's share of the longest."""
    if math.isnan(value) or not width:
        return " " * width
    eighths = max(1, round(8 * width * min(1.0, max(0.0, share(value)))))
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (BLOCKS[rest] if rest else "")).ljust(width)
