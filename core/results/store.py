"""The store: a folder of Parquet parts, one row per story, model and recipe.

A part is written beside its place and renamed, so it is whole or absent; writers never touch
each other's parts. A part's name begins with model and recipe, so that asking for one model's
numbers opens its parts alone. Any Parquet reader opens the folder as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from ..errors import FAILED, EyebrowError
from ..models.member import Member
from ..scoring.recipe import Recipe
from ..scoring.scores import TOP, StoryScore, Summary
from ..stories.story import Story, text_digest
from .compare.cuts import Cuts, find_cuts
from .place import default_store as default_store

ROWS_TOGETHER = 64  # rows of a row group: what is read to show one story
TRIES = 5  # readings of a folder in which others keep joining parts

SCHEMA = pa.schema(
    [
        ("story", pa.string()),
        ("title", pa.string()),
        ("text", pa.string()),
        ("text_digest", pa.string()),
        ("model", pa.string()),
        ("model_digest", pa.string()),
        ("family", pa.string()),
        ("revision", pa.string()),
        ("tokenizer_digest", pa.string()),
        ("parameters", pa.int64()),
        ("recipe_digest", pa.string()),
        ("recipe", pa.string()),
        ("tokens", pa.int64()),
        ("bytes", pa.int64()),
        ("nll", pa.float64()),
        ("token_ids", pa.list_(pa.int32())),
        ("starts", pa.list_(pa.int32())),
        ("ends", pa.list_(pa.int32())),
        ("logprobs", pa.list_(pa.float32())),
        ("entropies", pa.list_(pa.float32())),
        ("ranks", pa.list_(pa.int32())),
        ("top_ids", pa.list_(pa.list_(pa.int32()))),
        ("top_logprobs", pa.list_(pa.list_(pa.float32()))),
    ]
)
_SUMS = ["text_digest", "tokens", "bytes", "nll"]
_MEMBER = ["model", "model_digest", "family", "revision", "tokenizer_digest", "parameters"]
_TOKENS = ["token_ids", "starts", "ends", "logprobs", "entropies", "ranks"]
_TOP = ["top_ids", "top_logprobs"]


@dataclass(frozen=True, slots=True)
class Row:
    """What one row is made of."""

    story: Story
    model: Member
    recipe: Recipe
    score: StoryScore


@dataclass(frozen=True, slots=True)
class Entry:
    """What the store says of a story without its tokens; `digest` is its text's."""

    digest: str
    id: str
    title: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class Contents:
    """Every story under one model and recipe, each text once."""

    member: Member
    recipe: Recipe
    recipe_digest: str
    rows: tuple[Entry, ...]


