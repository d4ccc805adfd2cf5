"""Colour scales for the text of stories, on every terminal.

A scale turns a number into one of a few fixed steps and a step into a style. The steps are fixed in
bits (or ranks), never fitted to the story, so that what is orange under one model may be compared
with what is orange under another.

All colours are entries of the 256-colour palette, so that a terminal of 256 colours and one of 16
million show the same picture. Up to 6 bits the ramp is a grey near the background, since on a
weak model most words lie there; from 6 bits on it turns warm, and from 8 it is seen from afar. In
the dark it glows, each step brighter than the one before: brown, orange, amber. In the light it
burns, each step darker: ochre, orange, red. Brightness alone orders the steps, so they keep their
order for the colour-blind. The text on every step has a contrast of at least 4.5:1. The differences
have blue below (less surprised) and orange above (more surprised).

Terminals of 16 colours have palettes nobody knows, and some terminals have no colours: there the
steps are attributes. `plain, italic, underlined, underlined italic`, then the same four in bold,
are eight looks, of which four remain, in the same order, where there is no italic. On the scales
with two ends bold says "above" and its absence "below". Reverse video is left to the cursor, or it
would be lost among the most surprising words. The 16 colours add a warm or a cold foreground to
that, never a background.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.style import Style

from ..terminal.colours import ColourDepth

if TYPE_CHECKING:
    from .reading import Values

Kind = Literal["surprise", "rank", "entropy", "excess", "difference", "divergence"]

NOT_SCORED = -1
"""The step of what has no number: the first token, or what has not been scored yet."""

SURPRISE_EDGES = (1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0)
"""Bits at which the next step begins; entropy has the same, so that the two compare by eye."""

RANK_EDGES = (2.0, 4.0, 11.0, 31.0, 101.0, 301.0, 1001.0)
"""Ranks at which the next step begins: 1, 2-3, 4-10, 11-30, 31-100, 101-300, 301-1000, above."""

DIFFERENCE_EDGES = (-3.0, -1.5, -0.5, 0.5, 1.5, 3.0)
"""Bits against the reference; less than half a bit either way is plain."""

EXCESS_EDGES = (-6.0, -3.0, -1.0, 1.0, 3.0, 6.0)
"""Bits of surprise beyond the entropy, which is the surprise that was to be expected."""

DIVERGENCE_EDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Nats of KL divergence: a table of two models spans three decades, so each step is a half."""

# Backgrounds by their number in the 256-colour palette; None is the background of the theme.
_DARK_RAMP = (None, 234, 236, 237, 239, 94, 172, 214)
_LIGHT_RAMP = (None, 253, 252, 251, 249, 172, 166, 160)
_DARK_TWO_ENDS = (39, 32, 25, None, 130, 202, 214)
_LIGHT_TWO_ENDS = (27, 75, 153, None, 223, 208, 166)

_BLACK = ColorTriplet(0, 0, 0)
_WHITE = ColorTriplet(255, 255, 255)

_PLAIN = Style()
_ATTRIBUTES = (
    _PLAIN,
    Style(italic=True),
    Style(underline=True),
    Style(underline=True, italic=True),
    Style(bold=True),
    Style(bold=True, italic=True),
    Style(bold=True, underline=True),
    Style(bold=True, underline=True, italic=True),
)
_ATTRIBUTES_TWO_ENDS = (
    Style(underline=True, italic=True),
    Style(underline=True),
    Style(italic=True),
    _PLAIN,
    Style(bold=True),
    Style(bold=True, underline=True),
    Style(bold=True, underline=True, italic=True),
)

# For 16 colours, the values by which Rich finds exactly these entries again: had they been given
# as entries, Textual would first translate them to the theme's idea of them.
_ANSI_RED = ColorTriplet(170, 0, 0)
_ANSI_BLUE = ColorTriplet(0, 0, 170)
_ANSI_BRIGHT_RED = ColorTriplet(255, 85, 85)
_ANSI_BRIGHT_YELLOW = ColorTriplet(255, 255, 85)
_ANSI_BRIGHT_CYAN = ColorTriplet(85, 255, 255)


@dataclass(frozen=True)
class Scale:
    """Steps of a number and how they look. `labels[i]` is where step i begins."""

    name: str
    unit: str
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    styles: tuple[Style, ...]
    dark: bool
    depth: ColourDepth

    def step(self, value: float | None) -> int:
        """The step `value` falls in, from 0; NOT_SCORED (-1) without a number.

        An edge belongs to the step farther from zero.
        """
        return _step(self.edges, value)

    def style(self, value: float | None) -> Style:
        """How text with this value looks; plain without a number."""
        step = self.step(value)
        return _PLAIN if step == NOT_SCORED else self.styles[step]

    def styles_of(self, values: Values) -> tuple[Style, ...]:
        """`style` of each of many values, float64 (T,), nan where there is no number."""
        import numpy as np  # after the first picture

        steps = np.searchsorted(self.edges, values, side="right")
        below = values < 0
        steps[below] = np.searchsorted(self.edges, values[below], side="left")
        steps[np.isnan(values)] = len(self.styles)
        looks = (*self.styles, _PLAIN)
        return tuple(map(looks.__getitem__, steps.tolist()))

    def cursor(self, value: float | None) -> Style:
        """How text with this value looks under the cursor."""
        return cursor(self.style(value), dark=self.dark)


