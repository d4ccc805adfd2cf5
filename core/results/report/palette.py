"""The report's colours, for a light and a dark page.

The steps of surprise are those of the screen, fixed in bits and never fitted to a story, so that
what is orange under one model compares with what is orange under another. Brightness alone orders
them, and so does the thickness of the line under them, for whom colours say nothing. Text on
every step has a contrast of at least 4.5:1.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

NOT_SCORED = -1
SURPRISE_EDGES = (1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0)
"""Bits at which the next step begins."""

LINES = (0.0, 0.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Pixels of the line under each step; the last is bold besides."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A page's colours as #rrggbb. steps, letters: ground and text of each step of surprise.

    ramp: of the models' lines in charts, from the smallest model to the largest.
    """

    paper: str
    ink: str
    quiet: str
    rule: str
    link: str
    steps: tuple[str, ...]
    letters: tuple[str, ...]
    ramp: tuple[str, ...]


_DARK_INK, _LIGHT_INK = "#1d1b18", "#e9e4da"

LIGHT = Theme(
    paper="#fffdf9",
    ink=_DARK_INK,
    quiet="#625d55",
    rule="#d9d3c7",
    link="#7a3b00",
    steps=(
        *("#fffdf9", "#fbf1da", "#f9e5b9", "#f6d48d"),
        *("#f1ba62", "#e8984a", "#d96c2c", "#a8321b"),
    ),
    letters=(*[_DARK_INK] * 7, "#ffffff"),
    ramp=("#b8860b", "#c65a11", "#b02a4c", "#7a2482", "#2f2f8f"),
)
DARK = Theme(
    paper="#15171a",
    ink=_LIGHT_INK,
    quiet="#a7a093",
    rule="#3a3c40",
    link="#f0b46a",
    steps=(
        *("#15171a", "#292621", "#3b3222", "#514022"),
        *("#6d4d1d", "#8c5a16", "#cc7d1c", "#f7ac35"),
    ),
    letters=(*[_LIGHT_INK] * 5, "#ffffff", "#15171a", "#15171a"),
    ramp=("#8b7cf0", "#c678dd", "#ef6f95", "#f59a5a", "#f4d03f"),
)


@dataclass(frozen=True, slots=True)
class Inks:
    """What a chart is drawn with; series: one for each model, from small to large."""

    ink: str
    quiet: str
    rule: str
    series: tuple[str, ...]


def inks(theme: Theme, models: int) -> Inks:
    """The inks of a theme for so many models."""
    return Inks(theme.ink, theme.quiet, theme.rule, spread(theme.ramp, models))


def surprise_step(bits: float | None) -> int:
    """The step of a surprise in bits: 0 to 7, or -1 where there is none."""
    if bits is None or math.isnan(bits):
        return NOT_SCORED
    return bisect_right(SURPRISE_EDGES, bits)


def spread(ramp: tuple[str, ...], count: int) -> tuple[str, ...]:
    """`count` colours at even distances along a ramp; a single one is its last."""
    if count == 1:
        return ramp[-1:]
    return tuple(_mixed(ramp, i * (len(ramp) - 1) / (count - 1)) for i in range(count))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _mixed(ramp: tuple[str, ...], place: float) -> str:
    at = min(int(place), len(ramp) - 2)
    share = place - at
    pairs = zip(_channels(ramp[at]), _channels(ramp[at + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
