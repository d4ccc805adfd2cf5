"""Differences with their intervals, a row each, around a line where there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...core.wording import visible
from ..terminal.colours import ColourDepth
from ..text.plain import cell_width, shorten_apart
from . import ink
from .axis import Axis
from .curves import MIN_HEIGHT, MIN_WIDTH
from .ruler import Ruler


@dataclass(frozen=True, slots=True)
class Difference:
    """value with its interval, in the unit of the axis; text: what is said at the right."""

    label: str
    value: float
    low: float
    high: float
    text: str = ""


def differences(
    rows: Sequence[Difference],
    *,
    width: int,
    height: int,
    dark: bool,
    depth: ColourDepth,
    axis: Axis,
    least: int = 24,
) -> str:
    """As many lines as asked for; of rows that there is no room for it says how many they are.

    A full marker where the interval does not hold zero. What is infinite stands at the edge, what
    is no number nowhere. axis: linear. least: cells of a bar, for
    which the texts give way.
    """
    if not rows or width < MIN_WIDTH or height < MIN_HEIGHT:
        return ""
    quiet = ink.quiet_colour(dark, depth)
    colour = ink.palette(dark, depth)[0]
    labels = [visible(row.label) for row in rows]
    names = min(max(map(cell_width, labels)), width // 3)
    labels = shorten_apart(labels, names)
    texts = max(cell_width(row.text) for row in rows)
    if width - names - texts < least:
        texts = 0
    ends = [end for row in rows for end in (row.low, row.value, row.high) if math.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = (high - low or 1.0) * 0.04
    ruler = Ruler(axis, low - margin, high + margin, max(2, width - names - texts - 3))
    below = 3 if height >= 10 else 2
    room = height - 1 - below
    gap = max(1, min(3, room // len(rows)))
    zero = ruler.column(0.0)
    empty = " " * (names + 1) + ink.paint(" " * zero + "┊", quiet)
    body: list[str] = []
    for row, label in zip(rows, labels, strict=True):
        body += [empty] * ((gap - 1) // 2)
        text = f" {row.text:<{texts}}" if texts else ""
        pad = " " * (names + 1 - cell_width(label))
        body.append(label + pad + _bar(row, ruler, zero, colour, quiet) + text)
        body += [empty] * (gap - 1 - (gap - 1) // 2)
    body = ink.fitted(body, room, width, quiet)
    body += [empty] * (room - len(body))
    marks, numbers = ruler.lines()
    entries: list[ink.Entry] = [("●", colour, "with its 95 % interval")]
    lines = [
        ink.heading(entries, width, "", quiet),
        *body,
        ink.paint(" " * (names + 1) + marks, quiet),
        ink.paint(" " * (names + 1) + numbers, quiet),
    ]
    if below == 3:
        lines.append(ink.footing(axis.title, width, quiet))
    return "\n".join(ink.in_depth(line, depth) for line in lines)


def _bar(row: Difference, ruler: Ruler, zero: int, colour: int, quiet: int | None) -> str:
    if any(map(math.isnan, (row.low, row.value, row.high))):  # two infinities apart: nobody can say
        return " " * zero + ink.paint("┊", quiet) + " " * (ruler.columns - zero - 1)
    first, at, last = (ruler.column(value) for value in (row.low, row.value, row.high))
    cells = [" "] * ruler.columns
    cells[first : last + 1] = "─" * (last + 1 - first)
    if first < at:
        cells[first] = "├"
    if last > at:
        cells[last] = "┤"
    cells[at] = "○" if row.low <= 0 <= row.high else "●"
    if first <= zero <= last:
        return ink.paint("".join(cells), colour)
    cells[zero] = "┊"
    if zero > last:
        return (
            ink.paint("".join(cells[:zero]), colour)
            + ink.paint("┊", quiet)
            + " " * (ruler.columns - zero - 1)
        )
    return " " * zero + ink.paint("┊", quiet) + ink.paint("".join(cells[zero + 1 :]), colour)
