"""Tables: CSV and TSV through the csv module, Parquet through pyarrow.

The first line of a CSV or TSV names the columns; a `.csv` whose first line has no comma but a
semicolon is parted by semicolons, as spreadsheets write it in half of the world. Cells are kept
as they are, line ends inside quotes included. Rows with more cells than there are columns are
refused: an unquoted comma in a story would otherwise cut it short without a word.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import EyebrowError, reason
from .columns import Asked, Columns
from .drafts import Draft
from .stream import Opener, explained, pieces

if TYPE_CHECKING:
    from .plans import Plan

MAX_CELL = 1 << 28
BATCH = 256
BUFFER = 1 << 20


def csv_drafts(chunks: Iterator[str], name: str, delimiter: str, asked: Asked) -> Iterator[Draft]:
    """The stories of a CSV or TSV file."""
    csv.field_size_limit(max(MAX_CELL, csv.field_size_limit()))
    lines = (line + "\n" for line in pieces(chunks, "\n", name))
    first = next(lines, "")
    if delimiter == "," and "," not in first and ";" in first:
        delimiter = ";"
    records = _records(_chained(first, lines), name, delimiter)
    header = next(records, (0, []))[1]
    if not header:
        return
    plan = Columns(name, dict.fromkeys(header, True), asked).plan()
    for line, cells in records:
        if any(cells[len(header) :]):
            raise EyebrowError(
                "Bad table",
                f"{name}, line {line} has {len(cells)} cells where the first line names "
                f"{len(header)}; put cells that hold the separator in double quotes",
            )
        if plan:
            yield from plan.drafts(f"line {line}", dict(zip(header, cells, strict=False)))


def parquet_drafts(
    opener: Opener,
    name: str,
    asked: Asked,
    groups: Sequence[int] | None = None,
    before: int = 0,
) -> Iterator[Draft]:
    """The stories of a Parquet file, by batches, reading only the columns that are needed.

    groups: of these row groups only; before: rows that are in front of them.
    """
    with _parquet(opener, name) as file:
        plan = _parquet_plan(file, name, asked)
        if plan is None:
            return
        number = before
        for batch in file.iter_batches(batch_size=BATCH, columns=plan.needed, row_groups=groups):
            for row in batch.to_pylist():
                number += 1
                yield from plan.drafts(f"row {number}", row)


def parquet_count(opener: Opener, name: str, asked: Asked) -> int | None:
    """Stories in a Parquet file by its footer; rows without text count too."""
    with _parquet(opener, name) as file:
        plan = _parquet_plan(file, name, asked)
        return file.metadata.num_rows * plan.per_row if plan else None


def parquet_groups(opener: Opener, name: str) -> list[tuple[int, int]]:
    """(rows, bytes) of every row group of a Parquet file."""
    with _parquet(opener, name) as file:
        about = (file.metadata.row_group(at) for at in range(file.num_row_groups))
        return [(group.num_rows, group.total_byte_size) for group in about]


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _records(lines: Iterator[str], name: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on; blank lines are nothing."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise EyebrowError(
                "Bad table",
                f"{name}, line {begin}: {error}; close the double quotes, and write those inside "
                "a quoted cell twice",
            ) from None
        if record is None:
            return
        if record:
            yield begin, record


@contextmanager
def _parquet(opener: Opener, name: str) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    with explained(name):
        try:
            # A buffer and no reading ahead: else whole row groups, often all of the file, are held.
            with (
                opener() as stream,
                pyarrow.parquet.ParquetFile(stream, buffer_size=BUFFER, pre_buffer=False) as file,
            ):
                yield file
        except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the system's, not pyarrow's, which says so of pages that are damaged
            said = "text that is not UTF-8" if isinstance(error, UnicodeError) else reason(error)
            raise EyebrowError(
                "Bad table",
                f"{name} is no readable Parquet file ({said.rstrip('.')}); write it again",
            ) from None


def _parquet_plan(file: Any, name: str, asked: Asked) -> Plan | None:
    is_text = {field.name: _is_text(field.type) for field in file.schema_arrow}
    return Columns(name, is_text, asked).plan()


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
