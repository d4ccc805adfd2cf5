"""What this terminal can do, told from the environment alone.

`prepare` is to run before Textual is imported: Textual reads its settings when it is. Rich, which
Textual asks, knows truecolor by COLORTERM and 256 colours by a TERM that ends in `-256color` or
`-kitty`; everything else counts as 16 colours. That is wrong for most terminals of today as soon as
ssh is between (it forwards TERM, not COLORTERM), so those known to do better are promoted here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Literal

ColourDepth = Literal["truecolor", "256", "16", "mono"]

COLOUR_SYSTEM = "TEXTUAL_COLOR_SYSTEM"
ANIMATIONS = "TEXTUAL_ANIMATIONS"
THEME = "TEXTUAL_THEME"
NO_COLOUR = "NO_COLOR"

# Any other value of TEXTUAL_COLOR_SYSTEM makes Rich raise KeyError.
_USERS_CHOICE: dict[str, ColourDepth] = {
    "truecolor": "truecolor",
    "256": "256",
    "standard": "16",
    "windows": "16",
}
_AUTO = "auto"

_TEXTUALS_NAME: dict[ColourDepth, str] = {
    "truecolor": "truecolor",
    "256": "256",
    "16": "standard",
    # Rich would say None, and Textual reads None as truecolor: NO_COLOR does the work.
    "mono": "standard",
}

# The first rule that fits the whole of TERM decides.
_TERMS: tuple[tuple[str, ColourDepth], ...] = (
    (r"dumb|unknown|vt\d+.*|.*-m|.*-mono|sun|wy\d+.*|tty\d*", "mono"),
    (r".*-(direct\d*|truecolor)", "truecolor"),
    (r"(xterm-)?(kitty|ghostty)", "truecolor"),
    (r"(alacritty|foot|wezterm|contour|rio|vte|iterm2?|mintty)\b.*", "truecolor"),
    (r".*-(16|88|8)color", "16"),
    (r".*-256color.*", "256"),
    # Both translate 256 colours for whatever terminal is outside.
    (r"(tmux|screen)\b.*", "256"),
    # What calls itself plain xterm (PuTTY among them) has had 256 colours for twenty years.
    (r"xterm|putty|konsole|gnome|st|fbterm|xterm-termite", "256"),
)

_TRUECOLOUR_PROGRAMS = frozenset(
    {"iterm.app", "wezterm", "ghostty", "vscode", "hyper", "warpterminal", "rio", "mintty", "tabby"}
)


def colour_depth(environ: Mapping[str, str]) -> ColourDepth:
    """How many colours the terminal shows.

    NO_COLOR comes first, then the user's own TEXTUAL_COLOR_SYSTEM, then what the terminal says of
    itself.
    """
    if environ.get(NO_COLOUR):
        return "mono"
    choice = environ.get(COLOUR_SYSTEM, "")
    if choice in _USERS_CHOICE:
        return _USERS_CHOICE[choice]
    if choice == _AUTO:
        return _as_rich_does(environ)
    return _detected(environ)


def is_ssh(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is at the other end of an ssh connection."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def prepare(environ: MutableMapping[str, str]) -> None:
    """Set what Textual reads, where the user has not; before Textual is imported.

    Colours as `colour_depth` finds them; no animations over ssh, where a page of them costs 700 kB.
    Without colours Textual would still write greys, unless the theme leaves them to the terminal.
    """
    if environ.get(NO_COLOUR) == "":
        # Empty means unset (https://no-color.org); Textual takes it for set.
        del environ[NO_COLOUR]
    depth = colour_depth(environ)
    choice = environ.get(COLOUR_SYSTEM, "")
    if choice not in _USERS_CHOICE and choice != _AUTO:
        environ[COLOUR_SYSTEM] = _TEXTUALS_NAME[depth]
    if depth == "mono":
        environ.setdefault(NO_COLOUR, "1")
        environ.setdefault(THEME, "ansi-dark")
    if is_ssh(environ):
        environ.setdefault(ANIMATIONS, "none")


def _detected(environ: Mapping[str, str]) -> ColourDepth:
    term = environ.get("TERM", "").strip().lower()
    named = next((depth for pattern, depth in _TERMS if re.fullmatch(pattern, term)), None)
    if named == "mono":
        return "mono"
    if "TMUX" not in environ and (term.startswith("screen") or "STY" in environ):
        # GNU screen hands COLORTERM on from the terminal it was started in, but garbles truecolor.
        return "256"
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "truecolor"
    if environ.get("TERM_PROGRAM", "").lower() in _TRUECOLOUR_PROGRAMS and "TMUX" not in environ:
        return "truecolor"
    if environ.get("WT_SESSION"):
        return "truecolor"
    return named or "16"


def _as_rich_does(environ: Mapping[str, str]) -> ColourDepth:
    """What Rich finds by itself (rich.console.Console._detect_color_system)."""
    term = environ.get("TERM", "").strip().lower()
    if term in ("dumb", "unknown"):
        # Rich finds no colours at all; Textual goes on in truecolor.
        return "mono"
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "truecolor"
    return "256" if term.rpartition("-")[2] in ("256color", "kitty") else "16"
