"""What views with a story in them share: the cursor among its tokens, the hunt, the reference."""

from __future__ import annotations

from typing import ClassVar

from ..panes.story_text import StoryText
from ..session import Session
from ..session.change import Change
from ..session.hunts import told
from ..text import moves
from ..text.reading import KINDS, UNITS
from .dialogs.line import LineScreen
from .frame import Frame
from .status import waiting

FIND_HINT = "the first place is shown as you type; enter: n and N go through them"


class ReaderFrame(Frame):
    """TEXT: the id of the pane whose tokens the cursor goes through."""

    TEXT: ClassVar[str] = "text"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._finding: LineScreen | None = None  # while a text is being typed

    def find_text(self) -> None:
        self.focus_pane(self.TEXT)

    def move_line(self, by: int) -> None:
        """So many lines of the text on, or back."""
        text = self.query_one(f"#{self.TEXT}", StoryText)
        self.session.move(moves.by_line(by, text.columns, text.marks))

    def end(self, to: int) -> None:
        if self.at == self.TEXT:
            self.action_token_end(to)
        else:
            super().end(to)

    def say_found(self) -> None:
        """In the line where a text is being typed: how often it stands there."""
        if self._finding is not None and self.session.hunts.text is not None:
            found = self.session.hunts.found
            self._finding.say(told(found), wrong=found is not None and not found[0])

    # --- moving ----------------------------------------------------------------------------

    def on_story_text_selected(self, message: StoryText.Selected) -> None:
        self.session.move(moves.to_token(message.token))

    def action_token(self, by: int) -> None:
        self.session.move(moves.by_token(by))

    def action_word(self, by: int) -> None:
        self.session.move(moves.by_word(by))

    def action_sentence(self, by: int) -> None:
        self.session.move(moves.by_sentence(by))

    def action_token_end(self, to: int) -> None:
        self.session.move(moves.to_end(to))

    def action_hunt(self, by: int) -> None:
        self.session.edit.leave()
        self.session.hunts.begin(by)

    def action_same_token(self) -> None:
        self.session.edit.leave()
        self.session.hunts.look_for_token()

    def action_find(self) -> None:
        session, hunts = self.session, self.session.hunts
        hunts.begin_finding(session.spot)
        at = self.at
        if self.has_class("-narrow"):
            self.focus_pane(self.TEXT)  # what is found is to be seen

        def done(text: str) -> str:
            self._finding = None
            hunts.end_finding(text)
            return ""

        def typed(text: str) -> str:
            hunts.find(text)
            return ""

        def leave() -> None:
            hunts.leave_finding()
            self._finding = None
            self.focus_pane(at)

        self._finding = LineScreen("Find", hunts.last, FIND_HINT, done, typed, leave)
        self.app.push_screen(self._finding)

    # --- what is shown ---------------------------------------------------------------------

    def action_context(self) -> None:
        from ..session.tracing import word_at
        from .dialogs.context import ContextScreen

        session, story = self.session, self.session.story
        score = session.score(session.models.size)
        if story is None or score is None:
            self.notify("no story" if story is None else waiting(session))
        elif (word := word_at(story, score, session.place.token)) is None:
            self.notify("this word is context: nothing is before it")
        else:
            self.app.push_screen(ContextScreen(session, word, self.depth))

    def action_unit(self) -> None:
        look = self.session.look
        look.kind, look.unit = KINDS[0], UNITS[(UNITS.index(look.unit) + 1) % len(UNITS)]
        self.changed(Change.STORY)

    def action_difference(self) -> None:
        self.session.show_difference(not self.session.look.difference)
        self.session.plan()

    def action_reference(self) -> None:
        from .dialogs.choose import ChooseScreen

        models = self.session.models
        sizes = models.sizes
        current = 0 if models.chosen is None else sizes.index(models.chosen) + 1
        names = ["the next smaller size", *(size.name for size in sizes), "open another…"]

        def take(index: int) -> None:
            if index > len(sizes):
                self.app.call_later(self.app.run_action, "open")
            else:
                self.session.choose_reference(sizes[index - 1] if index else None)

        self.app.push_screen(ChooseScreen("Compare with", names, current, take))
