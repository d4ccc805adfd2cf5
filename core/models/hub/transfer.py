"""What a download tells of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transfer:
    """How far a download is, in bytes; what was there before counts as done."""

    done: int
    total: int
    bytes_per_second: float

    @property
    def seconds_left(self) -> float | None:
        """None while the speed is not known."""
        if not self.bytes_per_second:
            return None
        return (self.total - self.done) / self.bytes_per_second
