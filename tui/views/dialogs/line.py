"""One line to type into: a filter, a number, the name of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class LineScreen(ModalScreen[str | None]):
    """Returns the text, or None where nothing is to change.

    check: says what is wrong with a text, "" where nothing is; what is wrong can be mended.
    """

    BINDINGS = [
        Binding("escape,ctrl+c", "leave", "leave as it was", id="line.leave"),
    ]
    CSS = """
    LineScreen { align: center bottom; background: transparent; }
    LineScreen > Vertical { height: auto; border: round $primary; padding: 0 1; }
    LineScreen Input { border: none; height: 1; padding: 0; background: $background; }
    LineScreen Static { color: $text-muted; height: 1; }
    LineScreen Static.-wrong { color: $text-error; }
    """

    def __init__(
        self, title: str, text: str, hint: str, check: Callable[[str], str] = lambda _: ""
    ) -> None:
        super().__init__()
        self.what, self.text, self.hint, self.check = title, text, hint, check

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self.what
            yield Input(self.text, select_on_focus=True)
            yield Static(self.hint, markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not (wrong := self.check(event.value)):
            self.dismiss(event.value)
            return
        line = self.query_one(Static)
        line.update(wrong)
        line.add_class("-wrong")

    def action_leave(self) -> None:
        self.dismiss(None)


def file_check(suffixes: Iterable[str]) -> Callable[[str], str]:
    """A check for the name of a file that is to be written."""
    known = tuple(suffixes)

    def check(name: str) -> str:
        path = Path(name.strip()).expanduser()
        if path.suffix.lower() not in known:
            return f"end the name in {', '.join(known)}"
        if path.exists():
            return f"{path} is there already; give another name"
        return "" if path.parent.is_dir() else f"there is no folder {path.parent}"

    return check
