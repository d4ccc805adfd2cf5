"""Every story under every size: virtual, and sorted by any of its columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ..text.plain import cell_width, figures, shorten
from ..threads.scaling import Order, Values, short_names

FIXED = 2  # lines that stay: the names of the columns, and the whole set
TITLE = 12  # cells of a title at least
CELL, WIDEST = 8, 16  # cells of a number with the space before it: at least, at most
ROOMY = 30  # cells of a title that come before wider columns
LISTED, BY_TITLE = 0, 1  # sort keys before the columns' own


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """What the table shows: S stories, M columns of numbers.

    title: of a story by its index. values: float64 (M, S), nan where there is none. whole: (M,),
    over all stories. by_title: int64 (S,), the place of each story among the titles.
    """

    names: tuple[str, ...]
    title: Callable[[int], str]
    values: Values
    whole: Sequence[float]
    by_title: Order

    @property
    def stories(self) -> int:
        return int(self.values.shape[1])


class StoryTable(ScrollView, can_focus=True):
    """A line per story. `s` sorts by the next column, `S` turns the order round."""

    HELP = "Every story under every size. `s` next column, `S` other way round, `enter` reads it."

    BINDINGS = [
        Binding("j,down", "move(1)", "next story", id="table.down", show=False),
        Binding("k,up", "move(-1)", "previous story", id="table.up", show=False),
        Binding("g,home", "move(-1000000000)", "first story", id="table.first", show=False),
        Binding("G,end", "move(1000000000)", "last story", id="table.last", show=False),
        Binding("ctrl+d,pagedown", "page(1)", "page down", id="table.page-down", show=False),
        Binding("ctrl+u,pageup", "page(-1)", "page up", id="table.page-up", show=False),
        Binding("enter", "open", "read the story", id="table.open"),
    ]

    COMPONENT_CLASSES = {"story-table--cursor", "story-table--quiet", "story-table--sorted"}

    grid: reactive[Grid | None] = reactive(None, init=False, always_update=True, repaint=False)
    story: reactive[int] = reactive(0, init=False, repaint=False)

    class Selected(Message):
        """The story with this index is the one to look at."""

        def __init__(self, story: int) -> None:
            self.story = story
            super().__init__()

    class Opened(Selected):
        """The story with this index is to be read."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.key = LISTED
        self.reverse = False
        self._order: Order | None = None  # story of each row
        self._place: Order | None = None  # row of each story

    # --- order -----------------------------------------------------------------------------

    def sort(self, key: int, reverse: bool) -> None:
        """Order by a key: as listed, by title, or by a column (2 is the first)."""
        import numpy as np  # after the first picture

        self.key, self.reverse = key, reverse
        grid = self.grid
        if grid is None:
            return
        if key >= len(grid.names) + 2:
            self.key = key = LISTED
        if key == LISTED:
            order = np.arange(grid.stories)
        elif key == BY_TITLE:
            order = np.argsort(grid.by_title, kind="stable")
        else:
            values = grid.values[key - 2]
            # The highest first, what has no number last, either way round.
            order = np.argsort(np.nan_to_num(values if reverse else -values, nan=np.inf))
        if reverse and key <= BY_TITLE:
            order = order[::-1]
        self._order = order
        self._place = np.empty_like(order)
        self._place[order] = np.arange(len(order))
        self._show_row()
        self.refresh()

    @property
    def sorted_by(self) -> str:
        """In words, for the border."""
        sign = "↑" if self.reverse else "↓"
        if self.key == LISTED:
            return "as listed" + (", from the end" if self.reverse else "")
        if self.key == BY_TITLE:
            return "by title" + (", from the end" if self.reverse else "")
        return f"by {self.grid.names[self.key - 2]} {sign}" if self.grid else ""

    @property
    def row(self) -> int:
        """Where the selected story stands."""
        if self._place is None or not 0 <= self.story < len(self._place):
            return 0
        return int(self._place[self.story])

    # --- what is shown ---------------------------------------------------------------------

    def watch_grid(self) -> None:
        stories = self.grid.stories if self.grid else 0
        self.virtual_size = Size(self.scrollable_content_region.width, stories + FIXED)
        self.sort(self.key, self.reverse)
        self.refresh()

    def on_resize(self) -> None:
        stories = self.grid.stories if self.grid else 0
        self.virtual_size = Size(self.scrollable_content_region.width, stories + FIXED)
        self._show_row()
        self.refresh()

    def watch_story(self, before: int, now: int) -> None:
        if self._place is None:
            return
        old = int(self._place[before]) if before < len(self._place) else 0
        if not self._show_row():
            for row in (old, self.row):
                self.refresh_line(row + FIXED)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _show_row(self) -> bool:
        """Scroll so that the row is seen; True if that moved anything."""
        height = self.scrollable_content_region.height - FIXED
        top = self.scroll_offset.y
        if height < 1 or top <= self.row < top + height:
            return False
        target = self.row if self.row < top else self.row - height + 1
        self.scroll_to(y=target, animate=False)
        return True

    def _columns(self, grid: Grid, width: int) -> tuple[range, int]:
        """The columns that there is room for, the sorted one among them, and their cells."""
        many = len(grid.names)
        longest = max(map(cell_width, short_names(grid.names)), default=0) + 2
        cell = max(CELL, min(WIDEST, longest, (width - ROOMY) // max(1, many)))
        fit = max(1, min(many, (width - TITLE - 2) // cell))
        chosen = max(0, self.key - 2)
        first = max(0, min(chosen - fit + 1, many - fit)) if chosen >= fit else 0
        return range(first, min(many, first + fit)), cell

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        grid, order = self.grid, self._order
        if grid is None or order is None or width < TITLE:
            return Strip.blank(width, self.rich_style)
        columns, cell = self._columns(grid, width)
        room = max(1, width - 2 - cell * len(columns))
        quiet = self.get_component_rich_style("story-table--quiet")
        if y == 0:
            return self._heading(grid, columns, cell, room, quiet)
        if y == 1:
            cells = "".join(f"{figures(grid.whole[at]):>{cell}}" for at in columns)
            text = f" {shorten('all together', room):<{room}}{cells} "
            return Strip([Segment(text, quiet)]).adjust_cell_length(width, self.rich_style)
        row = y - FIXED + self.scroll_offset.y
        if row >= len(order):
            return Strip.blank(width, self.rich_style)
        story = int(order[row])
        style = self.rich_style
        if story == self.story:
            style = self.get_component_rich_style("story-table--cursor")
            style += Style(bold=self.has_focus)
        title = shorten(grid.title(story), room)
        cells = "".join(f"{figures(float(grid.values[at, story])):>{cell}}" for at in columns)
        text = f" {title}{' ' * (room - cell_width(title))}{cells} "
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _heading(self, grid: Grid, columns: range, cell: int, room: int, quiet: Style) -> Strip:
        chosen = self.get_component_rich_style("story-table--sorted")
        sign = "↑" if self.reverse else "↓"
        parts = [Segment(f" {'story':<{room}}", chosen if self.key == BY_TITLE else quiet)]
        names = short_names(grid.names)
        for at in columns:
            is_sorted = self.key == at + 2
            name = shorten(names[at], cell - 1 - is_sorted) + (sign if is_sorted else "")
            pad = " " * (cell - cell_width(name))
            parts.append(Segment(pad + name, chosen if is_sorted else quiet))
        width = self.scrollable_content_region.width
        return Strip(parts).adjust_cell_length(width, self.rich_style)

    # --- actions ---------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self._ask(self.row + by)

    def action_page(self, by: int) -> None:
        self._ask(self.row + by * max(1, self.scrollable_content_region.height - FIXED - 1))

    def action_open(self) -> None:
        if self.grid is not None:
            self.post_message(self.Opened(self.story))

    def action_sort(self, by: int) -> None:
        keys = len(self.grid.names) + 2 if self.grid else 1
        self.sort((self.key + by) % keys, False)

    def action_turn_round(self) -> None:
        self.sort(self.key, not self.reverse)

    def _ask(self, row: int) -> None:
        if self._order is not None and len(self._order):
            story = int(self._order[max(0, min(row, len(self._order) - 1))])
            if story != self.story:
                self.post_message(self.Selected(story))

    async def on_click(self, event: Any) -> None:
        row = event.y - FIXED + self.scroll_offset.y
        if event.y < FIXED or self._order is None or row >= len(self._order):
            return
        if row == self.row:
            self.action_open()
        else:
            self._ask(row)
