"""Damage: what rounding, pruning and packing cost, and what breaks first."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer

from ....core.wording import visible
from ... import actions
from ...panes.bars import Bar, Legend
from ...panes.chart import Chart
from ...panes.story_text import StoryText
from ...panes.variant_list import VariantList
from ...session import Session
from ...session.change import Change
from ..dialogs.line import LineScreen
from ..reader import ReaderFrame
from . import pictures, showing

REST = 0.3  # seconds on a variant before the story is scored under it: it may have to be loaded
VARIANTS_HINT = (
    "bits4:attention prune0.2 bits3:group64 int8, 6 for six bits, +adapter, an open model or a path"
)


class DamageScreen(ReaderFrame):
    """The fifth view."""

    NAME = "damage"
    PANES = ("variants", "curve", "text")
    CSS_PATH = ["../frame.tcss", "damage.tcss"]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.chart: pictures.ChartName = pictures.CHARTS[0]
        self._rest: Timer | None = None

    def compose_panes(self) -> ComposeResult:
        yield Chart(id="curve")
        with Vertical(id="story"):
            yield StoryText(id="text")
            yield Bar(id="under")
            yield Legend(id="legend")
        yield VariantList(id="variants")

    # --- what changed ----------------------------------------------------------------------

    def show(self, change: Change) -> None:
        if change & (Change.DAMAGE | Change.SIZES | Change.STORIES):
            self._show_table()
            self._show_chart()
        if change & (Change.DAMAGE | Change.STORY | Change.TOKEN | Change.SIZES):
            self._show_story()
            self._want_at_rest()
        self.say_found()

    def _want_at_rest(self) -> None:
        """A held key goes from variant to variant: those it passes are not loaded."""
        if self._rest is not None:
            self._rest.stop()
        want = partial(self.session.variants.want_story, kl=self._by_kl)
        self._rest = self.set_timer(REST, want)

    @property
    def _by_kl(self) -> bool:
        """Whether the story is coloured by KL: where the chart is of it."""
        return self._chart_here.endswith("-kl")

    @property
    def _chart_here(self) -> pictures.ChartName:
        """The one that was chosen, where there is something to draw in it."""
        names = pictures.shown(self.session.variants.table)
        return self.chart if self.chart in names else names[0]

    def _show_table(self) -> None:
        variants, pane = self.session.variants, self.query_one(VariantList)
        pane.border_title = Content(visible(showing.title(variants)))
        stops = [f", {key} stops" for key in actions.shown(self.session.config.action("download"))]
        running = showing.progress(variants)
        pane.border_subtitle = Content(visible(running and "".join([running, *stops[:1]])))
        pane.waiting = variants.why_not or showing.NOTHING
        pane.row = variants.at
        pane.table = showing.table(variants)

    def _show_chart(self) -> None:
        variants, chart = self.session.variants, self.query_one("#curve", Chart)
        line = variants.line
        look = pictures.Look(
            self.app.current_theme.dark, self.depth, "" if line is None else line.name
        )
        view = pictures.view(self._chart_here, variants.table, look)
        chart.border_title = Content(visible(view.title))
        chart.border_subtitle = Content(view.note)
        chart.waiting = view.waiting
        chart.picture = view.picture

    def _show_story(self) -> None:
        told = showing.story(
            self.session, kl=self._by_kl, dark=self.app.current_theme.dark, depth=self.depth
        )
        text = self.query_one("#text", StoryText)
        self.query_one("#story", Vertical).border_title = Content(visible(told.title))
        text.token = self.session.place.token
        text.paint = told.paint
        self.query_one("#under", Bar).parts = ((told.note, ""),)
        self.query_one(Legend).entries = told.legend

    # --- moving ----------------------------------------------------------------------------

    def on_variant_list_selected(self, message: VariantList.Selected) -> None:
        variants = self.session.variants
        variants.move(message.row - variants.at)

    def move(self, by: int) -> None:
        if self.at == "text":
            self.move_line(by)
        else:
            self.session.variants.move(by)

    def action_enter(self) -> None:
        """The story in Explore."""
        self.post_message(self.Read(self.session.place.story))

    def action_damage_chart(self, by: int) -> None:
        names = pictures.shown(self.session.variants.table)
        self.chart = names[(names.index(self._chart_here) + by) % len(names)]
        self.changed(Change.DAMAGE, at_once=True)

    # --- measuring -------------------------------------------------------------------------

    def action_measure_widths(self) -> None:
        self._say(self.session.variants.measure())

    def action_measure_parts(self) -> None:
        if not self._say(self.session.variants.measure_parts()):
            self.chart = "parts"

    def action_type_variants(self) -> None:
        def accept(text: str) -> str:
            words = [word.removeprefix("@") for word in text.replace(",", " ").split()]
            return self.session.variants.measure(words) if words else ""

        self.app.push_screen(LineScreen("Measure variants", "", VARIANTS_HINT, accept))

    def action_download(self) -> None:
        if not self.session.variants.stop_or_resume():
            super().action_download()

    def action_open_variant(self) -> None:
        """As a model beside the others, compared with its reference."""
        session, variants = self.session, self.session.variants
        line, reference = variants.line, variants.reference
        if line is None or line.spec is None:
            self.notify("a variant of the table can be opened; the noise floor is none")
            return
        sizes = [size.spec for size in session.models.sizes]
        name = line.name

        def look() -> None:
            names = [size.name for size in session.models.sizes]
            session.select_size(names.index(name))
            session.choose_reference(session.models.named(reference.name))
            self.notify(f"{name} is open, with {reference.name} as its reference")

        others = tuple(spec for spec in sizes if spec.name != name)
        self.post_message(self.Open((*others, line.spec), look))

    def _say(self, wrong: str) -> bool:
        if wrong:
            self.notify(wrong, severity="error")
        return bool(wrong)
