"""The next token as bars: each token's share under the model, reshaped, and as it was drawn."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...core.wording import percent
from ..text.plain import cell_width, shorten

TOKEN = 14  # cells of a token, at most
SHARE = 10  # cells of a share
LEFT = 8 + TOKEN + 9 + SHARE + 1  # cells of sign, rank, token, logit and share, and a blank
RIGHT = 9  # cells of the sum
SOLID, CUT, BASE, DRAWN = "▇", "░", "│", "┊"


@dataclass(frozen=True, slots=True)
class NextBar:
    """A token that may come next.

    rank: under the model. base, reshaped: its probability there, and as it is drawn; both 0 to 1.
    sum: of the reshaped shares of it and all above, None where it is not among the likeliest.
    drawn: its share of the draws, None without any. is_true: it is the one that stands there.
    is_found: it was looked up. is_set: it was set by hand.
    """

    rank: int
    token: str
    logit: float
    base: float
    reshaped: float
    sum: float | None
    drawn: float | None
    is_true: bool = False
    is_found: bool = False
    is_set: bool = False


class NextBars(ScrollView, can_focus=True, inherit_bindings=False):
    """A line for each token: its rank, logit, share, a bar, and the sum so far.

    Where they were reshaped, both shares. What is not fresh any more is drawn quietly.
    """

    HELP = (
        "What may come next. The bar is the share as it is drawn, `│` that under the model, `┊` "
        "that of the draws; `░` is cut. `;` `,` `.` `=` turn the dials, `r` `R` draw."
    )

    COMPONENT_CLASSES = {"next-bars--cursor", "next-bars--quiet", "next-bars--bar"}
    DEFAULT_CSS = """
    NextBars { overflow-x: hidden; }
    NextBars > .next-bars--cursor { background: $row; color: $row-text; }
    NextBars > .next-bars--quiet { color: $text-muted; }
    NextBars > .next-bars--bar { color: $primary; }
    """

    bars: reactive[tuple[NextBar, ...]] = reactive((), init=False, repaint=False)
    row: reactive[int] = reactive(0, init=False, repaint=False)
    waiting: reactive[str] = reactive("")
    is_fresh: reactive[bool] = reactive(True)

    class Selected(Message):
        """A row was clicked; share: where in its bar, None beside it."""

        def __init__(self, row: int, share: float | None) -> None:
            self.row, self.share = row, share
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._is_reshaped, self._most = False, 1.0  # the share that fills a bar
        self._styles: tuple[Style, ...] = ()

    def watch_bars(self) -> None:
        self._is_reshaped = any(abs(bar.base - bar.reshaped) > 1e-9 for bar in self.bars)
        shares = (max(bar.base, bar.reshaped, bar.drawn or 0.0) for bar in self.bars)
        self._most = max(shares, default=1.0) or 1.0
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.bars))
        self._show_row()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = ()

    def on_resize(self) -> None:
        self.watch_bars()

    def watch_row(self, before: int, now: int) -> None:
        if not self._show_row():
            self.refresh_line(before)
            self.refresh_line(now)

    def on_focus(self) -> None:
        self.refresh_line(self.row)

    def on_blur(self) -> None:
        self.refresh_line(self.row)

    def _show_row(self) -> bool:
        height, top = self.scrollable_content_region.height, self.scroll_offset.y
        if height < 1 or top <= self.row < top + height:
            return False
        target = self.row if self.row < top else self.row - height + 1
        self.scroll_to(y=target, animate=False, force=True)
        return True

    @property
    def _before(self) -> int:
        """Cells before a bar."""
        return LEFT + (SHARE if self._is_reshaped else 0)

    @property
    def _room(self) -> int:
        """Cells of a bar."""
        return max(6, self.scrollable_content_region.width - self._before - RIGHT)

    def heads(self) -> str:
        """What stands above the columns."""
        reshaped = f"{'reshaped':>{SHARE}}" if self._is_reshaped else ""
        line = f"   rank {'token':<{TOKEN}}{'logit':>9}{'p':>{SHARE}}{reshaped} "
        return line + " " * self._room + f"{'sum':>{RIGHT}}"

    def _inks(self) -> tuple[Style, ...]:
        """Plain, quiet, of a bar, of the cursor: asked for once, they are slow to come by."""
        if not self._styles:
            parts = ("quiet", "bar", "cursor")
            found = (self.get_component_rich_style(f"next-bars--{part}") for part in parts)
            self._styles = (self.rich_style, *found)
        return self._styles

    def render_line(self, y: int) -> Strip:
        at, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        plain, quiet, ink, cursor = self._inks()
        if not self.bars and y == 0:
            said = shorten(self.waiting, width)
            return Strip([Segment(said, plain)]).adjust_cell_length(width, plain)
        if at >= len(self.bars):
            return Strip.blank(width, plain)
        bar, sign, rest = self.bars[at], " ", plain
        if at == self.row:
            plain = quiet = rest = cursor
            ink = ink + Style(bgcolor=cursor.bgcolor)
            sign = "▸" if self.has_focus else " "
        token = shorten(bar.token, TOKEN)
        mark = "●" if bar.is_true else "?" if bar.is_found else "✎" if bar.is_set else " "
        total = "" if bar.sum is None else f"{100 * bar.sum:.1f} %"
        text = plain if bar.reshaped and self.is_fresh else quiet
        ink = ink if bar.reshaped and self.is_fresh else quiet
        shares = f"{percent(bar.base):>{SHARE}}"
        if self._is_reshaped:
            shares += f"{percent(bar.reshaped) if bar.reshaped else 'cut':>{SHARE}}"
        return Strip(
            [
                Segment(f"{sign}{bar.rank:>6,}{mark}", quiet),
                Segment(token + " " * (TOKEN - cell_width(token)), text + Style(bold=bar.is_true)),
                Segment(f"{bar.logit:>9.2f}{shares} ", text),
                Segment(drawn_bar(bar, self._room, self._most), ink),
                Segment(f"{total:>{RIGHT}}", quiet),
            ]
        ).adjust_cell_length(width, rest)

    async def on_click(self, event: Click) -> None:
        row = event.y - self.gutter.top + self.scroll_offset.y
        if not 0 <= row < len(self.bars):
            return
        column = event.x - self.gutter.left - self._before
        share = self._most * (column + 0.5) / self._room if 0 <= column < self._room else None
        self.post_message(self.Selected(row, share))


def drawn_bar(bar: NextBar, room: int, most: float) -> str:
    """`▇▇▇│▇┊`: as long as it is likely, with marks where the model and the draws have it."""

    def cells(share: float) -> int:
        return round(room * min(1.0, share / most))

    sign, length = (SOLID, bar.reshaped) if bar.reshaped else (CUT, bar.base)
    line = [sign] * cells(length) + [" "] * (room - cells(length))
    if bar.reshaped and cells(bar.base) != cells(bar.reshaped):
        line[min(cells(bar.base), room - 1)] = BASE
    if bar.drawn is not None and (cells(bar.drawn) or cells(bar.reshaped)):
        line[min(cells(bar.drawn), room - 1)] = DRAWN
    return "".join(line)
