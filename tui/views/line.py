"""One line to type a filter into."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class FilterScreen(ModalScreen[str | None]):
    """Returns the text, or None where nothing is to change."""

    BINDINGS = [
        Binding("escape,ctrl+c", "leave", "leave as it was", id="filter.leave"),
    ]
    CSS = """
    FilterScreen { align: center bottom; background: transparent; }
    FilterScreen > Vertical { height: auto; border: round $primary; padding: 0 1; }
    FilterScreen Input { border: none; height: 1; padding: 0; background: $background; }
    FilterScreen Static { color: $text-muted; height: 1; }
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Filter"
            yield Input(self.text, select_on_focus=True)
            yield Static("words to be found, ppl>30, len<200 (words); an empty line shows all")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_leave(self) -> None:
        self.dismiss(None)
