"""The screen that all views are: title, panes in turn, status, keys; what keys do in every view."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingsMap
from textual.containers import Container
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from ...core.models.spec import ModelSpec
from .. import actions
from ..panes.bars import Bar, KeyBar
from ..session import Session
from ..session.arrange import Filter
from ..session.change import Change
from ..terminal.colours import colour_depth
from . import status
from .copying import Offer, offers

SLOW = 0.25  # seconds between repaints that only the worker caused
SMALLEST = (60, 16)
EVERYTHING = ~Change.FOUND
# What the reader's own keys change, and what answers them.
OWN = Change.STORY | Change.TOKEN | Change.STORIES | Change.FINDS | Change.NEXT | Change.BRANCHES


class Frame(Screen[None]):
    """A view gives its panes, shows what changed in them, and knows what keys do there.

    NAME: its mode. PANES: the ids of those that take the focus in turn. Keys change the session
    and `at`, and nothing that is drawn: drawing follows, and may skip what nobody has seen.
    """

    NAME: ClassVar[str]
    PANES: ClassVar[tuple[str, ...]]

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-middle"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-high")]
    AUTO_FOCUS = ""

    class Read(Message):
        """The story with this index is to be read, in Explore."""

        def __init__(self, story: int) -> None:
            self.story = story
            super().__init__()

    class Open(Message):
        """These models are to be open in place of those that are, and something done then."""

        def __init__(self, specs: tuple[ModelSpec, ...], then: Callable[[], None]) -> None:
            self.specs, self.then = specs, then
            super().__init__()

    class Copy(Message):
        """A text is to be copied; said: what it is, in words."""

        def __init__(self, text: str, said: str) -> None:
            self.text, self.said = text, said
            super().__init__()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.actions = session.config.actions
        own = BindingsMap(actions.bindings(self.NAME, self.actions)).key_to_bindings
        self._bindings = BindingsMap.from_keys(self._bindings.key_to_bindings | own)
        self.depth = colour_depth(os.environ)
        self.at = self.PANES[0]  # the pane that keys go to
        self._has_begun = False
        self._undrawn = Change(0)
        self._late = Change(0)
        self._timer: Timer | None = None

    def foresee(self, size: Size) -> None:
        """Take the classes that the first focus and the first resize give: before the screen is
        mounted they cost nothing, later its styles are worked out anew for each."""
        self.add_class(f"-at-{self.group_of(self.at)}", update=False)
        lengths = (
            (size.width, self.HORIZONTAL_BREAKPOINTS),
            (size.height, self.VERTICAL_BREAKPOINTS),
        )
        for length, breakpoints in lengths:
            _, name = max(point for point in breakpoints or () if point[0] <= length)
            self.add_class(name, update=False)

    def _compositor_refresh(self) -> None:
        """In a batch Textual draws a frame and throws it away, the first one at that."""
        if not self.app._batch_count:
            super()._compositor_refresh()

    # --- what a view gives -----------------------------------------------------------------

    def compose_panes(self) -> ComposeResult:
        """The panes, with their ids."""
        raise NotImplementedError

    def show(self, change: Change) -> None:
        """Draw what changed."""
        raise NotImplementedError

    def move(self, by: int) -> None:
        """So many lines on or back in the pane `at`."""

    def end(self, to: int) -> None:
        """To the first (-1) or the last (1) in the pane `at`."""
        self.move(to * 1_000_000_000)

    def turns(self) -> tuple[str, ...]:
        """The panes that take the focus in turn, as the terminal is now."""
        return self.PANES

    def open_anew(self) -> None:
        """Other stories are open, or other models."""

    def offers(self) -> list[Offer]:
        """What can be copied."""
        return offers(self.session)

    def find_text(self) -> None:
        """A hunt has come to a token."""

    # --- the frame -------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield Bar(id="title")
        with Container(id="panes"):
            yield from self.compose_panes()
        yield Bar(id="status")
        yield KeyBar(id="keys")
        yield Static("", id="too-small")

    def on_mount(self) -> None:
        self.focus_pane(self.at)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """What costs an import, as charts do, comes after the first paint."""
        self._has_begun = True
        self._list_and_show()

    def _list_and_show(self) -> None:
        """With what came while another view, or none, was shown."""
        self.session.list_what_came()
        self.changed(EVERYTHING, at_once=True)

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        tiny = width < SMALLEST[0] or height < SMALLEST[1]
        self.set_class(tiny, "-tiny")
        if tiny:
            self.query_one("#too-small", Static).update(
                f"eyebrow needs {SMALLEST[0]}x{SMALLEST[1]}, this is {width}x{height}"
            )
        self.show_bars()

    def on_screen_resume(self) -> None:
        self._list_and_show()

    @property
    def is_away(self) -> bool:
        """Whether another view is shown; nothing is worked out or drawn meanwhile."""
        return not self._has_begun or self.app.current_mode != self.NAME

    def changed(self, change: Change, *, at_once: bool = False) -> None:
        """Show what changed: the reader's own moves now, the worker's a few times a second."""
        if Change.FOUND in change:
            self.find_text()
        if self.is_away:
            return
        now = change if at_once else change & OWN
        self._late |= change & ~now
        if now and not self._undrawn:
            self.call_later(self._draw)
        self._undrawn |= now
        if self._late and self._timer is None:
            self._timer = self.set_timer(SLOW, self._draw_late)

    def _draw(self) -> None:
        change, self._undrawn = self._undrawn, Change(0)
        if self.is_away or not change:
            return
        self.show(change)
        if change & ~Change.TOKEN:
            self.show_bars()

    def _draw_late(self) -> None:
        change, self._late, self._timer = self._late, Change(0), None
        if self.is_away:
            return
        self.session.list_what_came()
        self.changed(change, at_once=True)

    def show_bars(self) -> None:
        """Title, status line and keys."""
        if not self.is_mounted:
            return
        session, width = self.session, self.app.size.width
        title, line = self.query_one("#title", Bar), self.query_one("#status", Bar)
        title.parts = status.title(session)
        title.right = status.tabs(session, self.NAME, width)
        line.parts = status.status(session)
        line.right = ((f" {status.what_runs(session)}", "spare"),)
        self.query_one(KeyBar).hints = tuple(actions.hints(self.NAME, self.at, self.actions))

    def repaint_colours(self) -> None:
        """Scales and pictures have colours of their own: a new theme needs them anew."""
        self.changed(EVERYTHING, at_once=True)

    # --- panes -----------------------------------------------------------------------------

    def focus_pane(self, pane: str) -> None:
        """Keys go there from now on."""
        self.at = pane
        for name in self.PANES:
            self.set_class(name == self.group_of(pane), f"-at-{name}")
        widget = self.query_one(f"#{pane}")
        for child in self.query_one("#panes").children:
            is_it = child is widget or child in widget.ancestors
            child.set_class(is_it, "-it", update=self.has_class("-alone"))
        self.set_focus(widget)
        self.show_bars()

    def group_of(self, pane: str) -> str:
        """The pane that it stands with where panes take turns."""
        return pane

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click has put it there; of two clicks the last, or they would take turns for ever."""
        if event.widget is not self.focused:
            return
        if event.widget.id in self.PANES and event.widget.id != self.at:
            self.focus_pane(event.widget.id)

    def page(self, by: int) -> int:
        """Lines of a page in the pane `at`."""
        pane: Widget = self.query_one(f"#{self.at}")
        return by * max(1, pane.scrollable_content_region.height - 1)

    # --- actions ---------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether it applies where the focus is; two actions may share a key."""
        if action != "act":
            return True
        return actions.BY_ID[str(parameters[0])].applies(self.NAME, self.at)

    async def action_act(self, name: str, number: int = 1) -> None:
        """Do an action of the list; number: that of its key."""
        await self.run_action(actions.BY_ID[name].run.format(n=number))

    def say_why(self, key: str) -> None:
        """A key that means nothing here says where it does."""
        if why := actions.why_not(key, self.NAME, self.at, self.actions):
            self.notify(why)

    def action_move(self, by: int) -> None:
        if self._has_rows():
            self.move(by)

    def action_end(self, to: int) -> None:
        if self._has_rows():
            self.end(to)

    def action_page(self, by: int) -> None:
        if self._has_rows():
            self.move(self.page(by))

    def _has_rows(self) -> bool:
        """Whether one can move in the pane `at`; where not, it says so."""
        if self.at == "chart":
            self.notify("there is nothing to move through in a chart")
        return self.at != "chart"

    def action_turn(self, by: int) -> None:
        turns = self.turns()
        at = turns.index(self.at) if self.at in turns else 0
        self.focus_pane(turns[(at + by) % len(turns)])

    def action_zoom(self) -> None:
        self.toggle_class("-alone")
        self.changed(EVERYTHING, at_once=True)

    def action_back(self) -> None:
        """Out of the innermost: a hunt, a pane alone, a pane, a filter."""
        library = self.session.library
        if self.session.hunts.stop():
            return
        if self.has_class("-alone"):
            self.action_zoom()
        elif self.at != self.PANES[0]:
            self.focus_pane(self.PANES[0])
        elif library.filter:
            self.session.filter(Filter())

    def hand_over(self) -> None:
        """What is being typed in a pane is the session's."""

    def action_size(self, by: int) -> None:
        self.session.select_size(self.session.models.current + by)

    def action_size_at(self, number: int) -> None:
        if number > (count := len(self.session.models.sizes)):
            self.notify(f"there are {count} sizes")
        self.session.select_size(number - 1)

    def action_ask_size(self) -> None:
        from .dialogs.choose import ChooseScreen

        models = self.session.models
        sizes = models.sizes  # they are listed anew where one is found to have more parameters
        names = [size.name for size in sizes]

        def take(at: int) -> None:
            self.session.select_size(models.sizes.index(sizes[at]))

        self.app.push_screen(ChooseScreen("Size", names, models.current, take))

    async def action_been(self, by: int) -> None:
        view = self.session.go_back(by)
        if view is None:
            self.notify("this is the first place" if by < 0 else "this is the last place")
        elif view != self.NAME:
            await self.app.switch_mode(view)

    def action_lines(self) -> None:
        from .dialogs.lines import LinesScreen

        self.app.push_screen(LinesScreen(self.session))

    def action_mark(self) -> None:
        self.session.mark()

    def action_copy(self) -> None:
        from .dialogs.choose import ChooseScreen

        offers = self.offers()
        names = [offer.name for offer in offers]

        def take(at: int) -> None:
            self.post_message(self.Copy(offers[at].text(), offers[at].said))

        self.app.push_screen(ChooseScreen("Copy", names, 0, take))

    def action_download(self) -> None:
        self.session.toggle_download()
