"""A text in the user's own editor, while the screen is away."""

from __future__ import annotations

import shlex
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from ...core.errors import FAILED, EyebrowError, reason


def edit_outside(text: str, environ: Mapping[str, str]) -> str:
    """The text as it is left there. The editor is $VISUAL, else $EDITOR, else vi.

    A line end that editors put behind the last line is taken off again. Raises `EyebrowError`
    where there is no editor, where it fails, and where what it leaves is no text.
    """
    named = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    with TemporaryDirectory(prefix="eyebrow-") as folder:
        place = Path(folder) / "story.txt"
        place.write_text(text, encoding="utf-8", errors="replace", newline="")
        try:
            status = _run([*shlex.split(named), str(place)])
        except (OSError, ValueError) as error:
            why = f"{named}: {reason(error, named=False)}; set EDITOR to one that is there"
            raise EyebrowError("No editor", why, FAILED) from error
        if status:
            raise EyebrowError("Nothing was changed", f"{named} left with status {status}", FAILED)
        try:
            with place.open(encoding="utf-8", newline="") as file:
                found = file.read()
        except (OSError, UnicodeDecodeError) as error:
            why = f"what {named} has left is no text in UTF-8"
            raise EyebrowError("Nothing was changed", why, FAILED) from error
    return found if text.endswith("\n") else found.removesuffix("\n")


def _run(command: list[str]) -> int:
    """Ctrl-C is the editor's meanwhile, and not the end of this program."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(command, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
