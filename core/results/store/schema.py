"""The columns of a part, and scores as columns and back.

In a part, what was not scored is null. In memory it is what `StoryScore` says: nan, 0 and -1.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import EyebrowError
from ...models.member import Member
from ...scoring.recipe import Recipe
from ...scoring.scores import StoryScore, Summary
from ...stories.story import text_digest
from ..compare.cuts import Cuts, find_cuts
from .rows import Row

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("text_digest", pa.string()),
        ("model_digest", pa.string()),
        ("parameters", pa.int64()),
        ("recipe_digest", pa.string()),
        ("tokens", pa.int64()),
        ("bytes", pa.int64()),
        ("nll", pa.float64()),
        ("story", pa.string()),
        ("model", pa.string()),
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
SUMS = ["text_digest", "tokens", "bytes", "nll"]
TOKENS = ["token_ids", "starts", "ends", "logprobs", "entropies", "ranks"]
ALTERNATIVES = ["top_ids", "top_logprobs"]
CUTS = ["text", "starts", "ends", "logprobs"]
_KEYS = [name for name in SCHEMA.names if name not in (*TOKENS, *ALTERNATIVES)]
_WHOLE = ("token_ids", "starts", "ends")  # known of every token, scored or not
_ABSENT = {"logprobs": np.nan, "entropies": np.nan, "top_logprobs": np.nan, "top_ids": -1}
_NOTE = b"eyebrow"  # the part's own note among the schema's metadata


class Damaged(Exception):
    """A part that holds other than it should; says what."""


@dataclass(frozen=True, slots=True)
class About:
    """What a part notes of all its rows.

    recipe: None where a later version made choices that this one does not know. choices: the
    recipe as it is noted. top: alternatives of a token.
    """

    member: Member
    choices: dict[str, Any]
    top: int

    @property
    def recipe(self) -> Recipe | None:
        try:
            return Recipe(**self.choices)
        except (TypeError, EyebrowError):
            return None


def note(about: About) -> pa.Schema:
    """The schema of a part that notes this."""
    told = {"recipe": about.choices, "model": asdict(about.member), "top": about.top}
    return SCHEMA.with_metadata({_NOTE: json.dumps(told, sort_keys=True).encode()})


def noted(schema: pa.Schema) -> About:
    """What a part notes. Raises `Damaged`."""
    try:
        told = json.loads(schema.metadata[_NOTE])
        known = {name: told["model"].get(name, "") for name in Member.__slots__}
        member = Member(**known)
        if not (isinstance(told["recipe"], dict) and isinstance(told["top"], int)):
            raise TypeError
        return About(member, told["recipe"], told["top"])
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Damaged("it does not say by what recipe and model it was scored") from error


def fits(schema: pa.Schema) -> bool:
    """Whether all the columns are there; a later version may have more."""
    return all(
        name in schema.names and schema.field(name).type.equals(SCHEMA.field(name).type)
        for name in SCHEMA.names
    )


def encode(rows: Sequence[Row]) -> pa.Table:
    """Rows of one model and recipe as a table, with the note of its part."""
    scores = [row.score for row in rows]
    top = scores[0].top_ids.shape[1]
    offsets = _offsets([len(score) for score in scores])
    is_scored = np.concatenate([score.ranks for score in scores]) > 0
    wide = pa.array(_offsets(is_scored * top))
    unknown = (np.concatenate([score.top_ids for score in scores])[is_scored] < 0).ravel()

    def lists(name: str) -> pa.Array:
        values = np.concatenate([getattr(score, name) for score in scores])
        if name in ALTERNATIVES:
            flat = pa.array(values[is_scored].ravel(), mask=unknown)
            inner = pa.ListArray.from_arrays(wide, flat, mask=pa.array(~is_scored))
        else:
            inner = pa.array(values, mask=None if name in _WHOLE else ~is_scored)
        return pa.ListArray.from_arrays(offsets, inner)

    model, recipe = rows[0].model, rows[0].recipe
    columns: dict[str, Any] = {
        "text": [_encodable(row.story.text) for row in rows],
        "text_digest": [text_digest(row.story.text) for row in rows],
        "model_digest": [model.digest] * len(rows),
        "parameters": [model.parameters] * len(rows),
        "recipe_digest": [recipe.digest] * len(rows),
        "tokens": [score.summary.tokens for score in scores],
        "bytes": [score.summary.bytes for score in scores],
        "nll": [score.summary.nll for score in scores],
        "story": [_encodable(row.story.id) for row in rows],
        "model": [_encodable(model.name)] * len(rows),
    }
    columns |= {name: lists(name) for name in (*TOKENS, *ALTERNATIVES)}
    return pa.table(columns, schema=note(About(model, recipe.to_json(), top)))


def decode(table: pa.Table, top: int) -> Iterator[tuple[str, StoryScore]]:
    """(text digest, score) of every row of a table; raises `Damaged`.

    top: alternatives of a token; where the table has no column of them they are empty, (T, 0).
    """
    flat, offsets = _flat(table, top)
    rows = zip(sums_of(table), pairwise(offsets.tolist()), strict=True)
    for (digest, summary), (start, end) in rows:
        # Copies: one story that is kept must not keep its whole row group in memory.
        arrays = {name: flat[name][start:end].copy() for name in (*TOKENS, *ALTERNATIVES)}
        yield digest, StoryScore(**arrays, summary=summary)


def _flat(table: pa.Table, top: int) -> tuple[dict[str, Any], Any]:
    """The tokens of all rows one behind the other, by column, and where each row begins."""
    flat, offsets = _by_token(table, TOKENS)
    for name in ALTERNATIVES:
        if name in table.column_names:
            flat[name] = _wide(name, *_lists(table.column(name)), offsets, top)
        else:
            kind = SCHEMA.field(name).type.value_type.value_type.to_pandas_dtype()
            flat[name] = np.empty((offsets[-1], 0), kind)
    return flat, offsets


def decode_texts(table: pa.Table, top: int) -> Iterator[tuple[str, tuple[str, StoryScore]]]:
    """(text digest, (text, score)), as `decode` does."""
    texts = table.column("text").to_pylist()
    for text, (digest, score) in zip(texts, decode(table, top), strict=True):
        yield digest, (text, score)


def decode_cuts(
    table: pa.Table, wanted: Container[str] | None = None
) -> Iterator[tuple[str, Cuts]]:
    """(text digest, its first cuts), of all rows or of texts that are `wanted`; raises `Damaged`.

    table: the columns of `SUMS` and `CUTS`.
    """
    flat, offsets = _by_token(table, CUTS[1:])
    rows = zip(
        table.column("text").to_pylist(), sums_of(table), pairwise(offsets.tolist()), strict=True
    )
    for text, (digest, summary), (start, end) in rows:
        if wanted is None or digest in wanted:
            starts, ends, logprobs = (flat[name][start:end] for name in CUTS[1:])
            yield digest, find_cuts(text, starts, ends, logprobs, summary)


def sums_of(table: pa.Table) -> Iterator[tuple[str, Summary]]:
    """(text digest, sums) of every row; table: the columns of `SUMS` at least."""
    columns = (table.column(name).to_pylist() for name in SUMS)
    for digest, *numbers in zip(*columns, strict=True):
        yield digest, Summary(*numbers)


def check(table: pa.Table, model_digest: str, recipe_digest: str, top: int) -> None:
    """Raises `Damaged` where whole rows do not hold together."""
    check_keys(table)
    for name, wanted in (("model_digest", model_digest), ("recipe_digest", recipe_digest)):
        if any(found != wanted for found in pc.unique(table.column(name)).to_pylist()):
            raise Damaged("it holds rows of another model or recipe than its name says")
    flat, offsets = _flat(table, top)
    scored = np.concatenate([[0], np.cumsum(flat["ranks"] > 0)])[offsets]
    if not np.array_equal(np.diff(scored), table.column("tokens").to_numpy()):
        raise Damaged("its sums do not count the tokens that are there")


def check_keys(table: pa.Table) -> None:
    """Raises `Damaged` for nulls where there can be none."""
    for name in _KEYS:
        if name in table.column_names and table.column(name).null_count:
            raise Damaged(f"nulls in the column {name}")


def _offsets(lengths: Any) -> Any:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


def _encodable(text: str) -> str:
    """With `?` for halves of surrogate pairs, which no Parquet string can hold."""
    return text.encode("utf-8", "replace").decode()


def _lists(column: pa.ChunkedArray) -> tuple[pa.Array, Any]:
    """The values of a column of lists, and where in them each row begins and the last ends."""
    lists = column.combine_chunks()
    if lists.null_count:
        raise Damaged("nulls in place of a list")
    return lists.flatten(), _offsets(pc.list_value_length(lists).to_numpy(zero_copy_only=False))


def _by_token(table: pa.Table, names: Sequence[str]) -> tuple[dict[str, Any], Any]:
    """Columns with a number for each token, end to end, and where in them each row begins."""
    lists = {name: _lists(table.column(name)) for name in names}
    if any(lists[name][0].null_count for name in _WHOLE if name in lists):
        raise Damaged("nulls where every token has a number")
    offsets = lists[names[0]][1]
    if any(not np.array_equal(other, offsets) for _, other in lists.values()):
        raise Damaged("the lists of a row have different lengths")
    return {name: _filled(name, values) for name, (values, _) in lists.items()}, offsets


def _filled(name: str, values: pa.Array) -> Any:
    if values.null_count:
        values = pc.fill_null(values, pa.scalar(_ABSENT.get(name, 0), values.type))
    return values.to_numpy(zero_copy_only=False)


def _wide(name: str, inner: pa.Array, own: Any, offsets: Any, top: int) -> Any:
    """(tokens, top)."""
    flat = _filled(name, inner.flatten())
    is_there = inner.is_valid().to_numpy(zero_copy_only=False)
    if not np.array_equal(own, offsets) or len(flat) != is_there.sum() * top:
        raise Damaged("the lists of a row have different lengths")
    values = np.full((len(inner), top), _ABSENT[name], flat.dtype)
    values[is_there] = flat.reshape(int(is_there.sum()), top)
    return values
