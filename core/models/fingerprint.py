"""A model's digest: the same files give the same digest, on every machine, in milliseconds."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .headers import Damaged, read_header

_TOKENIZER = ("tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "spiece.model")
_WEIGHTS = ("*.safetensors", "*.bin")
_BLOCK, _BLOCKS = 1 << 16, 64


def model_digest(folder: Path, variant: str = "") -> str:
    """16 hex digits over configuration, weights and tokenizer of a saved model.

    Weights are sampled: size, head, tail and 64 blocks spread evenly over each file, since two
    checkpoints of one shape differ everywhere. Small files are read whole.
    """
    digest = hashlib.sha256(variant.encode())
    for name in ("config.json", *_TOKENIZER, *_WEIGHTS):
        for path in sorted(folder.glob(name)):
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
            _sample(path, digest)
    return digest.hexdigest()[:16]


def tokenizer_digest(folder: Path) -> str:
    """16 hex digits over the tokenizer's files: equal where ids mean the same."""
    digest = hashlib.sha256()
    for name in _TOKENIZER:
        for path in sorted(folder.glob(name)):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def count_parameters(folder: Path) -> int | None:
    """Parameters of a saved model, from the headers of its safetensors files; None without any.

    A weight that two layers share is stored, and counted, once. Whole numbers are no parameters.
    """
    total = 0
    for path in folder.glob("*.safetensors"):
        try:
            tensors = read_header(path).values()
        except (OSError, Damaged):
            return None  # loading will say what is wrong with it
        total += sum(tensor.numbers for tensor in tensors if "F" in tensor.dtype)
    return total or None


def _sample(path: Path, digest: hashlib._Hash) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _BLOCK * _BLOCKS:
            digest.update(file.read())
            return
        for n in range(_BLOCKS):
            file.seek((size - _BLOCK) * n // (_BLOCKS - 1))
            digest.update(file.read(_BLOCK))
