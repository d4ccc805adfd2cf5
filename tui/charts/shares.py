"""Parts of a whole, a bar for each model: the part up to the first limit, up to the second, ..."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...core.wording import visible
from ..terminal.colours import ColourDepth
from ..text.plain import cell_width, shorten, shorten_apart
from . import ink
from .curves import MIN_HEIGHT, MIN_WIDTH

FILLS = "█▓▒░"
NUMBER = 6  # cells of a share with the space before it
LEAST = 16  # cells of a bar, or the numbers give way to it


@dataclass(frozen=True, slots=True)
class Share:
    """shares: rising, 0 to 1, at most as many as there are fills; nan where there is nothing."""

    label: str
    shares: tuple[float, ...]


def shares(
    rows: Sequence[Share],
    limits: Sequence[str],
    *,
    width: int,
    height: int,
    dark: bool,
    depth: ColourDepth,
    title: str,
    current: str = "",
) -> str:
    """As many lines as asked for. limits: what the parts are called; their shares add up from left
    to right, and stand beside the bar. current: the label of the model in use."""
    if not rows or width < MIN_WIDTH or height < MIN_HEIGHT:
        return ""
    quiet = ink.quiet_colour(dark, depth)
    colour = ink.palette(dark, depth)[0]
    names = [visible(row.label) for row in rows]
    room = min(max(map(cell_width, names)), width // 4)
    names = shorten_apart(names, room)
    cells = width - room - 2 - NUMBER * len(limits)
    numbers = cells >= LEAST
    cells = max(1, cells if numbers else width - room - 2)
    gap = max(1, min(3, (height - 2) // len(rows)))
    body: list[str] = []
    for row, name in zip(rows, names, strict=True):
        lead = ("▸" if row.label == current else " ") + name + " " * (room - cell_width(name))
        said = "".join(f"{100 * share:>{NUMBER - 2}.0f} %" for share in row.shares)
        bar = lead + " " + ink.paint(_bar(row.shares, cells), colour)
        body += [bar + (said if numbers else ""), *[""] * (gap - 1)]
    body = ink.fitted(body, height - 1, width, quiet)
    heading = _heading(limits, width, title, colour, quiet, numbers)
    lines = [heading, *body, *[""] * (height - 1 - len(body))]
    return "\n".join(ink.in_depth(line, depth) for line in lines)


def _heading(
    limits: Sequence[str], width: int, title: str, colour: int, quiet: int | None, numbers: bool
) -> str:
    """What the fills mean: above the numbers, where there are any."""
    pairs = list(zip(FILLS, limits, strict=False))
    if not numbers:
        return ink.heading([(fill, colour, limit) for fill, limit in pairs], width, title, quiet)
    title = shorten(title, width - NUMBER * len(limits) - 1)
    gap = " " * (width - cell_width(title) - NUMBER * len(limits))
    heads = (
        " " * (NUMBER - 1 - len(text)) + ink.paint(fill, colour) + text for fill, text in pairs
    )
    return ink.paint(title, quiet) + gap + "".join(heads)


def _bar(parts: Sequence[float], cells: int) -> str:
    bar = ""
    for fill, share in zip(FILLS, parts, strict=False):
        bar += fill * (round(cells * share) - len(bar) if share == share else 0)
    return bar.ljust(cells)
