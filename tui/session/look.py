"""What is shown of the numbers, in every view: chosen by the reader, remembered between runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..text.reading import KINDS, UNITS, Kind, UnitName

if TYPE_CHECKING:
    from ..threads.scaling import Measure


@dataclass(slots=True)
class Look:
    """kind, unit: what is coloured; difference: to the next smaller size. measure: what sizes are
    compared in, None where the reader has not chosen."""

    kind: Kind = KINDS[0]
    unit: UnitName = UNITS[0]
    difference: bool = False
    measure: Measure | None = None
