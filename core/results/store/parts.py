"""One part: a Parquet file of rows of one model and recipe.

Its name begins with both, so that asking for one model's numbers opens its parts alone. A row
stays in the part it was written to: parts gain rows, they never lose any to another part.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import reason
from ...files import atomic
from . import older
from .schema import SCHEMA, About, Damaged, check, check_keys, fits, noted

Stamp = tuple[int, int, int, int]

ROWS_TOGETHER = 128  # rows of a row group: what is read to show one story
_REPEATED = ["model", "model_digest", "recipe_digest"]  # strings, the same in every row
_FLOATS = ("logprobs.list.element", "entropies.list.element")
_ENCODING = {
    **dict.fromkeys((*_FLOATS, "top_logprobs.list.element.list.element"), "BYTE_STREAM_SPLIT"),
    **dict.fromkeys(("starts.list.element", "ends.list.element"), "DELTA_BINARY_PACKED"),
}
_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}-[^-]+(-[^-]+)?\.parquet")
# What the first layout called its parts: its folder may hold files of others.
_OLDER_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}-[^-.]+\.parquet")
_GONE = (errno.ENOENT, errno.ESTALE)


class Gone(Exception):
    """A part that is not what it was when it was opened: another version of it is, or none."""


class Unreadable(Exception):
    """A part that this machine does not hand out just now; says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """model, recipe: digests, from its name. is_older: of the first layout."""

    path: Path
    model: str
    recipe: str
    is_older: bool = False

    @classmethod
    def at(cls, path: Path, *, is_older: bool = False) -> Part | None:
        """None where the name is not that of a part."""
        if not (_OLDER_NAME if is_older else _NAME).fullmatch(path.name):
            return None
        names = path.stem.split("-")
        return cls(path, names[0], names[1], is_older)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def stamp(self) -> Stamp | None:
        """Other where anything was written to it; None where it is gone."""
        try:
            told = self.path.stat()
        except OSError:
            return None
        return told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns

    @property
    def order(self) -> tuple[int, str]:
        """When it was written, then its name."""
        stamp = self.stamp
        return (stamp[2] if stamp else 0, self.name)

    @property
    def size(self) -> int:
        """In bytes; 0 where it is gone."""
        stamp = self.stamp
        return stamp[1] if stamp else 0

    def about(self) -> About:
        """What it notes of its rows. Raises as all reading here does."""
        with self._opened() as file:
            return self._about(file)

    def _about(self, file: pq.ParquetFile) -> About:
        if self.is_older:
            return older.about(file.read_row_group(0, older.LABELS))
        return noted(file.schema_arrow)

    def read(self, columns: list[str]) -> pa.Table:
        """These columns of all rows.

        Raises `Damaged`, `Gone` or `Unreadable`.
        """
        with self._opened() as file:
            table = file.read(columns=columns)
        check_keys(table)
        return table

    def table(self) -> tuple[pa.Table, list[int]]:
        """Everything, with what the part notes in the schema's metadata; rows of its groups."""
        with self._opened() as file:
            table = file.read()
            told = file.metadata
            groups = [told.row_group(group).num_rows for group in range(told.num_row_groups)]
        check_keys(table)
        return table.select(SCHEMA.names), groups

    def groups(self, columns: list[str]) -> Iterator[pa.Table]:
        """Row groups of the version that is there now, whatever comes after it."""
        with self._opened() as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns)
                check_keys(table)
                yield table

    def row(self, at: int, columns: list[str]) -> tuple[pa.Table, int] | None:
        """One row, and how many alternatives its tokens have; None where there is no such row."""
        with self._opened() as file:
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if at < rows:
                    return file.read_row_group(group, columns).slice(at, 1), self._about(file).top
                at -= rows
            return None

    def look_through(self) -> None:
        """Read everything, and check that it holds together."""
        about = self.about()
        with self._opened() as file:
            for group in range(file.num_row_groups):
                check(file.read_row_group(group), self.model, self.recipe, about.top)

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        stamp = self.stamp
        try:
            with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
                if not (older.fits if self.is_older else fits)(file.schema_arrow):
                    raise Damaged("its columns are not those of a part")
                if not file.metadata.num_rows:
                    raise Damaged("it holds no rows")
                yield file
        except (MemoryError, pa.ArrowNotImplementedError) as error:
            raise Unreadable(reason(error).rstrip(".")) from error
        except (OSError, pa.ArrowException) as error:
            number = getattr(error, "errno", None)
            if number in _GONE or self.stamp != stamp:
                raise Gone from error
            if number is not None:
                raise Unreadable(os.strerror(number)) from error
            raise Damaged(reason(error).rstrip(".")) from error


def neat(rows: int) -> list[int]:
    """How many rows go into each row group where they are all written at once."""
    whole_ones, rest = divmod(rows, ROWS_TOGETHER)
    return [ROWS_TOGETHER] * whole_ones + [rest] * (rest > 0)


def write_part(
    place: Path, table: pa.Table, beside: Path, groups: Sequence[int] | None = None
) -> None:
    """Write a part whole, with so many rows in each of its row groups. Raises `OSError`."""
    at = 0
    with (
        atomic(place, beside) as draft,
        pq.ParquetWriter(
            draft,
            table.schema,
            compression="zstd",
            use_dictionary=_REPEATED,
            column_encoding=_ENCODING,
            write_page_checksum=True,
            write_statistics=_REPEATED,
        ) as file,
    ):
        for rows in groups or neat(table.num_rows):
            file.write_table(table.slice(at, rows), row_group_size=rows)
            at += rows
