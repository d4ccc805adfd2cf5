"""Simulated uniform quantisation, as textbooks have it: round to equal steps, in place.

With `low` and `high` the ends of what is rounded together and n = 2^bits - 1 steps,

    scale = (high - low) / n;   w <- round((w - low) / scale) * scale + low

in float32, which is what `torch` makes of these lines for a float32 model; weights of half
precision are widened for it and rounded once afterwards. What has one value alone (scale 0) is
left as it is. A piece is worked on at a time, so that no second copy of a tensor is made.
"""

from __future__ import annotations

import torch
from torch import Tensor

PIECE = 1 << 20  # numbers that are worked on at a time: 4 MB


def round_tensor(weight: Tensor, bits: int) -> None:
    """Round all of `weight` between its own ends, in place."""
    flat = weight.view(-1)
    low, high = flat.min().float(), flat.max().float()
    scale = (high - low) / (2**bits - 1)
    if scale == 0 or not scale.isfinite():
        return
    for at in range(0, len(flat), PIECE):
        part = flat[at : at + PIECE]
        part.copy_(_rounded(part.float(), low, scale))


def round_rows(weight: Tensor, bits: int, group: int = 0, across: bool = False) -> None:
    """Round each row of a matrix, or each `group` numbers of a row, between ends of its own.

    A row is an output channel: the last axis runs over inputs; across: it is the one before, as
    in GPT-2's `Conv1D`. What is left of a row behind its last whole group is a group too. A
    vector is one row, and a single number is left as it is.
    """
    if not weight.ndim:
        return
    rows = weight.t() if across else weight.view(-1, weight.shape[-1])
    step = max(1, PIECE // rows.shape[1])
    width = group or rows.shape[1]
    for at in range(0, len(rows), step):
        block = rows[at : at + step]
        whole = block.shape[1] // width * width
        if whole:
            parts = block[:, :whole].unflatten(1, (-1, width))
            parts.copy_(_between_own_ends(parts.float(), bits))
        if whole < block.shape[1]:
            rest = block[:, whole:]
            rest.copy_(_between_own_ends(rest.float(), bits))


def _between_own_ends(values: Tensor, bits: int) -> Tensor:
    low, high = values.amin(-1, keepdim=True), values.amax(-1, keepdim=True)
    scale = (high - low) / (2**bits - 1)
    rounded = _rounded(values.clone(), low, scale)
    return torch.where((scale == 0) | ~scale.isfinite(), values, rounded)


def _rounded(values: Tensor, low: Tensor, scale: Tensor) -> Tensor:
    """`values` (float32), changed."""
    return values.sub_(low).div_(scale).round_().mul_(scale).add_(low)
