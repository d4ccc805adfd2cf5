"""The files of a saved model's weights, looked at before anything is loaded from them."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from ..errors import FAILED, EyebrowError, reason
from .configuration import check_layers, no_permission
from .headers import Damaged, Tensor, read_header
from .wanted import pickles_only

_INDEX = "model.safetensors.index.json"


def check_weight_files(folder: Path, name: str, config: dict[str, Any], allow_pickle: bool) -> int:
    """How many numbers the weights hold; of pickles, which say less, at most.

    Raises `EyebrowError` for weights that are not there, are pickles that were not allowed, are
    damaged, or are too few for the layers that `config` speaks of.
    """
    files = sorted(folder.glob("*.safetensors"))
    if files:
        headers = {path: _header(path, name) for path in files}
        if not (folder / "model.safetensors").exists() and os.path.lexists(folder / _INDEX):
            _check_index(folder / _INDEX, headers, name)
        tensors = [tensor for header in headers.values() for tensor in header.values()]
        if not tensors:
            raise damaged(files[0], name, "holds no weights")
        check_layers(config, folder, len(tensors))
        return sum(tensor.numbers for tensor in tensors)
    pickles = sorted(folder.glob("pytorch_model*.bin"))
    if not pickles:
        raise EyebrowError("No weights", f"{name}: {folder} holds no model.safetensors", FAILED)
    if not allow_pickle:
        raise pickles_only(name, [path.name for path in pickles])
    size = sum(_check_pickle(path, name) for path in pickles)
    check_layers(config, folder, size)
    return size


def weight_files(folder: Path) -> list[Path]:
    """The files that weights are loaded from."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def damaged(path: Path, name: str, what: str) -> EyebrowError:
    """A file of weights that cannot be used; it is to be had anew."""
    place = os.path.realpath(path)  # in the cache a name is a link to its blob
    is_blob = os.path.basename(os.path.dirname(place)) == "blobs"
    again = "it is then downloaded again" if is_blob else "and copy it anew"
    return EyebrowError(
        "Damaged model", f"{name}: {path.name} {what}; delete {place}, {again}", FAILED
    )


def _header(path: Path, name: str) -> dict[str, Tensor]:
    try:
        return read_header(path)
    except Damaged as error:
        raise damaged(path, name, str(error)) from error
    except OSError as error:
        raise unreadable(path, name, error) from error


def unreadable(path: Path, name: str, error: OSError) -> EyebrowError:
    """A file that is there and cannot be opened."""
    if isinstance(error, PermissionError):
        return no_permission(path)
    if isinstance(error, IsADirectoryError):
        return damaged(path, name, "is a folder, not a file")
    return damaged(path, name, f"cannot be read ({reason(error, named=False)})")


def _check_index(index: Path, headers: dict[Path, dict[str, Tensor]], name: str) -> None:
    """The index of weights in several files names files that are there and hold what it says."""
    try:
        places = json.loads(index.read_bytes())["weight_map"]
        wanted = [(str(tensor), str(file)) for tensor, file in places.items()]
    except OSError as error:
        raise unreadable(index, name, error) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(index, name, "is no index of weights") from error
    by_name = {path.name: header for path, header in headers.items()}
    for tensor, file in wanted:
        if file not in by_name:
            raise damaged(index, name, f"names {file}, which is not there")
        if tensor not in by_name[file]:
            raise damaged(index, name, f"looks for {tensor} in {file}, which has no such tensor")


def _check_pickle(path: Path, name: str) -> int:
    """Its size in bytes, where it looks like one: a zip with its list of contents, or old."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if not (start[:1] == b"\x80" or (start == b"PK" and zipfile.is_zipfile(path))):
            raise damaged(path, name, "is cut short, or no file of weights")
        return path.stat().st_size
    except OSError as error:
        raise unreadable(path, name, error) from error
