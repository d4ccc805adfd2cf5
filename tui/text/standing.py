"""Colours that stand out from a theme's background as far as they have to, in any theme.

Textual's shades of a panel are made for dark themes: in light ones they stand out by 1.05 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.color import Color, ColorParseError

from .colour import contrast

ROW, LINE = 3.2, 2.2  # contrast of the row under the cursor and of lines to the background
STEPS = 100
LETTERS = Color(0, 0, 0), Color(255, 255, 255)


def standing(theme: Mapping[str, str]) -> dict[str, str]:
    """`row`, `row-text` and `line` for the style sheets, from a theme's variables.

    A theme that leaves its background to the terminal keeps its own.
    """
    try:
        ground, ink = Color.parse(theme["background"]), Color.parse(theme["foreground"])
    except ColorParseError:
        ground = ink = Color(0, 0, 0, ansi=-1)
    if ground.ansi is not None:
        return {
            "row": theme["block-cursor-background"],
            "row-text": theme["block-cursor-foreground"],
            "line": theme["panel-lighten-2"],
        }
    row = _mixed(ground, ink, ROW)
    letters = max(LETTERS, key=lambda letters: contrast(letters.rgb, row.rgb))
    return {"row": row.hex, "row-text": letters.hex, "line": _mixed(ground, ink, LINE).hex}


def _mixed(ground: Color, ink: Color, wanted: float) -> Color:
    """As much ink as it takes."""
    for step in range(STEPS):
        mixed = ground.blend(ink, step / STEPS)
        if contrast(mixed.rgb, ground.rgb) >= wanted:
            return mixed
    return ink
