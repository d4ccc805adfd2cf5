"""Colours, signs and codes that every picture is made of.

Pictures are written in entries of the 256-colour palette and brought to what the terminal has at
the end. Shapes carry the meaning too: on a terminal without colours nothing is lost.
"""

from __future__ import annotations

import re

from ...core.wording import visible
from ..terminal.colours import ColourDepth
from ..text.plain import cell_width, shorten, shorten_apart

SOLID = "●◆▲■▼"
HOLLOW = "○◇△□▽"
MARKERS = "●○◆◇▲△"
EMPHASISED = {"●": "◉", "○": "◎", "◆": "◈", "◇": "◈", "▲": "◭", "△": "◭", "■": "▣", "□": "▣"}
LINE = "⠒"
BAND = "⣒"
"""What stands in a legend for a line without markers, and for one with its band."""

LEAST_LABEL = 4
"""Cells below which a label of a legend says nothing."""

_SGR = re.compile("\x1b\\[[0-9;]*m")
_PALETTE_16 = re.compile("\x1b\\[38;5;([0-9]|1[0-5])m")
_RESET = "\x1b[0m"

# Entries of the 256-colour palette that keep 3:1 on the backgrounds of dark and of light themes,
# and entries of the 16 that most palettes keep readable on theirs.
_COLOURS: dict[tuple[bool, bool], tuple[int, ...]] = {
    (True, True): (208, 39, 150, 176, 250),
    (False, True): (130, 25, 28, 90, 240),
    (True, False): (11, 14, 10, 13, 7),
    (False, False): (1, 4, 2, 5, 0),
}
_QUIET = {True: 245, False: 240}

Entry = tuple[str, int | None, str]  # sign, its colour, label


def palette(dark: bool, depth: ColourDepth) -> tuple[int, ...]:
    """The colours of series, in their order."""
    return _COLOURS[dark, depth in ("truecolor", "256")]


def quiet_colour(dark: bool, depth: ColourDepth) -> int | None:
    """The colour of axes and titles; None where the terminal's own has to do."""
    return _QUIET[dark] if depth in ("truecolor", "256") else None


def paint(text: str, colour: int | None) -> str:
    """`text` in an entry of the palette."""
    return text if colour is None or not text else f"\x1b[38;5;{colour}m{text}{_RESET}"


def fitted(rows: list[str], room: int, width: int, quiet: int | None) -> list[str]:
    """Rows of a line each; where there is no room for all, the last line says how many are left."""
    while rows and not rows[-1]:
        rows.pop()
    if len(rows) <= room:
        return rows
    left = f"… and {len(rows) - room + 1} more: + gives this pane the whole screen"
    return [*rows[: room - 1], paint(shorten(left, width), quiet)]


def in_depth(line: str, depth: ColourDepth) -> str:
    """The line in the codes of the terminal: none in mono, the short ones for 16 colours."""
    if depth == "mono":
        return _SGR.sub("", line)
    if depth == "16":
        return _PALETTE_16.sub(_short_code, line)
    return line


def heading(entries: list[Entry], width: int, title: str, quiet: int | None) -> str:
    """A title on the left, the legend on the right.

    The title is the unit of what is drawn: labels are cut before it is, and the last of them are
    left out where all cannot be told apart.
    """
    title = shorten(visible(title), width)
    labels = [visible(label) for _, _, label in entries]
    room = width - cell_width(title) - 2 * bool(title)

    def legend_width() -> int:
        return sum(2 + cell_width(label) for label in labels) + 3 * (len(labels) - 1)

    for cells in range(max(map(cell_width, labels), default=0), LEAST_LABEL - 1, -1):
        if legend_width() <= room:
            break
        labels = shorten_apart([visible(label) for _, _, label in entries], cells)
    while labels and legend_width() > room:
        labels.pop()
    gap = " " * (width - cell_width(title) - legend_width()) if labels else ""
    signs = [
        paint(sign, colour) + " " + label
        for (sign, colour, _), label in zip(entries, labels, strict=False)
    ]
    return paint(title, quiet) + gap + "   ".join(signs)


def footing(title: str, width: int, quiet: int | None) -> str:
    """The title of the x axis, at the right edge."""
    title = shorten(visible(title), width)
    return paint(" " * (width - cell_width(title)) + title, quiet)


def _short_code(match: re.Match[str]) -> str:
    number = int(match[1])
    return f"\x1b[{30 + number if number < 8 else 82 + number}m"
