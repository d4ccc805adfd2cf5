"""Explore: stories, the text with its colours, the token under the glass, sizes, the chart."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.timer import Timer

from ....core.errors import EyebrowError
from ....core.stories.story import Story
from ....core.wording import many, visible
from ...panes.bars import Bar, Legend
from ...panes.chart import Chart
from ...panes.inspector import Inspector
from ...panes.ladder import Ladder
from ...panes.size_strip import SizeStrip
from ...panes.story_list import StoryList
from ...panes.story_text import StoryText
from ...session import Session
from ...session.arrange import SORTS, parse_filter
from ...session.change import Change
from ...text.reading import KINDS
from ..dialogs.line import LineScreen, file_check, path_of
from . import showing, sizes, token
from .across import across
from .editing import EditFrame

REST = 0.1  # seconds on a story, or a token, before chart and strip follow
ROOMY = 22  # lines of the terminal from which on the strip has a place under the text
FAIR = 28  # and from which on the chart under it has lines to be read
NOTHING = Story("", "No story", "")
KINDS_OF_STORY = {
    "five": "five sentences",
    "longer": "longer than five sentences",
    "pair-expected": "of a pair, the expected ending",
    "pair-twist": "of a pair, the twist",
}
"""What the bundled stories are, in words."""
FILTER_HINT = 'words "a phrase" -without ppl>30 bpb<1 len<200 (words) marked; nothing: all'
NO_MATCH = "no story matches; an empty line shows all"
DIGITS = 18  # of a number that could be that of a story, zeros in front of it and all
JUMP_HINT = "its number in the list as it is sorted now"


class ExploreScreen(EditFrame):
    """The view one starts in."""

    NAME = "explore"
    PANES = ("list", "text", "edit", "ladder", "chart")
    CSS_PATH = ["../frame.tcss", "explore.tcss"]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._rest: Timer | None = None
        self._token_rest: Timer | None = None

    def compose_panes(self) -> ComposeResult:
        yield StoryList(id="list")
        with Vertical(id="story"):
            yield StoryText(id="text")
            yield Bar(id="edited")
            yield SizeStrip(id="across")
            yield Legend(id="legend")
        yield Inspector(id="inspector")
        yield Ladder(id="ladder")
        yield Chart(id="chart")

    def on_mount(self) -> None:
        self.query_one(Inspector).border_title = "Token"
        self.query_one(Ladder).border_title = "Sizes"
        self.query_one(Chart).border_title = "Perplexity against parameters"
        self._show_list()  # with the first paint

    # --- what changed ----------------------------------------------------------------------

    def show(self, change: Change) -> None:
        if change & (Change.STORIES | Change.SUMS | Change.SIZES):
            self._show_list()
        elif Change.STORY in change:
            self.query_one(StoryList).row = self.session.place.row
        if change & (Change.STORY | Change.SIZES):
            self._show_story()
        if change & (Change.STORY | Change.SIZES | Change.STATUS):
            self.query_one("#edited", Bar).parts = showing.edited(self.session)
        if change & (Change.TOKEN | Change.STORY | Change.SIZES):
            self.query_one(StoryText).token = self.session.place.token
            both = self.session.look.difference
            self.query_one(Inspector).glass = token.glass(self.session, both=both)
            self._show_strip_at_rest()
        if change & (Change.SUMS | Change.SIZES | Change.STORY):
            self._show_ladder()
        self.say_found()
        if change & (Change.SUMS | Change.SIZES):
            self._show_chart()
        elif Change.STORY in change:
            self._show_chart_at_rest()

    def _show_list(self) -> None:
        library, listed = self.session.library, self.query_one(StoryList)
        wanted = f" · filter: {visible(str(library.filter))}" if library.filter else ""
        by = visible(showing.sorted_by(self.session))
        listed.border_title = Content(f"Stories, {by}{wanted}")
        notes = []
        if len(library.order) != len(library.stories):
            notes.append(f"{len(library.order):,} match")
        missing = len(library.stories) - self.session.models.size.done
        if library.filter.follows_scores and missing:
            notes.append(f"{missing:,} not scored yet")
        if marked := library.marked_count:
            notes.append(f"{marked:,} marked")
        listed.border_subtitle = " · ".join(notes)
        listed.shelf = showing.shelf(self.session)
        listed.row = self.session.place.row

    def _show_story(self) -> None:
        session, is_edited = self.session, self.session.edit.is_on
        story = session.story or NOTHING
        # As content, not as a string: what stands in a file is never markup.
        box = self.query_one("#story", Vertical)
        box.border_title = Content(visible(story.title) + ", edited" * is_edited)
        box.border_subtitle = Content(visible(KINDS_OF_STORY.get(story.kind, story.kind)))
        view = showing.coloured(
            session,
            session.look.kind,
            session.look.unit,
            difference=session.look.difference,
            dark=self.app.current_theme.dark,
            depth=self.depth,
        )
        self.show_editing()
        if is_edited:
            self.area.paint = view.paint
        else:
            text = self.query_one(StoryText)
            text.token = session.place.token
            text.paint = view.paint
        bar = self.query_one(Legend)
        bar.entries = view.legend
        bar.note = view.note

    def _show_ladder(self) -> None:
        ladder, models = self.query_one(Ladder), self.session.models
        ladder.border_title = "Sizes, bits per byte" if models.mixes_tokenizers else "Sizes"
        ladder.steps = sizes.steps(self.session)
        ladder.current = models.current

    def _show_chart_at_rest(self) -> None:
        """It takes longer to draw than all else that follows the story."""
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST, self._show_chart)

    def _show_chart(self) -> None:
        chart = self.query_one(Chart)
        view = sizes.chart(self.session, dark=self.app.current_theme.dark, depth=self.depth)
        chart.border_title = view.title
        chart.waiting = view.waiting
        chart.border_subtitle = Content(visible(view.note))
        chart.picture = view.picture

    def _show_strip_at_rest(self) -> None:
        """A held key goes from token to token: the numbers of those it passes are not written."""
        if self._token_rest is not None:
            self._token_rest.stop()
        self._token_rest = self.set_timer(REST, self._show_strip)

    def _show_strip(self) -> None:
        strip = self.query_one(SizeStrip)
        strip.set_class(len(self.session.models.sizes) < 2, "-single")
        dark = self.app.current_theme.dark
        strip.across = across(self.session, self.session.look.unit, dark=dark, depth=self.depth)

    def on_screen_resume(self) -> None:
        """The strip, and a size key that answers at once, need the story under every size."""
        self.session.shows_all_sizes = True
        self.session.plan()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.height < ROOMY, "-flat")
        self.set_class(event.size.height >= FAIR, "-fair")

    def on_screen_suspend(self) -> None:
        self.session.shows_all_sizes = False

    # --- clicks ----------------------------------------------------------------------------

    def on_story_list_selected(self, message: StoryList.Selected) -> None:
        if message.row == self.session.place.row:
            self.action_enter()
        self.session.select_row(message.row)

    def on_ladder_chosen(self, message: Ladder.Chosen) -> None:
        self.session.select_size(message.index)

    # --- moving ----------------------------------------------------------------------------

    def turns(self) -> tuple[str, ...]:
        """In a narrow terminal the chart is one of them; it stands with the sizes."""
        text = "edit" if self.session.edit.is_on else "text"
        return ("list", text, "chart" if self.has_class("-narrow") else "ladder")

    def group_of(self, pane: str) -> str:
        return {"ladder": "chart", "edit": "text"}.get(pane, pane)

    def move(self, by: int) -> None:
        if self.at == "list":
            self.session.move_row(by)
        elif self.at == "text":
            self.move_line(by)
        elif self.at == "ladder":
            sizes = len(self.session.models.sizes)
            self.session.select_size(max(0, min(self.session.models.current + by, sizes - 1)))

    def action_enter(self) -> None:
        self.focus_pane("edit" if self.session.edit.is_on else "text")

    # --- what is shown ---------------------------------------------------------------------

    def action_colour(self) -> None:
        look = self.session.look
        look.kind = KINDS[(KINDS.index(look.kind) + 1) % len(KINDS)]
        self.session.show_difference(False)

    def action_invisibles(self) -> None:
        text = self.query_one(StoryText)
        text.marks = not text.marks

    def action_sort(self) -> None:
        library = self.session.library
        library.sort = SORTS[(SORTS.index(library.sort) + 1) % len(SORTS)]
        self.session.arrange()

    # --- what is asked ---------------------------------------------------------------------

    def action_filter(self) -> None:
        session, library, before = self.session, self.session.library, self.session.spot

        def typed(text: str) -> str:
            try:
                session.filter(parse_filter(text), before)
            except EyebrowError as error:
                return error.message
            return "" if library.order else NO_MATCH

        def done(text: str) -> str:
            wrong = typed(text)
            if wrong in ("", NO_MATCH):
                session.end_typing(before)
                return ""
            return wrong

        def restore() -> None:
            session.filter(before.filter, before)

        said = str(before.filter)
        self.app.push_screen(LineScreen("Filter", said, FILTER_HINT, done, typed, restore))

    def action_jump(self) -> None:
        def jump(text: str) -> str:
            number, library = text.strip(), self.session.library
            listed = len(library.order)
            if number and not number.isdecimal():
                return f"{number} is no number of a story"
            # By its digits first: int() of thousands of them is an error.
            if number and not (len(number) <= DIGITS and 1 <= int(number) <= listed):
                said = "the list has " + many(listed, "story", "stories")
                if library.filter:
                    said = f"{listed:,} of {len(library.stories):,} match the filter"
                return f"no story {number}: {said}"
            if number:
                self.session.select_row(int(number) - 1)
            return ""

        self.app.push_screen(LineScreen("Go to story", "", JUMP_HINT, jump))

    def action_guess(self) -> None:
        from ..dialogs.guess import GuessScreen

        self.session.edit.leave()
        if (story := self.session.story) is None:
            self.notify("there is no story to guess")
        else:
            self.app.push_screen(GuessScreen(self.session, story))

    def action_export(self) -> None:
        from ....core.results.export import SUFFIXES

        check = file_check(SUFFIXES)

        def write(name: str) -> str:
            if name.strip() and not (wrong := check(name)):
                self.session.export(path_of(name))
            return wrong if name.strip() else ""

        marked = self.session.library.marked_count
        what = f"Export {marked:,} marked stories" if marked else "Export the listed stories"
        name = "marked.jsonl" if marked else "stories.jsonl"
        hint = " · ".join(f"{suffix} {said}" for suffix, said in SUFFIXES.items())
        self.app.push_screen(LineScreen(what, name, hint, write))
