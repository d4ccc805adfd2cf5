"""Bytes in words: decimal units, as disks, networks and the Hub count them."""

from __future__ import annotations

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))


def in_words(size: int) -> str:
    """47.4 GB, 269 MB, 12 kB, 88 bytes."""
    divisor, unit = _unit(size)
    return f"{_digits(size / divisor, unit)} {unit}"


def share_in_words(done: int, total: int) -> str:
    """120 / 270 MB: both in the unit of the total."""
    divisor, unit = _unit(total)
    return f"{_digits(done / divisor, unit)} / {in_words(total)}"


def _unit(size: int) -> tuple[float, str]:
    return next(((d, unit) for d, unit in _UNITS if size >= d), _UNITS[-1])


def _digits(value: float, unit: str) -> str:
    return f"{value:,.1f}" if unit == "GB" else f"{value:,.0f}"
