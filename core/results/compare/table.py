"""Spans as rows, for JSON and for a file to take away."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import FAILED, EyebrowError
from ...files import atomic, clear_left_over, unwritten
from ..finite import finite
from .kinds import KINDS, TRAITS, firsts_of, telling
from .reading import Lined

SCHEMA = pa.schema(
    [
        ("story", pa.string()),
        ("title", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("text", pa.string()),
        ("kind", pa.string()),
        ("traits", pa.list_(pa.string())),
        ("nats_reference", pa.float64()),
        ("nats_model", pa.float64()),
    ]
)
ENDINGS = (".parquet", ".csv", ".jsonl")
TOGETHER = 100_000  # rows in memory, and in a row group

Row = dict[str, Any]
Put = Callable[[list[Row]], object]


def span_rows(lined: Lined, unit: str = "token") -> list[Row]:
    """The spans of a text, its words or its sentences, in order; together they tile it.

    A word is of the kind and has the traits of its first letters; a sentence has neither: None
    and [].
    """
    described = lined.described
    firsts = firsts_of(unit, described.traits)
    spans = lined.spans.united(firsts)
    told = telling(described.kinds, firsts)
    columns = (
        *(spans.starts, spans.ends, described.kinds[told], described.traits[told]),
        *(spans.nats_reference, spans.nats_model),
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    of_sentences = unit == "sentence"
    return [
        {
            "start": start,
            "end": end,
            "text": lined.text[start:end],
            "nats_reference": reference,
            "nats_model": model,
            "kind": None if of_sentences else KINDS[kind],
            "traits": [] if of_sentences else [t for n, t in enumerate(TRAITS) if traits >> n & 1],
        }
        for start, end, kind, traits, reference, model in rows
    ]


@contextmanager
def writing(place: Path, unit: str) -> Iterator[Callable[[Lined], None]]:
    """What takes texts and writes a row for each of their spans, story by story.

    place: ends in one of `ENDINGS`. The file appears whole, once the block ends without an error.
    Raises `EyebrowError` where it cannot be written.
    """
    waiting: list[Row] = []
    try:
        clear_left_over(place.parent)
        with atomic(place) as draft, _FORMS[place.suffix.lower()](draft) as put:

            def take(lined: Lined) -> None:
                rows = span_rows(lined, unit)
                for story in lined.stories:
                    waiting.extend({"story": story.id, "title": story.title} | row for row in rows)
                if len(waiting) >= TOGETHER:
                    put(waiting)
                    waiting.clear()

            yield take
            put(waiting)
    except OSError as error:
        raise EyebrowError("Cannot write", f"{place}: {unwritten(error)}", FAILED) from error


@contextmanager
def _parquet(place: Path) -> Iterator[Put]:
    with pq.ParquetWriter(place, SCHEMA, compression="zstd") as writer:
        yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, SCHEMA))


@contextmanager
def _csv(place: Path) -> Iterator[Put]:
    with place.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.DictWriter(file, SCHEMA.names)
        writer.writeheader()
        yield lambda rows: writer.writerows(
            row | {"traits": "; ".join(row["traits"])} for row in rows
        )


@contextmanager
def _jsonl(place: Path) -> Iterator[Put]:
    with place.open("w", encoding="utf-8", errors="replace") as file:
        yield lambda rows: file.writelines(
            json.dumps(finite({name: row[name] for name in SCHEMA.names}), ensure_ascii=False)
            + "\n"
            for row in rows
        )


_FORMS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}
