"""What is wrong with the files of a saved model's weights, found out before they are loaded."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

from ..errors import EyebrowError, reason
from .configuration import check_layers, no_permission
from .gguf.place import SUFFIX
from .gguf.unpack import checked_header
from .headers import Damaged, Tensor, read_header
from .hub.wanted import pickles_only
from .weights import read_index, weight_files, weights_entry


def check_weight_files(folder: Path, name: str, config: dict[str, Any], allow_pickle: bool) -> None:
    """Refuse weights that, as far as their files tell, cannot be loaded.

    Raises `EyebrowError` for weights that are not there, are pickles that were not allowed, are
    damaged, or are too few for the layers that `config` speaks of.
    """
    entry = weights_entry(folder)
    if entry is None:
        raise EyebrowError(
            "No weights",
            f"{name}: {folder} holds no model.safetensors; copy it there from where the model "
            "came, or name the folder that holds it",
        )
    files = readable_weights(folder, name)
    if not files:
        raise damaged(entry, name, "holds no weights")
    if entry.suffix == SUFFIX:
        check_layers(config, folder, checked_header(entry, name).tensors)
        return
    pickles = [path for path in files if path.suffix != ".safetensors"]
    if pickles and not allow_pickle:
        raise pickles_only(name, [path.name for path in pickles])
    if pickles:
        check_layers(config, folder, sum(_check_pickle(path, name) for path in pickles))
        return
    headers = {path: _header(path, name) for path in files}
    if entry.suffix == ".json":
        _check_index(entry, headers, name)
    tensors = sum(map(len, headers.values()))
    if not tensors:
        raise damaged(files[0], name, "holds no weights")
    check_layers(config, folder, tensors)


def readable_weights(folder: Path, name: str) -> list[Path]:
    """The files of the weights, each of which is there and can be opened.

    Raises `EyebrowError` for one that cannot, and for an index that does not say where they are.
    """
    entry = weights_entry(folder)
    if entry is not None and entry.suffix == ".json":
        try:
            read_index(entry)
        except Damaged as error:
            raise damaged(entry, name, str(error)) from error
        except OSError as error:
            raise _unreadable(entry, name, error) from error
    files = weight_files(folder)
    for path in files:
        if entry and not os.path.lexists(path):
            raise damaged(entry, name, f"names {path.name}, which is not there")
        try:
            path.open("rb").close()
        except OSError as error:
            raise _unreadable(path, name, error) from error
    return files


def damaged(path: Path, name: str, what: str) -> EyebrowError:
    """A file of weights that cannot be used; it is to be had anew."""
    place = os.path.realpath(path)  # in the cache a name is a link to its blob
    is_blob = os.path.basename(os.path.dirname(place)) == "blobs"
    again = "it is then downloaded again" if is_blob else "and copy it anew"
    return EyebrowError("Damaged model", f"{name}: {path.name} {what}; delete {place}, {again}")


def _unreadable(path: Path, name: str, error: OSError) -> EyebrowError:
    """A file that is there and cannot be opened."""
    if isinstance(error, PermissionError):
        return no_permission(path)
    if isinstance(error, IsADirectoryError):
        return damaged(path, name, "is a folder, not a file")
    return damaged(path, name, f"cannot be read ({reason(error, named=False)})")


def _header(path: Path, name: str) -> dict[str, Tensor]:
    try:
        return read_header(path)
    except Damaged as error:
        raise damaged(path, name, str(error)) from error
    except OSError as error:
        raise _unreadable(path, name, error) from error


def _check_index(index: Path, headers: dict[Path, dict[str, Tensor]], name: str) -> None:
    """The files hold the tensors that the index of them looks for there."""
    for tensor, file in read_index(index).items():
        if tensor not in headers[index.parent / file]:
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
        raise _unreadable(path, name, error) from error
