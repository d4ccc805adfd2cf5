"""Every story under every model, as a table to sort and to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import EyebrowError
from ..files import write_atomically
from ..scoring.scores import Summary, perplexity
from ..wording import number
from .statistics.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Cell:
    """One story under one model, as it was scored; nll in nats.

    common_bytes, common_nll: what compares between tokenizers, see `Sheet`.
    """

    story: str
    title: str
    model: str
    parameters: int
    tokens: int
    bytes: int
    nll: float
    perplexity: float
    bits_per_byte: float
    common_bytes: int
    common_nll: float


COLUMNS = tuple(field.name for field in fields(Cell))
_ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in r"\|`*_[]<>~$#"})


def story_table(sheet: Sheet) -> list[Cell]:
    """What was scored, story by story, in each model by model."""
    return [
        _cell(sheet, row, column)
        for column in range(len(sheet.stories))
        for row in range(len(sheet.models))
        if sheet.tokens[row, column]
    ]


def write_table(sheet: Sheet, path: Path) -> None:
    """Write the table as `.csv` or `.parquet` (a row per story and model, `COLUMNS`) or as `.md`
    (a row per story with its perplexity under each model, above them a row of the whole set).

    The file appears whole or not at all. Raises `EyebrowError` for another suffix and where it
    cannot be written.
    """
    write_atomically(path, table_form(path)(sheet))


def table_form(path: Path) -> Callable[[Sheet], bytes]:
    """How a table of this suffix is written. Raises `EyebrowError` for another suffix."""
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise EyebrowError("No such format", f"{path} ends in neither .csv, .parquet nor .md")
    return form


def _cell(sheet: Sheet, row: int, column: int) -> Cell:
    story, model = sheet.stories[column], sheet.models[row]
    tokens, size = int(sheet.tokens[row, column]), int(sheet.bytes[row, column])
    sums = Summary(tokens, size, float(sheet.nll[row, column]))
    return Cell(
        story.id,
        story.title,
        model.name,
        model.parameters,
        sums.tokens,
        sums.bytes,
        sums.nll,
        sums.perplexity,
        sums.bits_per_byte,
        int(sheet.common_bytes[row, column]),
        float(sheet.common_nll[row, column]),
    )


def _csv(sheet: Sheet) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(astuple(cell) for cell in story_table(sheet))
    return out.getvalue().encode("utf-8", "replace")


def _parquet(sheet: Sheet) -> bytes:
    kinds = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
    schema = pa.schema([(field.name, kinds[str(field.type)]) for field in fields(Cell)])
    columns = zip(*(astuple(cell) for cell in story_table(sheet)), strict=True)
    arrays = [list(column) for column in columns] or [[] for _ in schema]
    table = pa.table(
        {
            name: pa.array(a, schema.field(name).type)
            for name, a in zip(COLUMNS, arrays, strict=True)
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _markdown(sheet: Sheet) -> bytes:
    names = [_on_one_line(model.name) for model in sheet.models]
    common = sheet.common()
    pooled = [
        perplexity(float(nll.sum()), int(tokens.sum()))
        for nll, tokens in zip(common.nll, common.tokens, strict=True)
    ]
    about = f"all {len(common.stories):,} stories, pooled over tokens"
    if len(common.stories) < len(sheet.stories):
        about = f"the {len(common.stories):,} stories that all have scored, pooled over tokens"
    lines = [
        _line(["story", *names]),
        _line(["---", *["---:"] * len(names)]),
        _line([f"**{about}**", *(f"**{number(value, 2)}**" for value in pooled)]),
    ]
    for column, story in enumerate(sheet.stories):
        values = [
            perplexity(float(sheet.nll[row, column]), int(sheet.tokens[row, column]))
            for row in range(len(names))
        ]
        shown = [number(value, 2) for value in values]
        lines.append(_line([_on_one_line(story.title or story.id), *shown]))
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _on_one_line(text: str) -> str:
    """As Markdown that reads as the text does."""
    return " ".join(text.split()).translate(_ESCAPED)


_FORMS: dict[str, Callable[[Sheet], bytes]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".md": _markdown,
}
