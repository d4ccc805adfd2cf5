"""The app: holds the session and the views, and carries messages between threads and them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice, takewhile
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.events import Event, Key
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import get_current_worker

from ..core.engine.client import Engine
from ..core.errors import EyebrowError
from ..core.models.catalogue import ModelSpec
from ..core.scoring.recipe import Recipe
from ..core.stories import Stories, Story
from ..core.wording import visible
from .session.arrange import Filter
from .session.batch import Batch, batch_of
from .session.change import Change, Notice
from .session.opening import AT_ONCE, Heard, Ready, successor
from .session.session import Session
from .terminal.colours import colour_depth
from .terminal.thrift import Screenful
from .threads.mailbox import Mailbox
from .threads.store import Background, KeptCuts, KeptSums
from .views.explore.screen import ExploreScreen
from .views.frame import VIEWS

BATCH = 200  # at a time after that: reading them must not keep a key waiting
ANSWER = 0.025  # seconds that a key takes to be answered; one held down comes every 0.03
ROOM = 300_000_000  # characters of all the stories together


NOTHING = batch_of(())


class Arrived(Message):
    """Something from the worker or the background, on the UI's thread now."""

    def __init__(self, what: Any) -> None:
        self.what = what
        super().__init__()


@dataclass(frozen=True, slots=True)
class StoriesRead:
    """More stories of `reader`; `done` with the last of them, `trouble` if it ended early."""

    reader: Iterator[Story]
    batch: Batch
    done: bool = False
    trouble: EyebrowError | None = None


