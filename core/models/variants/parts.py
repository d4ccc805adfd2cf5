"""Which parameters of a model a variant changes."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import torch

from ...errors import EyebrowError
from .spelling import Variant, layers_of

_LAYER = re.compile(r"(?:^|\.)(\d+)\.")  # the first number in a name is that of the layer
_NORMS = re.compile(r"norm|(?:^|\.)ln(?:_|\d|\.)", re.IGNORECASE)
_ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)
_MLP = re.compile(r"mlp|feed_forward|ffn|moe|expert|\.fc\d|dense_h|dense_4h", re.IGNORECASE)


def chosen(model: Any, variant: Variant) -> dict[str, torch.nn.Parameter]:
    """The parameters that `variant` speaks of, by name; one that two layers share comes once.

    Rounding takes every parameter, pruning the matrices of the layers and, where the part says
    so, the embeddings. Raises `EyebrowError` where the model has none.
    """
    outside = {id(tensor) for tensor in _tables(model)}
    found = {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.is_floating_point()
        and parameter.numel()
        and all(_is_in(name, part, id(parameter) in outside) for part in variant.parts)
        and (variant.kind != "prune" or _is_pruned(name, parameter, variant))
    }
    if not found:
        what = f"no {' in '.join(variant.parts)}" if variant.parts else "nothing"
        raise EyebrowError("No such part", f"@{variant}: the model has {what} to be changed")
    return found


def _is_pruned(name: str, parameter: torch.Tensor, variant: Variant) -> bool:
    inside = _layer(name) is not None or "embeddings" in variant.parts
    return parameter.ndim > 1 and inside


def _is_in(name: str, part: str, is_table: bool) -> bool:
    if (ends := layers_of(part)) is not None:
        number = _layer(name)
        return number is not None and ends[0] <= number <= ends[1]
    return part == _kind(name, is_table)


def _kind(name: str, is_table: bool) -> str:
    """attention, mlp, norms or embeddings; "" for what is none of these."""
    if is_table or (_layer(name) is None and re.search(r"emb|wte|wpe", name)):
        return "embeddings"
    module = name.rpartition(".")[0]
    if _NORMS.search(module):
        return "norms"
    if _ATTENTION.search(module):
        return "attention"
    return "mlp" if _MLP.search(module) else ""


def _layer(name: str) -> int | None:
    found = _LAYER.search(name)
    return int(found[1]) if found else None


def _tables(model: Any) -> list[torch.Tensor]:
    """What turns ids into states, and states into logits."""
    found = []
    for ask in ("get_input_embeddings", "get_output_embeddings"):
        with suppress(AttributeError, NotImplementedError):  # a model that was counted has none
            weight = getattr(getattr(model, ask)(), "weight", None)
            found += [] if weight is None else [weight]
    return found
