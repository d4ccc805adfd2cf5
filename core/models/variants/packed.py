"""Weights packed by a library, with its own kernels: torchao's int8 and int4, bitsandbytes' nf4.

The linear layers are packed, the output layer is not: it often is the embedding too, and the
libraries leave it alone by default.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch

from ...errors import FAILED, EyebrowError, reason

GROUP = 32  # numbers of a row that share a scale in int4


def pack(model: Any, kind: str) -> None:
    """Pack the linear layers of `model` in place.

    Raises `EyebrowError` where the model has none, and where the library is not here or cannot do
    it on this device.
    """
    if not any(_is_packed(layer, model.get_output_embeddings()) for layer in model.modules()):
        raise EyebrowError(
            "Cannot be packed",
            f"@{kind}: this model has no linear layers to be packed (GPT-2's are of another kind); "
            "@bits8:channel and @bits4:group64 simulate it",
        )
    _check_here(kind)
    try:
        (_nf4 if kind == "nf4" else _torchao)(model, kind)
    except EyebrowError:
        raise
    except Exception as error:  # kernels for this device that are missing show in many ways
        device = next(model.parameters()).device.type
        raise EyebrowError(
            "Cannot be packed", f"@{kind} on {device}: {reason(error)}", FAILED
        ) from error


def _is_packed(layer: torch.nn.Module, head: Any) -> bool:
    return isinstance(layer, torch.nn.Linear) and layer is not head


def packed_bytes(model: Any) -> int:
    """What the weights take in memory, packed tensors as what they hold."""
    return sum(_held(tensor) for tensor in (*model.parameters(), *model.buffers()))


def _held(tensor: Any) -> int:
    data = tensor.data if isinstance(tensor, torch.nn.Parameter) else tensor
    if hasattr(data, "__tensor_flatten__"):
        names, _ = data.__tensor_flatten__()
        return sum(_held(getattr(data, name)) for name in names)
    state = getattr(tensor, "quant_state", None)
    own = int(data.nbytes)
    if state is not None:
        own += sum(
            part.nbytes for part in (state.absmax, state.code) if isinstance(part, torch.Tensor)
        )
    return own


def _check_here(kind: str) -> None:
    package = "bitsandbytes" if kind == "nf4" else "torchao"
    if find_spec(package) is None:
        extra = "nf4" if kind == "nf4" else "quant"
        raise EyebrowError(
            "Not installed", f"@{kind} takes {package}: pip install 'eyebrow[{extra}]'"
        )


def _torchao(model: Any, kind: str) -> None:
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig, quantize_

    head, first = model.get_output_embeddings(), next(model.parameters())
    if kind == "int4" and (first.device.type != "cuda" or first.dtype != torch.bfloat16):
        raise EyebrowError(
            "No such device",
            "@int4 takes a CUDA device and --dtype bfloat16, which torchao's kernels are for; "
            "@int8 goes anywhere, and so does @bits4:group32, which simulates four bits",
        )

    def wanted(module: Any, _: str) -> bool:
        return _is_packed(module, head) and (kind == "int8" or module.in_features % GROUP == 0)

    config: Any = Int8WeightOnlyConfig()
    if kind == "int4":
        config = Int4WeightOnlyConfig(group_size=GROUP, int4_packing_format="tile_packed_to_4d")
    quantize_(model, config, filter_fn=wanted)


def _nf4(model: Any, _: str) -> None:
    from bitsandbytes.nn.modules import Linear4bit, Params4bit

    device = next(model.parameters()).device
    if device.type != "cuda":
        raise EyebrowError(
            "No such device",
            f"@nf4 takes a CUDA device, this model is on {device.type}; "
            "use @bits4:group64, which simulates four bits anywhere",
        )
    head = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if _is_packed(layer, head):
                packed = Linear4bit(
                    layer.in_features,
                    layer.out_features,
                    bias=layer.bias is not None,
                    compute_dtype=layer.weight.dtype,
                    quant_type="nf4",
                )
                packed.weight = Params4bit(
                    layer.weight.data.cpu(), requires_grad=False, quant_type="nf4"
                )
                packed.bias = layer.bias
                setattr(parent, name, packed.to(device))
