"""The weights of a saved model: which files hold them, how many numbers, how many bytes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EyebrowError

SINGLE = ("model.safetensors", "pytorch_model.bin")
LARGEST_HEADER = 1 << 27
FLOATS = ("F64", "F32", "F16", "BF16")
_BYTES = {"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2}  # one where not named
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
        packed = sum(count * _BYTES.get(dtype, 1) for dtype, count in others.items())
        return cls(parameters or floats or None, floats, packed)

    def loaded(self, itemsize: int) -> int:
        """Bytes in memory, as numbers of `itemsize` bytes; packed weights at the least."""
        return self.floats * itemsize + self.packed


UNKNOWN = Size(None, 0, 0)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a saved model. Raises `EyebrowError` where it is none."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EyebrowError("No model there", f"{folder} holds no config.json") from error
    except (OSError, ValueError) as error:
        raise EyebrowError("Damaged model", f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise EyebrowError("Damaged model", f"{path} holds no configuration")
    return config


def positions(folder: Path) -> int | None:
    """How many tokens the model sees at once, from its configuration; None if it does not say."""
    config = read_config(folder)
    config = config.get("text_config", config)
    for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"):
        if isinstance(config.get(name), int):
            return int(config[name])
    return None


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers loads the weights from, by name; none where it finds none.

    What its configuration names, one file before shards, safetensors before pickles. Whatever
    else lies beside them, such as consolidated.safetensors, is not looked at.
    """
    named = _config(folder).get("transformers_weights")
    for name in ([named] if isinstance(named, str) else []) + list(SINGLE):
        if (file := folder / name).is_file():
            return _shards(file) if name.endswith(".json") else [file]
        if (index := folder / f"{name}.index.json").is_file():
            return _shards(index)
    return []


def _shards(index: Path) -> list[Path]:
    try:
        names = {*json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
        return [index.parent / name for name in sorted(names)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # loading will say what is wrong with it


def is_quantised(config: Mapping[str, Any]) -> bool:
    """Whether the weights are packed: fewer bits than a float has, with scales beside them."""
    return bool(config.get("quantization_config"))


def read_header(file: Path) -> tuple[int, dict[str, Any]]:
    """Where the numbers of a safetensors file begin, and its tensors: name → description.

    A description has `dtype`, `shape` and `data_offsets` (bytes behind that beginning). Read here
    because huggingface_hub's reader takes a quarter of a second to import, before the first paint.
    Raises OSError, EOFError where the file ends before its header does, ValueError for another
    kind of file.
    """
    with file.open("rb") as stream:
        head = stream.read(8)
        size = int.from_bytes(head, "little")
        if len(head) < 8 or 8 + size > os.fstat(stream.fileno()).st_size:
            raise EOFError(file)
        header = json.loads(stream.read(size)) if size <= LARGEST_HEADER else None
    if not isinstance(header, dict):
        raise ValueError(file)
    header.pop("__metadata__", None)
    return 8 + size, header


def size_of(folder: Path) -> Size:
    """Of the model in `folder`; `UNKNOWN` where its files cannot be read, as loading will say."""
    files = weight_files(folder)
    config = _config(folder)
    quantised = is_quantised(config)
    bits = _bits(config.get("quantization_config")) if quantised else 0
    parameters = floats = packed = 0
    try:
        if not all(file.suffix == ".safetensors" for file in files):
            return Size(None, 0, sum(file.stat().st_size for file in files))
        for file in files:
            for name, tensor in read_header(file)[1].items():
                count, dtype = math.prod(tensor["shape"]), tensor["dtype"]
                begin, end = tensor["data_offsets"]
                if dtype in FLOATS or (dtype in _SMALL_FLOATS and not quantised):
                    floats += count
                else:
                    packed += end - begin
                parameters += _parameters(name, dtype, count, bits, quantised=quantised)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError):
        return UNKNOWN
    return Size(parameters or None, floats, packed)


def _parameters(name: str, dtype: str, count: int, bits: int, *, quantised: bool) -> int:
    """Learnt numbers in a tensor of `count` items. Whole numbers are none, unless packed."""
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
