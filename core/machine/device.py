"""Which device a model runs on, and in which precision."""

from __future__ import annotations

import torch

from ..errors import EyebrowError
from ..scoring.recipe import DTYPES


def pick_device(asked: str = "auto") -> torch.device:
    """The device for `asked`: auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:N or mps.

    Raises `EyebrowError` for a device this machine does not have.
    """
    if asked == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(asked)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise EyebrowError("No such device", f"{asked!r}; use auto, cpu, cuda, cuda:N or mps")
    missing = {
        "cpu": False,
        "cuda": (device.index or 0) >= torch.cuda.device_count(),
        "mps": not torch.backends.mps.is_available(),
    }[device.type]
    if missing:
        count = torch.cuda.device_count()
        raise EyebrowError(
            "No such device", f"{asked} is not on this machine ({count} CUDA devices); use auto"
        )
    return device


def use_device(device: torch.device) -> None:
    """Make it the one that is meant where a library names none: of several GPUs, this one."""
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)


def pick_dtype(asked: str, device: torch.device) -> torch.dtype:
    """The dtype for `asked`: auto is bfloat16 on CUDA and float32 elsewhere.

    On cards without bfloat16 auto is float16 where they multiply it fast (Volta and Turing, 7.x),
    and float32 on older ones. Raises `EyebrowError` for a dtype eyebrow does not know.
    """
    if asked == "auto":
        return _of_card(device) if device.type == "cuda" else torch.float32
    if asked not in DTYPES:
        raise EyebrowError("No such dtype", f"{asked!r}; use auto, {', '.join(DTYPES)}")
    return getattr(torch, asked)  # type: ignore[no-any-return]


def _of_card(device: torch.device) -> torch.dtype:
    with torch.cuda.device(device):
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16
    return torch.float16 if torch.cuda.get_device_capability(device)[0] >= 7 else torch.float32


def dtype_name(dtype: torch.dtype) -> str:
    """ "float32", "bfloat16" or "float16"."""
    return str(dtype).removeprefix("torch.")
