"""The surprise of a word against how much of the text the model is given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...core.scoring.exploring import CurvePoint
from ..terminal.colours import ColourDepth
from .axis import Axis
from .curves import Point, Series, curves

BIT = math.log(2)


def context_chart(
    found: Mapping[str, Sequence[CurvePoint]],
    *,
    width: int,
    height: int,
    dark: bool,
    depth: ColourDepth,
) -> str:
    """A line for each model, by name: bits against tokens of context, these on a logarithmic axis.

    Where the sentence and the story begin stands on the axis, by the first model's tokens.
    """
    first = next(iter(found), "")
    series = [
        Series(name, tuple(_points(points, is_named=name == first)))
        for name, points in found.items()
    ]
    return curves(
        series,
        width=width,
        height=height,
        dark=dark,
        depth=depth,
        x=Axis("tokens of the text before it", text=lambda n: f"{n:.0f}"),
        y=Axis("bits", log=False, ends=(0.0,)),
    )


def _points(points: Sequence[CurvePoint], *, is_named: bool) -> list[Point]:
    """One for each amount of context; none for no context, for which the axis has no place."""
    found: dict[int, Point] = {}
    for point in points:
        name = f"{point.what} {point.tokens}" if is_named and point.what != "tokens" else ""
        if point.tokens and (name or point.tokens not in found):
            found[point.tokens] = Point(point.tokens, point.nats / BIT, label=name)
    return list(found.values())
