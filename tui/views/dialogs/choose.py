"""One of several: a list to choose from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ....core.wording import visible


class ChooseScreen(ModalScreen[None]):
    """take: is told the index of what was chosen."""

    BINDINGS = [
        Binding("escape,q", "dismiss", "leave as it was", id="choose.leave"),
        Binding("j", "move(1)", "down", show=False),
        Binding("k", "move(-1)", "up", show=False),
    ]
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    ChooseScreen { align: center middle; }
    ChooseScreen OptionList, ChooseScreen OptionList:focus {
        width: auto; min-width: 30; max-width: 90%; height: auto; max-height: 80%;
        border: round $primary; background: $background;
    }
    """

    def __init__(
        self, title: str, names: Sequence[str], current: int, take: Callable[[int], None]
    ) -> None:
        super().__init__()
        self.what, self.names, self.current, self.take = title, names, current, take

    def compose(self) -> ComposeResult:
        options = OptionList(*(Option(visible(name)) for name in self.names), markup=False)
        options.border_title = self.what
        options.highlighted = self.current
        yield options

    def on_mount(self) -> None:
        self.set_focus(self.query_one(OptionList))

    def action_move(self, by: int) -> None:
        options = self.query_one(OptionList)
        (options.action_cursor_down if by > 0 else options.action_cursor_up)()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if self.is_active:  # another press may come behind the one that chose
            self.take(event.option_index)
            self.dismiss()
