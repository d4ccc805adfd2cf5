"""The NVIDIA GPUs of this machine, without torch: which there are, and how busy they are.

Asked of the driver's own library (NVML). What it knows are all cards in the order of `nvidia-smi`;
what a program sees of them is CUDA_VISIBLE_DEVICES. Without a driver there are none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ..errors import EyebrowError
from ..wording import many

ALL = "all"
_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))  # of Linux, and of Linux under Windows


@dataclass(frozen=True, slots=True)
class Gpu:
    """A card. used, total: bytes of its memory, whoever has them. busy: percent of the last
    moments in which something ran on it, None where the card does not say."""

    name: str
    used: int
    total: int
    busy: int | None


def devices(device: str, gpus: str = ALL, environ: Mapping[str, str] = os.environ) -> list[str]:
    """What workers are to run on: `cuda:N` for each of several GPUs, else `device` alone.

    gpus: "all", or numbers as in "0,1", counted among those that CUDA_VISIBLE_DEVICES leaves.
    Raises `EyebrowError` for one that is not there, or where another device was named.
    """
    if device not in ("auto", "cuda"):
        if gpus != ALL:
            raise EyebrowError(
                "Bad usage", f"--gpus {gpus} and --device {device} exclude each other"
            )
        return [device]
    there = len(visible(environ))
    if gpus == ALL:
        return [f"cuda:{number}" for number in range(there)] if there > 1 else [device]
    return [f"cuda:{number}" for number in dict.fromkeys(_numbers(gpus, there))]


def _numbers(gpus: str, there: int) -> Iterator[int]:
    has = f"this machine has {many(there, 'GPU') if there else 'none that torch can use'}"
    for word in gpus.split(","):
        if not word.strip().isdecimal():
            raise EyebrowError("Bad usage", f"--gpus {gpus}; use all, or numbers as in 0,1")
        if (number := int(word)) >= there:
            raise EyebrowError("No such GPU", f"--gpus {gpus}: there is no GPU {number}; {has}")
        yield number


def visible(environ: Mapping[str, str] = os.environ) -> list[Gpu]:
    """The GPUs that a program with this environment sees, in its order; none where torch was
    built without CUDA."""
    if not any(place.exists() for place in _DRIVERS) or _torch_is_for_cpus():
        return []
    found = []
    with suppress(Exception), _library() as nvml:  # a driver fails in many ways
        for handle in _handles(nvml, environ.get("CUDA_VISIBLE_DEVICES")):
            memory, busy = nvml.nvmlDeviceGetMemoryInfo(handle), None
            with suppress(nvml.NVMLError):  # part of a card does not say
                busy = int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
            name = nvml.nvmlDeviceGetName(handle)
            found.append(Gpu(str(name), int(memory.used), int(memory.total), busy))
    return found


def _handles(nvml: Any, wanted: str | None) -> Iterator[Any]:
    """As CUDA reads it: numbers or names, and nothing behind the first that is none."""
    count = nvml.nvmlDeviceGetCount()
    words = map(str, range(count)) if wanted is None else iter(wanted.split(","))
    for word in map(str.strip, words):
        if word.isdecimal() and int(word) < count:
            yield nvml.nvmlDeviceGetHandleByIndex(int(word))
        elif word.startswith(("GPU-", "MIG-")):
            yield nvml.nvmlDeviceGetHandleByUUID(word)
        else:
            return


@contextmanager
def _library() -> Iterator[Any]:
    import pynvml  # a tenth of the time to the first picture: not where there is no driver

    pynvml.nvmlInit()
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _torch_is_for_cpus() -> bool:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("torch").endswith("+cpu")
    return True
