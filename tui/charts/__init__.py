"""Pictures in text: data, width, height and colours in, lines out; pure functions."""

from __future__ import annotations

from .axis import SIZES, Axis
from .band import Band
from .curves import MIN_HEIGHT, MIN_WIDTH, Level, Point, Series, curves
from .differences import Difference, differences
from .ridges import Ridge, ridges
from .shares import Share, shares
from .ticks import nice_ticks

__all__ = [
    "MIN_HEIGHT",
    "MIN_WIDTH",
    "SIZES",
    "Axis",
    "Band",
    "Difference",
    "Level",
    "Point",
    "Ridge",
    "Series",
    "Share",
    "curves",
    "differences",
    "nice_ticks",
    "ridges",
    "shares",
]
