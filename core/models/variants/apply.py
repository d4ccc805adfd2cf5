"""Do to a model what a variant says: for good, or for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from .originals import Originals
from .parts import chosen
from .prune import prune_tensor
from .quantise import round_rows, round_tensor
from .spelling import Variant

ENDS = 8  # bytes of what is rounded together: its low end and its scale, in float32


def change(model: Any, variant: Variant) -> None:
    """Change `model` in place and for good.

    Raises `EyebrowError` for a part that it has not, for a library that is not here, and for
    what that library cannot do with this model or device.
    """
    if variant.is_in_place:
        _damage(model, variant, chosen(model, variant))
    elif variant.kind == "prune":
        from .structure import take_out

        take_out(model, variant)
    else:
        from .packed import pack

        pack(model, variant.kind)


@contextmanager
def damaged(model: Any, variant: Variant, originals: Originals) -> Iterator[None]:
    """Inside, `model` is the variant; behind it every bit is as it was, whatever ended it."""
    parameters = chosen(model, variant)
    try:
        _damage(model, variant, parameters)
        yield
    finally:
        originals.restore(parameters)


def needed_bytes(model: Any, variant: Variant) -> int:
    """What the weights would take if `bits` were packed as tightly as they can be.

    Of each tensor its numbers at so many bits, and `ENDS` for each tensor, channel or group that
    has ends of its own; what is left alone as it is. Pruning alone saves nothing: a zero in a
    dense tensor takes as much as any other number.
    """
    rounded = chosen(model, variant) if variant.kind == "bits" else {}
    across = _across(model)
    total = sum(int(buffer.nbytes) for buffer in model.buffers())
    for name, parameter in model.named_parameters():
        if name not in rounded:
            total += int(parameter.nbytes)
            continue
        bits = min(int(variant.amount), 8 * parameter.itemsize)
        ends = _ends(parameter, variant, id(parameter) in across)
        total += -(-parameter.numel() * bits // 8) + ENDS * ends
    return total


def _ends(parameter: torch.Tensor, variant: Variant, is_across: bool) -> int:
    if variant.grain == "tensor" or not parameter.ndim:
        return 1
    length = int(parameter.shape[-2 if is_across else -1])
    groups = -(-length // variant.group) if variant.group else 1
    return parameter.numel() // length * groups


def _across(model: Any) -> set[int]:
    """Weights that hold their matrix the other way round, by `id`."""
    return {id(module.weight) for module in model.modules() if isinstance(module, Conv1D)}


def _damage(model: Any, variant: Variant, parameters: dict[str, torch.nn.Parameter]) -> None:
    across = _across(model)
    with torch.no_grad():
        for parameter in parameters.values():
            if variant.kind == "prune":
                prune_tensor(parameter, variant.amount)
            elif variant.grain == "tensor":
                round_tensor(parameter, int(variant.amount))
            else:
                is_across = id(parameter) in across
                round_rows(parameter, int(variant.amount), variant.group, is_across)
