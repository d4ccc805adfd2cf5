"""Reading one row of a table, once it is known which columns matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..errors import EyebrowError
from .drafts import Draft


class Plan(Protocol):
    """What to read of a row, and how."""

    @property
    def needed(self) -> list[str]:
        """The columns that are read."""

    @property
    def per_row(self) -> int:
        """Stories in a row."""

    def drafts(self, where: str, row: Mapping[str, object]) -> Iterator[Draft]:
        """The stories of a row; `where` names the row in messages."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The columns beside the text; "" where there is none."""

    id: str = ""
    title: str = ""
    kind: str = ""
    pair: str = ""

    @property
    def needed(self) -> list[str]:
        """Those there are."""
        return [column for column in (self.id, self.title, self.kind, self.pair) if column]

    def draft(self, text: str, where: str, row: Mapping[str, object]) -> Draft:
        """The text with what the row says about it."""
        id, title, kind, pair = (
            _label(row.get(column)) for column in (self.id, self.title, self.kind, self.pair)
        )
        return Draft(text, id, title, kind, pair, where)


@dataclass(frozen=True, slots=True)
class TextPlan:
    """One story a row: a column as it is, or several columns joined by one space.

    A row in which one of the columns is null or blank holds no whole story: its text is empty,
    so it is left out and counted.
    """

    source: str
    labels: Labels
    columns: tuple[str, ...]
    per_row: int = 1

    @property
    def needed(self) -> list[str]:
        """The columns that are read."""
        return list(dict.fromkeys([*self.columns, *self.labels.needed]))

    def drafts(self, where: str, row: Mapping[str, object]) -> Iterator[Draft]:
        """The story of a row."""
        parts = [_text(self.source, where, row, column) for column in self.columns]
        yield self.labels.draft(parts[0] if len(parts) == 1 else _joined(parts), where, row)


@dataclass(frozen=True, slots=True)
class ClozePlan:
    """Two stories a row: four sentences with the right ending and with the wrong one."""

    source: str
    labels: Labels
    begin: tuple[str, ...]
    ends: tuple[str, str]
    answer: str
    per_row: int = 2

    @property
    def needed(self) -> list[str]:
        """The columns that are read."""
        return list(dict.fromkeys([*self.begin, *self.ends, self.answer, *self.labels.needed]))

    def drafts(self, where: str, row: Mapping[str, object]) -> Iterator[Draft]:
        """The right story, then the wrong one."""
        begin = [_text(self.source, where, row, column) for column in self.begin]
        ends = [_text(self.source, where, row, column) for column in self.ends]
        answer = _label(row.get(self.answer))
        if answer not in ("1", "2"):
            raise EyebrowError(
                "Bad answer",
                f"{self.source}, {where}: {self.answer} is {answer or 'empty'}; it must be 1 or 2",
            )
        if answer == "2":
            ends.reverse()
        for end, kind in zip(ends, ("right", "wrong"), strict=True):
            draft = self.labels.draft(_joined([*begin, end]), where, row)
            draft.pair = draft.id or where.rpartition(" ")[2]
            draft.id = f"{draft.pair}-{kind}"
            draft.kind = f"cloze-{kind}"
            yield draft


def _text(source: str, where: str, row: Mapping[str, object], column: str) -> str:
    cell = row.get(column)
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    raise EyebrowError(
        "Not a text",
        f"{source}, {where}: column {column!r} holds {type(cell).__name__}, not text; choose a "
        "column of text with --column",
    )


def _joined(parts: list[str]) -> str:
    parts = [part.strip() for part in parts]
    return " ".join(parts) if all(parts) else ""


def _label(cell: object) -> str:
    return str(cell).strip() if isinstance(cell, str | int | float) else ""
