"""Type or paste several lines, and see which of them a model finds likelier."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Static, TextArea

from ....core.wording import NOTHING, figures, visible
from ...session import Session
from ...text.plain import cell_width, shorten, shorten_apart

PAUSE = 0.15  # seconds without a key until they are scored
SLOW = 0.1  # seconds between looks at what has come
CELL = 9  # cells of a size
HINT = "a line is a text by itself · [b]tab[/] sorts by the next size · [b]esc[/] closes"
EXAMPLE = "The cat sat on the mat.\nThe cat computed the eigenvalue.\nFlurb zazzle moop tink wob."


class LinesScreen(ModalScreen[None]):
    """What was typed stays until it is opened again."""

    BINDINGS = [
        Binding("escape", "dismiss", "close", id="lines.close"),
        Binding("tab", "turn(1)", "sort by the next size", id="lines.next", priority=True),
        Binding("shift+tab", "turn(-1)", "by the one before", id="lines.before", priority=True),
    ]
    AUTO_FOCUS = "TextArea"
    DEFAULT_CSS = """
    LinesScreen { align: center middle; }
    LinesScreen > Vertical {
        width: 96%; max-width: 120; height: 86%; border: round $primary; padding: 0 1;
        background: $background;
    }
    LinesScreen TextArea, LinesScreen TextArea:focus {
        height: 1fr; border: none; padding: 0; background: $background;
    }
    LinesScreen #lines-table { height: 1fr; border-top: solid $panel-lighten-1; }
    LinesScreen #lines-hint { height: 1; color: $text-muted; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._pause: Timer | None = None
        self._shown = Text()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Lines side by side, by perplexity"
            area = TextArea(self.session.lines.text, highlight_cursor_line=False)
            area.placeholder = EXAMPLE
            area.cursor_blink = False
            yield area
            yield Static("", id="lines-table", markup=False)
            yield Static(HINT, id="lines-hint")

    def on_mount(self) -> None:
        self._hand_over()  # other models may be open by now
        self.set_interval(SLOW, self._show)

    def on_text_area_changed(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self._hand_over)

    def _hand_over(self) -> None:
        self.session.lines.type(self.query_one(TextArea).text)

    def action_turn(self, by: int) -> None:
        models = self.session.models
        self.session.select_size((models.current + by) % len(models.sizes))
        self._show()

    def _show(self) -> None:
        pane = self.query_one("#lines-table", Static)
        now = table(self.session, *pane.content_size)
        if now != self._shown:
            self._shown = now
            pane.update(now)


def table(session: Session, width: int, height: int) -> Text:
    """A row for each line, likeliest first under the current size; a column for each size."""
    lines, models = session.lines, session.models
    if not lines.wanted or width < 1:
        return Text("")
    count = max(1, min(len(models.sizes), (width - 20) // CELL))
    first = max(0, min(models.current - count // 2, len(models.sizes) - count))
    shown = models.sizes[first : first + count]
    room = max(1, width - CELL * count)
    names = shorten_apart([visible(size.name) for size in models.sizes], CELL - 2)
    found = Text(" " * room, no_wrap=True)
    for size, name in zip(shown, names[first:], strict=False):
        is_current = size is models.size
        said = f"{'▸' * is_current}{name}"
        found.append(" " * (CELL - cell_width(said)) + said, Style(bold=is_current))
    for line in lines.ranked(models.size)[: max(0, height - 1)]:
        text = shorten(visible(line), room - 1)
        found.append("\n" + text + " " * (room - cell_width(text)))
        for size in shown:
            value = lines.perplexity(size, line)
            said = "…" if value is None else NOTHING if value != value else figures(value)
            found.append(f"{said:>{CELL}}", Style(bold=size is models.size))
    return found
