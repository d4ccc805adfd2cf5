"""The story, every token on a background by its surprise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ..text.colour import cursor
from ..text.layout import NOTHING, Line, lay_out


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """A text and how to paint it: where its tokens end, and a style for each.

    `ends` and `styles` are empty while the tokens are not known; the text is then plain.
    """

    text: str
    ends: tuple[int, ...] = ()
    styles: tuple[Style, ...] = ()
    dark: bool = True


class StoryText(ScrollView, can_focus=True):
    """Draws line by line; a move of the cursor repaints the cells of two tokens."""

    HELP = "The story. Every token is coloured by what `c` selects; the legend is below."

    BINDINGS = [
        Binding("l,right", "step(1)", "next token", id="text.next-token"),
        Binding("h,left", "step(-1)", "previous token", id="text.previous-token"),
        Binding("w", "word(1)", "next word", id="text.next-word"),
        Binding("b", "word(-1)", "previous word", id="text.previous-word"),
        Binding("j,down", "line(1)", "line down", id="text.down", show=False),
        Binding("k,up", "line(-1)", "line up", id="text.up", show=False),
        Binding("g,home", "end(-1)", "first token", id="text.first", show=False),
        Binding("G,end", "end(1)", "last token", id="text.last", show=False),
        Binding("ctrl+d,pagedown", "page(1)", "page down", id="text.page-down", show=False),
        Binding("ctrl+u,pageup", "page(-1)", "page up", id="text.page-up", show=False),
    ]

    paint: reactive[Paint] = reactive(Paint(""), init=False, always_update=True, repaint=False)
    token: reactive[int] = reactive(0, init=False, repaint=False)
    marks: reactive[bool] = reactive(False, init=False, repaint=False)

    class Moved(Message):
        """The cursor asks to go to another token."""

        def __init__(self, token: int) -> None:
            self.token = token
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._places: dict[int, list[tuple[int, int, int]]] = {}  # token: (line, column, width)
        self._strips: dict[int, Strip] = {}
        self._laid_out: tuple[str, tuple[int, ...], int, bool] | None = None
        self._column = 0  # where vertical moves aim

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
        width = self.scrollable_content_region.width
        if width < 2:
            return
        wanted = (self.paint.text, self.paint.ends, width, self.marks)
        if wanted != self._laid_out:
            same_text = self._laid_out is not None and self._laid_out[0] == self.paint.text
            self._laid_out = wanted
            self._lines = lay_out(*wanted)
            self._places = {}
            for y, line in enumerate(self._lines):
                for run in line:
                    self._places.setdefault(run.token, []).append((y, run.column, run.width))
            self.virtual_size = Size(width, len(self._lines))
            if not same_text:
                self.scroll_to(y=0, animate=False)
            self._show_token()
        self._strips.clear()
        self.refresh()

    # --- drawing ---------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        width = self.size.width
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        if at not in self._strips:
            self._strips[at] = self._strip(self._lines[at])
        return self._strips[at].adjust_cell_length(width, self.rich_style)

    def _strip(self, line: Line) -> Strip:
        plain, styles = self.rich_style, self.paint.styles
        segments = []
        for run in line:
            style = plain
            if run.token != NOTHING and run.token < len(styles):
                style = plain + styles[run.token]
                if run.token == self.token:
                    style = cursor(style, dark=self.paint.dark)
            segments.append(Segment(run.text, style))
        return Strip(segments)

    def watch_token(self, before: int, now: int) -> None:
        self._show_token()
        top, dirty = self.scroll_offset.y, []
        for token in (before, now):
            for y, column, width in self._places.get(token, ()):
                self._strips.pop(y, None)
                dirty.append(Region(column, y - top, width, 1))
        if dirty:
            self.refresh(*dirty)

    def _show_token(self) -> None:
        places = self._places.get(self.token)
        if not places:
            return
        height = self.scrollable_content_region.height
        top, first, last = self.scroll_offset.y, places[0][0], places[-1][0]
        if first < top:
            self.scroll_to(y=max(0, first - 1), animate=False)
        elif last >= top + height:
            self.scroll_to(y=last - height + 2, animate=False)

    # --- moving ----------------------------------------------------------------------------

    @property
    def _count(self) -> int:
        return len(self.paint.ends)

    def _ask(self, token: int, *, keep_column: bool = False) -> None:
        if self._count:
            token = max(0, min(token, self._count - 1))
            if not keep_column and (places := self._places.get(token)):
                self._column = places[0][1]
            if token != self.token:
                self.post_message(self.Moved(token))

    def action_step(self, by: int) -> None:
        self._ask(self.token + by)

    def action_word(self, by: int) -> None:
        text, ends = self.paint.text, self.paint.ends
        at = self.token + by
        while 0 < at < self._count - 1 and not _begins_word(text, ends, at):
            at += by
        self._ask(at)

    def action_line(self, by: int) -> None:
        places = self._places.get(self.token)
        if not places:
            self._ask(self.token + by)
            return
        self._go_to_line((places[-1] if by > 0 else places[0])[0] + by)

    def action_page(self, by: int) -> None:
        places = self._places.get(self.token)
        height = max(1, self.scrollable_content_region.height - 1)
        self._go_to_line((places[0][0] if places else 0) + by * height)

    def _go_to_line(self, y: int) -> None:
        y = max(0, min(y, len(self._lines) - 1))
        runs = self._lines[y] if self._lines else ()
        if runs:
            hit = next((r for r in runs if r.column + r.width > self._column), runs[-1])
            self._ask(hit.token, keep_column=True)

    def action_end(self, to: int) -> None:
        self._ask(0 if to < 0 else self._count - 1)

    async def on_click(self, event: object) -> None:
        y = getattr(event, "y", 0) + self.scroll_offset.y
        x = getattr(event, "x", 0)
        if 0 <= y < len(self._lines):
            for run in self._lines[y]:
                if run.column <= x < run.column + run.width:
                    self._ask(run.token)


def _begins_word(text: str, ends: Sequence[int], token: int) -> bool:
    """True where a token holds the first letters of a word."""
    start = ends[token - 1] if token else 0
    piece = text[start : ends[token]]
    before = text[start - 1 : start]
    return bool(piece.strip()) and (piece[0].isspace() or not before or before.isspace())
