"""The palette of commands and that of themes."""

from __future__ import annotations

from typing import Any

from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette


class Palette(CommandPalette):
    """Textual's, without an id: one that was left may still be going when the next one comes.

    In a terminal so low that its list has no line, paging through it would be an error. What is
    left twice, by two keys that arrive together, is left once.
    """

    def dismiss(self, result: Any = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).size.height:
            super()._action_command_list(action)
