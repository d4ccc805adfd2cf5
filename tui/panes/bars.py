"""One-line panes: what is open and selected, and which keys do what."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from ...core.wording import visible
from ..text.plain import cell_width, shorten

Part = tuple[str, str]  # text, kind: "", "quiet", "strong" or "spare"


class Bar(Widget):
    """A line of parts; `right` has its place, and what is left of it is cut to fit.

    Parts of the kind "spare" leave first where there is no room, whole, the last of them first;
    those at the right stay longest.
    """

    COMPONENT_CLASSES = {"bar--quiet", "bar--strong"}
    DEFAULT_CSS = """
    Bar > .bar--quiet { color: $text-muted; }
    Bar > .bar--strong { text-style: bold; }
    """

    parts: reactive[tuple[Part, ...]] = reactive((), init=False)
    right: reactive[tuple[Part, ...]] = reactive((), init=False)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y:
            return Strip.blank(width, self.rich_style)
        kept = without_spare(self.parts, width - _width(self.right))
        right, more = self._segments(without_spare(self.right, width - _width(kept)), width)
        left, used = self._segments(kept, width - more)
        gap = Segment(" " * max(0, width - used - more), self.rich_style)
        return Strip([*left, gap, *right]).adjust_cell_length(width, self.rich_style)

    def _segments(self, parts: Sequence[Part], room: int) -> tuple[list[Segment], int]:
        styles: dict[str, Style] = {
            "": self.rich_style,
            "quiet": self.get_component_rich_style("bar--quiet"),
            "spare": self.get_component_rich_style("bar--quiet"),
            "strong": self.get_component_rich_style("bar--strong"),
        }
        segments, used = [], 0
        for text, kind in (part for part in parts if part[0]):
            text = shorten(visible(text), room - used)
            if not text:
                break
            segments.append(Segment(text, styles[kind]))
            used += cell_width(text)
        return segments, used


def without_spare(parts: Sequence[Part], room: int) -> list[Part]:
    """What is left of the parts once the spare ones have made room for the others."""
    left = list(parts)
    while _width(left) > room:
        spare = [at for at, (_, kind) in enumerate(left) if kind == "spare"]
        if not spare:
            break
        del left[spare[-1]]
    if left and left != list(parts):
        text, kind = left[0]
        left[0] = (text.removeprefix(" · "), kind)
    return left


def _width(parts: Sequence[Part]) -> int:
    return sum(cell_width(visible(text)) for text, _ in parts)


class KeyBar(Bar):
    """Keys with their words, as many as there is room for; one that does not fit is left out.

    The last two, help and quit, have their place at the right.
    """

    hints: reactive[tuple[tuple[str, str], ...]] = reactive((), init=False)

    def watch_hints(self) -> None:
        self._fill()

    def on_resize(self) -> None:
        self._fill()

    def _fill(self) -> None:
        always, others = self.hints[-2:], self.hints[:-2]
        room = self.size.width - sum(_hint_width(hint) for hint in always)
        fitting = []
        for hint in others:
            room -= _hint_width(hint)
            if room < 0:
                break
            fitting.append(hint)
        self.parts = tuple(part for hint in fitting for part in _hint_parts(hint))
        self.right = tuple(part for hint in always for part in _hint_parts(hint))


def _hint_parts(hint: tuple[str, str]) -> tuple[Part, Part]:
    key, words = hint
    return (f"  {key} ", "strong"), (f"{words} ", "quiet")


def _hint_width(hint: tuple[str, str]) -> int:
    return sum(cell_width(text) for text, _ in _hint_parts(hint))


class Legend(Widget):
    """The colour scale with its numbers, and where the sentence under the cursor stands."""

    entries: reactive[tuple[tuple[str, Style], ...]] = reactive((), init=False)
    note: reactive[str] = reactive("", init=False)

    def render_line(self, y: int) -> Strip:
        if y:
            return Strip.blank(self.size.width, self.rich_style)
        segments = [Segment(text, self.rich_style + style) for text, style in self.entries]
        used = sum(cell_width(segment.text) for segment in segments)
        note = shorten(visible(self.note), max(0, self.size.width - used - 2))
        segments.append(Segment(f"  {note}", self.rich_style))
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)
