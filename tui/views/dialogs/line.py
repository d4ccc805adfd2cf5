"""One line to type into: a filter, a number, the name of a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from ....core.errors import reason
from ....core.wording import visible


class LineScreen(ModalScreen[None]):
    """accept: takes the line, or says what is wrong with it; then it can be mended.

    typed: is told the line as it grows, and says what is wrong with it so far. leave: nothing is
    to change.
    """

    BINDINGS = [Binding("escape,ctrl+c", "leave", "leave as it was", id="line.leave")]
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    LineScreen { align: center bottom; background: transparent; }
    LineScreen > Vertical { height: auto; border: round $primary; padding: 0 1; }
    LineScreen Input, LineScreen Input:focus {
        border: none; height: 1; padding: 0; background: $background;
    }
    LineScreen Static { color: $text-muted; height: 1; }
    LineScreen Static.-wrong { color: $text-error; }
    """

    def __init__(
        self,
        title: str,
        text: str,
        hint: str,
        accept: Callable[[str], str],
        typed: Callable[[str], str] | None = None,
        leave: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self.what, self.text, self.hint = title, text, hint
        self.accept, self.typed, self.leave = accept, typed, leave

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self.what
            yield Input(self.text, select_on_focus=True)
            yield Static(self.hint, markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.typed is not None and event.value != self.text and self.is_active:
            self.text = event.value
            wrong = self.typed(event.value)
            self.say(wrong or self.hint, wrong=bool(wrong))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not self.is_active:  # over, but there for a moment: keys behind its end come to it
            return
        if wrong := self.accept(event.value):
            self.say(wrong, wrong=True)
        else:
            self.dismiss()

    def say(self, said: str, *, wrong: bool = False) -> None:
        """Below the line that is typed; nothing while that is not there yet."""
        for line in self.query(Static):
            line.update(visible(said))
            line.set_class(wrong, "-wrong")

    def action_leave(self) -> None:
        if not self.is_active:
            return
        if self.leave is not None:
            self.leave()
        self.dismiss()


def file_check(suffixes: Iterable[str]) -> Callable[[str], str]:
    """A check for the name of a file that is to be written."""
    known = tuple(suffixes)

    def check(name: str) -> str:
        path = path_of(name)
        if path.suffix.lower() not in known:
            return f"end the name in {', '.join(known)}"
        try:
            if path.exists():
                return f"{path} is there already; give another name"
            return "" if path.parent.is_dir() else f"there is no folder {path.parent}"
        except OSError as error:  # a name too long, a folder that one may not look into
            return reason(error, named=False)

    return check


def path_of(name: str) -> Path:
    """The file of this name; `~nobody`, unlike in Path's own `expanduser`, is no error."""
    return Path(os.path.expanduser(name.strip()))
