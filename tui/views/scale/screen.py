"""Scale: perplexity against size with its doubts, what was found, every story under every size."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from ....core.wording import visible
from ...panes.bars import Bar
from ...panes.chart import Chart
from ...panes.findings import Entry, Findings
from ...panes.table import Grid, StoryTable
from ...session.change import Change
from ...session.session import Session
from ...threads.analysis import Analysis
from ...threads.scaling import (
    MEASURES,
    Answer,
    Exported,
    Found,
    Measure,
    Measured,
    Refused,
    Tabled,
    TokensRead,
    snapshot,
)
from ..dialogs.line import LineScreen
from ..explore import showing
from ..frame import hints, tabs
from . import pictures as pictures

if TYPE_CHECKING:
    from ...app import EyebrowApp

SLOW = 0.25  # seconds between questions that only the worker caused, at least
REST = 4  # times as long as an answer took, until the next question
SMALLEST = (60, 16)
WIDE_ENOUGH = 100  # for the recipe's label beside the names of the views
UNASKED = 20_000  # stories times sizes up to which tokens are read before a chart asks for them
PANES = ("chart", "findings", "table")
KEYS = (
    ("c", "chart"),
    ("v", "measure"),
    ("s S", "sort"),
    ("enter", "read"),
    ("<", "Explore"),
    ("x", "export"),
    ("X", "report"),
    ("[ ]", "size"),
)
ALWAYS = (("?", "help"), ("q", "quit"))
TABLE_FILES = "by its suffix: .csv, .parquet, .md"
REPORT_FILES = "by its suffix: .html, .md with pictures beside it, .ipynb"


class ScaleScreen(Screen[None]):
    """The second view: how perplexity falls with size, and whether it really does."""

    CSS_PATH = "scale.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-middle"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-high")]
    AUTO_FOCUS = "#chart"

    BINDINGS = [
        Binding("tab", "turn(1)", "next pane", id="scale.next-pane", priority=True, show=False),
        Binding("shift+tab", "turn(-1)", "previous pane", id="scale.previous-pane", priority=True),
        Binding("c,full_stop", "chart(1)", "next chart", id="scale.next-chart"),
        Binding("C,comma", "chart(-1)", "previous chart", id="scale.previous-chart"),
        Binding("v", "measure", "perplexity, bits per byte or nats", id="scale.measure"),
        Binding("left_square_bracket", "size(-1)", "smaller size", id="scale.smaller"),
        Binding("right_square_bracket", "size(1)", "larger size", id="scale.larger"),
        *(
            Binding(str(n), f"rung({n - 1})", f"size {n}", id=f"scale.size-{n}", show=False)
            for n in range(1, 10)
        ),
        Binding("s", "sort", "sort by the next column", id="scale.sort"),
        Binding("S", "turn_round", "sort the other way round", id="scale.turn-round"),
        Binding("x", "export_table", "write the table to a file", id="scale.export-table"),
        Binding("X", "export_report", "write a report", id="scale.export-report"),
    ]

    class Read(Message):
        """The story with this index is to be read, in Explore."""

        def __init__(self, story: int) -> None:
            self.story = story
            super().__init__()

    class Answered(Message):
        """Something from the analysis thread, on the UI's thread now."""

        def __init__(self, answer: Answer) -> None:
            self.answer = answer
            super().__init__()

    def __init__(self, session: Session, store: Path | None) -> None:
        super().__init__()
        self.session = session
        self.analysis = Analysis(store, lambda answer: self.post_message(self.Answered(answer)))
        self.chart: pictures.ChartName = pictures.CHARTS[0]
        self.measure: Measure = MEASURES[0]
        self.tabled: Tabled | None = None
        self.measured: Measured | None = None
        self.tokens: TokensRead | None = None
        self._asked: int | None = None  # the question that is being worked on
        self._seen: tuple[object, ...] = ()  # what the newest question was about
        self._began = self._took = 0.0  # when it was asked; how long the last one took, seconds
        self._reading = False  # tokens are being read
        self._timer: Timer | None = None

    @property
    def eyebrow(self) -> EyebrowApp:
        """The app, by its own type."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        yield Bar(id="title")
        with Container(id="panes"):
            yield Chart(id="chart")
            yield Findings(id="findings")
            yield StoryTable(id="table")
        yield Bar(id="status")
        yield Bar(id="keys")
        yield Static("", id="too-small")

    def on_mount(self) -> None:
        self.query_one(Findings).border_title = "Findings"
        self.add_class("-at-chart")

    def on_unmount(self) -> None:
        self.analysis.close()

    def on_screen_resume(self) -> None:
        """Nothing is worked out or drawn while the view is away."""
        self._show_bars()
        self._show_all()
        self._ask()

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        tiny = width < SMALLEST[0] or height < SMALLEST[1]
        self.set_class(tiny, "-tiny")
        self._show_bars()
        if tiny:
            self.query_one("#too-small", Static).update(
                f"eyebrow needs {SMALLEST[0]}x{SMALLEST[1]}, this is {width}x{height}"
            )

    def turn_to(self, session: Session) -> None:
        """Other stories or models: nothing of what was worked out holds for them."""
        self.session = session
        self.tabled = self.measured = self.tokens = self._asked = None
        self._seen, self._took = (), 0.0
        self.analysis.forget()
        self.query_one(Findings).entries = ()
        self.query_one(StoryTable).grid = None
        self.changed(~Change(0))
        self._ask()

    # --- what changed ----------------------------------------------------------------------

    def changed(self, change: Change) -> None:
        """Show the reader's own moves now, and ask anew for what the worker has added."""
        if not self.is_mounted or not self.is_current:
            return
        if change & (Change.STORY | Change.RUNGS):
            self.query_one(StoryTable).story = self.session.story
            self._show_chart()
        if change & ~Change.TOKEN:
            self._show_bars()
        if change & (Change.SUMS | Change.STORIES | Change.RUNGS):
            self._ask_later()

    def _ask_later(self) -> None:
        """The longer an answer takes, the longer the worker has the machine to itself."""
        if self._timer is None:
            self._timer = self.set_timer(max(SLOW, REST * self._took), self._ask)

    def _ask(self) -> None:
        """Have the numbers worked out anew, one question at a time."""
        self._timer = None
        now = snapshot(self.session) if self.is_current else None
        if now is None or self._asked is not None:
            return
        about = (
            now.recipe.digest,
            len(now.stories),
            *(
                (
                    *(model.spec.name, model.digest, model.tokenizer),
                    *(model.stories, len(model.vocabulary), len(model.cuts)),
                )
                for model in now.models
            ),
        )
        if about != self._seen:
            if self.measured is not None and about[:2] != self._seen[:2]:
                self.tokens = None
            self._seen = about
            self._began, self._reading = monotonic(), False
            self._asked = self.analysis.look(now)

    def on_scale_screen_answered(self, message: Answered) -> None:
        match message.answer:
            case Tabled() as answer if answer.asked == self.analysis.asked:
                self.tabled = answer
                self._show_table()
                self._show_chart()
            case Measured() as answer if answer.asked == self.analysis.asked:
                self._take_numbers(answer)
            case TokensRead() as answer if answer.asked == self.analysis.asked:
                self.tokens, self._reading = answer, False
                self._show_chart()
            case Found() as answer if answer.asked == self.analysis.asked:
                self._take_findings(answer)
            case Exported(path=path):
                self.notify(str(path), title="Written")
            case Refused(title=title, message=words):
                self._asked, self._reading = None, False
                self.notify(words, title=title, severity="error", timeout=12)

    def _take_numbers(self, numbers: Measured) -> None:
        """Intervals that are there stay until the next ones are, or they would come and go."""
        before = self.measured
        tokenizers = {member.tokenizer for member in numbers.members}
        if before is None and len(tokenizers) > 1:
            self.measure = "bits per byte"  # nothing else compares between them
            self._show_table()
        if before is None or numbers.doubted or before.members != numbers.members:
            self.measured = numbers
            self._show_chart()

    def _take_findings(self, found: Found) -> None:
        pane = self.query_one(Findings)
        pane.entries = tuple(Entry(one.family, one.text, one.stories) for one in found.findings)
        if found.whole:
            return
        self._asked, self._took = None, monotonic() - self._began
        self._want_tokens()
        self._ask_later()  # of scores that came meanwhile

    def _want_tokens(self) -> None:
        """Reading them takes its time: of a large set only when a chart is to show them."""
        done = self.measured
        if done is None or not done.settled or self._reading or self.tokens is not None:
            return
        sizes = sum(len(family.members) for family in done.families)
        if self.chart in pictures.OF_TOKENS or done.stories * sizes <= UNASKED:
            self._reading = True
            self.analysis.read_tokens()

    # --- panes -----------------------------------------------------------------------------

    def _show_all(self) -> None:
        self._show_table()
        self._show_chart()

    def _show_chart(self) -> None:
        chart = self.query_one(Chart)
        if not chart.display:
            return
        look = pictures.Look(
            self.app.current_theme.dark, self.eyebrow.depth, self.session.rung.name
        )
        view = pictures.view(
            self.chart,
            self.measure,
            self.measured,
            self.tabled,
            self.tokens,
            self.session.story,
            look,
        )
        missing = pictures.waiting_for(
            self.measured, len(self.session.rungs), len(self.session.stories)
        )
        chart.border_title = Content(
            f"{view.title}  {pictures.CHARTS.index(self.chart) + 1}/{len(pictures.CHARTS)}"
        )
        chart.waiting = view.waiting or showing.waiting(self.session)
        chart.border_subtitle = Content(visible(missing or view.note))
        chart.picture = view.picture

    def _show_table(self) -> None:
        table = self.query_one(StoryTable)
        if self.tabled is not None:
            stories, tabled = self.session.stories, self.tabled

            def title(story: int) -> str:
                return visible(stories[story].title)

            table.story = self.session.story
            table.grid = Grid(
                tuple(visible(model.name) for model in tabled.sheet.models),
                title,
                tabled.values[self.measure],
                tabled.pooled[self.measure],
                tabled.by_title,
            )
        self._show_titles()

    def _show_titles(self) -> None:
        table = self.query_one(StoryTable)
        table.border_title = Content(
            f"{pictures.NAMES[self.measure]} of every story, {table.sorted_by}"
        )

    def _show_bars(self) -> None:
        session = self.session
        title = self.query_one("#title", Bar)
        many = f"{len(session.stories):,} stories" + (" and more" if session.reading else "")
        title.parts = (
            ("eyebrow", "strong"),
            (f"   {session.name} · {many}", "quiet"),
        )
        label = session.recipe.label if session.recipe.is_settled else ""
        room = self.size.width >= WIDE_ENOUGH
        title.right = (*([(label, "quiet")] if label and room else []), *tabs("scale"))
        status = self.query_one("#status", Bar)
        status.parts = showing.status(session)
        status.right = ((f" {showing.what_runs(session)}", "quiet"),)
        keys = self.query_one("#keys", Bar)
        keys.parts, keys.right = hints(KEYS), hints(ALWAYS)

    def repaint_colours(self) -> None:
        """Pictures have colours of their own: a new theme needs them anew."""
        self._show_chart()

    # --- messages of the panes -------------------------------------------------------------

    def on_story_table_selected(self, message: StoryTable.Selected) -> None:
        self.session.select_story(message.story)

    def on_story_table_opened(self, message: StoryTable.Opened) -> None:
        self.post_message(self.Read(message.story))

    def on_findings_opened(self, message: Findings.Opened) -> None:
        self.post_message(self.Read(message.story))

    # --- actions ---------------------------------------------------------------------------

    def action_turn(self, by: int) -> None:
        now = self.focused.id if self.focused is not None else PANES[0]
        at = PANES.index(now) if now in PANES else 0
        self._focus(PANES[(at + by) % len(PANES)])

    def _focus(self, pane: str) -> None:
        for name in PANES:
            self.set_class(name == pane, f"-at-{name}")
        self.set_focus(self.query_one(f"#{pane}"))
        self.call_after_refresh(self._show_chart)

    def action_chart(self, by: int) -> None:
        charts = pictures.CHARTS
        self.chart = charts[(charts.index(self.chart) + by) % len(charts)]
        if self.has_class("-narrow"):
            self._focus("chart")
        self._want_tokens()
        self._show_chart()

    def action_measure(self) -> None:
        self.measure = MEASURES[(MEASURES.index(self.measure) + 1) % len(MEASURES)]
        self._show_all()

    def action_size(self, by: int) -> None:
        self.session.select_rung(self.session.current + by)

    def action_rung(self, index: int) -> None:
        if index >= len(self.session.rungs):
            self.notify(f"there are {len(self.session.rungs)} sizes")
        self.session.select_rung(index)

    def action_sort(self) -> None:
        self.query_one(StoryTable).action_sort(1)
        self._show_titles()

    def action_turn_round(self) -> None:
        self.query_one(StoryTable).action_turn_round()
        self._show_titles()

    def action_export_table(self) -> None:
        self._ask_for_file("Write the table to", "scores.csv", TABLE_FILES, report=False)

    def action_export_report(self) -> None:
        self._ask_for_file("Write a report to", "report.html", REPORT_FILES, report=True)

    def _ask_for_file(self, title: str, name: str, hint: str, *, report: bool) -> None:
        def write(text: str | None) -> None:
            if text is None or not text.strip():
                return
            self.analysis.export(Path(text.strip()).expanduser(), report=report)
            if report:
                self.notify("this takes some seconds", title="Writing a report")

        self.app.push_screen(LineScreen(title, name, hint), write)
