"""An axis under rows of text, for pictures that are written cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

from ..text.plain import cell_width
from .axis import Axis
from .ticks import even_ticks, nice_ticks

ROOM = 9  # cells that a tick with its text wants


@dataclass(frozen=True, slots=True)
class Ruler:
    """`low` to `high` (values of the axis) over `columns` cells."""

    axis: Axis
    low: float
    high: float
    columns: int

    def column(self, value: float) -> int:
        """The cell a value falls in; the nearest one for what lies outside, as infinity does."""
        return round(max(0.0, min(self.columns - 1.0, self.position(value))))

    def position(self, value: float) -> float:
        """Where a value lies, in cells from the middle of the first; not cut to the ruler."""
        first, last = self.axis.place(self.low), self.axis.place(self.high)
        return (self.axis.place(value) - first) / (last - first) * (self.columns - 1)

    def ticks(self) -> tuple[float, ...]:
        """Round numbers, none too near another."""
        most = max(2, self.columns // ROOM)
        if self.axis.log:
            return nice_ticks(self.low, self.high, most)
        return even_ticks(self.low, self.high, most)

    def lines(self) -> tuple[str, str]:
        """The axis, and the numbers below it."""
        marks, numbers = ["─"] * self.columns, ""
        for tick in self.ticks():
            at, text = self.column(tick), self.axis.text(tick)
            start = max(0, min(at - cell_width(text) // 2, self.columns - cell_width(text)))
            if start >= len(numbers) + bool(numbers):
                marks[at] = "┬"
                numbers = numbers.ljust(start) + text
        return "".join(marks), numbers.ljust(self.columns)
