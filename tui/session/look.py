"""What is shown of the numbers, in every view: chosen by the reader, remembered between runs."""

from __future__ import annotations

from dataclasses import dataclass

from ..text.reading import KINDS, UNITS, Kind, Measure, UnitName


@dataclass(slots=True)
class Look:
    """kind, unit: what is coloured; difference: to the reference. measure: what sizes are
    compared in, None where the reader has not chosen."""

    kind: Kind = KINDS[0]
    unit: UnitName = UNITS[0]
    difference: bool = False
    measure: Measure | None = None