@lru_cache(maxsize=64)
def scale(kind: Kind, *, dark: bool, depth: ColourDepth) -> Scale:
    """The scale of `kind` for a dark or a light theme on a terminal of that many colours."""
    edges: tuple[float, ...]
    if kind in ("difference", "excess"):
        edges = DIFFERENCE_EDGES if kind == "difference" else EXCESS_EDGES
        labels = _two_end_labels(edges)
        styles = _two_end_styles(dark, depth)
    else:
        edges = {"rank": RANK_EDGES, "divergence": DIVERGENCE_EDGES}.get(kind, SURPRISE_EDGES)
        labels = _labels("1" if kind == "rank" else "0", edges)
        styles = _ramp_styles(dark, depth)
    unit = {"rank": "rank", "divergence": "nats of KL"}.get(kind, "bits")
    return Scale(kind, unit, edges, labels, styles, dark, depth)


def legend(scale: Scale) -> list[tuple[str, Style]]:
    """The steps in their own looks, ` 0 `, ` 1 `, ... ` 10+ `, and the unit, plain."""
    steps = [(f" {label} ", style) for label, style in zip(scale.labels, scale.styles, strict=True)]
    return [*steps, (f" {scale.unit}", _PLAIN)]


@lru_cache(maxsize=256)
def cursor(style: Style, *, dark: bool) -> Style:
    """`style` under the cursor: a bold block as bright as the theme is dark, on any step.

    What has no background of its own is reversed, which every terminal can. A coloured step is not:
    black on orange reversed would be a hole in a dark page. It becomes a white block (black in a
    light theme) with letters in its own colour where those can be read on it.
    """
    ground = _triplet(style.bgcolor)
    if ground is None:
        return style + Style(bold=True, reverse=True)
    block, letters = (_WHITE, _BLACK) if dark else (_BLACK, _WHITE)
    if contrast(ground, block) >= 4.5:
        letters = ground
    return style + Style.from_color(_rgb(letters), _rgb(block)) + Style(bold=True)


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance, 0 to 1 (WCAG 2)."""

    def linear(channel: int) -> float:
        part = channel / 255
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = colour
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _step(edges: tuple[float, ...], value: float | None) -> int:
    if value is None or math.isnan(value):
        return NOT_SCORED
    return bisect_right(edges, value) if value >= 0 else bisect_left(edges, value)


def _labels(first: str, edges: tuple[float, ...]) -> tuple[str, ...]:
    return (first, *(f"{edge:g}" for edge in edges[:-1]), f"{edges[-1]:g}+")


def _two_end_labels(edges: tuple[float, ...]) -> tuple[str, ...]:
    below = (f"{edge:g}" for edge in edges if edge < 0)
    above = (f"+{edge:g}" for edge in edges if edge > 0)
    return (*below, "0", *above)


def _ramp_styles(dark: bool, depth: ColourDepth) -> tuple[Style, ...]:
    if depth == "mono":
        return _ATTRIBUTES
    if depth != "16":
        return tuple(_on(number, dark) for number in (_DARK_RAMP if dark else _LIGHT_RAMP))
    # What a light terminal makes of "yellow" can seldom be read on its background.
    middle, high = (_ANSI_BRIGHT_YELLOW, _ANSI_BRIGHT_RED) if dark else (None, _ANSI_RED)
    colours = (None, None, middle, middle, middle, middle, high, high)
    return tuple(map(_with_colour, _ATTRIBUTES, colours))


def _two_end_styles(dark: bool, depth: ColourDepth) -> tuple[Style, ...]:
    if depth == "mono":
        return _ATTRIBUTES_TWO_ENDS
    if depth != "16":
        return tuple(_on(number, dark) for number in (_DARK_TWO_ENDS if dark else _LIGHT_TWO_ENDS))
    below, above = (_ANSI_BRIGHT_CYAN, _ANSI_BRIGHT_YELLOW) if dark else (_ANSI_BLUE, _ANSI_RED)
    colours = (below, below, below, None, above, above, above)
    return tuple(map(_with_colour, _ATTRIBUTES_TWO_ENDS, colours))


def _on(number: int | None, dark: bool) -> Style:
    """Text on an entry of the palette, in the theme's own polarity where that can be read."""
    if number is None:
        return _PLAIN
    ground = Color.from_ansi(number).get_truecolor()
    first, second = (_WHITE, _BLACK) if dark else (_BLACK, _WHITE)
    letters = first if contrast(first, ground) >= 4.5 else second
    return Style.from_color(_rgb(letters), _rgb(ground))


def _with_colour(style: Style, colour: ColorTriplet | None) -> Style:
    return style if colour is None else style + Style.from_color(_rgb(colour))


def _rgb(colour: ColorTriplet) -> Color:
    return Color.from_triplet(colour)


def _triplet(colour: Color | None) -> ColorTriplet | None:
    return None if colour is None or colour.is_default else colour.get_truecolor()
