"""Sample: the distribution under the cursor, reshaped, drawn from, and gone on with."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer

from ....core.wording import percent, visible
from ...panes.bars import Bar
from ...panes.branch_list import BranchList
from ...panes.chart import Chart
from ...panes.next_bars import NextBars
from ...panes.story_text import StoryText
from ...session import Session
from ...session.change import Change
from ...session.dials import HINTS, SHOWN
from ...text import moves
from ..copying import Offer
from ..dialogs.line import LineScreen
from ..frame import Frame
from . import copying, showing

REST = 0.05  # seconds on a token before its distribution is asked for
PROMPT_HINT = "a text to go on from; begin with > for a user's turn in a chat; nothing: the story"
WORD_HINT = "how it begins, whatever is likely; nothing: none"


class SampleScreen(Frame):
    """The fourth view."""

    NAME = "sample"
    PANES = ("bars", "branch", "tree")
    CSS_PATH = ["../frame.tcss", "sample.tcss"]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._rest: Timer | None = None

    def compose_panes(self) -> ComposeResult:
        with Vertical(id="next"):
            yield Bar(id="dials")
            yield Bar(id="heads")
            yield NextBars(id="bars")
            yield Chart(id="sizes")
            yield Bar(id="sums")
            yield Bar(id="drawn")
            yield Bar(id="last")
        with Vertical(id="branches"):
            with Horizontal(id="both"):
                yield StoryText(id="branch")
                beside = StoryText(id="beside")
                beside.can_focus = False
                yield beside
            yield Bar(id="under")
            yield BranchList(id="tree")

    def on_mount(self) -> None:
        self.query_one("#branches", Vertical).border_title = "Continue"
        self.query_one("#sizes", Chart).can_focus = False

    def on_screen_resume(self) -> None:
        self.session.sampling.is_shown = True
        self._ask_at_rest()

    def on_screen_suspend(self) -> None:
        """Another view is shown; or a dialogue, behind which it goes on."""
        self.session.sampling.is_shown = not self.is_away

    def open_anew(self) -> None:
        self._ask_at_rest()

    def offers(self) -> list[Offer]:
        return [*copying.offers(self.session), *super().offers()]

    # --- what changed ----------------------------------------------------------------------

    def show(self, change: Change) -> None:
        if change & (Change.STORY | Change.TOKEN | Change.SIZES | Change.STATUS):
            self._ask_at_rest()
        if change & (Change.NEXT | Change.STORY | Change.TOKEN | Change.SIZES):
            self._show_bars()
        if change & (Change.BRANCHES | Change.SIZES):
            self._show_branches()

    def _ask_at_rest(self) -> None:
        """A held key goes from token to token: those it passes are not asked about."""
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST, self.session.sampling.want)

    def _show_bars(self) -> None:
        session, pane = self.session, self.query_one(NextBars)
        sampling = session.sampling
        box = self.query_one("#next", Vertical)
        box.border_title = Content(showing.before(session, max(12, box.size.width - 6)))
        box.border_subtitle = Content(visible(session.models.size.name))
        self.query_one("#dials", Bar).parts = showing.dials(sampling)
        self.query_one("#sums", Bar).parts = showing.sums(session)
        drawn, last = showing.drawn(session)
        self.query_one("#drawn", Bar).parts = ((drawn, "quiet"),)
        self.query_one("#last", Bar).parts = ((last, "quiet"),)
        self.set_class(bool(last), "-drawn")
        pane.waiting, pane.is_fresh = sampling.why, sampling.is_fresh
        pane.row = sampling.row
        pane.bars = showing.bars(session)
        self.query_one("#heads", Bar).parts = ((pane.heads(), "quiet"),)
        self.set_class(sampling.shows_sizes, "-across")
        if sampling.shows_sizes:
            self.query_one("#sizes", Chart).picture = partial(showing.across_table, session)

    def _show_branches(self) -> None:
        session, dark = self.session, self.app.current_theme.dark
        made = session.sampling.continuations
        pairs = (("branch", made.branch), ("beside", showing.beside(session.sampling)))
        for name, branch in pairs:
            pane = self.query_one(f"#{name}", StoryText)
            text = showing.text_of(session, branch, dark=dark, depth=self.depth)
            pane.border_title = Content(visible(text.title))
            pane.token = made.token if name == "branch" else -1
            pane.paint = text.paint
            if name == "branch":
                self.query_one("#under", Bar).parts = ((text.note, ""),)
        self.query_one("#beside", StoryText).display = pairs[1][1] is not None
        tree = self.query_one(BranchList)
        tree.row = made.at
        tree.lines = showing.lines(session)

    # --- clicks ----------------------------------------------------------------------------

    def on_next_bars_selected(self, message: NextBars.Selected) -> None:
        """Its bar where one clicks in it: set by hand."""
        sampling = self.session.sampling
        sampling.move(message.row - sampling.row)
        if message.share is not None:
            sampling.turned = "bar"
            self._say(sampling.set_dial(message.share))

    def on_story_text_selected(self, message: StoryText.Selected) -> None:
        made = self.session.sampling.continuations
        if message.text is self.query_one("#branch"):
            made.move_token(message.token - made.token)

    def on_branch_list_selected(self, message: BranchList.Selected) -> None:
        made = self.session.sampling.continuations
        made.move_branch(message.row - made.at)

    # --- moving ----------------------------------------------------------------------------

    def group_of(self, pane: str) -> str:
        return "branch" if pane == "tree" else pane

    def move(self, by: int) -> None:
        sampling = self.session.sampling
        made = sampling.continuations
        if self.at == "bars":
            sampling.move(by)
        elif self.at == "tree":
            made.move_branch(by)
        elif made.branch is not None and made.branch.line():
            text = self.query_one("#branch", StoryText)
            go = moves.by_line(by, text.columns, text.marks)
            cursor = go(text.paint.text, text.paint.ends, moves.Cursor(made.token))
            made.move_token(cursor.token - made.token)

    def action_context(self, by: int) -> None:
        """The context ends so many tokens further on; the story's, not a prompt's."""
        if self.session.sampling.prompt is not None:
            self.notify("the prompt is the context; e empties it")
            return
        self.session.move(moves.by_token(by))

    def action_branch_token(self, by: int) -> None:
        self.session.sampling.continuations.move_token(by)

    def action_back(self) -> None:
        """Out of it; the last token that was gone on with is taken back before that."""
        if self.at == "bars" and self.session.sampling.take_back():
            return
        super().action_back()

    # --- dials and draws -------------------------------------------------------------------

    def action_next_dial(self) -> None:
        self.session.sampling.next_dial()

    def action_turn_dial(self, by: int) -> None:
        self._say(self.session.sampling.turn(by))

    def _say(self, wrong: str) -> None:
        if wrong:
            self.notify(wrong)

    def action_type_dial(self) -> None:
        sampling = self.session.sampling
        before = sampling.value(sampling.turned)

        def accept(text: str) -> str:
            try:
                return sampling.set_dial(float(text)) if text.strip() else ""
            except ValueError:
                return f"{text} is no number"

        said = "" if before is None else f"{before:.4g}"
        hint = HINTS[sampling.turned]
        self.app.push_screen(LineScreen(SHOWN[sampling.turned], said, hint, accept))

    def action_reset(self) -> None:
        self.session.sampling.reset()

    def action_draw(self, count: int) -> None:
        self.session.sampling.draw(count)

    def action_look_up(self) -> None:
        sampling = self.session.sampling
        look_up, before = sampling.look_up, sampling.wanted

        def leave() -> None:
            sampling.wanted = before
            sampling.want()

        self.app.push_screen(LineScreen("Look up a token", "", WORD_HINT, look_up, look_up, leave))

    def action_across(self) -> None:
        sampling = self.session.sampling
        sampling.shows_sizes = not sampling.shows_sizes
        self.focus_pane("bars")
        sampling.want()
        self.changed(Change.NEXT)

    # --- going on --------------------------------------------------------------------------

    def action_go_on(self) -> None:
        if self.at == "branch":
            self._fork()
        elif self.at == "tree":
            self.focus_pane("branch")
        else:
            self.session.sampling.go_on()

    def action_continue(self) -> None:
        self.session.sampling.continue_()
        if self.has_class("-narrow"):
            self.focus_pane("branch")  # where panes take turns it would not be seen

    def action_download(self) -> None:
        size = self.session.models.size
        if size.is_out or not self.session.sampling.continuations.stop_or_resume():
            super().action_download()

    def _fork(self) -> None:
        """Another token in place of the one under the cursor."""
        from ..dialogs.choose import ChooseScreen

        made = self.session.sampling.continuations
        line = [] if made.branch is None else made.branch.line()
        if made.branch is None or not line:
            self.notify("there is nothing to leave: space continues from here")
            return
        at = min(made.token, len(line) - 1)
        there, known = line[at], showing.vocabulary_of(self.session, made.branch)
        names = [
            f"{showing.words(known, token)}  {percent(math.exp(logprob))}"
            for token, logprob in there.top
        ]
        title = f"Instead of {visible(there.token, spaces=True)}"
        taken = next((i for i, (token, _) in enumerate(there.top) if token != there.token_id), 0)

        def take(index: int) -> None:
            token, logprob = there.top[index]
            text = known[token] if token < len(known) else ""
            rank = index + 1
            forced = replace(there, token=text, token_id=token, logprob=logprob, rank=rank)
            made.fork(at, forced)

        self.app.push_screen(ChooseScreen(title, names, taken, take))

    def action_name(self) -> None:
        branch = self.session.sampling.continuations.branch
        if branch is None:
            self.notify("there is no continuation to name")
            return

        def accept(text: str) -> str:
            branch.name = text.strip()
            self.changed(Change.BRANCHES)
            return ""

        hint = "what it is called in the tree; nothing: how it was drawn"
        self.app.push_screen(LineScreen("Name this continuation", branch.name, hint, accept))

    def action_prompt(self) -> None:
        sampling = self.session.sampling
        before = "" if sampling.prompt is None else sampling.prompt.text
        if sampling.prompt is not None and sampling.prompt.chat:
            before = f"> {before}"

        def accept(text: str) -> str:
            chat = text.startswith(">")
            sampling.type_prompt(text.removeprefix(">").strip() if chat else text, chat=chat)
            return ""

        self.app.push_screen(LineScreen("Prompt", before, PROMPT_HINT, accept))