class EyebrowApp(App[None]):
    """One window on one session."""

    TITLE = "eyebrow"
    CSS_PATH = "views/explore/explore.tcss"  # the default screen's own would not be loaded
    DEFAULT_MODE = "explore"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS = [
        Binding("question_mark", "help", "help", id="app.help"),
        Binding("greater_than_sign", "view(1)", "next view", id="app.next-view"),
        Binding("less_than_sign", "view(-1)", "previous view", id="app.previous-view"),
        Binding("o", "open", "open stories or models", id="app.open"),
        Binding("t", "theme", "theme", id="app.theme"),
        Binding("ctrl+l", "redraw", "redraw the screen", id="app.redraw", show=False),
        Binding("q,ctrl+q", "quit", "quit", id="app.quit"),
    ]

    def __init__(
        self,
        stories: Stories,
        specs: Sequence[ModelSpec],
        recipe: Recipe,
        engine: Engine,
        mailbox: Mailbox,
        store: Path | None,
    ) -> None:
        super().__init__()
        self.depth = colour_depth(os.environ)
        self._screenful = Screenful()
        self.mailbox = mailbox
        self.recipe = recipe
        self.heard = Heard(specs)
        self.background = Background(store, mailbox.put)
        self._arrivals: deque[Any] = deque()
        self._rest: Timer | None = None
        self._key_at = 0.0
        self._reader = iter(stories)
        first = list(islice(self._reader, AT_ONCE))
        self.session = Session(
            first,
            stories.name,
            specs,
            recipe,
            engine,
            self.background,
            self._announce,
            self._notice,
        )
        self.session.reading = len(first) == AT_ONCE
        self.add_mode("explore", lambda: ExploreScreen(self.session))
        self.add_mode("scale", self._scale)

    def _scale(self) -> Screen[Any]:
        from .views.scale.screen import ScaleScreen

        return ScaleScreen(self.session, self.background.folder)

    @property
    def views(self) -> list[Any]:
        """Those that were opened; the ones that are away do nothing."""
        return [stack[0] for mode in VIEWS if (stack := self._screen_stacks.get(mode))]

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        self.call_after_refresh(self._begin)
        if hasattr(signal, "SIGHUP"):
            # The terminal went away: there is nothing to restore; the worker sees the pipe close.
            signal.signal(signal.SIGHUP, lambda *_: os._exit(129))
        for name in ("SIGINT", "SIGTERM", "SIGQUIT"):
            if (number := getattr(signal, name, None)) is not None:
                with suppress(NotImplementedError, RuntimeError):  # Windows; not the main thread
                    asyncio.get_running_loop().add_signal_handler(
                        number, partial(self.exit, return_code=128 + number)
                    )

    def _begin(self) -> None:
        """After the first paint: take in what threads have to say, read the other stories.

        numpy is imported here and not by two threads at the same time (the one that reads scores
        and the one that reads the store), which Python's import locks do not survive.
        """
        import numpy  # noqa: F401

        # A thread that computes lets others in every 5 ms: too long for a key with many waits.
        sys.setswitchinterval(0.0005)
        self.mailbox.open(lambda what: self.post_message(Arrived(what)))
        self.background.look_up_marks()
        self.session.plan()
        self._read_on()

    def _read_on(self) -> None:
        if self.session.reading:
            self.run_worker(partial(self._read, self._reader), thread=True, name="stories")

    def _read(self, reader: Iterator[Story]) -> None:
        """Until its end, until other stories are opened, or until one leaves."""
        worker = get_current_worker()
        wanted = takewhile(lambda _: reader is self._reader and not worker.is_cancelled, reader)
        try:
            size = 0
            began = perf_counter()
            while (batch := batch_of(islice(wanted, BATCH))).stories:
                size += sum(len(story.text) for story in batch.stories)
                self.mailbox.put(StoriesRead(reader, batch))
                if size > ROOM:
                    raise EyebrowError(
                        "Too long to list",
                        "reading stopped here, the memory would fill; --limit or a smaller file "
                        "holds what you want to browse, `eyebrow score` reads it all",
                    )
                sleep(max(perf_counter() - began, self._patience))
                began = perf_counter()
        except EyebrowError as error:
            self.mailbox.put(StoriesRead(reader, NOTHING, done=True, trouble=error))
            return
        self.mailbox.put(StoriesRead(reader, NOTHING, done=True))

    def open(self, ready: Ready) -> None:
        """Show what is ready in place of what is open; the worker keeps its models."""
        self.session = successor(ready, self.session, self.recipe, self.heard)
        for view in self.views:
            view.turn_to(self.session)
        self.session.plan()
        if ready.reader is not None:
            self._reader = ready.reader
            self._read_on()

    # --- messages --------------------------------------------------------------------------

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key):
            self._key_at = perf_counter()
        await super().on_event(event)

    @property
    def _patience(self) -> float:
        """Seconds for which what can wait leaves the machine to the last key."""
        return max(0.0, self._key_at + ANSWER - perf_counter())

    def on_arrived(self, message: Arrived) -> None:
        self._arrivals.append(message.what)
        if self._rest is None:
            self._take_one()

    def _take_one(self) -> None:
        """One arrival; keys then have the time that it took to themselves."""
        self._rest = None
        if not self._arrivals:
            return
        if patience := self._patience:
            self._rest = self.set_timer(patience, self._take_one)
            return
        began, what = perf_counter(), self._arrivals.popleft()
        if isinstance(what, StoriesRead):
            self._take_stories(what)
        else:
            self.heard.hear(what)
            self.session.receive(what)
        if isinstance(what, StoriesRead | KeptSums | KeptCuts):
            gc.freeze()  # they stay: looking through them for garbage would keep keys waiting
        self._rest = self.set_timer(perf_counter() - began, self._take_one)

    def _take_stories(self, read: StoriesRead) -> None:
        if read.reader is not self._reader:
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

    def _notice(self, notice: Notice) -> None:
        self.notify(
            notice.message,
            title=notice.title,
            severity="error" if notice.severe else "information",
            timeout=12 if notice.severe else 6,
        )

    def notify(self, message: str, *, title: str = "", **more: Any) -> None:
        """Every toast, those of views too; what it names comes from files, models and servers."""
        more["markup"] = False
        super().notify(visible(message), title=visible(title), **more)

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

    def action_view(self, by: int) -> None:
        if not self.screen.is_modal:
            self.switch_mode(VIEWS[(VIEWS.index(self.current_mode) + by) % len(VIEWS)])

    def on_scale_screen_read(self, message: Any) -> None:
        """A story of the Scale view is to be read, also one that the filter hides."""
        if message.story not in self.session.order:
            self.session.filter = Filter()
            self.session.arrange()
        self.session.select_story(message.story)
        self.switch_mode("explore")

    def action_help(self) -> None:
        from .views.dialogs.help import HelpScreen

        self.push_screen(HelpScreen(self._help_groups()))

    def action_open(self) -> None:
        from .views.dialogs.open import OpenScreen

        def show(ready: Ready | None) -> None:
            if ready is not None:
                self.open(ready)

        models = " ".join(rung.name for rung in self.session.rungs)
        self.push_screen(OpenScreen(self.session.name, models), show)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No palette over a dialogue: ctrl+p chooses there."""
        return not (action == "command_palette" and self.screen.is_modal)

    def action_theme(self) -> None:
        self.search_themes()

    def _help_groups(self) -> Iterable[tuple[str, str, list[tuple[str, str]]]]:
        for name, node in (
            ("Everywhere", self),
            (type(self.screen).__name__.removesuffix("Screen"), self.screen),
            *((type(pane).__name__, pane) for pane in self.screen.query("#panes *")),
        ):
            bindings = [
                (self._keys_of(binding.key), binding.description)
                for binding in type(node).__dict__.get("BINDINGS", ())
                if isinstance(binding, Binding) and binding.description
            ]
            about = type(node).HELP or "" if node is not self else ""
            yield _readable(name), about, bindings

    def _keys_of(self, keys: str) -> str:
        return " ".join(self.get_key_display(Binding(key, "")) for key in keys.split(","))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that has a key is in the palette too."""
        yield SystemCommand("Save a picture", "the screen as an SVG file", self.deliver_screenshot)
        seen: set[str] = set()
        for _, binding, enabled, _ in screen.active_bindings.values():
            if enabled and binding.description and binding.action not in seen:
                seen.add(binding.action)
                key = self.get_key_display(binding)
                yield SystemCommand(
                    f"{binding.description[0].upper()}{binding.description[1:]}",
                    f"key {key}",
                    lambda action=binding.action, node=screen: self.run_worker(
                        self._run_in(node, action)
                    ),
                )

    async def _run_in(self, screen: Screen[Any], action: str) -> None:
        target = screen.focused or screen
        for node in target.ancestors_with_self:
            if hasattr(node, f"action_{action.partition('(')[0].rpartition('.')[2]}"):
                await self.run_action(action, default_namespace=node)
                return


def _readable(name: str) -> str:
    return {
        "StoryList": "Stories",
        "StoryText": "Story",
        "Ladder": "Sizes",
        "StoryTable": "Table",
    }.get(name, name)
