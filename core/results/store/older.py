"""Parts of the first layout, which lay in the store's folder itself, with labels in every row."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa

from ...models.member import Member
from ...scoring.recipe import Recipe
from ...stories.story import Label, Story
from .rows import Row
from .schema import SCHEMA, About, Damaged, decode, encode, note

TOP = 10  # alternatives of every token
SCHEMA_1 = pa.schema(
    [
        *((name, pa.string()) for name in ("story", "title", "text", "text_digest", "model")),
        *((name, pa.string()) for name in ("model_digest", "family", "revision")),
        ("tokenizer_digest", pa.string()),
        ("parameters", pa.int64()),
        ("recipe_digest", pa.string()),
        ("recipe", pa.string()),
        *(SCHEMA.field(name) for name in ("tokens", "bytes", "nll")),
        *(SCHEMA.field(name) for name in SCHEMA.names if pa.types.is_list(SCHEMA.field(name).type)),
    ]
)
LABELS = ["story", "title", "text_digest", "model", "model_digest", "family", "revision"]
LABELS += ["tokenizer_digest", "parameters", "recipe"]


def fits(schema: pa.Schema) -> bool:
    """Whether a file is a part of the first layout."""
    return bool(schema.equals(SCHEMA_1))


def about(table: pa.Table) -> About:
    """What the first row says of the model and the recipe of all rows. Raises `Damaged`."""
    row = table.slice(0, 1).to_pylist()[0]
    if any(value is None for value in row.values()):
        raise Damaged("nulls in its labels")
    member = Member(
        name=row["model"],
        digest=row["model_digest"],
        family=row["family"],
        revision=row["revision"],
        tokenizer=row["tokenizer_digest"],
        parameters=row["parameters"],
    )
    try:
        choices = json.loads(row["recipe"])
    except ValueError as error:
        raise Damaged("its recipe cannot be read") from error
    if not isinstance(choices, dict):
        raise Damaged("its recipe cannot be read")
    return About(member, choices, TOP)


def labels(table: pa.Table) -> Iterator[Label]:
    """What a part calls its stories; table: the columns of `LABELS`."""
    columns = (table.column(name).to_pylist() for name in ("text_digest", "story", "title"))
    for digest, name, title in zip(*columns, strict=True):
        yield Label(digest, name, title)


def as_part(table: pa.Table, told: About) -> pa.Table:
    """All columns of rows of the first layout as those of a part of today."""
    recipe = told.recipe or Recipe()  # only its digest goes into the rows, and it is replaced
    rows = [
        Row(Story(name, "", text), told.member, recipe, score)
        for name, text, (_, score) in zip(
            table.column("story").to_pylist(),
            table.column("text").to_pylist(),
            decode(table, told.top),
            strict=True,
        )
    ]
    made = encode(rows)
    for name in ("text_digest", "recipe_digest"):  # as they are known, whatever is in them now
        at = made.schema.get_field_index(name)
        made = made.set_column(at, SCHEMA.field(name), table.column(name))
    return made.replace_schema_metadata(note(told).metadata)
