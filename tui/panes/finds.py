"""Spans of text, one a line, each with its number and where it stands: virtual, as all lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip

from ...core.wording import visible
from ..text.plain import cell_width, shorten
from .rows import Rows

VALUE = 7  # cells of the number
FRONT = 12  # cells of what is in front of a find


@dataclass(frozen=True, slots=True)
class Find:
    """value: in figures, as it is sorted by. text: the span; before, after: what is around it."""

    value: str
    before: str
    text: str
    after: str


@dataclass(frozen=True, slots=True, eq=False)
class Finds:
    """find: of a row, 0 to count - 1."""

    count: int
    find: Callable[[int], Find]


NONE = Finds(0, lambda row: Find("", "", "", ""))


class FindList(Rows):
    """One line for each find: its number, and the span in bold among its neighbours."""

    HELP = (
        "Spans of all listed stories, in order: bits that the model has more (+) or less (−) than "
        "its reference. `s` sorts, `u` changes the unit, `/` filters."
    )

    COMPONENT_CLASSES = {"find-list--cursor", "find-list--quiet"}
    DEFAULT_CSS = """
    FindList > .find-list--cursor { background: $row; color: $row-text; }
    FindList > .find-list--quiet { color: $text-muted; }
    """

    finds: reactive[Finds] = reactive(NONE, init=False, always_update=True, repaint=False)
    waiting: reactive[str] = reactive("")

    class Selected(Rows.Selected):
        """This row was clicked."""

    @property
    def count(self) -> int:
        return self.finds.count

    def watch_finds(self) -> None:
        self.fill()

    def render_line(self, y: int) -> Strip:
        at, width = y + self.scroll_offset.y, self.width
        if not self.finds.count and y == 0:
            return self.line(Segment(shorten(visible(self.waiting), width), self.rich_style))
        if at >= self.finds.count:
            return Strip.blank(width, self.rich_style)
        style, quiet = self.rich_style, self.get_component_rich_style("find-list--quiet")
        sign = " "
        if at == self.row:
            style = quiet = self.get_component_rich_style("find-list--cursor")
            sign = "▸" if self.has_focus else " "
        find = self.finds.find(at)
        before, text, after = around(find, width - VALUE - 2)
        return self.line(
            Segment(f"{sign}{find.value:>{VALUE - 1}} ", style),
            Segment(before, quiet),
            Segment(text, style + Style(bold=True)),
            Segment(after, quiet),
            style=style,
        )


def around(find: Find, room: int) -> tuple[str, str, str]:
    """A find within so many cells, all of them in one column: what is in front, it, and behind."""
    front = min(FRONT, room // 3)
    space = find.text[: len(find.text) - len(find.text.lstrip())]
    before = visible(find.before + space)
    while cell_width(before) > front:
        before = before[1:]
    text = shorten(visible(find.text.strip()) or visible(find.text, spaces=True), room - front)
    after = shorten(visible(find.after), room - front - cell_width(text))
    return " " * (front - cell_width(before)) + before, text, after
