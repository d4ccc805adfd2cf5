"""Where the numbers of a model can be had again, bit by bit, without a second copy in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Protocol

import torch
from torch import Tensor

from ...errors import FAILED, EyebrowError
from ..digests import Stamp, stamp
from ..headers import Damaged, read_header
from ..headers import Tensor as Place
from ..weights import weight_files

PIECE = 1 << 20  # numbers read at a time
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class Originals(Protocol):
    """Gives parameters their own numbers back."""

    def restore(self, parameters: dict[str, torch.nn.Parameter]) -> None:
        """In place; names as the model has them."""


class OtherModel:
    """A second model of the same kind, which nobody changes."""

    def __init__(self, model: Any) -> None:
        self._own = dict(model.named_parameters())

    def restore(self, parameters: dict[str, torch.nn.Parameter]) -> None:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(self._own[name])


class Files:
    """The files that the model was loaded from.

    A tensor is read again from the place that, at the beginning, held its very bits once they
    are converted to the model's dtype, whatever it is called there; what has no such place
    (merged or transposed on loading, a pickle) goes to an unnamed file in `beside` first. Use it
    as a context, which ends with these files closed.
    """

    def __init__(self, model: Any, folder: Path, beside: Path) -> None:
        self._beside = beside
        self._stack = ExitStack()
        self._spilled: IO[bytes] | None = None
        self._files: dict[Path, tuple[IO[bytes], Stamp]] = {}
        self._places: dict[str, tuple[Path | None, Place]] = {}
        held = {name: at for file in weight_files(folder) for name, at in self._open(file)}
        prefix = f"{getattr(model, 'base_model_prefix', '')}."
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                names = (name, prefix + name, name.removeprefix(prefix))
                places = [*(held[each] for each in names if each in held), *held.values()]
                place = next((at for at in places if self._is_same(parameter, at)), None)
                self._places[name] = place or self._spill(parameter)

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def spilled(self) -> int:
        """Bytes that had to be written aside."""
        return sum(place.bytes for file, place in self._places.values() if file is None)

    def restore(self, parameters: dict[str, torch.nn.Parameter]) -> None:
        """Raises `EyebrowError` where a file has changed since."""
        for path, (_, before) in self._files.items():
            if stamp(path) != before:
                raise EyebrowError(
                    "Changed meanwhile", f"{path} was written to meanwhile; ask again", FAILED
                )
        with torch.no_grad():
            for name, parameter in parameters.items():
                at = 0
                flat = parameter.view(-1)
                for piece in self._read(*self._places[name]):
                    flat[at : at + len(piece)].copy_(piece)
                    at += len(piece)

    def _open(self, path: Path) -> Iterator[tuple[str, tuple[Path, Place]]]:
        try:
            header = read_header(path) if path.suffix == ".safetensors" else {}
        except Damaged:
            return
        if header:
            self._files[path] = (self._stack.enter_context(path.open("rb")), stamp(path))
        for name, place in header.items():
            if place.dtype in _DTYPES:
                yield name, (path, place)

    def _is_same(self, parameter: Tensor, at: tuple[Path, Place]) -> bool:
        if at[1].shape != tuple(parameter.shape) or not parameter.is_contiguous():
            return False
        flat, begin = parameter.view(-1), 0
        for piece in self._read(*at):
            own = flat[begin : begin + len(piece)].cpu()
            begin += len(piece)
            if not _same_bits(own, piece.to(own.dtype)):
                return False
        return True

    def _read(self, path: Path | None, place: Place) -> Iterator[Tensor]:
        """The numbers of a tensor, flat, a piece at a time."""
        file = self._spilled if path is None else self._files[path][0]
        assert file is not None
        dtype = _DTYPES[place.dtype]
        for begin in range(place.begin, place.end, PIECE * dtype.itemsize):
            file.seek(begin)
            raw = bytearray(file.read(min(PIECE * dtype.itemsize, place.end - begin)))
            yield torch.frombuffer(raw, dtype=dtype)

    def _spill(self, parameter: Tensor) -> tuple[None, Place]:
        if self._spilled is None:
            self._beside.mkdir(parents=True, exist_ok=True)
            unnamed = tempfile.TemporaryFile(dir=self._beside)  # noqa: SIM115  closed by the stack
            self._spilled = self._stack.enter_context(unnamed)
        dtype = next(name for name, dtype in _DTYPES.items() if dtype == parameter.dtype)
        begin = self._spilled.seek(0, 2)
        for piece in _pieces(parameter):
            self._spilled.write(piece.view(torch.uint8).numpy().data)
        self._spilled.flush()
        return None, Place(dtype, tuple(parameter.shape), begin, self._spilled.tell())


def _pieces(parameter: Tensor) -> Iterable[Tensor]:
    flat = parameter.detach().view(-1)
    return (flat[at : at + PIECE].cpu() for at in range(0, len(flat), PIECE))


def _same_bits(one: Tensor, other: Tensor) -> bool:
    kind = _BITS[one.dtype.itemsize]
    return torch.equal(one.view(kind), other.view(kind))
