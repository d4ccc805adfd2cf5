"""The entry point. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from .commands.interrupt import SIGNALLED, Interrupted, interruptible
from .commands.output import complain
from .errors import DONE, FAILED, INTERRUPTED, EyebrowError, reason
from .machine.garbage import look_seldom


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code.

    Without arguments it goes straight to the screen, past the parsing of options: that is a
    fifth of the time to the first picture.
    """
    if arguments is None:
        look_seldom()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no ␣ gets its number
            stream.reconfigure(errors="backslashreplace")
    given = sys.argv[1:] if arguments is None else arguments
    with interruptible() as interrupted:
        try:
            code = _run(given, interrupted)
            interrupted.is_late = True
        except KeyboardInterrupt:  # also while an error was told
            complain("Interrupted", "nothing is left half done")
            code = interrupted.exit_code
        if arguments is None:
            _leave(code)
        return code


def _leave(code: int) -> NoReturn:
    """End at once: Python does not unwind.

    With torch that takes a second, in which a second signal would end the process in its own
    way. And a thread that is still inside a library when Python unwinds (a reader of stdin, one
    that reads the store) ends the whole process with an abort.
    """
    if code <= SIGNALLED:
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _run(given: Sequence[str], interrupted: Interrupted) -> int:
    try:
        if not given:
            from .commands.bundled import open_bundled

            return open_bundled()
        from .commands.line import run

        code = run(given)
        if code == INTERRUPTED and interrupted.number is not None:
            raise KeyboardInterrupt  # which typer has made a code of
    except EyebrowError as error:
        complain(error.title, error.message)
        is_interrupt = error.exit_code == INTERRUPTED
        return interrupted.exit_code if is_interrupt else error.exit_code
    except Exception as error:
        if os.environ.get("EYEBROW_DEBUG"):
            raise
        complain("It failed", f"{reason(error)} (EYEBROW_DEBUG=1 shows where)")
        return FAILED
    return int(code or DONE)


if __name__ == "__main__":
    sys.exit(main())
