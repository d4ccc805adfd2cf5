"""Why a model gives no number: a weight that is none, or a precision that is too narrow."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import EyebrowError


def not_a_number(model: Any) -> EyebrowError:
    """What to say of a model whose log-probabilities are NaN. Looks through all its weights."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and (count := int(tensor.isnan().sum())):
            holds = f"weight {name} holds NaN in {count:,} of {tensor.numel():,} places"
            file = _file_of(name, model)
            if file is None:
                return _told(f"its {holds}; the files are damaged, copy the model anew")
            return _told(f"{file}: {holds}; it is damaged, copy it anew")
    dtype = str(getattr(model, "dtype", "")).removeprefix("torch.")
    wider = {"float16": "float32 or bfloat16", "bfloat16": "float32"}.get(dtype)
    if wider:
        return _told(f"the model's logits overflow in {dtype}; use --dtype {wider}")
    return _told(
        "the model's logits are none, though all its weights are numbers; look whether its "
        "config.json is the one it was trained with"
    )


def _told(message: str) -> EyebrowError:
    return EyebrowError("Not a number", message)


def _file_of(tensor: str, model: Any) -> Path | None:
    """The file that holds NaN there; None where that cannot be told, as of what was made here."""
    from safetensors import safe_open

    from ..models.weights import weight_files

    folder = Path(getattr(model, "name_or_path", ""))
    for file in weight_files(folder) if (folder / "config.json").is_file() else ():
        with suppress(Exception), safe_open(file, "pt") as opened:  # a pickle, or written meanwhile
            if tensor in opened.keys() and opened.get_tensor(tensor).isnan().any():  # noqa: SIM118
                return file
    return None
