"""Whether this terminal puts on the clipboard what a program hands it (OSC 52).

A terminal does not answer whether it has taken it. Those named here are known to, as they come;
others are handed it all the same, and what was copied is written to a file too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Takes = Literal["yes", "maybe", "no"]

MOST = 74_000  # bytes of text: several terminals drop sequences of more than 100,000 characters

_TAKE = ("kitty", "ghostty", "wezterm", "alacritty", "foot", "contour", "rio", "iterm")
_REFUSE = ("linux", "dumb", "vt", "screen", "cons25")


def takes_copies(environ: Mapping[str, str], size: int) -> Takes:
    """Whether a text of `size` bytes arrives on the clipboard."""
    term = environ.get("TERM", "").lower()
    program = environ.get("TERM_PROGRAM", "").lower()
    if size > MOST:
        return "no"
    if "TMUX" in environ:  # hands it on where `set-clipboard` is on
        return "maybe"
    if "STY" in environ or term.startswith(_REFUSE) or program == "apple_terminal":
        return "no"
    if environ.get("WT_SESSION") or any(name in f"{term} {program}" for name in _TAKE):
        return "yes"
    return "yes" if program == "vscode" else "maybe"
