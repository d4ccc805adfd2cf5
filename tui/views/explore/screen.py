"""Explore: stories, the text with its colours, the token under the glass, sizes, the chart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from ....core.errors import EyebrowError
from ....core.scoring.scores import StoryScore
from ....core.stories.story import Story
from ....core.wording import visible
from ...panes.bars import Bar, Legend
from ...panes.chart import Chart
from ...panes.inspector import Inspector
from ...panes.ladder import Ladder
from ...panes.story_list import StoryList
from ...panes.story_text import StoryText
from ...session.arrange import SORTS, parse_filter
from ...session.change import Change
from ...session.session import Session
from ...text.reading import KINDS, UNITS, eyebrows, next_eyebrow
from ..frame import hints, tabs
from . import showing

if TYPE_CHECKING:
    from ...app import EyebrowApp

SLOW = 0.25  # seconds between repaints that only the worker caused
REST = 0.1  # seconds on a story before the chart follows
SMALLEST = (60, 16)
KEYS = (
    ("enter", "read"),
    ("h l", "token"),
    ("[ ]", "size"),
    ("n", "next eyebrow"),
    ("d", "difference"),
    ("c", "colour"),
    ("u", "unit"),
    ("s", "sort"),
    ("/", "filter"),
    ("m", "mark"),
)
NOTHING = Story("", "No story", "")
FILTER_HINT = 'words "a phrase" -without ppl>30 bpb<1 len<200 (words) marked; nothing: all'
JUMP_HINT = "its number in the list as it is sorted now"
ALWAYS = ((">", "Scale"), ("?", "help"), ("q", "quit"))


class ExploreScreen(Screen[None]):
    """The view one starts in."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-middle"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-high")]
    AUTO_FOCUS = "StoryList"

    BINDINGS = [
        Binding("tab", "turn(1)", "next pane", id="explore.next-pane", priority=True, show=False),
        Binding(
            "shift+tab", "turn(-1)", "previous pane", id="explore.previous-pane", priority=True
        ),
        Binding("n", "eyebrow(1)", "next raised eyebrow", id="explore.next-eyebrow"),
        Binding("N", "eyebrow(-1)", "previous raised eyebrow", id="explore.previous-eyebrow"),
        Binding("left_square_bracket", "size(-1)", "smaller size", id="explore.smaller"),
        Binding("right_square_bracket", "size(1)", "larger size", id="explore.larger"),
        *(
            Binding(str(n), f"rung({n - 1})", f"size {n}", id=f"explore.size-{n}", show=False)
            for n in range(1, 10)
        ),
        Binding("d", "difference", "colour the difference", id="explore.difference"),
        Binding("c", "colour", "what is coloured", id="explore.colour"),
        Binding("u", "unit", "by token, word or sentence", id="explore.unit"),
        Binding("v", "marks", "show spaces and newlines", id="explore.marks"),
        Binding("s", "sort", "sort the stories", id="explore.sort"),
        Binding("slash", "filter", "filter the stories", id="explore.filter"),
        Binding("colon", "jump", "go to a story by its number", id="explore.jump"),
        Binding("m", "mark", "mark the story", id="explore.mark"),
        Binding("x", "export", "export marked or listed stories", id="explore.export"),
        Binding("z", "download", "stop or resume the download", id="explore.download"),
        Binding("y", "copy", "copy the story", id="explore.copy"),
        Binding("escape", "back", "back to the stories", id="explore.back", show=False),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.kind = KINDS[0]
        self.unit = UNITS[0]
        self.show_difference = False
        self._hunt = 0  # looking for an eyebrow in the stories after (1) or before (-1)
        self._late = Change(0)
        self._timer: Timer | None = None
        self._rest: Timer | None = None

    @property
    def eyebrow(self) -> EyebrowApp:
        """The app, by its own type."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        yield Bar(id="title")
        with Container(id="panes"):
            yield StoryList(id="list")
            with Vertical(id="story"):
                yield StoryText(id="text")
                yield Legend(id="legend")
            yield Inspector(id="inspector")
            yield Ladder(id="ladder")
            yield Chart(id="chart")
        yield Bar(id="status")
        yield Bar(id="keys")
        yield Static("", id="too-small")

    def on_mount(self) -> None:
        self.query_one(Inspector).border_title = "Token"
        self.query_one(Ladder).border_title = "Sizes"
        self.query_one(Chart).border_title = "Perplexity against parameters"
        self.add_class("-at-list")
        # Rows that later panes are measured against are there with the first paint; the chart,
        # which costs an import, comes with the next.
        self._show_titles()
        self._show_list()
        self._show_keys()
        self.call_after_refresh(self._show_all)

    def _show_all(self) -> None:
        self.changed(~Change(0), at_once=True)

    def turn_to(self, session: Session) -> None:
        """Show another session: other stories, or other models."""
        self.session, self._hunt = session, 0
        self._show_all()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        tiny = width < SMALLEST[0] or height < SMALLEST[1]
        self.set_class(tiny, "-tiny")
        if tiny:
            self.query_one("#too-small", Static).update(
                f"eyebrow needs {SMALLEST[0]}x{SMALLEST[1]}, this is {width}x{height}"
            )

    # --- what changed ----------------------------------------------------------------------

    def changed(self, change: Change, *, at_once: bool = False) -> None:
        """Show what changed: the reader's own moves now, the worker's a few times a second."""
        now = change if at_once else change & (Change.STORY | Change.TOKEN | Change.STORIES)
        self._late |= change & ~now
        if now:
            self._show(now)
        if self._late and self._timer is None:
            self._timer = self.set_timer(SLOW, self._show_late)

    def _show_late(self) -> None:
        change, self._late, self._timer = self._late, Change(0), None
        scores = Change.SUMS in change and self.session.follows_scores
        if scores or Change.MORE in change:
            self.session.arrange()
        self._show(change)

    def _show(self, change: Change) -> None:
        if not self.is_mounted:
            return
        if change & (Change.STORIES | Change.SUMS | Change.RUNGS):
            self._show_list()
        elif Change.STORY in change:
            self.query_one(StoryList).row = self.session.place
        if Change.STORY in change or Change.RUNGS in change:
            self._show_story()
        if change & (Change.TOKEN | Change.STORY | Change.RUNGS):
            self._show_token()
        if change & (Change.SUMS | Change.RUNGS | Change.STORY):
            self._show_ladder()
        if change & (Change.SUMS | Change.RUNGS):
            self._show_chart()
        elif Change.STORY in change:
            self._show_chart_at_rest()
        if change & ~Change.TOKEN:
            self._show_status()
        if change & (Change.STORIES | Change.STATUS):
            self._show_titles()

    def _show_titles(self) -> None:
        session = self.session
        many = f"{len(session.stories):,} stories" + (" and more" if session.reading else "")
        self.query_one("#title", Bar).parts = (
            ("eyebrow", "strong"),
            (f"   {session.name} · {many}", "quiet"),
        )
        recipe = session.recipe
        label = recipe.label if recipe.is_settled and self.size.width >= 100 else ""
        self.query_one("#title", Bar).right = ((label, "quiet"), *tabs("explore"))
        listed = self.query_one(StoryList)
        listed.border_title = f"Stories, {session.sort}"
        notes = []
        if len(session.order) != len(session.stories):
            notes.append(f"{len(session.order):,} match")
        if marked := session.marked_count:
            notes.append(f"{marked:,} marked")
        listed.border_subtitle = " · ".join(notes)

    def _show_list(self) -> None:
        listed = self.query_one(StoryList)
        listed.shelf = showing.shelf(self.session)
        listed.row = self.session.place
        self._show_titles()

    # --- the story -------------------------------------------------------------------------

    def _shown(self) -> StoryScore | None:
        return self.session.whole(self.session.rung)

    def _show_story(self) -> None:
        session = self.session
        box = self.query_one("#story", Vertical)
        story = session.stories[session.story] if session.stories else NOTHING
        # As content, not as a string: what stands in a file is never markup.
        box.border_title = Content(visible(story.title))
        box.border_subtitle = Content(visible(story.kind))
        score = self._shown()
        if score is not None:
            if self._hunt:
                self._arrive(score)
            session.token = min(session.token, max(0, len(score) - 1))
        view = showing.coloured(
            session,
            self.kind,
            self.unit,
            difference=self.show_difference,
            dark=self.app.current_theme.dark,
            depth=self.eyebrow.depth,
        )
        text = self.query_one(StoryText)
        text.paint = view.paint
        text.token = session.token
        bar = self.query_one(Legend)
        bar.entries = view.legend
        bar.note = view.note

    def _show_token(self) -> None:
        self.query_one(StoryText).token = self.session.token
        self.query_one(Inspector).glass = showing.glass(self.session)

    # --- sizes -----------------------------------------------------------------------------

    def _show_ladder(self) -> None:
        ladder = self.query_one(Ladder)
        mixed = self.session.mixes_tokenizers
        ladder.border_title = "Sizes, bits per byte" if mixed else "Sizes"
        ladder.steps = showing.steps(self.session)
        ladder.current = self.session.current

    def _show_chart_at_rest(self) -> None:
        """It takes longer to draw than all else that follows the story."""
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST, self._show_chart)

    def _show_chart(self) -> None:
        chart = self.query_one(Chart)
        view = showing.chart(
            self.session, dark=self.app.current_theme.dark, depth=self.eyebrow.depth
        )
        chart.border_title = view.title
        chart.waiting = view.waiting
        chart.border_subtitle = Content(visible(view.note))
        chart.picture = view.picture

    # --- lines -----------------------------------------------------------------------------

    def _show_status(self) -> None:
        bar = self.query_one("#status", Bar)
        bar.parts = showing.status(self.session)
        bar.right = ((f" {showing.what_runs(self.session)}", "quiet"),)

    def _show_keys(self) -> None:
        bar = self.query_one("#keys", Bar)
        bar.parts = hints(KEYS)
        bar.right = hints(ALWAYS)

    # --- messages of the panes -------------------------------------------------------------

    def on_story_list_selected(self, message: StoryList.Selected) -> None:
        self._hunt = 0
        self.session.select_place(message.row)

    def on_story_list_opened(self) -> None:
        self._focus("text")

    def on_story_text_moved(self, message: StoryText.Moved) -> None:
        self.session.select_token(message.token)

    def on_ladder_chosen(self, message: Ladder.Chosen) -> None:
        self.session.select_rung(message.index)

    # --- actions ---------------------------------------------------------------------------

    def _turns(self) -> list[str]:
        """The panes that take focus in turn; in a narrow terminal the chart is one of them."""
        return (
            ["list", "text", "chart"] if self.has_class("-narrow") else ["list", "text", "ladder"]
        )

    def _focus(self, pane: str) -> None:
        for name in ("list", "text", "chart"):
            self.set_class(name == ("chart" if pane == "ladder" else pane), f"-at-{name}")
        self.set_focus(self.query_one(f"#{pane}"))

    def action_turn(self, by: int) -> None:
        turns = self._turns()
        now = self.focused.id if self.focused is not None else turns[0]
        at = turns.index(now) if now in turns else 0
        self._focus(turns[(at + by) % len(turns)])

    def action_back(self) -> None:
        self._focus("list")

    def action_size(self, by: int) -> None:
        self.session.select_rung(self.session.current + by)

    def action_rung(self, index: int) -> None:
        if index >= len(self.session.rungs):
            self.notify(f"there are {len(self.session.rungs)} sizes")
        self.session.select_rung(index)

    def action_colour(self) -> None:
        self.show_difference = False
        self.kind = KINDS[(KINDS.index(self.kind) + 1) % len(KINDS)]
        self._show_story()

    def action_unit(self) -> None:
        self.show_difference, self.kind = False, KINDS[0]
        self.unit = UNITS[(UNITS.index(self.unit) + 1) % len(UNITS)]
        self._show_story()

    def action_difference(self) -> None:
        self.show_difference = not self.show_difference
        self.session.plan()
        self._show_story()

    def action_marks(self) -> None:
        text = self.query_one(StoryText)
        text.marks = not text.marks

    def action_download(self) -> None:
        self.session.toggle_download()

    def action_sort(self) -> None:
        session = self.session
        session.sort = SORTS[(SORTS.index(session.sort) + 1) % len(SORTS)]
        session.arrange()

    def action_copy(self) -> None:
        if self.session.stories:
            story = self.session.stories[self.session.story]
            self.app.copy_to_clipboard(story.text)
            self.notify(f"{story.title}: copied")

    def action_eyebrow(self, by: int) -> None:
        score = self._shown()
        if score is None:
            self._hunt = by
            return
        found = next_eyebrow(eyebrows(score), self.session.token, by)
        if found is not None:
            self._focus("text")
            self.session.select_token(found)
            return
        place = self.session.place + by
        if 0 <= place < len(self.session.order):
            self._hunt = by
            self.session.select_place(place)
        else:
            self._hunt = 0
            self.notify("no more raised eyebrows this way")

    def _arrive(self, score: StoryScore) -> None:
        """The hunt has come to a story whose tokens are known."""
        by, self._hunt = self._hunt, 0
        places = eyebrows(score)
        if places:
            self.session.token = places[0] if by > 0 else places[-1]
            self._focus("text")
        else:
            self.session.token = len(score) - 1 if by > 0 else 0
            self.call_later(self.action_eyebrow, by)

    def action_filter(self) -> None:
        from ..dialogs.line import LineScreen

        def apply(text: str | None) -> None:
            if text is None:
                return
            try:
                self.session.filter = parse_filter(text)
            except EyebrowError as error:
                self.notify(error.message, title=error.title, severity="error")
                return
            self.session.arrange()
            if not self.session.order:
                self.notify("no story matches; / and an empty line shows all")

        self.app.push_screen(LineScreen("Filter", str(self.session.filter), FILTER_HINT), apply)

    def action_jump(self) -> None:
        from ..dialogs.line import LineScreen

        def apply(text: str | None) -> None:
            if not text:
                return
            if text.strip().isdecimal():
                self.session.select_place(int(text) - 1)
            else:
                self.notify(f"{text} is no number of a story", severity="error")

        self.app.push_screen(LineScreen("Go to story", "", JUMP_HINT), apply)

    def action_mark(self) -> None:
        self.session.mark()

    def action_export(self) -> None:
        from ....core.results.export import SUFFIXES
        from ..dialogs.line import LineScreen, file_check

        def write(name: str | None) -> None:
            if name:
                self.session.export(Path(name.strip()).expanduser())

        marked = self.session.marked_count
        what = f"Export {marked:,} marked stories" if marked else "Export the listed stories"
        name = "marked.jsonl" if marked else "stories.jsonl"
        hint = " · ".join(f"{suffix} {said}" for suffix, said in SUFFIXES.items())
        self.app.push_screen(LineScreen(what, name, hint, file_check(SUFFIXES)), write)

    def repaint_colours(self) -> None:
        """Scales are styles of their own: a new theme needs them anew."""
        self._show_story()
        self._show_chart()
