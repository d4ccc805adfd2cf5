"""The story while it is edited, its tokens in their colours."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from rich.text import Text
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widgets import TextArea

from ..text.carried import Carried
from ..text.line_ends import held, let_go, shown
from .story_text import Paint


class EditArea(TextArea):
    """`paint` is of the text as it was scored last; what is typed since then is plain."""

    HELP = "The edit. The story stays as it was; `esc` leaves, `e` takes the edit up again."
    DEFAULT_CSS = """
    EditArea, EditArea:focus { border: none; padding: 0; background: $background; }
    """

    paint: reactive[Paint] = reactive(Paint(""), init=False, always_update=True, repaint=False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, highlight_cursor_line=False)
        self.cursor_blink = False  # each blink would be written to the terminal
        self.match_cursor_bracket = False
        self._placed: tuple[str, Carried, list[int]] | None = None

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """It takes the line's end too."""
        return key == "enter" or super().check_consume_key(key, character)

    # --- text ------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """As it is typed."""
        return let_go(self.document.text)

    @text.setter
    def text(self, value: str) -> None:
        self.load_text(held(value))

    def take_up(self, original: str, text: str, character: int) -> None:
        """Edit `text`; undone to the last it is the original."""
        self.text = original
        if text != self.text:
            self.put(0, len(self.text), text)
        self.caret = character

    def put(self, start: int, end: int, words: str) -> None:
        """Words in place of the characters from `start` to `end`; it can be undone."""
        words = held(words, self.document.newline)
        self.replace(words, self._at(start), self._at(end), maintain_selection_offset=False)
        self.history.checkpoint()

    @property
    def caret(self) -> int:
        """The character one types at."""
        row, column = self.cursor_location
        return self._begins[row] + column

    @caret.setter
    def caret(self, character: int) -> None:
        self.cursor_location = self._at(character)

    @property
    def _begins(self) -> list[int]:
        """The character at which each line begins."""
        lines, newline = self.document.lines, len(self.document.newline)
        return [*accumulate((len(line) + newline for line in lines[:-1]), initial=0)]

    def _at(self, character: int) -> tuple[int, int]:
        """Its line and column."""
        begins = self._begins
        row = bisect_right(begins, max(0, character)) - 1
        return row, min(max(0, character) - begins[row], len(self.document.lines[row]))

    # --- colours ---------------------------------------------------------------------------

    def watch_paint(self) -> None:
        self._placed = None
        self._line_cache.clear()
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """What is drawn is of the text as it is now."""
        self._place()
        return super().render_lines(crop)

    def _place(self) -> tuple[str, Carried, list[int]]:
        text = self.text
        if self._placed is None or self._placed[0] != text:
            found = Carried(self.paint.text, text, self.paint.ends)
            self._placed = (text, found, self._begins)
        return self._placed

    def get_line(self, line_index: int) -> Text:
        """The line with the styles of its tokens; what is no ink is no block of its own."""
        line = super().get_line(line_index)
        line.plain = shown(line.plain)
        text, found, begins = self._placed or self._place()
        begin, end = begins[line_index], begins[line_index] + len(line)
        for start, stop, token in found.within(begin, end):
            words = text[start:stop]
            ink = start + len(words) - len(words.lstrip())
            if token < len(self.paint.styles):
                line.stylize(self.paint.styles[token], max(0, ink - begin), stop - begin)
        return line
