"""Why a model gives no number: a weight that is none, or a precision that is too narrow."""

from __future__ import annotations

from typing import Any

from ..errors import FAILED, EyebrowError


def not_a_number(model: Any) -> EyebrowError:
    """What to say of a model whose log-probabilities are NaN. Looks through all its weights."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and (count := int(tensor.isnan().sum())):
            return _told(
                f"its weight {name} holds NaN in {count:,} of {tensor.numel():,} places; the "
                "files are damaged, copy the model anew"
            )
    dtype = str(getattr(model, "dtype", "")).removeprefix("torch.")
    wider = {"float16": "float32 or bfloat16", "bfloat16": "float32"}.get(dtype)
    if wider:
        return _told(f"the model's logits overflow in {dtype}; use --dtype {wider}")
    return _told(
        "the model's logits are none, though all its weights are numbers; look whether its "
        "config.json is the one it was trained with"
    )


def _told(message: str) -> EyebrowError:
    return EyebrowError("Not a number", message, FAILED)
