"""Magnitude pruning: the numbers nearest to 0 become 0, tensor by tensor, in place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils import prune


def prune_tensor(weight: Tensor, share: float) -> None:
    """Set the `share` of `weight` with the smallest magnitude to 0.

    Which ones is what `torch.nn.utils.prune.l1_unstructured` chooses; its mask is applied, and
    neither kept nor left in the model.
    """
    mask = prune.L1Unstructured(share).compute_mask(weight, torch.ones_like(weight))
    weight.mul_(mask)
