"""eyebrow as the monkey plays with it: what it must not do is shut, what it does is written down.

    python -m tests.terminal.played FOLDER open ...

In FOLDER, beside which nothing may be written: `faults` has what no screen shows, `seen` the
screens that were opened, `quits` a letter for each time that somebody wanted to leave, `marks`
one for each F12. SIGUSR2 makes it write down in `tasks` what each of its tasks waits for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1]).resolve()
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
ELSEWHERE = ("/dev/", "/proc/", "/tmp/pymp-")
MARK = "f12"  # says that all keys before it have been taken
CHANGES = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "shutil.rmtree"}


def fault(kind: str, error: BaseException) -> None:
    said = "".join(traceback.format_exception(error))
    note("faults", f"--- {kind}\n{said}")


def note(name: str, text: str) -> None:
    with (FOLDER / name).open("a", encoding="utf-8") as file:
        file.write(text)


def guard(event: str, given: tuple[Any, ...]) -> None:
    """Refuse whatever would change something outside of the folder."""
    if event == "open":
        path, mode, flags = given
        changes = bool(flags & WRITES) if mode is None else any(c in "wax+" for c in mode)
    elif event in CHANGES:
        path, changes = given[0], True
    else:
        return
    if not changes or not isinstance(path, str | bytes | os.PathLike):
        return
    place = os.path.abspath(os.fsdecode(path))
    if not (place.startswith(str(FOLDER)) or place.startswith(ELSEWHERE)):
        raise PermissionError(13, "the monkey may not", place)


def unraisable(given: sys.UnraisableHookArgs) -> None:
    """Less that a signal could not be told to asyncio, which has so much to do that it wakes up."""
    if not isinstance(given.exc_value, BlockingIOError):
        fault("unraisable", given.exc_value or Exception())


def tell_tasks(*_: object) -> None:
    with (FOLDER / "tasks").open("w", encoding="utf-8") as file:
        for task in asyncio.all_tasks():
            steps, frame = [], task.get_coro()
            while (frame := getattr(frame, "cr_await", None)) is not None:
                if (inner := getattr(frame, "cr_frame", None)) is not None:
                    steps.append(f"{inner.f_code.co_qualname}:{inner.f_lineno}")
            file.write(f"{task.get_name()}: {' < '.join(steps)}\n")


def play() -> int:
    from eyebrow.core import cli, errors
    from eyebrow.tui import app
    from eyebrow.tui.threads import analysis, opening, store
    from eyebrow.tui.views.dialogs import open as dialog
    from textual.screen import Screen

    def told(error: BaseException, title: str) -> errors.EyebrowError:
        if not isinstance(error, errors.EyebrowError | OSError):
            fault(title, error)
        return as_told(error, title)

    as_told = errors.as_told
    for module in (app, analysis, store, dialog):
        vars(module)["as_told"] = told

    def within(source: str | None = None, **more: Any) -> Any:
        """Not all of the disk is stories."""
        if source is not None and (source.startswith(("/", "~")) or ".." in source):
            raise errors.EyebrowError("Not here", source)
        return open_stories(source, **more)

    open_stories = opening.open_stories
    vars(opening)["open_stories"] = within
    resume = Screen._on_screen_resume

    def resumed(screen: Screen[Any], event: Any) -> None:
        note("seen", f"{type(screen).__name__} {getattr(screen, 'NAME', '')}\n")
        resume(screen, event)

    type.__setattr__(Screen, "_on_screen_resume", resumed)

    async def take(played: app.EyebrowApp, event: Any) -> None:
        if event.key == MARK:
            note("marks", "m")
        else:
            await take_key(played, event)

    take_key = app.EyebrowApp._take_key
    type.__setattr__(app.EyebrowApp, "_take_key", take)

    async def stay(_: object) -> None:
        note("quits", "q")

    type.__setattr__(app.EyebrowApp, "action_quit", stay)
    type.__setattr__(app.EyebrowApp, "action_suspend_process", lambda _: None)
    return cli.main(sys.argv[2:])


if __name__ == "__main__":
    threading.excepthook = lambda given: fault("thread", given.exc_value or Exception())
    sys.unraisablehook = unraisable
    sys.addaudithook(guard)
    signal.signal(signal.SIGUSR2, tell_tasks)
    sys.exit(play())
