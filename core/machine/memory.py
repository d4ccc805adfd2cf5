"""What fits into memory: looked at before anything is loaded, or downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch

from ..errors import EyebrowError
from ..models.families import families
from ..models.spec import ModelSpec
from ..models.weights import UNKNOWN, Size, size_of
from ..wording import in_words
from .device import dtype_name

_CGROUPS = Path("/sys/fs/cgroup")
_UNKNOWN = 1 << 62
SPREAD_SPARE = 0.1  # of the free memory of each GPU is left, where a model is spread over several


def weights_size(spec: ModelSpec, folder: Path | None) -> Size:
    """Of the files in `folder`, or of what is known without them; zeros where that is nothing.

    Pickles do not say how many numbers they hold; what the family says goes before their bytes.
    """
    size = size_of(folder) if folder else UNKNOWN
    return Size.of_floats(spec.parameters) if spec.parameters and not size.parameters else size


def check_memory(
    spec: ModelSpec, size: Size, device: torch.device, dtype: torch.dtype, held: int = 0
) -> None:
    """Refuse a model whose weights alone are larger than the memory that is free.

    held: bytes that would be let go of for it. Raises `EyebrowError` with what would fit.
    """
    needed, free = size.loaded(dtype.itemsize), free_memory(device) + held
    if needed <= free:
        return
    where, advice = "free" if device.type == "cpu" else f"free on {device}", []
    if others := rooms(device, held) if device.type == "cuda" else {}:
        if needed <= sum(others.values()) and len(others) > 1:
            if can_spread():
                return
            advice.append(f"it fits on {len(others)} GPUs together: pip install 'eyebrow[gpus]'")
        else:
            where += f", {in_words(sum(others.values()))} on all GPUs" if len(others) > 1 else ""
    if dtype.itemsize > 2 and size.floats:
        half = size.loaded(2)
        word = ", which fits: --dtype bfloat16" if half <= free else ""
        advice.append(f"as bfloat16 it needs {in_words(half)}{word}")
    if members := families().get(spec.family, ()):
        fits = [m.name for m in members if 0 < (m.parameters or 0) * dtype.itemsize <= free]
        advice.append(
            f"the largest of {spec.family} that fits: {fits[-1]}"
            if fits
            else f"none of {spec.family} fits"
        )
    raise EyebrowError(
        "Not enough memory",
        f"{spec.name} needs {in_words(needed)} as {dtype_name(dtype)}, {in_words(free)} are "
        f"{where}; {'; '.join(advice) or 'use a smaller model'}",
    )


def rooms(device: torch.device, held: int = 0) -> dict[torch.device, int]:
    """Bytes for weights on each GPU that a model loaded for `device` may be spread over, that one
    first. held: bytes there that would be let go of."""
    every = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
    own = torch.device("cuda", device.index or 0)
    order = [own, *(other for other in every if other != own)]
    free = {other: free_memory(other) + held * (other == own) for other in order}
    return {other: int((1 - SPREAD_SPARE) * size) for other, size in free.items()}


def can_spread() -> bool:
    """Whether accelerate is here, which moves what passes between GPUs."""
    return find_spec("accelerate") is not None


def free_memory(device: torch.device) -> int:
    """Bytes free on a device; on the CPU no more than its control groups allow.

    What torch keeps of a device for the next tensors, and could give back, counts as free.
    """
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    return min([_available(), *_allowed(_CGROUPS, Path("/proc/self/cgroup"))])


def _available() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return _UNKNOWN


def _allowed(root: Path, membership: Path) -> Iterator[int]:
    """What each control group of this process, and those around it, leave free; v2 and v1.

    Pages of files that were read count as used there, but give way.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base = root / "memory" if controllers else root
        group = base / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(base) and (limit := _number(folder, _LIMITS)) is not None:
                used = _number(folder, _USED) or 0
                yield max(0, limit - used + _file_pages(folder))


_LIMITS = ("memory.max", "memory.limit_in_bytes")
_USED = ("memory.current", "memory.usage_in_bytes")


def _number(folder: Path, names: tuple[str, ...]) -> int | None:
    for name in names:
        try:
            return int((folder / name).read_text())
        except (OSError, ValueError):  # not there, or "max"
            continue
    return None


def _file_pages(folder: Path) -> int:
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    fields = dict(line.split() for line in lines)
    return int(fields.get("total_inactive_file") or fields.get("inactive_file") or 0)
