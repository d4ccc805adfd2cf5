"""How the stories spread under each size: a ridge over a bar of quantiles, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...core.wording import figures, visible
from ..terminal.colours import ColourDepth
from ..text.plain import cell_width, shorten_apart
from . import ink
from .axis import Axis
from .curves import MIN_HEIGHT, MIN_WIDTH
from .ruler import Ruler

BLOCKS = " ▁▂▃▄▅▆▇█"
NAME = 18  # cells that a name may take
_TALLEST = 5  # rows of a ridge; higher ones say no more


@dataclass(frozen=True, slots=True)
class Ridge:
    """One model.

    density: at equal steps of the axis from one end of the span to the other, in any unit that all
    ridges share. quantiles: 5, 25, 50, 75 and 95 % of the stories. story: the value of the selected
    one.
    """

    label: str
    density: tuple[float, ...]
    quantiles: tuple[float, float, float, float, float]
    story: float | None = None


def ridges(
    rows: Sequence[Ridge],
    span: tuple[float, float],
    *,
    width: int,
    height: int,
    dark: bool,
    depth: ColourDepth,
    axis: Axis,
    current: str = "",
) -> str:
    """As many lines as asked for; of rows that there is no room for it says how many they are.

    span: where densities begin and end. current: the label of the model in use.
    """
    if not rows or width < MIN_WIDTH or height < MIN_HEIGHT or not span[0] < span[1]:
        return ""
    quiet = ink.quiet_colour(dark, depth)
    fill, mark = ink.palette(dark, depth)[:2]
    labels = [visible(row.label) for row in rows]
    names = min(max(map(cell_width, labels)), NAME, width // 4)
    labels = shorten_apart(labels, names)
    ruler = Ruler(axis, *span, max(1, width - names - 10))
    room = height - 4 if height >= 10 else height - 3
    each = max(1, min(_TALLEST, room // len(rows)))
    highest = max((max(row.density, default=0.0) for row in rows), default=0.0) or 1.0
    entries: list[ink.Entry] = [("●", fill, "median"), ("━", fill, "half"), ("─", fill, "90 %")]
    if any(row.story is not None for row in rows):
        entries.append(("○", mark, "this story"))
    body: list[str] = []
    for row, name in zip(rows, labels, strict=True):
        for line in _ridge(row, ruler, each - 1, highest):
            body.append(" " * (names + 1) + ink.paint(line, fill))
        lead = ("▸" if row.label == current else " ") + name + " " * (names - cell_width(name))
        body.append(lead + _bar(row, ruler, fill, mark) + f" {figures(row.quantiles[2]):>7}")
    body = ink.fitted(body, room, width, quiet)
    body += [""] * (room - len(body))
    marks, numbers = ruler.lines()
    lines = [
        ink.heading(entries, width, "share of the stories", quiet),
        *body,
        ink.paint(" " * (names + 1) + marks, quiet),
        ink.paint(" " * (names + 1) + numbers, quiet),
    ]
    if height >= 10:
        lines.append(ink.footing(axis.title, width, quiet))
    return "\n".join(ink.in_depth(line, depth) for line in lines[:height])


def _ridge(row: Ridge, ruler: Ruler, rows: int, highest: float) -> list[str]:
    """The curve in eighths of cells, from its top row down."""
    steps = len(row.density)
    if not steps or not rows:
        return [""] * rows
    at = (round(c * (steps - 1) / max(1, ruler.columns - 1)) for c in range(ruler.columns))
    eighths = [round(8 * rows * row.density[n] / highest) for n in at]
    return [
        "".join(BLOCKS[max(0, min(8, n - 8 * level))] for n in eighths)
        for level in reversed(range(rows))
    ]


def _bar(row: Ridge, ruler: Ruler, fill: int, mark: int) -> str:
    low, first, middle, third, high = (ruler.column(value) for value in row.quantiles)
    cells = [" "] * ruler.columns
    cells[low : high + 1] = "─" * (high + 1 - low)
    cells[first : third + 1] = "━" * (third + 1 - first)
    cells[middle] = "●"
    if row.story is None:
        return ink.paint("".join(cells), fill)
    at = ruler.column(row.story)
    before, after = "".join(cells[:at]), "".join(cells[at + 1 :])
    sign = "◎" if at == middle else "○"
    return ink.paint(before, fill) + ink.paint(sign, mark) + ink.paint(after, fill)
