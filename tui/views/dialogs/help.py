"""What the keys do, and how to read the screen."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

READING = """\
Surprise of a token is -log p given all tokens before it: in nats, or in bits (nats / ln 2).
Perplexity is exp of the mean surprise in nats, pooled over tokens: the number of tokens the
model is torn between. The bars in the chart are 95 % intervals from resampling stories.
A raised eyebrow is a token of 8 bits or more: the model gave it less than 0.4 %.
"""


class HelpScreen(ModalScreen[None]):
    """Groups of (key, what it does)."""

    BINDINGS = [
        Binding("escape,q,question_mark,enter", "dismiss", "close", id="help.close"),
        Binding("j", "scroll(1)", "down", show=False),
        Binding("k", "scroll(-1)", "up", show=False),
    ]
    CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 100; max-width: 95%; height: auto; max-height: 90%;
        border: round $primary; padding: 1 2; background: $background;
    }
    HelpScreen Static { width: 1fr; height: auto; }
    """

    def __init__(self, groups: Iterable[tuple[str, str, list[tuple[str, str]]]]) -> None:
        super().__init__()
        self.groups = list(groups)

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "Keys"
            box.border_subtitle = "q closes"
            parts: list[Content] = []
            for title, about, keys in self.groups:
                if keys:
                    parts.append(Content.styled(title, "bold $primary"))
                    if about:
                        parts.append(Content.styled(f"  {about}", "$text-muted"))
                    parts.append(Content("\n"))
                    parts += [Content(f"  {key:<16} {what}\n") for key, what in keys]
                    parts.append(Content("\n"))
            parts.append(Content.styled("How to read it\n", "bold $primary"))
            parts.append(Content(READING))
            yield Static(Content("").join(parts))

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
