"""A reference that runs once, however many models are measured against it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .batches import Batch, Piece
from .trunk import Trunk

ROOM = 64 << 20  # bytes of hidden states that are kept; what is beyond them is computed anew


class RememberingTrunk(Trunk):
    """Keeps what it has found of a batch for the next model that is taken through the same ones.

    The first `ROOM` bytes of it: 22,000 positions of a model of 135M parameters, or 87,000 of one
    of 3M. Its weights must not change meanwhile.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._known: dict[tuple[Piece, ...], Tensor] = {}
        self._left = ROOM

    def at_targets(self, batch: Batch) -> Tensor:
        """As of any trunk; of a batch that was asked for before what was found then."""
        known = self._known.get(batch.pieces)
        if known is not None:
            return known
        found = super().at_targets(batch)
        if found.nbytes <= self._left:
            self._left -= found.nbytes
            self._known[batch.pieces] = found
        return found
