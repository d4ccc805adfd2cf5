"""The entry point. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .commands.bundled import open_bundled
from .commands.output import complain
from .errors import DONE, FAILED, INTERRUPTED, EyebrowError, reason


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit code.

    Without arguments it goes straight to the screen, past the parsing of options: that is a
    fifth of the time to the first picture.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no ␣ gets its number
            stream.reconfigure(errors="backslashreplace")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if not given:
            return open_bundled()
        from .commands.line import run

        code = run(given)
    except EyebrowError as error:
        complain(error.title, error.message)
        return error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        if os.environ.get("EYEBROW_DEBUG"):
            raise
        complain("It failed", f"{reason(error)} (EYEBROW_DEBUG=1 shows where)")
        return FAILED
    if code == INTERRUPTED:
        complain("Interrupted", "nothing is left half done")
    return int(code or DONE)


if __name__ == "__main__":
    sys.exit(main())
