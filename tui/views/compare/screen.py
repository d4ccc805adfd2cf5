"""Compare: which words a model learned to see coming that its reference does not."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.timer import Timer

from ....core.wording import many, visible
from ...panes.bars import Bar, Legend
from ...panes.chart import Chart
from ...panes.finds import FindList
from ...panes.story_text import StoryText
from ...session import Session
from ...session.change import Change
from ...text.reading import UNITS
from ..dialogs.line import LineScreen
from ..reader import ReaderFrame
from . import pictures, showing

SIDE_BY_SIDE = 96  # cells in which two texts stand beside each other
FILTER_HINT = "finds that hold these words; nothing: all"


class Texts(Vertical):
    """Two texts, one above the other, or side by side where both have room for it."""

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= SIDE_BY_SIDE, "-side-by-side")


class CompareScreen(ReaderFrame):
    """The third view: finds over all listed stories, the story under both models, gaps by kind."""

    NAME = "compare"
    PANES = ("finds", "text", "gaps")
    CSS_PATH = ["../frame.tcss", "compare.tcss"]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._again: Timer | None = None
        self._listed: tuple[str, ...] = ()  # how the finds are listed that are shown

    def compose_panes(self) -> ComposeResult:
        yield FindList(id="finds")
        with Vertical(id="story"):
            with Texts(id="texts"):
                yield StoryText(id="text")
                reference = StoryText(id="reference")
                reference.can_focus = False
                yield reference
            yield Bar(id="under")
            yield Legend(id="legend")
        yield Chart(id="gaps")

    def on_mount(self) -> None:
        self.query_one("#gaps", Chart).border_title = "Gap by kind"
        self.watch(self.query_one("#text", StoryText), "scroll_y", self._scroll_along, init=False)

    def _scroll_along(self) -> None:
        """The same lines of both: with one width they are broken alike."""
        text, reference = (
            self.query_one("#text", StoryText),
            self.query_one("#reference", StoryText),
        )
        reference.scroll_along(text)

    def open_anew(self) -> None:
        """Nothing of what was compared holds for other stories or models."""
        self._want()

    # --- what changed ----------------------------------------------------------------------

    def show(self, change: Change) -> None:
        if change & (Change.SUMS | Change.SIZES | Change.STORIES):
            self._want()
        if change & (Change.FINDS | Change.SIZES | Change.STORIES):
            self._show_finds()
            self._show_gaps()
            self._follow()
        if change & (Change.STORY | Change.SIZES | Change.TOKEN | Change.FINDS):
            self._show_story()
        self.say_found()

    def _want(self) -> None:
        """Have the pair compared if there is anything new, now or a little later."""
        if self._again is not None:
            self._again.stop()
            self._again = None
        if not self.is_away and (later := self.session.comparison.want()) is not None:
            self._again = self.set_timer(later, self._want)

    def _show_finds(self) -> None:
        comparison, pane = self.session.comparison, self.query_one(FindList)
        pane.border_title = Content(visible(showing.finds_title(comparison)))
        pane.waiting = comparison.why or showing.none_found(self.session)
        pane.row = comparison.at
        pane.finds = showing.finds(self.session)
        pane.border_subtitle = Content(visible(showing.counted(comparison)))

    def _follow(self) -> None:
        """Where others are listed, by another order, unit or pair, the first of them is shown."""
        found, models = self.session.comparison.finds, self.session.models
        if found is None or models.reference is None or self.is_away:
            return
        listing = found.listing
        before = self._listed
        self._listed = (listing.sort, listing.unit, models.size.name, models.reference.name)
        if before not in ((), self._listed) and self.at == "finds":
            self._go_by(0)

    def on_screen_suspend(self) -> None:
        self._listed = ()  # what is listed when one comes back leaves the story as it is

    def _show_story(self) -> None:
        session, dark = self.session, self.app.current_theme.dark
        story = session.library.stories[session.place.story] if session.library.stories else None
        size, reference = session.models.size, session.models.reference
        box = self.query_one("#story", Vertical)
        title = "No story" if story is None else visible(story.title)
        box.border_title = Content(title)
        both = showing.both(session, dark=dark, depth=self.depth)
        texts = self.query_one("#text", StoryText), self.query_one("#reference", StoryText)
        texts[0].border_title = Content(visible(size.name))
        texts[1].border_title = Content(
            f"{visible(reference.name)}, the reference" if reference else "no reference"
        )
        for text, paint, token in zip(texts, both.paints, both.tokens, strict=True):
            text.token = token
            if text.paint is not paint:
                text.paint = paint
        self.call_after_refresh(self._scroll_along)
        box.border_subtitle = Content(both.total)
        self.query_one("#under", Bar).parts = ((both.note, ""),)
        self.query_one(Legend).entries = both.legend

    def _show_gaps(self) -> None:
        comparison, chart = self.session.comparison, self.query_one("#gaps", Chart)
        chart.waiting = comparison.why
        if (found := comparison.found) is None:
            chart.picture, chart.border_subtitle = None, ""
            return
        gaps = found.compared.gaps
        chart.border_subtitle = f"95 % over {many(gaps.clusters, 'group')} of stories"
        chart.picture = partial(
            pictures.gap_by_kind,
            gaps,
            showing.total(comparison),
            dark=self.app.current_theme.dark,
            depth=self.depth,
        )

    # --- moving ----------------------------------------------------------------------------

    def on_find_list_selected(self, message: FindList.Selected) -> None:
        comparison = self.session.comparison
        if message.row == comparison.at:
            self.action_enter()
        self._go_by(message.row - comparison.at)

    def move(self, by: int) -> None:
        if self.at == "finds":
            self._go_by(by)
        elif self.at == "text":
            self.move_line(by)

    def _go_by(self, by: int) -> None:
        if (place := self.session.comparison.move(by)) is not None:
            self.query_one(FindList).row = self.session.comparison.at
            self.session.go_to(*place, step=True)

    def action_enter(self) -> None:
        """From a find into its story; from there to the story in Explore."""
        if self.at == "text":
            self.post_message(self.Read(self.session.place.story))
            return
        self._go_by(0)
        self.focus_pane("text")

    # --- what is listed --------------------------------------------------------------------

    def action_unit(self) -> None:
        comparison = self.session.comparison
        comparison.list_by(unit=UNITS[(UNITS.index(comparison.listing.unit) + 1) % len(UNITS)])

    def action_sort(self) -> None:
        comparison = self.session.comparison
        sorts, now = comparison.sorts, comparison.listing.sort
        at = sorts.index(now) if now in sorts else -1
        comparison.list_by(sort=sorts[(at + 1) % len(sorts)])

    def action_filter(self) -> None:
        comparison = self.session.comparison
        before = comparison.listing.words

        def typed(text: str) -> str:
            comparison.list_by(words=text.strip())
            return ""

        def restore() -> None:
            comparison.list_by(words=before)

        screen = LineScreen("Finds that hold", before, FILTER_HINT, typed, typed, restore)
        self.app.push_screen(screen)

    def action_back(self) -> None:
        """Out of the innermost; a filter of the finds is the last of them."""
        if self.at == "finds" and self.session.comparison.listing.words:
            self.session.comparison.list_by(words="")
        else:
            super().action_back()
