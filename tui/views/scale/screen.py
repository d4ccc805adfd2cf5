"""Scale: perplexity against size with its doubts, what was found, every story under every size."""

from __future__ import annotations

import math
from dataclasses import replace
from time import monotonic

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.timer import Timer

from ....core.wording import visible
from ...panes.chart import Chart
from ...panes.findings import Entry, Findings
from ...panes.table import Grid, StoryTable
from ...session import Session
from ...session.change import Change
from ...text.reading import MEASURES, Measure
from ...threads.analysis import Analysis
from ...threads.scaling import (
    Answer,
    EndingsRead,
    Exported,
    Found,
    Measured,
    Refused,
    Said,
    Tabled,
    TokensRead,
)
from .. import status
from ..copying import Offer
from ..dialogs.line import LineScreen, path_of
from ..frame import Frame
from . import pictures as pictures
from .snapshot import snapshot

SLOW = 0.25  # seconds between questions that only the worker caused, at least
REST = 4  # times as long as an answer took, until the next question
UNASKED = 20_000  # stories times sizes up to which tokens are read before a chart asks for them
NO_MATCH = "no story matches the filter"
TABLE_FILES = "by its suffix: .csv, .parquet, .md"
REPORT_FILES = "by its suffix: .html, .md with pictures beside it, .ipynb"


