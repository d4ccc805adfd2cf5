"""The story, every token on a background by its surprise."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ..text.colour import cursor
from ..text.layout import NOTHING, Layout, Line
from ..text.moves import Ends

_QUIET = Style(dim=True)


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """A text and how to paint it: where its tokens end, and a style for each.

    `ends` and `styles` are empty while the tokens are not known; the text is then plain.
    """

    text: str
    ends: Ends = ()
    styles: tuple[Style, ...] = ()
    dark: bool = True


class StoryText(ScrollView, can_focus=True, inherit_bindings=False):
    """Draws line by line; a move of the cursor repaints the cells of two tokens."""

    HELP = "The story. Every token is coloured by what `c` selects; the legend is below."

    paint: reactive[Paint] = reactive(Paint(""), init=False, always_update=True, repaint=False)
    token: reactive[int] = reactive(0, init=False, repaint=False)
    marks: reactive[bool] = reactive(False, init=False, repaint=False)

    class Selected(Message):
        """This token of this text was clicked."""

        def __init__(self, text: StoryText, token: int) -> None:
            self.text, self.token = text, token
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._layout = Layout("", (), 2, False)
        self._strips: dict[int, Strip] = {}
        self._laid_out: tuple[str, Ends, int, bool] | None = None

    @property
    def columns(self) -> int:
        """The cells of a line."""
        return self.scrollable_content_region.width

    # --- layout ----------------------------------------------------------------------------

    def watch_paint(self) -> None:
        self._arrange()

    def watch_marks(self) -> None:
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def _arrange(self) -> None:
        width = self.columns
        if width < 2:
            return
        wanted = (self.paint.text, self.paint.ends, width, self.marks)
        if wanted != self._laid_out:
            same_text = self._laid_out is not None and self._laid_out[0] == self.paint.text
            self._laid_out = wanted
            self._layout = Layout(*wanted)
            self.virtual_size = Size(width, len(self._layout))
            if not same_text:
                self.scroll_to(y=0, animate=False, force=True)
            self._show_token()
        self._strips.clear()
        self.refresh()

    # --- drawing ---------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        width, plain = self.size.width, self.rich_style
        if at >= len(self._layout):
            return Strip.blank(width, plain)
        if at not in self._strips:
            self._strips[at] = self._strip(self._layout.line(at), plain)
        return self._strips[at].adjust_cell_length(width, plain)

    def _strip(self, line: Line, plain: Style) -> Strip:
        styles = self.paint.styles
        marked = self._layout.owner(self.token)
        segments = []
        for run in line:
            # What is no ink is no block of its own: its number stands in the inspector.
            style = plain if run.kind == "ink" else plain + _QUIET
            if run.token != NOTHING and run.token < len(styles):
                if run.kind == "ink" or run.token == marked:
                    style = plain + styles[run.token]
                if run.token == marked:
                    style = cursor(style, dark=self.paint.dark)
            segments.append(Segment(run.text, style))
        return Strip(segments)

    def watch_token(self, before: int, now: int) -> None:
        self._show_token()
        top, dirty = self.scroll_offset.y, []
        for token in (before, now):
            for y, column, width in self._layout.cells(token):
                self._strips.pop(y, None)
                dirty.append(Region(column, y - top, width, 1))
        if dirty:
            self.refresh(*dirty)

    def _show_token(self) -> None:
        cells = self._layout.cells(self.token)
        if not cells:
            return
        height = self.scrollable_content_region.height
        top, first, last = self.scroll_offset.y, cells[0][0], cells[-1][0]
        if first < top:
            self.scroll_to(y=max(0, first - 1), animate=False, force=True)
        elif last >= top + height:
            self.scroll_to(y=last - height + 2, animate=False, force=True)

    def scroll_along(self, other: StoryText) -> None:
        """Show the lines that another pane of the same text shows, as far as the token allows."""
        self.scroll_to(y=other.scroll_offset.y, animate=False, force=True, immediate=True)
        self._show_token()

    # --- clicks ----------------------------------------------------------------------------

    async def on_click(self, event: Click) -> None:
        line = event.y - self.gutter.top + self.scroll_offset.y
        column = event.x - self.gutter.left
        if 0 <= line < len(self._layout):
            for run in self._layout.line(line):
                if run.column <= column < run.column + run.width and run.token != NOTHING:
                    self.post_message(self.Selected(self, run.token))
