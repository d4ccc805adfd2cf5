"""plotext at work: signs and lines in a window with ticks.

Its logarithmic axes break on the second build, so it is given logarithms, and ticks by hand. It
keeps its figure in a global: that is cleared before and after each picture, under a lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

_LOCK = Lock()


@dataclass(frozen=True, slots=True)
class Window:
    """What is seen, in the coordinates that plotext gets, and the ticks (at, text) in it.

    plotext writes the ticks of x in their order and drops those for which no room is left.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]

    def columns(self, width: int) -> int:
        """Cells from left to right that hold data."""
        return max(1, width - 1 - max((len(text) for _, text in self.y_ticks), default=0))


@dataclass(frozen=True, slots=True)
class Ink:
    """Signs at points; `line`: a line through them instead; `text`: a word that ends there."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    sign: str
    colour: int | None
    bold: bool = False
    line: bool = False
    text: bool = False


def plot(
    window: Window, inks: Iterable[Ink], width: int, height: int, quiet: int | None
) -> list[str]:
    """`height` lines: axes, ticks, and the inks, the later above the earlier."""
    # Not at the top: Textual starts without it, and it takes its time.
    import plotext as plt

    with _LOCK:
        plt.clear_figure()
        try:
            plt.limitsize(False, False)
            plt.plotsize(width, height)
            plt.theme("clear")
            if quiet is not None:
                plt.ticks_color(quiet)
            plt.xaxes(True, False)
            plt.yaxes(True, False)
            plt.xlim(*window.x)
            plt.ylim(*window.y)
            plt.xticks([at for at, _ in window.x_ticks], [text for _, text in window.x_ticks])
            plt.yticks([at for at, _ in window.y_ticks], [text for _, text in window.y_ticks])
            for ink in inks:
                colour = "default" if ink.colour is None else ink.colour
                if ink.text:
                    plt.text(ink.sign, ink.xs[0], ink.ys[0], color=colour, alignment="right")
                elif ink.line:
                    plt.plot(ink.xs, ink.ys, marker="braille", color=colour)
                elif ink.xs:
                    style = "bold" if ink.bold else "default"
                    plt.scatter(ink.xs, ink.ys, marker=ink.sign, color=colour, style=style)
            text: str = plt.build()
        finally:
            plt.clear_figure()
    lines = text.split("\n")[:height]
    return lines + [""] * (height - len(lines))
