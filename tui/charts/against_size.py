"""Perplexity, or another measure of it, against size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..terminal.colours import ColourDepth
from ..text.plain import compact_count
from .axis import Axis
from .band import Band
from .curves import Level, Series, curves


def perplexity_chart(
    series: Sequence[Series],
    *,
    width: int,
    height: int,
    dark: bool,
    depth: ColourDepth,
    current: float | None = None,
    x_title: str = "parameters",
    y_title: str = "perplexity",
    x_text: Callable[[float], str] = compact_count,
    log_x: bool = True,
    bands: Sequence[Band] = (),
    levels: Sequence[Level] = (),
) -> str:
    """Value against size, both logarithmic; see `curves`.

    `log_x=False` and `x_text` serve other x axes, such as the part pruned.
    """
    return curves(
        series,
        width=width,
        height=height,
        dark=dark,
        depth=depth,
        x=Axis(x_title, log_x, x_text),
        y=Axis(y_title),
        current=current,
        bands=bands,
        levels=levels,
    )
