"""The gap by kind of text as a picture: a row for each kind, then the traits in pairs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ....core.wording import amount, number
from ...charts import ink
from ...charts.axis import Axis
from ...charts.differences import Difference, differences
from ...terminal.colours import ColourDepth

if TYPE_CHECKING:
    from ....core.results.compare.gaps import Gap, Gaps

AXIS = Axis("bits per byte against the reference", log=False)
SHORT = {
    "first word of a sentence": "sentence start",
    "other words of it": "later words",
}
"""Names of kinds and traits that are too long for the chart."""
LEAST = 10  # cells of a bar


def gap_by_kind(
    gaps: Gaps, head: tuple[str, str], width: int, height: int, *, dark: bool, depth: ColourDepth
) -> str:
    """The total in two lines, then kinds and traits: interval, difference and bytes of each."""
    quiet = ink.quiet_colour(dark, depth)
    above = [ink.in_depth(line, depth) for line in (head[0], ink.paint(head[1], quiet))]
    rows = [_row(gap) for gap in (*gaps.kinds, *(one for pair in gaps.traits for one in pair))]
    room = height - len(above)
    picture = differences(
        [row for row in rows if not math.isnan(row.value)],
        width=width,
        height=room,
        dark=dark,
        depth=depth,
        axis=AXIS,
        least=LEAST,
    )
    return "\n".join([*above, picture])


def _row(gap: Gap) -> Difference:
    low, high = gap.ci95
    if math.isnan(low):
        low = high = gap.difference
    sign = "+" if gap.difference > 0 else ""
    text = f"{sign + number(gap.difference, 2):>5} {amount(gap.bytes):>5}"
    return Difference(SHORT.get(gap.name, gap.name), gap.difference, low, high, text)
