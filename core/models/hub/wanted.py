"""Which files of a repository on the Hub a model needs, and no more."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import FAILED, EyebrowError

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

_BESIDE = re.compile(r"[^/]+\.(json|txt|model|jinja|tiktoken)\Z")
_WEIGHTS = (
    r"model\.safetensors\Z",
    r"model-\d+-of-\d+\.safetensors\Z|model\.safetensors\.index\.json\Z",
)
_PICKLES = (
    r"pytorch_model\.bin\Z",
    r"pytorch_model-\d+-of-\d+\.bin\Z|pytorch_model\.bin\.index\.json\Z",
)


@dataclass(frozen=True, slots=True)
class File:
    """One file of a repository: bytes, and the name of its blob (SHA-256, or git's SHA-1)."""

    name: str
    size: int
    etag: str

    def digest(self) -> hashlib._Hash:
        """The hash that ends in `etag`, nothing but git's head in it."""
        if len(self.etag) == 64:
            return hashlib.sha256()
        return hashlib.sha1(f"blob {self.size}\0".encode(), usedforsecurity=False)


def wanted_files(
    location: str, info: ModelInfo, allow_pickle: bool, trust_remote_code: bool
) -> list[File]:
    """Configuration, tokenizer and one set of weights, from small to large.

    Raises `EyebrowError` where the repository holds no weights that may be loaded.
    """
    sizes = {s.rfilename: s for s in info.siblings or () if "/" not in s.rfilename}
    if "config.json" not in sizes:
        raise EyebrowError(
            "No model there",
            f"{location} holds no config.json, so transformers cannot load it"
            + ("; it is an adapter to another model" if "adapter_config.json" in sizes else ""),
        )
    weights = _weights(list(sizes), allow_pickle)
    if not weights:
        raise _no_weights(location, list(sizes))
    beside = [name for name in sizes if _BESIDE.match(name) and ".index." not in name]
    if trust_remote_code:
        beside += [name for name in sizes if name.endswith(".py")]
    files = []
    for name in {*beside, *weights}:
        about = sizes[name]
        etag = about.lfs.sha256 if about.lfs else about.blob_id
        if about.size is None or etag is None:
            raise EyebrowError(
                "Download failed", f"{location}: the Hub does not say how large {name} is", FAILED
            )
        files.append(File(name, about.size, etag))
    return sorted(files, key=lambda file: (file.size, file.name))


def _weights(names: Sequence[str], allow_pickle: bool) -> list[str]:
    """The set that transformers would load: one file before many, safetensors before pickles."""
    for pattern in (*_WEIGHTS, *(_PICKLES if allow_pickle else ())):
        if found := [name for name in names if re.match(pattern, name)]:
            return found
    return []


def _no_weights(location: str, names: Sequence[str]) -> EyebrowError:
    if found := _weights(names, allow_pickle=True):
        return pickles_only(location, found)
    kinds = sorted({Path(name).suffix for name in names} & {".gguf", ".onnx", ".h5", ".msgpack"})
    return EyebrowError(
        "No weights",
        f"{location} holds no model.safetensors"
        + (f", only {', '.join(kinds)}" if kinds else "")
        + "; look for the original model",
    )


def pickles_only(location: str, names: Sequence[str]) -> EyebrowError:
    """A model whose weights may run a program when they are read."""
    return EyebrowError(
        "Pickles refused",
        f"{location} has its weights only as {min(names)}, a pickle, which can run a program when "
        "it is read; use --allow-pickle if you trust its author, or find it as safetensors",
    )
