"""A plotext picture in a pane, drawn anew when its data, its size or the theme changes."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from ...core.wording import visible

Picture = Callable[[int, int], str]


class Chart(Widget, can_focus=True, inherit_bindings=False):
    """`picture(width, height)` gives text with ANSI colours; `waiting` is shown without one."""

    HELP = "Perplexity against parameters, both logarithmic; bars are 95 % intervals."

    picture: reactive[Picture | None] = reactive(None, init=False, always_update=True)
    waiting: reactive[str] = reactive("")

    def render(self) -> Text | Content:
        width, height = self.content_size
        if self.picture is None or width < 1 or height < 1:
            return Content(visible(self.waiting))
        return Text.from_ansi(self.picture(width, height), no_wrap=True, end="")
