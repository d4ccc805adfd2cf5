"""One file by its suffix, the files of a folder, and a pipe, which has no suffix."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ..errors import EyebrowError
from .columns import Asked, row_drafts
from .drafts import Draft
from .rows import json_lines, json_values
from .stream import CHUNK, Opener, explained, file_opener, text_chunks
from .tables import csv_drafts, parquet_count, parquet_drafts
from .text import text_drafts, whole_text_drafts

PLAIN = (".txt", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
KNOWN = (*PLAIN, *(f"{suffix}.gz" for suffix in PLAIN if suffix != ".parquet"))


def kind_of(path: Path) -> str | None:
    """The suffix that says how to read a file, without .gz; None if it is none of ours."""
    name = path.name.lower()
    return next((known.removesuffix(".gz") for known in KNOWN if name.endswith(known)), None)


def check_file(path: Path, name: str) -> None:
    """Refuses at once what cannot work: an unknown suffix, a file that may not be read."""
    if kind_of(path) is None:
        raise EyebrowError(
            "Unknown kind of file",
            f"{name} has none of the suffixes {', '.join(PLAIN)} (.gz behind them is fine, except "
            "for .parquet); rename it, or pipe plain text in with -",
        )
    if not os.access(path, os.R_OK):
        raise EyebrowError(
            "No permission", f"{name} may not be read by this user; change its permissions"
        )


def check_options(path: Path, name: str, asked: Asked, per_line: bool) -> None:
    """Refuses options that a file of this kind has no use for."""
    if kind_of(path) == ".txt":
        no_columns(f"{name} is plain text and has", asked)
    if per_line and kind_of(path) != ".txt":
        raise EyebrowError(
            "Not plain text", f"{name} is a table, a story a row; leave --per-line out"
        )


def no_columns(told: str, asked: Asked) -> None:
    """Refuses columns that are asked of what has none; told: what that is."""
    if asked.options:
        options = " and ".join(asked.options)
        raise EyebrowError("No columns", f"{told} no columns; leave {options} out")


def folder_files(folder: Path, name: str) -> list[Path]:
    """The files of stories in a folder, by name; hidden ones and folders inside are left out."""
    with explained(name):
        entries = sorted(folder.iterdir())
    files = [p for p in entries if not p.name.startswith(".") and kind_of(p) and p.is_file()]
    if not files:
        raise EyebrowError(
            "No stories", f"the folder {name} holds no file of stories ({', '.join(PLAIN)})"
        )
    for path in files:
        check_file(path, path.name)
    return files


def file_drafts(
    path: Path, name: str, asked: Asked, per_line: bool, in_folder: bool = False
) -> Iterator[Draft]:
    """The stories of a file; in a folder, a text file of one story is titled by its name."""
    return opened_drafts(file_opener(path), path, name, asked, per_line, in_folder)


def opened_drafts(
    opener: Opener, path: Path, name: str, asked: Asked, per_line: bool, in_folder: bool
) -> Iterator[Draft]:
    """As `file_drafts`, of a file wherever it is; `path` says of which kind."""
    kind = kind_of(path)
    if kind == ".parquet":
        return parquet_drafts(opener, name, asked)
    chunks = text_chunks(opener, name)
    if kind in (".csv", ".tsv"):
        return csv_drafts(chunks, name, "," if kind == ".csv" else "\t", asked)
    if kind in (".jsonl", ".ndjson"):
        return row_drafts(json_lines(chunks, name), asked, name)
    if kind == ".json":
        return row_drafts(json_values(chunks, name), asked, name)
    if in_folder:
        stem = path.name[: path.name.lower().rindex(".txt")]
        return whole_text_drafts(chunks, name, stem, per_line)
    return text_drafts(chunks, name, per_line)


def file_count(path: Path, name: str, asked: Asked) -> int | None:
    """How many stories a file says it holds; None where it does not say."""
    return parquet_count(file_opener(path), name, asked) if kind_of(path) == ".parquet" else None


def piped_drafts(opener: Opener, name: str, asked: Asked, per_line: bool) -> Iterator[Draft]:
    """The stories of a pipe: JSON Lines if the first character is `{`, else plain text."""
    chunks = text_chunks(opener, name)
    first = ""
    while not first.strip() and len(first) < CHUNK and (chunk := next(chunks, "")):
        first += chunk
    chunks = chain([first], chunks)
    if first.lstrip().startswith("{"):
        return row_drafts(json_lines(chunks, name), asked, name)
    no_columns(f"{name} is plain text and has", asked)
    return text_drafts(chunks, name, per_line)