class ScaleScreen(Frame):
    """The second view: how perplexity falls with size, and whether it really does."""

    NAME = "scale"
    PANES = ("chart", "findings", "table")
    CSS_PATH = ["../frame.tcss", "scale.tcss"]

    class Answered(Message):
        """Something from the analysis thread, on the UI's thread now."""

        def __init__(self, answer: Answer) -> None:
            self.answer = answer
            super().__init__()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.analysis = Analysis(
            session.store.folder, lambda answer: self.post_message(self.Answered(answer))
        )
        self.chart: pictures.ChartName = pictures.CHARTS[0]
        self.tabled: Tabled | None = None
        self.measured: Measured | None = None
        self.tokens: TokensRead | None = None
        self.endings: EndingsRead | None = None
        self._found: tuple[Said, ...] = ()
        self._found_from: tuple[object, ...] = ()  # what they are about, as `_seen` has it
        self._listed: tuple[int, ...] | None = None  # while a filter is on
        self._asked: int | None = None  # the question that is being worked on
        self._seen: tuple[object, ...] = ()  # what the newest question was about
        self._began = self._took = 0.0  # when it was asked; how long the last one took, seconds
        self._reading = False  # tokens are being read
        self._endings_asked: tuple[int, int] = (0, 0)  # the question, models with endings alone
        self._pause: Timer | None = None

    @property
    def measure(self) -> Measure:
        """Between tokenizers nothing but bits per byte compares."""
        mixed = self.session.models.mixes_tokenizers
        return self.session.look.measure or ("bits per byte" if mixed else MEASURES[0])

    def compose_panes(self) -> ComposeResult:
        yield Chart(id="chart")
        yield Findings(id="findings")
        yield StoryTable(id="table")

    def on_mount(self) -> None:
        self.query_one(Findings).border_title = "Findings"

    def on_unmount(self) -> None:
        self.analysis.close()

    def offers(self) -> list[Offer]:
        """The finding under the cursor first."""
        pane = self.query_one(Findings)
        if not pane.entries:
            return super().offers()
        finding = pane.entries[pane.at].text
        return [Offer("the finding", "the finding", lambda: finding), *super().offers()]

    def open_anew(self) -> None:
        """Other stories or models: nothing of what was worked out holds for them."""
        self.tabled = self.measured = self._asked = None
        self._seen, self._took = (), 0.0
        self._forget_read()
        self.query_one(StoryTable).grid = None
        self._ask()

    # --- what changed ----------------------------------------------------------------------

    def show(self, change: Change) -> None:
        """Show the reader's own moves, and ask anew for what the worker has added."""
        if change & (Change.STORY | Change.SIZES):
            self.query_one(StoryTable).story = self.session.place.story
            self._show_chart()
        if Change.STORIES in change:
            self._list_anew()
            self._show_table()
        if change & (Change.SUMS | Change.STORIES | Change.SIZES):
            self._ask_later()
            self._want_endings()

    def _list_anew(self) -> None:
        """Where others are listed, nothing that is of the listed ones together holds."""
        library = self.session.library
        listed = tuple(library.order) if library.filter else None
        if listed == self._listed:
            return
        self._listed = listed
        self.measured = self._asked = None
        self._seen, self._reading = (), False
        self._forget_read()
        if self.tabled is not None:
            unknown = {measure: (math.nan,) * len(self.tabled.sheet.models) for measure in MEASURES}
            self.tabled = replace(self.tabled, pooled=unknown)
        self._show_chart()

    def _forget_read(self) -> None:
        self.analysis.forget()
        self.tokens = self.endings = None
        self._found = ()
        self._show_findings()

    def _ask_later(self) -> None:
        """The longer an answer takes, the longer the worker has the machine to itself."""
        if self._pause is None:
            self._pause = self.set_timer(max(SLOW, REST * self._took), self._ask)

    def _ask(self) -> None:
        """Have the numbers worked out anew, one question at a time."""
        self._pause = None
        now = None if self.is_away else snapshot(self.session)
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
            self._show_age()

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
            case EndingsRead() as answer if answer.asked == self.analysis.asked:
                self.endings = answer
                self._show_findings()
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
        if before is None or numbers.doubted or before.members != numbers.members:
            self.measured = numbers
            self._show_chart()

    def _take_findings(self, found: Found) -> None:
        self._found, self._found_from = found.findings, self._seen
        self._show_findings()
        self._want_endings()
        if found.complete:
            return
        self._asked, self._took = None, monotonic() - self._began
        self._want_tokens()
        self._ask_later()  # of scores that came meanwhile

    def _show_findings(self) -> None:
        said = (*self._found, *(self.endings.said if self.endings is not None else ()))
        entries = tuple(Entry(one.family, one.text, one.stories) for one in said)
        self.query_one(Findings).entries = entries
        self._show_age()

    def _show_age(self) -> None:
        """Findings stay until the next are worked out, which takes a while; then they are old."""
        is_old = bool(self._found) and self._found_from != self._seen
        said = "of the scores before; new ones are worked out…" if is_old else ""
        self.query_one(Findings).border_subtitle = said

    def _want_endings(self) -> None:
        """Of pairs, once all is scored; endings alone only when the chart shows them."""
        done, endings = self.measured, self.session.endings
        if done is None or not done.settled or self.is_away or not endings.pairs:
            return
        if self.chart == "endings":
            endings.want_alone()
        alone = endings.known()
        about = (self.analysis.asked, len(alone))
        if about != self._endings_asked:
            self._endings_asked = about
            self.analysis.read_endings(alone)

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

    @property
    def charts(self) -> tuple[pictures.ChartName, ...]:
        """One of pairs of endings where there are any."""
        return pictures.WITH_PAIRS if self.session.endings.pairs else pictures.CHARTS

    @property
    def _of_what(self) -> str:
        """That all of this is of the listed stories alone, and which these are."""
        wanted = self.session.library.filter
        return f" · filter: {visible(str(wanted))}" if wanted else ""

    def _show_chart(self) -> None:
        chart = self.query_one(Chart)
        library, size = self.session.library, self.session.models.size
        if self.chart not in self.charts:  # other stories are open, that do not come in pairs
            self.chart = self.charts[0]
        whole = "the listed" if library.filter else "the set"
        look = pictures.Look(self.app.current_theme.dark, self.depth, size.name, whole)
        view = pictures.view(
            self.chart,
            self.measure,
            self.measured,
            self.tabled,
            self.tokens,
            self.endings,
            self.session.place.story,
            look,
        )
        missing = pictures.waiting_for(
            self.measured, len(self.session.models.sizes), len(library.order)
        )
        chart.border_title = Content(
            f"{view.title}  {self.charts.index(self.chart) + 1}/{len(self.charts)}{self._of_what}"
        )
        self.query_one(Findings).border_title = Content(f"Findings{self._of_what}")
        is_empty = library.filter and not library.order
        chart.waiting = NO_MATCH if is_empty else view.waiting or status.waiting(self.session)
        chart.border_subtitle = Content(visible(missing or view.note))
        chart.picture = view.picture

    def _show_table(self) -> None:
        table = self.query_one(StoryTable)
        if self.tabled is not None:
            stories, tabled = self.session.library.stories, self.tabled

            def title(story: int) -> str:
                return visible(stories[story].title)

            table.story = self.session.place.story
            table.grid = Grid(
                tuple(visible(model.name) for model in tabled.sheet.models),
                self.session.library.order,
                title,
                tabled.values[self.measure],
                tabled.pooled[self.measure],
                tabled.by_title,
            )
        self._show_titles()

    def _show_titles(self) -> None:
        table = self.query_one(StoryTable)
        table.border_title = Content(
            f"{pictures.NAMES[self.measure]} of every story{self._of_what}, {table.sorted_by}"
        )

    # --- clicks and keys -------------------------------------------------------------------

    def on_story_table_selected(self, message: StoryTable.Selected) -> None:
        if message.story == self.session.place.story:
            self.post_message(self.Read(message.story))
        self.session.select_story(message.story)

    def on_findings_opened(self) -> None:
        self._read_finding()

    def _read_finding(self) -> None:
        if (story := self.query_one(Findings).next_story()) is not None:
            self.post_message(self.Read(story))

    def move(self, by: int) -> None:
        if self.at == "findings":
            self.query_one(Findings).move(by)
        elif self.at == "table":
            table, story = self.query_one(StoryTable), self.session.place.story
            self.session.select_story(table.story_at(story, by), step=True)

    def action_enter(self) -> None:
        if self.at == "findings":
            self._read_finding()
        elif self.tabled is not None:
            self.post_message(self.Read(self.session.place.story))

    def action_chart(self, by: int) -> None:
        charts = self.charts
        self.chart = charts[(charts.index(self.chart) + by) % len(charts)]
        if self.has_class("-narrow"):
            self.focus_pane("chart")
        self._want_tokens()
        self._want_endings()
        self._show_chart()

    def action_measure(self) -> None:
        self.session.look.measure = MEASURES[(MEASURES.index(self.measure) + 1) % len(MEASURES)]
        self._show_all()

    def action_sort(self) -> None:
        self.query_one(StoryTable).sort_by_next()
        self._show_sorted()

    def action_turn_round(self) -> None:
        self.query_one(StoryTable).turn_round()
        self._show_sorted()

    def _show_sorted(self) -> None:
        """What comes first is what one sorts for."""
        if (story := self.query_one(StoryTable).first_story) is not None:
            self.session.select_story(story)
        self._show_titles()

    def action_export(self) -> None:
        self._ask_for_file("Write the table to", "scores.csv", TABLE_FILES, report=False)

    def action_report(self) -> None:
        self._ask_for_file("Write a report to", "report.html", REPORT_FILES, report=True)

    def _ask_for_file(self, title: str, name: str, hint: str, *, report: bool) -> None:
        def write(text: str) -> str:
            if text.strip():
                self.analysis.export(path_of(text), report=report)
                if report:
                    self.notify("this takes some seconds", title="Writing a report")
            return ""

        self.app.push_screen(LineScreen(title, name, hint, write))
