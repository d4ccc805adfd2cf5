"""What the keys do, those of the focused pane first, and how to read the screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ... import actions

READING = """\
Surprise of a token is -log p given all tokens before it: in nats, or in bits (nats / ln 2).
Perplexity is exp of the mean surprise in nats, pooled over tokens: the number of tokens the
model is torn between. The bars in the chart are 95 % intervals from resampling stories.
A raised eyebrow is a token of 8 bits or more: the model gave it less than 0.4 %.
"""


class HelpScreen(ModalScreen[None]):
    """The keys of a pane, then of its view, then of the program. about: of the pane."""

    BINDINGS = [
        Binding("escape,q,question_mark,enter", "dismiss", "close", id="help.close"),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("ctrl+d,pagedown", "scroll(10)", "page down", show=False),
        Binding("ctrl+u,pageup", "scroll(-10)", "page up", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 100; max-width: 95%; height: auto; max-height: 90%;
        border: round $primary; padding: 1 2; background: $background;
    }
    HelpScreen Static { width: 1fr; height: auto; }
    """

    def __init__(self, view: str, pane: str, about: str) -> None:
        super().__init__()
        self.view, self.pane, self.about = view, pane, about

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "Keys"
            box.border_subtitle = "q closes"
            parts: list[Content] = []
            group = ""
            for action in actions.in_reach(self.view, self.pane):
                if not action.keys:
                    continue
                if (heading := self._group(action)) != group:
                    group = heading
                    parts.append(
                        Content.styled(f"{'' if not parts else chr(10)}{group}", "bold $primary")
                    )
                    about = f"  {self.about}" if action.pane else ""
                    parts.append(Content.styled(f"{about}\n", "$text-muted"))
                keys = " ".join(actions.shown(action))
                parts.append(Content(f"  {keys:<16} {action.words}\n"))
            parts.append(Content.styled("\nHow to read it\n", "bold $primary"))
            parts.append(Content(READING))
            yield Static(Content("").join(parts))

    def _group(self, action: actions.Action) -> str:
        if action.pane:
            return actions.PANES[self.pane]
        named = {actions.VIEWS: "In every view", actions.EVERYWHERE: "The program"}
        return named.get(action.where, action.where.capitalize())

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
