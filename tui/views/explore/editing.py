"""What-if: the story edited where it stands, and scored again as one types."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported
from textual.containers import Vertical
from textual.timer import Timer

from ....core.errors import EyebrowError
from ....core.wording import percent, visible
from ...session import Session
from ..dialogs.choose import ChooseScreen
from ..dialogs.line import LineScreen
from ..reader import ReaderFrame
from . import token

if TYPE_CHECKING:
    from ...panes.edit_area import EditArea

PAUSE = 0.15  # seconds without a key until it is scored
NO_STORY = "there is no story to edit; the palette has lines to compare"
KEEP_HINT = "what it is called in the list"


class EditFrame(ReaderFrame):
    """The box #story holds the text; the area to type in comes into it with the first edit."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._pause: Timer | None = None

    @property
    def area(self) -> EditArea:
        from ...panes.edit_area import EditArea

        return self.query_one("#edit", EditArea)

    def show_editing(self) -> None:
        """Text or edit, whichever it is now."""
        is_edited = self.session.edit.is_on
        self.set_class(is_edited, "-editing")
        if not is_edited and self.at == "edit":
            self.focus_pane("text")

    # --- in and out ------------------------------------------------------------------------

    async def action_edit(self) -> None:
        if self.session.story is None:
            self.notify(NO_STORY)
            return
        await self._begin_edit()

    async def _begin_edit(self) -> None:
        from ...panes.edit_area import EditArea

        if not self.query("#edit"):
            box = self.query_one("#story", Vertical)
            await box.mount(EditArea(id="edit"), before="#edited")
        edit, story = self.session.edit, self.session.story
        if not edit.is_on and story is not None:
            text, character = edit.begin(), self.session.place.character
            if text[character : character + 1] == " ":  # words are typed before the word
                character += 1
            self.area.take_up(story.text, text, character)
        self.show_editing()
        self.focus_pane("edit")

    def action_back(self) -> None:
        """Out of the innermost; the edit is left before all else."""
        if self.session.edit.is_on:
            self.hand_over()
            self.session.edit.leave()
            self.show_editing()
            return
        super().action_back()

    def action_editor(self) -> None:
        from ...terminal.editor import edit_outside

        edit, story = self.session.edit, self.session.story
        if story is None:
            self.notify(NO_STORY)
            return
        before = story.text if edit.text is None else self.area.text
        try:
            with self.app.suspend():
                text = edit_outside(before, os.environ)
        except SuspendNotSupported:
            self.notify("this terminal cannot be lent to an editor")
        except EyebrowError as error:
            self.notify(error.message, title=error.title, severity="error")
        else:
            if text != before:
                self.call_later(self._put, 0, len(before), text)

    async def _put(self, start: int, end: int, words: str) -> None:
        """Words in place of these characters, in the edit."""
        await self._begin_edit()
        self.area.put(start, end, words)
        self.area.caret = start + len(words) - len(words.lstrip()) if end - start else start
        self.hand_over()

    # --- while one types -------------------------------------------------------------------

    def on_text_area_changed(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self.hand_over)

    def on_text_area_selection_changed(self) -> None:
        self.session.put_caret(self.area.caret)

    def hand_over(self) -> None:
        """The text as it is typed is scored."""
        if self._pause is not None:
            self._pause.stop()
        if self.session.edit.is_on:
            self.session.edit.type(self.area.text)

    def action_undo(self) -> None:
        if self.session.edit.is_on:
            self.area.undo()

    def action_redo(self) -> None:
        if self.session.edit.is_on:
            self.area.redo()

    # --- another token ---------------------------------------------------------------------

    def action_instead(self) -> None:
        """One that the model would rather have seen, in the place of the one under the cursor."""
        session = self.session
        story = session.story
        others, why = token.instead(session)
        if story is None or not others:
            self.notify(why)
            return
        names = [f"{visible(one.text, spaces=True)}  {percent(one.probability)}" for one in others]
        title = f"Instead of {visible(story.text[slice(*others[0].place)], spaces=True)}"

        def take(index: int) -> None:
            now = None if session.story is None else session.story.text
            if story.text != (self.area.text if session.edit.is_on else now):
                self.notify("the text has changed since these were found")
            else:
                one = others[index]
                self.call_later(self._put, *one.place, one.text)

        self.app.push_screen(ChooseScreen(title, names, 0, take))

    # --- kept ------------------------------------------------------------------------------

    def action_keep_edit(self) -> None:
        session = self.session
        story = session.story
        if not session.edit.is_on or story is None:
            self.notify("nothing is edited; e edits the story")
            return
        self.hand_over()
        if why := session.edit.why_not_kept:
            self.notify(why)
            return

        def keep(title: str) -> str:
            session.keep_edit(title.strip() or f"{story.title}, edited")
            return ""

        named = f"{story.title}, edited"
        self.app.push_screen(LineScreen("Save as a story", named, KEEP_HINT, keep))
