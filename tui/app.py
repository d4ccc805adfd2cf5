"""The app: holds the session and the views, and carries messages between threads and them."""

from __future__ import annotations

import gc
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from platformdirs import user_cache_path
from textual._context import active_message_pump
from textual.app import SystemCommand
from textual.await_complete import AwaitComplete
from textual.message import Message
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen
from textual.theme import ThemeProvider
from textual.timer import Timer
from textual.widget import AwaitMount

from ..core.engine.messages import Explored
from ..core.engine.pool import Pool
from ..core.errors import EyebrowError, as_told
from ..core.files import write_atomically
from ..core.models.catalogue import ModelSpec
from ..core.scoring.recipe import Recipe
from ..core.stories import Stories, Story
from ..core.wording import visible
from . import actions
from .config import DEFAULTS, Config
from .keys import KeysInTurn
from .session import Session, remembering
from .session.asked import BUNDLE, Asked
from .session.change import Change, Notice
from .session.reading import Reading, StoriesRead
from .state import START, State, recall_state, remember_state
from .terminal.clipboard import takes_copies
from .terminal.colours import THEME
from .terminal.signals import leave_on_signals
from .terminal.thrift import Screenful
from .text.standing import standing
from .threads.answers import KeptCuts, KeptSums
from .threads.mailbox import Mailbox
from .threads.opening import AT_ONCE, Opened, Ready
from .threads.store import StoreReader
from .toasts import LastingNotification
from .views import VIEWS
from .views.dialogs.palette import Palette
from .views.frame import Frame

KEPT = 200  # notices that can be read again
TOAST = 6.0  # seconds
MANY = 5_000  # stories
LOOK = 1.0  # seconds between looks at a store that is followed


class Arrived(Message):
    """Something from the worker or the background, on the UI's thread now."""

    def __init__(self, what: Any) -> None:
        self.what = what
        super().__init__()


UNSAVED = "An edit is not saved"


