"""A model in bfloat16 for a while, which is the noise floor of every table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .originals import Originals

_PRODUCTS = (torch.nn.functional.linear, torch.addmm)  # GPT-2's layers are the second


@contextmanager
def in_bfloat16(model: Any, originals: Originals) -> Iterator[None]:
    """Inside, the weights are bfloat16, as `--dtype bfloat16` loads them; behind it every bit is
    as it was. Buffers stay as they are, as they do on loading."""
    parameters = dict(model.named_parameters())
    dtypes = {name: parameter.dtype for name, parameter in parameters.items()}
    on_cpu = all(parameter.device.type == "cpu" for parameter in parameters.values())
    widens = on_cpu and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    try:
        for parameter in parameters.values():
            parameter.data = parameter.data.to(torch.bfloat16)
        with WidenedProducts() if widens else nullcontext():
            yield
    finally:
        for name, parameter in parameters.items():
            parameter.data = torch.empty_like(parameter, dtype=dtypes[name])
        originals.restore(parameters)


class WidenedProducts(TorchFunctionMode):
    """Matrix products of bfloat16 in float32, rounded once: what a processor with instructions
    for them computes.

    One without (no AVX-512) takes ten times as long with the library's own kernels, to the same
    end: a product of two bfloat16 numbers is exact in float32, and sums are float32 in both.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        given: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        if function in _PRODUCTS and not named and given[0].dtype == torch.bfloat16:
            return function(*map(_widened, given)).bfloat16()
        return function(*given, **(named or {}))


def _widened(given: Any) -> Any:
    return given.float() if isinstance(given, Tensor) else given
