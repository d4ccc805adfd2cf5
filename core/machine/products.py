"""Matrix products in half precision on processors that have no instructions for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

HALF = (torch.bfloat16, torch.float16)
ROWS = 32  # below it the library's own kernels are quicker: turning the weights takes longest

_PRODUCTS = (torch.nn.functional.linear, torch.addmm)  # GPT-2's layers are the second


def products_are_slow(weight: Tensor) -> bool:
    """Whether products with `weight` take ten times as long as in float32.

    So it is on a CPU without AVX-512 (bfloat16) or AVX-512 FP16: the library's kernels for it
    do 10 GFLOP/s a core where those for float32 do 80.
    """
    if weight.device.type != "cpu" or weight.dtype not in HALF:
        return False
    if not torch.backends.mkldnn.is_available():  # on Macs torch has neither library nor question
        return True
    if weight.dtype == torch.bfloat16:
        return not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return not torch.ops.mkldnn._is_mkldnn_fp16_supported()


class WidenedProducts(TorchFunctionMode):
    """Inside, matrix products in half precision are made in float32 and rounded once.

    That is what a processor with instructions for them computes: a product of two numbers of
    half precision is exact in float32, and sums are float32 in both.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        given: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        if function in _PRODUCTS and not named:
            dtype = given[0].dtype
            rows = given[function is torch.addmm]
            if dtype in HALF and rows.numel() >= ROWS * rows.shape[-1]:
                return function(*map(_widened, given)).to(dtype)
        return function(*given, **(named or {}))


def _widened(given: Any) -> Any:
    return given.float() if isinstance(given, Tensor) else given