class Store:
    """Reads and writes one folder; the folder need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[Path, pa.ChunkedArray] = {}

    def summaries(self, model_digest: str, recipe_digest: str) -> dict[str, Summary]:
        """The sums of every stored story under this model and recipe, by text digest."""
        found: dict[str, Summary] = {}
        for _, table in self._tables(model_digest, recipe_digest, _SUMS):
            found |= _summaries(table)
        return found

    def score(self, digest: str, model_digest: str, recipe_digest: str) -> StoryScore | None:
        """The whole score of one text, or None where it is not stored."""
        for _ in range(TRIES):
            is_all = True
            for part in self._parts(model_digest, recipe_digest):
                keys = self._digests(part)
                at = -1 if keys is None else pa.compute.index(keys, digest).as_py()
                row = _read_row(part, at) if at >= 0 else None
                if row is not None:
                    return next(_scores(row, top=True))[1]
                # Tidied away since the parts were listed: look again.
                is_all = is_all and keys is not None and at < 0
            if is_all:
                return None
        return None

    def _digests(self, part: Path) -> pa.ChunkedArray | None:
        """The text digests of a part, None where it went away. Parts never change: read once."""
        if part not in self._known:
            table = _read(part, ["text_digest"])
            if table is None:
                return None
            self._known[part] = table.column(0)
        return self._known[part]

    def scores(
        self, model_digest: str, recipe_digest: str, *, top: bool = False
    ) -> Iterator[tuple[str, StoryScore]]:
        """(text digest, score) of every stored story under this model and recipe, each once.

        A row group is in memory at a time. The alternatives, most of what is stored, are read
        where `top` asks for them; else they are empty, int32 and float32 (T, 0).
        """
        columns = [*_SUMS, *_TOKENS, *(_TOP if top else ())]
        for table, fresh in self._groups(model_digest, recipe_digest, columns):
            yield from (row for row in _scores(table, top) if fresh(row[0]))

    def scored_texts(
        self, model_digest: str, recipe_digest: str
    ) -> Iterator[tuple[str, str, StoryScore]]:
        """(text digest, text, score) of every stored story, each once, without alternatives."""
        columns = ["text", *_SUMS, *_TOKENS]
        for table, fresh in self._groups(model_digest, recipe_digest, columns):
            texts = table.column("text").to_pylist()
            for text, (digest, score) in zip(texts, _scores(table, top=False), strict=True):
                if fresh(digest):
                    yield digest, text, score

    def cuts(
        self, model_digest: str, recipe_digest: str, wanted: Container[str] | None = None
    ) -> dict[str, Cuts]:
        """The first cuts of stored stories, by text digest; of all, or of those `wanted`."""
        lists = ["starts", "ends", "logprobs"]
        found: dict[str, Cuts] = {}
        for table, fresh in self._groups(model_digest, recipe_digest, ["text", *_SUMS, *lists]):
            columns = (
                table.column("text").to_pylist(),
                *(_rows_of(table.column(name)) for name in lists),
                _summaries(table),
            )
            for text, starts, ends, logprobs, (digest, summary) in zip(*columns, strict=True):
                if fresh(digest) and (wanted is None or digest in wanted):
                    found[digest] = find_cuts(text, starts, ends, logprobs, summary)
        return found

    def _groups(
        self, model_digest: str, recipe_digest: str, columns: list[str]
    ) -> Iterator[tuple[pa.Table, Callable[[str], bool]]]:
        """Row groups, each with a function that is true when it first meets a digest."""
        seen: set[str] = set()

        def fresh(digest: str) -> bool:
            known = digest in seen
            seen.add(digest)
            return not known

        for part in self._parts(model_digest, recipe_digest):
            for table in _row_groups(part, columns):
                yield table, fresh

    def contents(self) -> Iterator[Contents]:
        """What is stored, model by model and recipe by recipe, in the order it was written."""
        parts = sorted(self.folder.glob("*.parquet"), key=_modified)
        for model, recipe in dict.fromkeys(
            (names[0], names[1]) for part in parts if len(names := part.stem.split("-")) == 3
        ):
            found = self._contents(model, recipe)
            if found is not None:
                yield found

    def texts(self, digests: Container[str]) -> dict[str, str]:
        """The texts of these stories, by digest; of those that are stored."""
        found: dict[str, str] = {}
        for part in sorted(self.folder.glob("*.parquet")):
            table = _read(part, ["text_digest", "text"])
            if table is not None:
                pairs = zip(*(column.to_pylist() for column in table.columns), strict=True)
                found |= {digest: text for digest, text in pairs if digest in digests}
        return found

    def parameters(self, model_digest: str, recipe_digest: str) -> int | None:
        """How many parameters the model has, or None where nothing of it is stored."""
        for _, table in self._tables(model_digest, recipe_digest, ["parameters"]):
            if len(table):
                return int(table.column(0)[0].as_py())
        return None

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows of one model and recipe as a new part.

        Raises `EyebrowError` where the folder cannot be written.
        """
        if not rows:
            return
        head = f"{rows[0].model.digest}-{rows[0].recipe.digest}"
        place = self.folder / f"{head}-{uuid.uuid4().hex[:12]}.parquet"
        beside = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(
                pa.Table.from_pylist([_columns(row) for row in rows], schema=SCHEMA),
                beside,
                compression="zstd",
                row_group_size=ROWS_TOGETHER,
            )
            beside.replace(place)
        except OSError as error:
            with suppress(OSError):  # what kept it from being written may be in the way here too
                beside.unlink(missing_ok=True)
            raise EyebrowError(
                "Cannot write the store", f"{self.folder}: {error.strerror or error}", FAILED
            ) from error

    def tidy(self, model_digest: str, recipe_digest: str) -> None:
        """Join the small parts of one model and recipe, oldest first, into one."""
        small = [p for p in self._parts(model_digest, recipe_digest) if _is_small(p)]
        if len(small) < 8:
            return
        tables = {part: table for part in small if (table := _read(part)) is not None}
        if len(tables) < 2 or not all(part.exists() for part in small):
            return  # another writer is tidying
        table = pa.concat_tables(tables.values())
        digests = table.column("text_digest").to_pylist()
        first = {digest: at for at, digest in reversed(list(enumerate(digests)))}
        # Named after what it joins: two writers that join the same parts write the same file.
        names = hashlib.sha256(" ".join(part.name for part in tables).encode()).hexdigest()
        place = self.folder / f"{model_digest}-{recipe_digest}-{names[:12]}.parquet"
        beside = place.with_name(f".{place.name}.{os.getpid()}")
        pq.write_table(
            table.take(sorted(first.values())),
            beside,
            compression="zstd",
            row_group_size=ROWS_TOGETHER,
        )
        beside.replace(place)
        for part in tables:
            part.unlink(missing_ok=True)

    def vocabulary(self, tokenizer_digest: str) -> list[str] | None:
        """What the ids of a tokenizer read as, or None where that was never kept."""
        try:
            raw = self._vocabulary_path(tokenizer_digest).read_text(encoding="utf-8")
            return list(json.loads(raw))
        except (OSError, ValueError):
            return None

    def keep_vocabulary(self, tokenizer_digest: str, texts: Sequence[str]) -> None:
        """Keep what the ids of a tokenizer read as, for readers that have no tokenizer."""
        place = self._vocabulary_path(tokenizer_digest)
        if place.exists():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f"{place.name}.{os.getpid()}")
        beside.write_text(json.dumps(list(texts)), encoding="utf-8")
        beside.replace(place)

    def _contents(self, model_digest: str, recipe_digest: str) -> Contents | None:
        rows: dict[str, Entry] = {}
        first: dict[str, Any] = {}
        for _, table in self._tables(model_digest, recipe_digest, ["story", "title", *_SUMS]):
            for name, title, digest, tokens, size, nll in zip(
                *(column.to_pylist() for column in table.columns), strict=True
            ):
                rows.setdefault(digest, Entry(digest, name, title, Summary(tokens, size, nll)))
        for part in self._parts(model_digest, recipe_digest):
            table = _read_row(part, 0)
            if table is not None and len(table):
                first = table.select([*_MEMBER, "recipe"]).to_pylist()[0]
                break
        try:
            recipe = Recipe(**json.loads(first.pop("recipe")))
        except (KeyError, TypeError, ValueError, EyebrowError):
            return None  # nothing there any more, or choices that this version does not know
        member = Member(*(first[name] for name in _MEMBER))
        return Contents(member, recipe, recipe_digest, tuple(rows.values()))

    def _vocabulary_path(self, tokenizer_digest: str) -> Path:
        return self.folder / ".vocabularies" / f"{tokenizer_digest}.json"

    def _tables(
        self, model_digest: str, recipe_digest: str, columns: list[str]
    ) -> list[tuple[Path, pa.Table]]:
        """These columns of every part; read again where parts were tidied away meanwhile."""
        tables: list[tuple[Path, pa.Table]] = []
        for _ in range(TRIES):
            parts = self._parts(model_digest, recipe_digest)
            tables = [(p, table) for p in parts if (table := _read(p, columns)) is not None]
            if parts == self._parts(model_digest, recipe_digest):
                break
        return tables

    def _parts(self, model_digest: str, recipe_digest: str) -> list[Path]:
        parts = self.folder.glob(f"{model_digest}-{recipe_digest}-*.parquet")
        return sorted(parts, key=lambda part: (_modified(part), part.name))


