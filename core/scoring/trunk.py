"""A causal language model taken apart: the trunk gives hidden states, the head numbers.

Models differ in what lies between the last hidden state and the logits (a bias, a scale, a soft
cap). Nothing is assumed: the parts are put together for a few tokens and compared with the
model's own logits, and a model whose parts do not add up is used whole.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .batches import Batch
from .head import Head, Measured, measure_logits

# How far the parts' logits may be from the model's own, relative to the largest.
TOLERANCE = defaultdict(lambda: 1e-4, {torch.bfloat16: 3e-2, torch.float16: 4e-3})


class Trunk:
    """Runs a model over padded batches and measures positions.

    model: any causal LM in the manner of transformers, in eval mode, on its device.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.device = next(iter(model.state_dict().values())).device
        self.head = find_head(model)

        self.parameters = sum(parameter.numel() for parameter in model.parameters())

    @property
    def vocabulary(self) -> int:
        """Entries of the output layer."""
        return int(self.model.config.get_text_config().vocab_size)

    @cached_property
    def rows(self) -> int:
        """Ids from 0 on that the model can be fed and asked for."""
        outputs = self.vocabulary if self.head is None else len(self.head.weight)
        try:
            inputs = self.model.get_input_embeddings().num_embeddings
        except (AttributeError, NotImplementedError):
            return outputs
        return min(int(inputs), outputs)

    def of_batch(self, batch: Batch) -> Measured:
        """Numbers for the targets of a batch."""
        return self.measure(batch.ids, batch.rows, batch.positions, batch.targets)

    def measure(self, ids: Tensor, rows: Tensor, positions: Tensor, targets: Tensor) -> Measured:
        """Numbers for `targets` (N,) read from `positions` (N,) of `rows` (N,).

        ids: int64 (B, L), padded on the right. Padding stands behind everything that is read
        and attention is causal, so it needs no mask and changes nothing.
        """
        ids, rows, positions, targets = (t.to(self.device) for t in (ids, rows, positions, targets))
        with torch.inference_mode():
            if self.head is None:
                return measure_logits(self.model(input_ids=ids).logits[rows, positions], targets)
            hidden = _hidden(self.model, ids)[rows, positions]
            return self.head.measure(hidden, targets)

    def logits_after(self, ids: Tensor) -> Tensor:
        """float32 logits (V,) of the token that follows `ids` (L,)."""
        with torch.inference_mode():
            row = ids.to(self.device)[None]
            if self.head is None:
                return self.model(input_ids=row).logits[0, -1].float().cpu()  # type: ignore[no-any-return]
            last = _hidden(self.model, row)[:, -1]
            return self.head.logits(last, 0, self.head.weight.shape[0])[0].cpu()


def find_head(model: Any) -> Head | None:
    """The linear head of `model`, or None where trunk and head do not give its logits."""
    layer = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    weight = getattr(layer, "weight", None)
    if weight is None or model.base_model is model or weight.ndim != 2:
        return None
    bias = getattr(layer, "bias", None)
    config = model.config.get_text_config()
    size = min(8, getattr(config, "max_position_embeddings", None) or 8)
    probe = torch.arange(1, size + 1, device=weight.device)[None] % weight.shape[0]
    heads = [Head(weight, bias, finish) for finish in _finishes(config)]
    with torch.inference_mode():
        wanted = model(input_ids=probe).logits[0].float()
        try:
            hidden = _hidden(model, probe)[0]
            errors = [_error(head.logits(hidden, 0, len(weight)), wanted) for head in heads]
        except (TypeError, AttributeError, RuntimeError, ValueError):
            return None
    # The closest of them: where logits are small a soft cap is nearly the plain case.
    best = min(range(len(heads)), key=errors.__getitem__)
    return heads[best] if errors[best] < TOLERANCE[weight.dtype] else None


def _hidden(model: Any, ids: Tensor) -> Tensor:
    return model.base_model(input_ids=ids, use_cache=False).last_hidden_state  # type: ignore[no-any-return]


def _error(got: Tensor, wanted: Tensor) -> float:
    if got.shape != wanted.shape:
        return math.inf
    scale = wanted.abs().max().clamp(min=1e-6)
    return float((got - wanted).abs().max() / scale)


def _finishes(config: Any) -> list[Callable[[Tensor], Tensor] | None]:
    """What models are known to do to their logits, the plain case first."""
    finishes: list[Callable[[Tensor], Tensor] | None] = [None]
    if cap := getattr(config, "final_logit_softcapping", None):  # Gemma 2
        finishes.append(lambda logits: torch.tanh(logits / cap) * cap)
    if scale := getattr(config, "logit_scale", None):  # Cohere
        finishes.append(lambda logits: logits * scale)
    if scaling := getattr(config, "logits_scaling", None):  # Granite
        finishes.append(lambda logits: logits / scaling)
    return finishes
