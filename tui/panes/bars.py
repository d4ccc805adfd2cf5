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

Part = tuple[str, str]  # text, kind: "", "quiet" or "strong"


class Bar(Widget):
    """A line of parts; `right` has its place, and what is left of it is cut to fit."""

    COMPONENT_CLASSES = {"bar--quiet", "bar--strong"}

    parts: reactive[tuple[Part, ...]] = reactive((), init=False)
    right: reactive[tuple[Part, ...]] = reactive((), init=False)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y:
            return Strip.blank(width, self.rich_style)
        right, more = self._segments(self.right, width)
        left, used = self._segments(self.parts, width - more)
        gap = Segment(" " * max(0, width - used - more), self.rich_style)
        return Strip([*left, gap, *right]).adjust_cell_length(width, self.rich_style)

    def _segments(self, parts: Sequence[Part], room: int) -> tuple[list[Segment], int]:
        styles: dict[str, Style] = {
            "": self.rich_style,
            "quiet": self.get_component_rich_style("bar--quiet"),
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
