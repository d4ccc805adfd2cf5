"""The weights of a saved model: which files hold them, how many numbers, how many bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EyebrowError
from .configuration import is_quantised, read_config
from .gguf.header import read_gguf
from .gguf.place import SUFFIX, WEIGHTS
from .headers import BITS, Damaged, Tensor, read_header

SINGLE = ("model.safetensors", "pytorch_model.bin", WEIGHTS)
FLOATS = ("F64", "F32", "F16", "BF16")
_SMALL_FLOATS = ("F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2")
_NO_WEIGHTS = (  # what a packed weight needs to be unpacked: not learnt numbers of their own
    *("absmax", "quant_map", "SCB", "weight_format", "scales", "scale_inv", "weight_scale"),
    *("weight_scale_2", "input_scale", "output_scale", "scale_ub", "qzeros", "zero_point"),
    *("g_idx", "weight_shape"),
)


@dataclass(frozen=True, slots=True)
class Size:
    """What the headers of a model's files say.

    parameters: a weight that two layers share counted once, a packed one as what is packed in it;
    None where the files do not say. floats: numbers that take the dtype they are loaded as.
    packed: bytes of everything else, which stays as it is, or grows.
    """

    parameters: int | None
    floats: int
    packed: int

    @classmethod
    def of_floats(cls, parameters: int) -> Size:
        """Of a model of which only the number of parameters is known."""
        return cls(parameters, parameters, 0)

    @classmethod
    def of_counts(cls, counts: Mapping[str, int], parameters: int | None = None) -> Size:
        """From how many numbers there are of each dtype, as the Hub lists them."""
        floats = sum(count for dtype, count in counts.items() if dtype in FLOATS)
        others = {dtype: count for dtype, count in counts.items() if dtype not in FLOATS}
        packed = sum(count * BITS.get(dtype, 8) for dtype, count in others.items()) // 8
        return cls(parameters or floats or None, floats, packed)

    def loaded(self, itemsize: int) -> int:
        """Bytes in memory, as numbers of `itemsize` bytes; packed weights at the least."""
        return self.floats * itemsize + self.packed


UNKNOWN = Size(None, 0, 0)


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers loads the weights from, by name; none where it finds none.

    What its configuration names, one file before shards, safetensors before pickles. Whatever
    else lies beside them, such as consolidated.safetensors, is not looked at.
    """
    entry = weights_entry(folder)
    if entry is None or entry.suffix != ".json":
        return [entry] if entry else []
    try:
        return sorted({folder / file for file in read_index(entry).values()})
    except (OSError, Damaged):
        return []  # loading will say what is wrong with it


def weights_entry(folder: Path) -> Path | None:
    """The file that leads to the weights: the only one, or the index of several; None: none."""
    named = _config(folder).get("transformers_weights")
    names = ([named] if isinstance(named, str) else []) + list(SINGLE)
    places = [folder / place for name in names for place in (name, f"{name}.index.json")]
    # What is there and no file, such as a link to nowhere, is named when it is to be read.
    return next(filter(os.path.isfile, places), None) or next(filter(os.path.lexists, places), None)


def read_index(index: Path) -> dict[str, str]:
    """The name of the file that each tensor is in, by the tensor's name.

    Raises `Damaged` where it is no index, OSError where it cannot be read.
    """
    try:
        places = json.loads(index.read_bytes())["weight_map"]
        return {str(tensor): str(file) for tensor, file in places.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged("is no index of weights") from error


def size_of(folder: Path) -> Size:
    """Of the model in `folder`; `UNKNOWN` where its files cannot be read, as loading will say."""
    files = weight_files(folder)
    config = _config(folder)
    quantised = is_quantised(config)
    bits = _bits(config.get("quantization_config")) if quantised else 0
    parameters = floats = packed = 0
    try:
        if [file.suffix for file in files] == [SUFFIX]:
            return Size.of_floats(read_gguf(files[0]).parameters)  # they are loaded dequantised
        if not all(file.suffix == ".safetensors" for file in files):
            return Size(None, 0, sum(file.stat().st_size for file in files))
        for file in files:
            for name, tensor in read_header(file).items():
                if tensor.dtype in FLOATS or (tensor.dtype in _SMALL_FLOATS and not quantised):
                    floats += tensor.numbers
                else:
                    packed += tensor.bytes
                parameters += _parameters(name, tensor, bits, quantised=quantised)
    except (OSError, Damaged):
        return UNKNOWN
    return Size(parameters or None, floats, packed)


def _parameters(name: str, tensor: Tensor, bits: int, *, quantised: bool) -> int:
    """Learnt numbers in a tensor. Whole numbers are none, unless packed."""
    dtype, count = tensor.dtype, tensor.numbers
    if quantised and (name.endswith(_NO_WEIGHTS) or ".quant_state." in name):
        return 0
    if dtype in FLOATS or dtype in _SMALL_FLOATS:
        return count
    if not quantised:
        return 0
    if dtype == "I8":
        return count
    return count * {"U8": 8, "I32": 32}.get(dtype, 0) // bits


def _bits(settings: Any) -> int:
    """Of a packed weight: gptq, awq and bitnet say them, mxfp4 and bitsandbytes' have four."""
    if not isinstance(settings, dict):
        return 4
    groups = settings.get("config_groups")
    for group in groups.values() if isinstance(groups, dict) else ():
        weights = group.get("weights") if isinstance(group, dict) else None
        if isinstance(weights, dict):
            settings = settings | {"bits": weights.get("num_bits")}
    if settings.get("load_in_8bit") or settings.get("_load_in_8bit"):
        return 8
    if settings.get("quant_method") == "bitnet":
        return 2
    bits = settings.get("bits") or settings.get("w_bit")
    return bits if isinstance(bits, int) and 0 < bits <= 32 else 4


def _config(folder: Path) -> dict[str, Any]:
    try:
        return read_config(folder)
    except EyebrowError:
        return {}
