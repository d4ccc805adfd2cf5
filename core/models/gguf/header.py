"""What the header of a GGUF file says, read without its weights and without any library.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from ..headers import Damaged

_MAGIC, _STRING, _ARRAY = b"GGUF", 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_SCALARS |= {12: "d"}
_MOST = 1 << 24  # entries, tensors and characters of a name; more is no header
_LONGEST = 1 << 30  # bytes of one array
# general.file_type, as llama.cpp's llama_ftype has it.
_FTYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself.

    fields: its entries by name, arrays left out. parameters: numbers in all tensors. tensors:
    how many there are. quantisation: "Q4_1", "" where it does not say.
    """

    fields: dict[str, Any]
    parameters: int
    tensors: int

    @property
    def quantisation(self) -> str:
        return _FTYPES.get(self.fields.get("general.file_type", -1), "")


def read_gguf(file: Path) -> Header:
    """The header. Raises `Damaged` where it is none, OSError where it cannot be read."""
    state = file.stat()
    return _read(file, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _read(file: Path, size: int, _: int) -> Header:
    with file.open("rb") as stream:
        if stream.read(4) != _MAGIC:
            raise Damaged("is no GGUF file, or its beginning was written over")
        try:
            (version,) = _take(stream, "I")
            if version not in (2, 3):
                raise Damaged(f"is of GGUF version {version}; versions 2 and 3 can be read")
            tensors, entries = _take(stream, "QQ")
            if tensors > _MOST or entries > _MOST:
                raise Damaged("has a header that cannot be")
            fields = {}
            for _ in range(entries):
                name = _string(stream)
                (kind,) = _take(stream, "I")
                if (value := _value(stream, kind)) is not None:
                    fields[name] = value
            parameters = sum(_tensor(stream) for _ in range(tensors))
        except (struct.error, KeyError, ValueError) as error:
            raise Damaged("is cut short, or its header is damaged") from error
    if not tensors:
        raise Damaged("holds no weights")
    return Header(fields, parameters, tensors)


def _value(stream: BinaryIO, kind: int) -> Any:
    """Of one entry; None for an array, which is passed over."""
    if kind == _STRING:
        return _string(stream)
    if kind != _ARRAY:
        return _take(stream, _SCALARS[kind])[0]
    inner, count = _take(stream, "IQ")
    if inner in _SCALARS:
        _skip(stream, count * struct.calcsize("<" + _SCALARS[inner]))
        return None
    if inner != _STRING:  # arrays of arrays, which the format allows and nobody writes
        raise Damaged("has a header that cannot be")
    for _ in range(count):
        _skip(stream, _take(stream, "Q")[0])
    return None


def _skip(stream: BinaryIO, count: int) -> None:
    if count > _LONGEST:
        raise Damaged("has a header that cannot be")
    stream.seek(count, 1)


def _tensor(stream: BinaryIO) -> int:
    """How many numbers one tensor holds."""
    _string(stream)
    (axes,) = _take(stream, "I")
    if axes > 8:
        raise Damaged("has a header that cannot be")
    count = 1
    for length in _take(stream, "Q" * axes):
        count *= length
    _take(stream, "IQ")
    return count


def _string(stream: BinaryIO) -> str:
    (length,) = _take(stream, "Q")
    if length > _MOST:
        raise Damaged("has a header that cannot be")
    return stream.read(length).decode("utf-8", "replace")


def _take(stream: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack("<" + form, stream.read(struct.calcsize("<" + form)))
