"""One token under the glass: its numbers at once, its alternatives when the cursor rests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap

from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from ...core.wording import percent, visible
from ..text.plain import cell_width, shorten

REST = 0.16  # seconds without a move until the alternatives are drawn
NATS_PER_BIT = math.log(2)
BESIDE = 56  # cells from which on the table stands beside the numbers, not below
HEAD_WIDTH = 24
SHORT = 7  # cells of the reference's name before the difference
ROOMY, BARS = 18, 28  # cells of a column of alternatives for all figures, and for bars too

Line = list[tuple[str, str]]  # text, kind: "", "bold", "quiet" or "true"


@dataclass(frozen=True, slots=True)
class Choice:
    """One alternative: its text, probability, and whether it is the token that stands there."""

    text: str
    probability: float
    true: bool


@dataclass(frozen=True, slots=True)
class Against:
    """The same place under the reference: `short` is its name in little room.

    change: bits more than there. span: which characters that is of, with the bits of both, where
    tokenizers cut differently. choices: what it would have said, where that is to be shown.
    """

    name: str
    short: str
    change: float
    span: str
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Glass:
    """What is known of one token. `waiting` says what for, where nothing is known yet.

    logprob and entropy in nats; None for a token that is context and not scored.
    """

    index: int = 0
    count: int = 0
    text: str = ""
    token_id: int = 0
    logprob: float | None = None
    entropy: float | None = None
    rank: int = 0
    model: str = ""
    against: Against | None = None
    units: tuple[str, ...] = ()  # on the word and the sentence it belongs to
    choices: tuple[Choice, ...] = ()
    waiting: str = ""


class Inspector(Widget):
    """Numbers above, table below."""

    HELP = "The token under the cursor and what the model would have said instead."

    COMPONENT_CLASSES = {"inspector--quiet", "inspector--true"}
    DEFAULT_CSS = """
    Inspector > .inspector--quiet { color: $text-muted; }
    Inspector > .inspector--true { color: $text; text-style: bold; }
    """

    glass: reactive[Glass] = reactive(Glass(), init=False, repaint=False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._head: list[Line] = []
        self._table: list[Line] = []
        self._shown: list[Line] = []
        self._timer: Timer | None = None

    def watch_glass(self) -> None:
        self._head = head(self.glass)
        self._update()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(REST, self._rest)

    def on_resize(self) -> None:
        self._shown = []
        self._rest()
        self.refresh()

    def _rest(self) -> None:
        width = self.size.width
        self._table = table(self.glass, width - HEAD_WIDTH if width >= BESIDE else width)
        self._update()

    def _update(self) -> None:
        wanted = _placed(self._head, self._table, self.size.width)
        if wanted != self._shown:
            self._shown = wanted
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        styles = {
            "": self.rich_style,
            "bold": self.rich_style + Style(bold=True),
            "quiet": self.get_component_rich_style("inspector--quiet"),
            "true": self.get_component_rich_style("inspector--true"),
        }
        parts = self._shown[y] if y < len(self._shown) else []
        strip = Strip([Segment(text, styles[kind]) for text, kind in parts])
        return strip.adjust_cell_length(width, self.rich_style)


def _placed(head: list[Line], table: list[Line], width: int) -> list[Line]:
    """The table below the numbers, or beside them where the pane is wide."""
    if width < BESIDE or not table:
        return head + table
    lines: list[Line] = []
    for n in range(max(len(head), len(table))):
        left = head[n] if n < len(head) else []
        used = sum(cell_width(text) for text, _ in left)
        gap = (" " * max(1, HEAD_WIDTH - used), "")
        lines.append([*left, gap, *table[n]] if n < len(table) else left)
    return lines


def head(glass: Glass) -> list[Line]:
    """The token's own numbers, drawn with every move.

    Every figure has its place, so that a move rewrites digits and nothing else.
    """
    if glass.waiting:
        return [[(visible(glass.waiting), "quiet")]]
    name = [(quoted(glass.text), "bold")]
    if glass.logprob is None:
        return [name, [("context, not scored", "quiet")], [], [], []]
    bits = -glass.logprob / NATS_PER_BIT
    entropy = (glass.entropy or 0.0) / NATS_PER_BIT
    lines = [
        name,
        [("p        ", "quiet"), (f"{short_percent(math.exp(glass.logprob)):>8}", "")],
        [("surprise ", "quiet"), (f"{bits:6.2f}", ""), (" bits", "quiet")],
        [("         ", "quiet"), (f"{-glass.logprob:6.2f}", ""), (" nats", "quiet")],
        [("entropy  ", "quiet"), (f"{entropy:6.2f}", ""), (" bits", "quiet")],
        [("rank     ", "quiet"), (f"{glass.rank:>6,}", "")],
    ]
    if (against := glass.against) is not None:
        label = f"Δ {against.short}{' ' * (SHORT - cell_width(against.short))}"
        change: Line = [(label, "quiet"), (f"{against.change:+6.2f}", ""), (" bits", "quiet")]
        # Where it is what one looks at, a low pane has it too.
        lines.insert(4 if against.choices else len(lines), change)
    return lines


def table(glass: Glass, width: int) -> list[Line]:
    """The alternatives with bars, drawn when the cursor rests; the true token is marked.

    Those of the reference stand beside them, where they are to be shown.
    """
    if glass.waiting or not glass.count:
        return []
    place = f"id {glass.token_id} · token {glass.index + 1} of {glass.count}"
    against = glass.against
    units = (against.span, *glass.units) if against is not None else glass.units
    said = [place, *(line for unit in units for line in wrap(unit, max(8, width)))]
    lines: list[Line] = [[(line, "quiet")] for line in said]
    if not glass.choices:
        if glass.logprob is not None:
            lines.append([(shorten("no alternatives (--top 0)", width), "quiet")])
        return lines
    if against is None or not against.choices:
        return [*lines, *alternatives(glass.choices, width)]
    column = (width - 1) // 2
    names = [shorten(visible(name), column) for name in (glass.model, against.name)]
    titles: Line = [(name + " " * (column + 1 - cell_width(name)), "quiet") for name in names]
    sides = [alternatives(choices, column) for choices in (glass.choices, against.choices)]
    rows: list[Line] = []
    for left, right in zip_longest(*sides, fillvalue=[]):
        used = sum(cell_width(text) for text, _ in left)
        rows.append([*left, (" " * (column + 1 - used), ""), *right])
    return [titles, *rows, *lines]


def alternatives(choices: Sequence[Choice], width: int) -> list[Line]:
    """A line for each, likeliest first: text, probability, and a bar where there is room."""
    figure = 8 if width >= ROOMY else 4
    name_width = max(6, min(16, width - figure - (10 if width >= BARS else 3)))
    bar_width = max(0, width - name_width - figure - 3)
    most = max((choice.probability for choice in choices), default=0)
    told = short_percent if width >= ROOMY else whole_percent
    lines: list[Line] = []
    for choice in choices:
        mark, kind = ("▸", "true") if choice.true else (" ", "")
        text = shorten(quoted(choice.text), name_width)
        bar = "▆" * round(bar_width * choice.probability / most) if most else ""
        p = told(choice.probability)
        lines.append(
            [
                (f"{mark}{text}{' ' * (name_width - cell_width(text))}", kind),
                (f" {p:>{figure}} ", kind),
                (bar, kind if choice.true else "quiet"),
            ]
        )
    return lines


def quoted(text: str) -> str:
    """A token as one can see it: a leading space is `␣`, control characters are symbols."""
    shown = visible(text)
    if shown.startswith(" "):
        shown = "␣" + shown[1:]
    return shown or "‹nothing›"


def short_percent(probability: float) -> str:
    """`31 %`, `0.21 %`, `3e-5 %`."""
    if probability >= 1e-4:
        return percent(probability)
    return f"{100 * probability:.0e} %".replace("e-0", "e-")


def whole_percent(probability: float) -> str:
    """`31 %`, `<1 %`: no longer than four cells below 100 %."""
    value = round(100 * probability)
    return f"{value} %" if value else "<1 %"
