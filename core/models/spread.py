"""A model that is too large for one GPU, dealt over several; accelerate moves what passes between.

Only layers leave the GPU that it is loaded for: what is before them and behind them stays, so
that ids go in and hidden states come out where everything else expects them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from ..errors import EyebrowError
from ..machine.memory import rooms


def spread(empty: Any, dtype: torch.dtype, device: torch.device, name: str) -> dict[str, str]:
    """Where each module of a model goes, in transformers' `device_map`.

    empty: the model without its weights. Raises `EyebrowError` where they find no room.
    """
    layers = _layers(empty)
    sizes = [_bytes(layer, dtype) for _, layer in layers]
    dealt = deal(sizes, _bytes(empty, dtype) - sum(sizes), rooms(device))
    if dealt is None:
        raise EyebrowError(
            "Not enough memory", f"the layers of {name} do not fit on the GPUs, one by one"
        )
    found = dict.fromkeys(_others(empty, {path for path, _ in layers}), str(device))
    return found | {path: str(at) for (path, _), at in zip(layers, dealt, strict=True)}


def deal(
    sizes: Sequence[int], rest: int, room: Mapping[torch.device, int]
) -> list[torch.device] | None:
    """A device for each layer, neighbours together; None where they do not fit.

    sizes: bytes of the layers. rest: of everything else, which is on the first device.
    """
    dealt: list[torch.device] = []
    left = iter(room.items())
    device, free = next(left)
    free -= rest
    for size in sizes:
        while size > free:
            if (following := next(left, None)) is None:
                return None
            device, free = following
        free -= size
        dealt.append(device)
    return dealt


def _layers(model: Any) -> list[tuple[str, Any]]:
    """The modules of the largest list of them, by their paths."""
    lists = [
        (path, module)
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList)
    ]
    if not lists:
        return []
    path, largest = max(lists, key=lambda one: sum(p.numel() for p in one[1].parameters()))
    return [(f"{path}.{at}", layer) for at, layer in enumerate(largest)]


def _others(model: Any, layers: set[str], path: str = "") -> Iterator[str]:
    """Paths that stand for everything but the layers, as few as do."""
    for name, _ in (*model.named_parameters(recurse=False), *model.named_buffers(recurse=False)):
        yield f"{path}{name}"
    for name, child in model.named_children():
        own = f"{path}{name}"
        if own in layers:
            continue
        if any(layer.startswith(f"{own}.") for layer in layers):
            yield from _others(child, layers, f"{own}.")
        else:
            yield own


def _bytes(module: Any, dtype: torch.dtype) -> int:
    return sum(
        p.numel() * (dtype.itemsize if p.is_floating_point() else p.element_size())
        for p in module.parameters()
    )
