"""Every story under every size: virtual, and sorted by any of its columns."""

from __future__ import annotations

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

from ...core.wording import figures
from ..text.plain import Apart, cell_width, shorten, shorten_apart
from ..threads.scaling import Order, Values, short_names

FIXED = 2  # lines that stay: the names of the columns, and the whole set
TITLE = 12  # cells of a title at least
CELL, WIDEST = 8, 16  # cells of a number with the space before it: at least, at most
ROOMY = 30  # cells of a title that come before wider columns
NOWHERE = -1  # the row of a story that is not listed
LISTED, BY_TITLE = 0, 1  # sort keys before the columns' own


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """What the table shows: S stories, M columns of numbers.

    order: the listed stories, by index. title: of a story by its index. values: float64 (M, S), nan
    where there is none. whole: (M,), over the listed stories. by_title: int64 (S,), the place of
    each story among the titles.
    """

    names: tuple[str, ...]
    order: Sequence[int]
    title: Callable[[int], str]
    values: Values
    whole: Sequence[float]
    by_title: Order


class StoryTable(ScrollView, can_focus=True, inherit_bindings=False):
    """A line per story, and a column for each size."""

    HELP = "Every story under every size. `s` next column, `S` other way round, `enter` reads it."

    COMPONENT_CLASSES = {"story-table--cursor", "story-table--quiet", "story-table--sorted"}
    DEFAULT_CSS = """
    StoryTable > .story-table--cursor { background: $row; color: $row-text; }
    StoryTable > .story-table--quiet { color: $text-muted; }
    StoryTable > .story-table--sorted { color: $text; text-style: bold; }
    """

    grid: reactive[Grid | None] = reactive(None, init=False, always_update=True, repaint=False)
    story: reactive[int] = reactive(0, init=False, repaint=False)

    class Selected(Message):
        """The story with this index was clicked."""

        def __init__(self, story: int) -> None:
            self.story = story
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.key = LISTED
        self.reverse = False
        self._apart = Apart()
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
        stories = grid.values.shape[1]
        order = np.array(grid.order, dtype=np.int64)
        order = order[order < stories]  # those that came since have no numbers yet
        if key == BY_TITLE:
            order = order[np.argsort(grid.by_title[order], kind="stable")]
        elif key > BY_TITLE:
            values = grid.values[key - 2, order]
            # The highest first, what has no number last, either way round.
            values = np.nan_to_num(values if reverse else -values, nan=np.inf)
            order = order[np.argsort(values, kind="stable")]
        if reverse and key <= BY_TITLE:
            order = order[::-1]
        self._order = order
        self._place = np.full(stories, NOWHERE)
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
        """Where the selected story stands; 0 where it is not listed."""
        return max(0, self._row_of(self.story))

    def _row_of(self, story: int) -> int:
        if self._place is None or not 0 <= story < len(self._place):
            return NOWHERE
        return int(self._place[story])

    # --- what is shown ---------------------------------------------------------------------

    def watch_grid(self) -> None:
        self.sort(self.key, self.reverse)
        self._fill()

    def on_resize(self) -> None:
        self._fill()

    def _fill(self) -> None:
        rows = 0 if self.grid is None or self._order is None else len(self._order)
        self.virtual_size = Size(self.scrollable_content_region.width, rows + FIXED)
        self._show_row()
        self.refresh()

    def watch_story(self, before: int, now: int) -> None:
        if not self._show_row():
            for row in (self._row_of(before), self._row_of(now)):
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
        self.scroll_to(y=target, animate=False, force=True)
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
        title = self._titles(grid, order, room)[y - FIXED]
        cells = "".join(f"{figures(float(grid.values[at, story])):>{cell}}" for at in columns)
        mark = "▸" if story == self.story else " "
        text = f"{mark}{title}{' ' * (room - cell_width(title))}{cells} "
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _titles(self, grid: Grid, order: Order, room: int) -> list[str]:
        """Of the stories in sight, so that those that begin alike can be told apart."""
        top, height = self.scroll_offset.y, self.size.height
        seen = order[top : top + height].tolist()
        return self._apart.cut((grid, *seen), lambda: [*map(grid.title, seen)], room)

    def _heading(self, grid: Grid, columns: range, cell: int, room: int, quiet: Style) -> Strip:
        chosen = self.get_component_rich_style("story-table--sorted")
        sign = "↑" if self.reverse else "↓"
        parts = [Segment(f" {'story':<{room}}", chosen if self.key == BY_TITLE else quiet)]
        names = short_names(grid.names)
        for at, name in zip(columns, shorten_apart(names, cell - 2)[columns.start :], strict=False):
            is_sorted = self.key == at + 2
            name += sign if is_sorted else ""
            pad = " " * (cell - cell_width(name))
            parts.append(Segment(pad + name, chosen if is_sorted else quiet))
        width = self.scrollable_content_region.width
        return Strip(parts).adjust_cell_length(width, self.rich_style)

    # --- moving ----------------------------------------------------------------------------

    def sort_by_next(self) -> None:
        """By the column after the one that is sorted by."""
        keys = len(self.grid.names) + 2 if self.grid else 1
        self.sort((self.key + 1) % keys, False)

    def turn_round(self) -> None:
        """The other way round."""
        self.sort(self.key, not self.reverse)

    def story_at(self, story: int, by: int) -> int:
        """The story that stands so many rows below `story`, or as far as the rows go."""
        if self._order is None or not len(self._order):
            return story
        row = self._row_of(story)
        if row == NOWHERE and by < 0:
            row = len(self._order)
        return int(self._order[max(0, min(row + by, len(self._order) - 1))])

    @property
    def first_story(self) -> int | None:
        """What stands in the first row; None in an empty table."""
        return int(self._order[0]) if self._order is not None and len(self._order) else None

    async def on_click(self, event: Click) -> None:
        line = event.y - self.gutter.top
        row = line - FIXED + self.scroll_offset.y
        if line >= FIXED and self._order is not None and row < len(self._order):
            self.post_message(self.Selected(int(self._order[row])))