def _modified(part: Path) -> float:
    try:
        return part.stat().st_mtime
    except OSError:
        return 0.0


def _is_small(part: Path) -> bool:
    try:
        return part.stat().st_size < 16 << 20
    except OSError:
        return False


def _read(part: Path, columns: list[str] | None = None) -> pa.Table | None:
    """A part's columns; None where it went away (tidied by another) or is no part of a store."""
    try:
        with pq.ParquetFile(part) as file:
            return file.read(columns=columns) if file.schema_arrow.equals(SCHEMA) else None
    except (OSError, pa.ArrowException):
        return None


def _read_row(part: Path, at: int) -> pa.Table | None:
    group, row = divmod(at, ROWS_TOGETHER)
    try:
        with pq.ParquetFile(part) as file:
            return file.read_row_group(group).slice(row, 1)
    except (OSError, pa.ArrowException):
        return None


def _row_groups(part: Path, columns: list[str]) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(part) as file:
            if file.schema_arrow.equals(SCHEMA):
                for group in range(file.num_row_groups):
                    yield file.read_row_group(group, columns)
    except (OSError, pa.ArrowException):
        return


def _columns(row: Row) -> dict[str, Any]:
    score = row.score
    return {
        "story": _encodable(row.story.id),
        "title": _encodable(row.story.title),
        "text": _encodable(row.story.text),
        "text_digest": text_digest(row.story.text),
        "model": row.model.name,
        "model_digest": row.model.digest,
        "family": row.model.family,
        "revision": row.model.revision,
        "tokenizer_digest": row.model.tokenizer,
        "parameters": row.model.parameters,
        "recipe_digest": row.recipe.digest,
        "recipe": json.dumps(row.recipe.to_json(), sort_keys=True),
        "tokens": score.summary.tokens,
        "bytes": score.summary.bytes,
        "nll": score.summary.nll,
        "token_ids": score.token_ids,
        "starts": score.starts,
        "ends": score.ends,
        "logprobs": score.logprobs,
        "entropies": score.entropies,
        "ranks": score.ranks,
        "top_ids": list(score.top_ids),
        "top_logprobs": list(score.top_logprobs),
    }


