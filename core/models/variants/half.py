"""A model in bfloat16 for a while, which is the noise floor of every table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from .originals import Originals


@contextmanager
def in_bfloat16(model: Any, originals: Originals) -> Iterator[None]:
    """Inside, the weights are bfloat16, as `--dtype bfloat16` loads them; behind it every bit is
    as it was. Buffers stay as they are, as they do on loading."""
    parameters = dict(model.named_parameters())
    dtypes = {name: parameter.dtype for name, parameter in parameters.items()}
    try:
        for parameter in parameters.values():
            parameter.data = parameter.data.to(torch.bfloat16)
        yield
    finally:
        for name, parameter in parameters.items():
            parameter.data = torch.empty_like(parameter, dtype=dtypes[name])
        originals.restore(parameters)
