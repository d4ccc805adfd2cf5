"""What the header of a safetensors file says of the file: names, shapes and places of tensors.

The whole header is checked against the file, so that one that was cut short, written over or put
together by hand is named before anything is loaded from it.
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

from ..wording import in_words

_HEAD = 8  # bytes that say how long the header is
_LONGEST = 100_000_000  # bytes of a header, as safetensors itself has it
BITS = {"BOOL": 8, "I8": 8, "U8": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
BITS |= dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8)
BITS |= {"I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32}
BITS |= {"C64": 64, "I64": 64, "U64": 64, "F64": 64}


class Tensor(NamedTuple):
    """One tensor of a file: dtype as safetensors calls it, begin and end as places in the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def numbers(self) -> int:
        """How many it holds."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """What they take in the file."""
        return self.end - self.begin


class Damaged(ValueError):
    """What is wrong with a file, to be said behind its name: `is cut short at 0 bytes`."""


def read_header(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name.

    Read here because huggingface_hub's reader takes a quarter of a second to import, before the
    first paint, and checks nothing.

    Raises `Damaged` where header and file do not go together, OSError where it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_HEAD), "little")
        # Whatever begins unlike a header says nothing of how long the file should be.
        if size > _HEAD and (length > _LONGEST or file.read(1) != b"{"):
            raise Damaged("is no safetensors file, or its beginning was written over")
        if size < _HEAD or _HEAD + length > size:
            raise Damaged(f"is cut short at {in_words(size)}")
        file.seek(_HEAD)
        raw = file.read(length)
    tensors = _tensors(raw, _HEAD + length)
    wanted = _check_places(tensors, _HEAD + length)
    if size < wanted:
        raise Damaged(f"is cut short: {size:,} of {wanted:,} bytes")
    if size > wanted:
        raise Damaged(f"has {size - wanted:,} bytes behind its end that belong to no tensor")
    return tensors


def _tensors(raw: bytes, start: int) -> dict[str, Tensor]:
    """start: where in the file the first number is, from which a header counts."""
    try:
        entries = json.loads(raw)
        found = {}
        for name, entry in entries.items():
            if name == "__metadata__":
                continue
            shape, (begin, end) = entry["shape"], entry["data_offsets"]
            whole = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
            if not (whole and isinstance(entry["dtype"], str)):
                raise ValueError
            found[name] = Tensor(entry["dtype"], tuple(shape), start + begin, start + end)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged("is no safetensors file") from error
    return found


def _check_places(tensors: dict[str, Tensor], start: int) -> int:
    """Tensors lie one behind the other, each as long as its shape says; returns where they end."""
    at = start
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1][2:]):
        if tensor.dtype not in BITS:
            raise Damaged(f"has a tensor {name!r} of an unknown dtype, {tensor.dtype!r}")
        if tensor.begin < at:
            raise Damaged(f"has tensors that overlap, {name!r} among them")
        if tensor.begin > at:
            raise Damaged(f"has a hole of {tensor.begin - at:,} bytes before {name!r}")
        if 8 * tensor.bytes != tensor.numbers * BITS[tensor.dtype]:
            raise Damaged(f"has a tensor {name!r} that is longer or shorter than its shape")
        at = tensor.end
    return at
