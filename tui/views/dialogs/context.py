"""What the context contributes to a word: a small curve, and its numbers."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ....core.scoring.exploring import CurvePoint
from ....core.wording import NOTHING, figures, visible
from ...charts.context import BIT, context_chart
from ...panes.chart import Chart
from ...session import Session
from ...session.tracing import Word
from ...terminal.colours import ColourDepth
from ...text.plain import cell_width, shorten, shorten_apart

SLOW = 0.1  # seconds between looks at what has come
CELL = 9  # cells of a column


class ContextScreen(ModalScreen[None]):
    """Asks about the word as it opens, and no more as it closes."""

    BINDINGS = [Binding("escape,q,enter,C", "dismiss", "close", id="context.close")]
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    ContextScreen { align: center middle; }
    ContextScreen > Vertical {
        width: 92%; max-width: 110; height: 80%; max-height: 30; border: round $primary;
        padding: 0 1; background: $background;
    }
    ContextScreen Chart { height: 1fr; }
    ContextScreen Static { height: auto; max-height: 50%; border-top: solid $panel-lighten-1; }
    """

    def __init__(self, session: Session, word: Word, depth: ColourDepth) -> None:
        super().__init__()
        self.session, self.word, self.depth = session, word, depth
        self._shown = Text()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            text = self.word.text[slice(*self.word.place)]
            box.border_title = Content(f"What the context tells of “{visible(text)}”")
            box.border_subtitle = "esc closes"
            chart = Chart()
            chart.can_focus = False
            yield chart
            yield Static("", markup=False)

    def on_mount(self) -> None:
        self.session.tracing.trace(self.word)
        self.set_interval(SLOW, self._show)

    def on_unmount(self) -> None:
        self.session.tracing.leave()

    def _show(self) -> None:
        pane, chart = self.query_one(Static), self.query_one(Chart)
        now = table(self.session, chart.size.width)
        if now == self._shown:
            return
        self._shown = now
        pane.update(now)
        chart.waiting = self.session.tracing.waits_for and "asking the models…"
        found = self._found()
        chart.picture = self._picture if found else None

    def _found(self) -> dict[str, tuple[CurvePoint, ...]]:
        """In the order of the sizes, the current one on top."""
        models, found = self.session.models, self.session.tracing.found
        sizes = (models.size, *(size for size in models.sizes if size is not models.size))
        return {size.name: found[size.name] for size in sizes if size.name in found}

    def _picture(self, width: int, height: int) -> str:
        dark = self.app.current_theme.dark
        return context_chart(self._found(), width=width, height=height, dark=dark, depth=self.depth)


def table(session: Session, width: int) -> Text:
    """A row for each size: bits with the last 1, 2, 4, ... tokens, the sentence, the story.

    Columns that have no room are those of least context. Between tokenizers a token is not the
    same piece of text.
    """
    tracing, models = session.tracing, session.models
    lasts = [
        {point.tokens for point in points if point.what == "tokens"}
        for points in tracing.found.values()
    ]
    counts = sorted(set().union(*lasts))
    room = max(2, (width - 14) // CELL) - 2
    columns = [*(str(n) for n in counts[-room:] if room > 0), "sentence", "story"]
    left = max(1, min(26, width - CELL * len(columns)))
    names = shorten_apart([visible(size.name) for size in models.sizes], left - 2)
    found = Text(f"{'bits':<{left}}" + "".join(f"{name:>{CELL}}" for name in columns))
    for size, name in zip(models.sizes, names, strict=True):
        look = Style(bold=size is models.size)
        found.append(f"\n{'▸' if size is models.size else ' '}", look)
        found.append(name + " " * (left - 1 - cell_width(name)), look)
        points = tracing.found.get(size.name)
        if points is None:
            why = tracing.failed.get(size.name, size.trouble if size.is_out else "…")
            found.append(
                " " * (CELL - 1) * (why == "…") + shorten(visible(why), width - left), look
            )
            continue
        bits = {
            str(point.tokens) if point.what == "tokens" else point.what: point.nats / BIT
            for point in points
        }
        for column in columns:
            said = figures(bits[column]) if column in bits else NOTHING
            found.append(f"{said:>{CELL}}", look)
    return found
