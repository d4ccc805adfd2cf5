"""What a user asks of a cluster; apart from the rest, so that reading options costs nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """The cluster and what is wanted of it.

    address: "auto", or host:port; None for a Ray of its own on this machine. workers: None for
    as many as there is room for. gpus: for each of them; None for 1 where there are any.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float | None = None
