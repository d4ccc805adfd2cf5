"""What an axis shows, and where on it a value stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ...core.wording import amount
from .ticks import LARGEST, SMALLEST, tick_text


@dataclass(frozen=True, slots=True)
class Axis:
    """`ticks` stand where they are told to; without any, x is ticked at its markers and y at round
    numbers. `ends` are seen whatever the data are."""

    title: str
    log: bool = True
    text: Callable[[float], str] = tick_text
    ticks: tuple[float, ...] = ()
    ends: tuple[float, ...] = ()

    def place(self, value: float) -> float:
        """In the plot's coordinates."""
        return math.log10(value) if self.log else value

    def value(self, place: float) -> float:
        """Back from the plot's coordinates."""
        return 10**place if self.log else place

    def can_show(self, value: float) -> bool:
        return SMALLEST < value < LARGEST if self.log else abs(value) < LARGEST


SIZES = Axis("parameters", text=amount)