class EyebrowApp(KeysInTurn):
    """One window on one session."""

    TITLE = "eyebrow"
    DEFAULT_MODE = "explore"
    ALLOW_SELECT = False  # by dragging: none of the panes has text for it, and a toast that goes
    # while it is clicked ended the program

    def __init__(
        self,
        stories: Stories,
        specs: Sequence[ModelSpec],
        recipe: Recipe,
        engine: Pool,
        mailbox: Mailbox,
        store: Path | None,
        at_once: int = AT_ONCE,
        config: Config = DEFAULTS,
        state: State = START,
        asked: Asked = BUNDLE,
        *,
        follow: bool = False,
    ) -> None:
        """at_once: stories that are read before the first picture. state: as it was left. follow:
        scores come from another program, by the store."""
        mode = self.DEFAULT_MODE  # its sheet is not loaded with it
        super().__init__(css_path=["views/frame.tcss", f"views/{mode}/{mode}.tcss"])
        self.told: deque[tuple[str, str]] = deque(maxlen=KEPT)  # titles and texts of notices
        self._said_unsaved: tuple[str, dict[str, str]] = "", {}  # what would lose which edits
        self._state = state
        for binding in actions.bindings(actions.EVERYWHERE, config.actions):
            self._bindings._add_binding(binding)
        self.stopping = {
            key for one in config.actions if one.id in ("back", "quit") for key in one.key_list
        }
        self._screenful = Screenful(ascii=config.ascii)
        self.mailbox = mailbox
        self.store = StoreReader(store, mailbox.put, follows=follow)
        self._arrivals: deque[Any] = deque()
        self._rest: Timer | None = None
        self._reading = self._reading_of(iter(stories))
        first = self._reading.first(at_once)
        self.session = Session(
            first,
            stories.name,
            specs,
            recipe,
            engine,
            self.store,
            self._announce,
            self._notice,
            mailbox.put,
            config,
            asked,
        )
        self.session.library.reading = len(first) == at_once
        self.session.place.view = mode
        remembering.restore(self.session, state)
        self._state = replace(state, stories={})  # of sources that this run has left
        for mode, screen in VIEWS.items():
            self.add_mode(mode, partial(self._make, *screen.split(":")))

    def _make(self, module: str, name: str) -> Screen[Any]:
        found = getattr(import_module(f".views.{module}", __package__), name)(self.session)
        assert isinstance(found, Frame)
        found.foresee(self.size)
        if not self.views:  # the sheets are parsed with the colours that are in force
            found._css_update_count = self._css_update_count
        return found

    @property
    def views(self) -> list[Frame]:
        """Those that were opened; the ones that are away do nothing."""
        stacks = (self._screen_stacks.get(mode) for mode in VIEWS)
        return [view for stack in stacks if stack and isinstance(view := stack[0], Frame)]

    def on_mount(self) -> None:
        wanted = self.session.config.theme or self._state.theme
        if THEME not in os.environ and wanted in self.available_themes:
            self.theme = wanted
        self._theme_at_start = self.theme
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        self.call_after_refresh(self._begin)
        leave_on_signals(
            lambda code: self.exit(return_code=code), lambda: remember_state(self.state)
        )

    @property
    def state(self) -> State:
        """What the next run is to know."""
        chosen = self.theme if self.theme != self._theme_at_start else self._state.theme
        return remembering.state(self.session, replace(self._state, theme=chosen))

    def _begin(self) -> None:
        """After the first paint: take in what threads have to say, read the other stories.

        numpy is imported here and not by two threads at the same time (the one that reads scores
        and the one that reads the store), which Python's import locks do not survive.
        """
        import numpy  # noqa: F401

        if not gc.isenabled():  # see `run`
            gc.freeze()
            gc.enable()
        # A thread that computes lets others in every 5 ms: too long for a key with many waits.
        sys.setswitchinterval(0.0005)
        self.mailbox.open(lambda what: self.post_message(Arrived(what)))
        self.store.look_up_marks()
        self.session.plan()
        self._read_on()
        if self.store.follows:
            self.set_interval(LOOK, self.session.look_for_more)

    def _reading_of(self, stories: Iterator[Story]) -> Reading:
        def is_wanted(reading: Reading) -> bool:
            return reading is self._reading and self._running

        return Reading(stories, self.mailbox.put, self.patience, is_wanted)

    def _read_on(self) -> None:
        if self.session.library.reading:
            self._reading.read_on()

    def open(self, ready: Ready) -> None:
        """Show what is ready in place of what is open; the worker keeps its models."""
        self._state = self.state  # of the source that is left
        self.session.asked = self.session.asked.then(ready.asked)
        if ready.reader is None:
            self.session.open(None, "", ready.specs)
        else:
            self._reading = self._reading_of(ready.reader)
            self.session.open(ready.first, ready.name, ready.specs)
            remembering.resume(self.session, {**recall_state().stories, **self._state.stories})
            self.session.plan()
            self.session.library.reading = len(ready.first) == AT_ONCE
            self._read_on()
        for view in self.views:
            view.open_anew()

    # --- messages --------------------------------------------------------------------------

    @property
    def keys_wait(self) -> bool:
        """While something is hunted."""
        return self.session.place.hunt is not None

    def on_arrived(self, message: Arrived) -> None:
        what = message.what
        if isinstance(what, Explored) and what.answers_key:  # a key's answer waits for no other
            self.session.receive(what)
            return
        self._arrivals.append(message.what)
        if self._rest is None:
            self._take_one()

    def _take_one(self) -> None:
        """One arrival; keys then have the time that it took to themselves."""
        self._rest = None
        if not self._arrivals:
            return
        if patience := self.patience():
            self._take_next_in(patience)
            return
        began, what = perf_counter(), self._arrivals.popleft()
        if isinstance(what, StoriesRead):
            self._take_stories(what)
        else:
            self.session.receive(what)
        if isinstance(what, StoriesRead | KeptSums | KeptCuts) and self._holds_many:
            gc.freeze()  # they stay: looking through them for garbage would keep keys waiting
        self._take_next_in(perf_counter() - began)

    @property
    def _holds_many(self) -> bool:
        """Whether looking through all there is takes long. Where it does not, nothing is
        exempted: what is garbage by then would stay for ever."""
        return len(self.session.library.stories) >= MANY

    def _take_next_in(self, seconds: float) -> None:
        """Textual skips a timer whose time is over before it has begun to wait: here it would
        never ring, and nothing would arrive any more."""
        self._rest = self.set_timer(seconds, self._take_one)
        self._rest._skip = False

    def _take_stories(self, read: StoriesRead) -> None:
        if read.reading is not self._reading:
            return  # other stories were opened meanwhile
        if read.trouble is not None:
            self._notice(Notice(read.trouble.title, read.trouble.message, severe=True))
        self.session.add(read.batch)
        if read.done:
            self.session.end_reading()
        self.session.plan()

    def _announce(self, change: Change) -> None:
        for view in self.views if self._running else ():
            view.changed(change)
        self.take_waiting_keys()

    def _notice(self, notice: Notice) -> None:
        self.notify(
            notice.message,
            title=notice.title,
            severity="error" if notice.severe else "information",
            timeout=2 * TOAST if notice.severe else TOAST,
        )

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Every toast, those of views too; what it names comes from files, models and servers, so
        nothing is markup."""
        self.told.append((title, message))
        shown = LastingNotification(
            visible(message), visible(title), severity, timeout or TOAST, markup=False
        )
        for toast in [*self._notifications]:
            if (toast.title, toast.message) == (shown.title, shown.message):
                self._unnotify(toast, refresh=False)  # the same twice would only stand in the way
        self.post_message(Notify(shown))

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        return variables | standing(variables)

    def _theme_changed(self, _: object) -> None:
        for view in self.views:
            view.repaint_colours()

    # --- the terminal ----------------------------------------------------------------------

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, self._screenful.thrifty(renderable))

    def action_redraw(self) -> None:
        """Write every cell again: something else has written to the terminal."""
        self._screenful.forget()
        self.screen.refresh(layout=True)

    # --- actions ---------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing of the program's over a dialogue."""
        return not (action in ("act", "command_palette") and self.screen.is_modal)

    async def action_act(self, name: str, number: int = 1) -> None:
        """Do an action of the list; number: that of its key."""
        await self.run_action(actions.BY_ID[name].run.format(n=number))

    async def action_view(self, by: int) -> None:
        views = [*VIEWS]
        await self._show_view(views[(views.index(self.current_mode) + by) % len(views)])

    async def action_finds(self) -> None:
        if self.current_mode != "compare":
            await self._show_view("compare")
        if isinstance(view := self.screen, Frame):
            view.focus_pane("finds")

    async def _show_view(self, view: str) -> None:
        """It is one of the places that one goes back to."""
        if not self.screen.is_modal:
            self.session.show_view(view)
        await self.switch_mode(view)

    def switch_mode(self, mode: str) -> AwaitMount:
        """Not under a dialogue: it belongs to the view that it was opened over, which Textual's
        palette looks for where it is mounted."""
        return super().switch_mode(self.current_mode if self.screen.is_modal else mode)

    async def on_frame_read(self, message: Frame.Read) -> None:
        self.session.read(message.story)
        await self.switch_mode("explore")

    def on_frame_open(self, message: Frame.Open) -> None:
        names = tuple(spec.name for spec in message.specs)
        self.open(Ready(Opened(models=names), specs=message.specs))
        message.then()

    def action_help(self) -> None:
        from .views.dialogs.help import HelpScreen

        if isinstance(view := self.screen, Frame):
            about = type(view.query_one(f"#{view.at}")).HELP or ""
            config = self.session.config
            table, bits = config.actions, config.eyebrow_bits
            self.push_screen(HelpScreen(view.NAME, view.at, about, table, bits))

    def action_open(self) -> None:
        from .views.dialogs.open import OpenScreen

        if self._tells_of_edits("opening"):
            return

        def show(ready: Ready | None) -> None:
            if ready is not None:
                self.open(ready)

        models = " ".join(size.name for size in self.session.models.sizes)
        self.push_screen(OpenScreen(self.session.library.name, models), show)

    def copy(self, text: str, said: str) -> None:
        """Onto the clipboard, or into a file where the terminal takes no copies; says which."""
        whole = text.encode("utf-8", "replace")
        takes = takes_copies(os.environ, len(whole))
        if takes != "no":
            self.copy_to_clipboard(whole.decode())
        if takes == "yes":
            self.notify("copied to the clipboard (OSC 52)", title=said)
            return
        place = user_cache_path("eyebrow") / "copied.txt"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, whole)
        except (OSError, EyebrowError) as error:
            self.notify(as_told(error, "Cannot copy").message, title=said, severity="error")
            return
        also = "handed to the terminal (OSC 52), which may not take it, and " * (takes == "maybe")
        self.notify(f"{also}written to {place}", title=said)

    def on_frame_copy(self, message: Frame.Copy) -> None:
        self.copy(message.text, message.said)

    def action_devices(self) -> None:
        from .views.dialogs.devices import DevicesScreen

        self.push_screen(DevicesScreen(self.session))

    def action_notices(self) -> None:
        """What was told, the newest first; what is chosen is copied."""
        from .views.dialogs.choose import ChooseScreen

        lines = [": ".join(filter(None, told)) for told in reversed(self.told)]
        if lines:
            copy = partial(self.copy, said="the notice")
            title = "Notices; enter copies"
            self.push_screen(ChooseScreen(title, lines, 0, lambda at: copy(lines[at])))
        else:
            self.notify("nothing was told yet")

    def pop_screen(self) -> AwaitComplete:
        """A dialogue that is left twice, as by two clicks beside it, is left once."""
        asking = active_message_pump.get(None)
        if isinstance(asking, Screen) and asking is not self.screen:
            return AwaitComplete().call_next(self)
        return super().pop_screen()

    def action_command_palette(self) -> None:
        self.push_screen(Palette())

    async def action_quit(self) -> None:
        if not self._tells_of_edits("leaving"):
            await super().action_quit()

    def action_help_quit(self) -> None:
        """What ctrl+c gets, which Textual would say in its markup."""
        key = actions.shown_key(self.session.config.action("quit").key_list[0])
        self.notify(f"{key} quits", title="Still here")

    def _tells_of_edits(self, doing: str) -> bool:
        """An edit that is nowhere else is not lost without a word; said once of each, and of each
        way to lose it."""
        if isinstance(view := self.screen, Frame):
            view.hand_over()
        unsaved = self.session.edit.unsaved
        if not unsaved or self._said_unsaved == (doing, unsaved):
            return False
        self._said_unsaved = doing, unsaved
        save = actions.shown_key(self.session.config.action("keep-edit").key_list[0])
        self.notify(f"{doing} again loses it; e takes it up, {save} saves it", title=UNSAVED)
        return True

    def action_theme(self) -> None:
        self.push_screen(Palette([ThemeProvider], placeholder="Search for themes…"))

    def action_picture(self) -> None:
        self.deliver_screenshot()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action, also those that have no key; those of another view lead there first."""
        for title, action in actions.for_palette(self.current_mode, self.session.config.actions):
            keys = " ".join(actions.shown(action))
            about = ", ".join(part for part in (keys and f"key {keys}", action.place) if part)
            yield SystemCommand(title, about, partial(self._run_listed, action))

    def _run_listed(self, action: actions.Action) -> None:
        self.run_worker(self.run_listed(action), exclusive=False)

    async def run_listed(self, action: actions.Action) -> None:
        """Do what was chosen in the palette, in the view and the pane that it is for."""
        if action.views and self.current_mode not in action.views:
            await self._show_view(action.views[0])
        view = self.screen
        if action.pane and isinstance(view, Frame) and view.at != action.pane:
            view.focus_pane(action.pane)
        target = self if action.where == actions.EVERYWHERE else view
        await self.run_action(action.asks or action.run, target)
