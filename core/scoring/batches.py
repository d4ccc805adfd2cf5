"""Windows of many stories, sorted by length and grouped under a token budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .encode import Encoding
from .windows import Window, windows


@dataclass(frozen=True, slots=True)
class Piece:
    """One window of one story."""

    story: int
    window: Window


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one forward pass over `pieces`.

    ids: int64 (B, L), padded on the right with 0, which nothing reads.
    rows, positions: int64 (N,), where the hidden state of each target is found.
    targets: int64 (N,), the tokens scored, piece after piece.
    """

    pieces: tuple[Piece, ...]
    ids: Tensor
    rows: Tensor
    positions: Tensor
    targets: Tensor


def pieces_of(encodings: Sequence[Encoding], context: int, stride: int) -> list[Piece]:
    """Every window of every encoding, longest first: what does not fit shows at once."""
    pieces = [
        Piece(story, window)
        for story, encoding in enumerate(encodings)
        for window in windows(len(encoding), context, stride, encoding.lead)
    ]
    pieces.sort(key=lambda piece: -piece.window.fed)
    return pieces


def take_group(pieces: Sequence[Piece], at: int, budget: int) -> int:
    """Where the batch that begins with piece `at` ends: its padded tokens stay in `budget`.

    One piece is taken whatever its length; pieces are sorted, so the first is the widest.
    """
    width = max(1, pieces[at].window.fed)
    return min(len(pieces), at + max(1, budget // width))


def build_batch(pieces: Sequence[Piece], encodings: Sequence[Encoding]) -> Batch:
    """The tensors for one group of pieces."""
    width = max(piece.window.fed for piece in pieces)
    ids = np.zeros((len(pieces), width), dtype=np.int64)
    rows, positions, targets = [], [], []
    for row, (story, window) in enumerate((p.story, p.window) for p in pieces):
        sequence = encodings[story].ids
        ids[row, : window.lead] = sequence[: window.lead]
        ids[row, window.lead : window.fed] = sequence[window.start : window.stop - 1]
        scored = window.stop - window.first
        rows.append(np.full(scored, row))
        positions.append(np.arange(window.first, window.stop) - 1 + window.lead - window.start)
        targets.append(sequence[window.first : window.stop])
    return Batch(
        tuple(pieces),
        torch.from_numpy(ids),
        torch.from_numpy(np.concatenate(rows)).long(),
        torch.from_numpy(np.concatenate(positions)).long(),
        torch.from_numpy(np.concatenate(targets)).long(),
    )


def split_by_piece(batch: Batch) -> Iterator[tuple[Piece, slice]]:
    """Each piece with the slice of its targets in the batch."""
    at = 0
    for piece in batch.pieces:
        scored = piece.window.stop - piece.window.first
        yield piece, slice(at, at + scored)
        at += scored
