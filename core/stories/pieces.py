"""A source in pieces that may be read apart from each other, by any process on any machine.

A file is a piece, and so are some row groups of a Parquet file. One after another they give what
`open_stories` gives. Files may lie in an object store: pyarrow knows the common ones by their URL.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from ..errors import EyebrowError, reason
from .columns import Asked
from .files import PLAIN, check_file, check_options, folder_files, kind_of, opened_drafts
from .sources import Origin, Stories
from .stream import explained, file_opener
from .tables import parquet_drafts, parquet_groups

if TYPE_CHECKING:
    from .drafts import Draft

TOGETHER = 32 << 20  # bytes of a Parquet file in a piece, at least, where its row groups are small

Spread = Callable[[Sequence["Piece"]], Iterator["Draft"]]


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, by its path or URL, or some row groups of it; before: rows in front of them."""

    place: str
    name: str
    asked: Asked
    per_line: bool = False
    in_folder: bool = False
    groups: tuple[int, ...] | None = None
    before: int = 0

    def drafts(self) -> Iterator[Draft]:
        """Its stories. Raises `EyebrowError` for bad input."""
        if self.groups is not None:
            yield from parquet_drafts(self.opened, self.name, self.asked, self.groups, self.before)
            return
        path = Path(self.name)
        how = (self.asked, self.per_line, self.in_folder)
        yield from opened_drafts(self.opened, path, self.name, *how)

    def opened(self) -> AbstractContextManager[BinaryIO]:
        """Its bytes; unpacked where its name ends in .gz."""
        if "://" not in self.place:
            return file_opener(Path(self.place))()
        system, path = _system(self.place)
        opened: AbstractContextManager[BinaryIO] = system.open_input_file(path)
        if not self.name.lower().endswith(".gz"):
            return opened
        import gzip

        return gzip.open(opened, "rb")  # type: ignore[call-overload, no-any-return]

    def parts(self) -> list[Piece]:
        """The same in smaller pieces, as far as it has row groups."""
        if kind_of(Path(self.name)) != ".parquet":
            return [self]
        found: list[Piece] = []
        groups: list[int] = []
        size = before = rows = 0
        for at, (count, weighs) in enumerate(parquet_groups(self.opened, self.name)):
            groups.append(at)
            rows, size = rows + count, size + weighs
            if size >= TOGETHER:
                found.append(replace(self, groups=tuple(groups), before=before))
                groups, size, before = [], 0, rows
        if groups:
            found.append(replace(self, groups=tuple(groups), before=before))
        return found or [self]


def in_turn(pieces: Sequence[Piece]) -> Iterator[Draft]:
    """One after another, in this process."""
    return chain.from_iterable(piece.drafts() for piece in pieces)


def open_in_pieces(
    source: str | Path | None,
    spread: Spread,
    *,
    column: str | None = None,
    limit: int | None = None,
    per_line: bool = False,
    group: str | None = None,
) -> Stories | None:
    """As `open_stories`, but the pieces are read by `spread`, which keeps their order.

    None for what is one piece, or no files at all. Raises `EyebrowError` for bad input.
    """
    asked = Asked(column, group)
    if source is not None and "://" in str(source):
        pieces, name = _in_object_store(str(source).rstrip("/"), asked, per_line)
    else:
        pieces, name = _on_disk(source, asked, per_line)
        if len(pieces) < 2:
            return None
    return Stories(Origin(name, lambda: spread(pieces)), limit)


def _on_disk(source: str | Path | None, asked: Asked, per_line: bool) -> tuple[list[Piece], str]:
    path = Path(source or "-").expanduser()
    if str(path) == "-" or not os.access(path, os.R_OK):
        return [], ""
    path = path.absolute()
    if path.is_dir():
        files = folder_files(path, path.name)
        whole = [Piece(str(file), file.name, asked, per_line, in_folder=True) for file in files]
    elif path.is_file() and kind_of(path) == ".parquet":
        check_options(path, path.name, asked, per_line)
        whole = [Piece(str(path), path.name, asked)]
    else:
        return [], ""
    return list(chain.from_iterable(piece.parts() for piece in whole)), path.name


def _in_object_store(url: str, asked: Asked, per_line: bool) -> tuple[list[Piece], str]:
    from pyarrow.fs import FileSelector, FileType

    system, path = _system(url)
    name = PurePosixPath(path).name or url
    with explained(url):
        found = system.get_file_info(path)
        if found.type == FileType.NotFound:
            raise EyebrowError("No such file", f"there is nothing at {url}; check the address")
        if found.type == FileType.File:
            _check(name, asked, per_line)
            whole = [Piece(url, name, asked, per_line)]
        else:
            files = system.get_file_info(FileSelector(path))
            names = sorted(file.base_name for file in files if file.type == FileType.File)
            names = [one for one in names if not one.startswith(".") and kind_of(Path(one))]
            if not names:
                kinds = ", ".join(PLAIN)
                raise EyebrowError("No stories", f"{url} holds no file of stories ({kinds})")
            folder, mark, options = url.partition("?")
            places = [f"{folder.rstrip('/')}/{quote(one)}{mark}{options}" for one in names]
            told = zip(places, names, strict=True)
            whole = [Piece(place, one, asked, per_line, True) for place, one in told]
    return list(chain.from_iterable(piece.parts() for piece in whole)), name


def _check(name: str, asked: Asked, per_line: bool) -> None:
    path = Path(name)
    if kind_of(path) is None:
        check_file(path, name)
    check_options(path, name, asked, per_line)


def _system(url: str) -> tuple[Any, str]:
    """pyarrow's file system behind a URL, and the path in it."""
    import pyarrow
    from pyarrow.fs import FileSystem

    try:
        found: tuple[Any, str] = FileSystem.from_uri(url)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        why = reason(error).rstrip(".")
        raise EyebrowError("Unknown address", f"{url} cannot be read ({why})") from None
    return found
