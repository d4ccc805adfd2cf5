"""What each worker is at, and how full and busy its GPU is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from ....core.engine.pool import Doing
from ....core.machine.gpus import Gpu, visible
from ....core.wording import listed, many, share_in_words
from ....core.wording import visible as shown
from ...session import Session
from ...threads.lane import aside

SLOW = 1.0  # seconds between looks
BAR = 20  # cells
FULL, EMPTY = "█", "░"


class DevicesScreen(ModalScreen[None]):
    """look: what tells the GPUs of this machine; it is asked on a thread, a driver takes its
    time."""

    BINDINGS = [Binding("escape,q,enter", "dismiss", "close", id="devices.close")]
    DEFAULT_CSS = """
    DevicesScreen { align: center middle; }
    DevicesScreen > VerticalScroll {
        width: 90; max-width: 95%; height: auto; max-height: 90%;
        border: round $primary; padding: 0 1; background: $background;
    }
    DevicesScreen Static { width: 1fr; height: auto; }
    """

    def __init__(self, session: Session, look: Callable[[], Sequence[Gpu]] = visible) -> None:
        super().__init__()
        self.session, self._look_up = session, look
        self._gpus: Sequence[Gpu] = ()

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "Devices"
            box.border_subtitle = "q closes"
            yield Static("", id="devices", markup=False)

    def on_mount(self) -> None:
        self._look()
        self.set_interval(SLOW, self._look)

    def _look(self) -> None:
        self._show()
        if self.session.worker.recipe.device == "cuda":
            aside(self._ask, lambda _: None)

    def _ask(self) -> None:
        self.app.call_from_thread(partial(self._take, self._look_up()))

    def _take(self, gpus: Sequence[Gpu]) -> None:
        self._gpus = gpus
        if self.is_attached:
            self._show()

    def _show(self) -> None:
        worker = self.session.worker
        table = lines(worker.engine.doing(), worker.recipe.device, self._gpus)
        self.query_one("#devices", Static).update(table)


def lines(doing: Sequence[Doing], kind: str, gpus: Sequence[Gpu]) -> Text:
    """A device with its name, its memory and its use; under it what its worker does.

    kind: of the device where it is called "auto". gpus: by the number of the device.
    """
    found = Text()
    for one in doing:
        device = kind if one.device == "auto" else one.device
        gpu = _gpu(device, gpus)
        process = f"process {one.pid}" if one.pid else ""
        found.append(device, Style(bold=True))
        found.append(f"  {gpu.name if gpu else process}\n")
        if gpu is not None:
            busy = "" if gpu.busy is None else f"   busy {gpu.busy:>3} %"
            bar = _bar(gpu.used / max(1, gpu.total))
            found.append(f"  {bar} {share_in_words(gpu.used, gpu.total)}{busy}\n")
        found.append(f"  {_at(one)}\n")
    found.rstrip()
    return found


def _gpu(device: str, gpus: Sequence[Gpu]) -> Gpu | None:
    name, _, number = device.partition(":")
    at = int(number or 0) if name == "cuda" else len(gpus)
    return gpus[at] if at < len(gpus) else None


def _bar(share: float) -> str:
    full = round(BAR * min(1.0, share))
    return FULL * full + EMPTY * (BAR - full)


def _at(one: Doing) -> str:
    """What the worker does, in words."""
    if one.state:
        return one.state
    jobs = one.urgent + one.background
    now = f"{shown(one.model)}, {many(jobs, 'job')}" if one.model else "nothing to do"
    held = listed([*map(shown, one.held)]) or "no model"
    return f"{now}; holds {held}"
