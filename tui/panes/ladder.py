"""The sizes: parameters, state, and how surprised each is by this story and by the set."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...core.wording import amount, figures, visible
from ..text.plain import shorten, shorten_apart


@dataclass(frozen=True, slots=True)
class Step:
    """One size as the ladder shows it. `done` of `of` stories have been scored.

    story, whole: the perplexity, or what stands for it, of this story and of the set.
    arrival: how far its download is, in words; "" where there is none. is_reference: what the
    current size is compared with.
    """

    name: str
    parameters: int | None
    state: str
    story: float
    whole: float
    done: int
    of: int
    arrival: str = ""
    is_reference: bool = False


class Ladder(ScrollView, can_focus=True, inherit_bindings=False):
    """A line per size; a click chooses one."""

    HELP = (
        "The sizes. Columns: parameters, perplexity of this story, of the set; between tokenizers "
        "bits per byte, on the bytes that all have scored. Δ is the reference, what `d` compares "
        "with."
    )

    COMPONENT_CLASSES = {"ladder--current", "ladder--quiet", "ladder--failed"}
    DEFAULT_CSS = """
    Ladder > .ladder--current { background: $row; color: $row-text; }
    Ladder > .ladder--quiet { color: $text-muted; }
    Ladder > .ladder--failed { color: $text-error; }
    """

    steps: reactive[tuple[Step, ...]] = reactive((), init=False, repaint=False)
    current: reactive[int] = reactive(0, init=False, repaint=False)

    class Chosen(Message):
        """Look through the size at this index."""

        def __init__(self, index: int) -> None:
            self.index = index
            super().__init__()

    def watch_steps(self, before: tuple[Step, ...], now: tuple[Step, ...]) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(now) + 1)
        if len(before) != len(now):
            self._show_current()
            self.refresh()
        for at, (old, new) in enumerate(zip(before, now, strict=False)):
            if old != new:
                self.refresh_line(at + 1)

    def watch_current(self, before: int, now: int) -> None:
        self.refresh_line(before + 1)
        self.refresh_line(now + 1)
        self._show_current()

    def _show_current(self) -> None:
        now = self.current
        height = self.scrollable_content_region.height
        if height and not self.scroll_offset.y <= now + 1 < self.scroll_offset.y + height:
            # Forced: at first there is a bar to scroll by only with the next layout.
            self.scroll_to(y=max(0, now + 2 - height), animate=False, force=True)

    def on_resize(self) -> None:
        self.watch_steps((), self.steps)
        self._show_current()

    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y - 1
        width = self.scrollable_content_region.width
        quiet = self.get_component_rich_style("ladder--quiet")
        room = max(6, width - 25)
        if at < 0:
            text = f"   {'':<{room}} {'size':>6} {'story':>6} {'set':>6}"
            return Strip([Segment(text, quiet)]).adjust_cell_length(width, self.rich_style)
        if at >= len(self.steps):
            return Strip.blank(width, self.rich_style)
        step = self.steps[at]
        style = self.rich_style
        if at == self.current:
            style = self.get_component_rich_style("ladder--current")
        size = amount(step.parameters) if step.parameters else "–"
        mark = "▸" if at == self.current else "Δ" if step.is_reference else " "
        name = shorten_apart([visible(one.name) for one in self.steps], room)[at]
        lead = Segment(f"{mark}{at + 1 if at < 9 else ' '} {name:<{room}} {size:>6} ", style)
        if step.arrival:
            # Size, speed and time left take the place of the columns.
            room = max(4, width - 4 - len(step.arrival))
            name = shorten(visible(step.name), room)
            lead = Segment(f"{mark}{at + 1 if at < 9 else ' '} {name:<{room}} ", style)
            tail = Segment(step.arrival, quiet)
        elif step.state in ("stopped", "failed"):
            tail = Segment(step.state.rjust(13), self.get_component_rich_style("ladder--failed"))
        elif step.state == "loading":
            tail = Segment("loading…".rjust(13), quiet)
        else:
            whole = "…" if math.isnan(step.whole) else figures(step.whole)
            if step.done < step.of:
                whole = f"{100 * step.done // step.of} %" if step.done else "…"
            story = "…" if math.isnan(step.story) else figures(step.story)
            tail = Segment(f"{story:>6} {whole:>6}", style)
        if at == self.current and self.has_focus:
            lead = Segment(lead.text, style + Style(bold=True))
        return Strip([lead, tail]).adjust_cell_length(width, style)

    async def on_click(self, event: Click) -> None:
        at = event.y - self.gutter.top + self.scroll_offset.y - 1
        if 0 <= at < len(self.steps):
            self.post_message(self.Chosen(at))