def _encodable(text: str) -> str:
    """With `?` for halves of surrogate pairs, which no Parquet string can hold."""
    return text.encode("utf-8", "replace").decode()


def _scores(table: pa.Table, top: bool) -> Iterator[tuple[str, StoryScore]]:
    """(text digest, score) of every row of a table."""
    lists = [_rows_of(table.column(name)) for name in _TOKENS]
    tops = [_rows_of(table.column(name)) for name in _TOP] if top else []
    for row, (digest, summary) in enumerate(_summaries(table)):
        ids, starts, ends, logprobs, entropies, ranks = (rows[row] for rows in lists)
        yield (
            digest,
            StoryScore(
                ids,
                starts,
                ends,
                logprobs,
                entropies,
                ranks,
                tops[0][row] if top else np.empty((len(ids), 0), np.int32),
                tops[1][row] if top else np.empty((len(ids), 0), np.float32),
                summary,
            ),
        )


def _summaries(table: pa.Table) -> Iterator[tuple[str, Summary]]:
    """(text digest, sums) of every row of a table."""
    columns = (table.column(name).to_pylist() for name in _SUMS)
    for digest, *sums in zip(*columns, strict=True):
        yield digest, Summary(*sums)


def _rows_of(column: pa.ChunkedArray) -> list[Any]:
    """The lists of a column as numpy arrays; lists of lists as (T, TOP)."""
    lists = column.combine_chunks()
    offsets = lists.offsets.to_numpy()
    values = lists.values
    wide = pa.types.is_list(values.type)
    if wide:  # every token has as many alternatives
        values, offsets = values.values, offsets * TOP
    flat = values.to_numpy(zero_copy_only=False)
    # Copies: one story that is kept must not keep its whole row group in memory.
    rows = [flat[start:end].copy() for start, end in pairwise(offsets.tolist())]
    return [row.reshape(-1, TOP) for row in rows] if wide else rows
