"""Reading one row of a table, once it is known which columns matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import accumulate
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
    """The columns beside the text; "" where there is none.

    group: the one that was asked for. source: what the table is called in messages.
    """

    id: str = ""
    title: str = ""
    kind: str = ""
    pair: str = ""
    group: str = ""
    source: str = ""

    @property
    def needed(self) -> list[str]:
        """Those there are."""
        columns = (self.id, self.title, self.kind, self.pair, self.group)
        return [column for column in columns if column]

    def draft(
        self, text: str, where: str, row: Mapping[str, object], starts: tuple[int, ...] = ()
    ) -> Draft:
        """The text with what the row says about it; starts: of its sentences, where known."""
        id, title, kind, pair = (
            _label(row.get(column)) for column in (self.id, self.title, self.kind, self.pair)
        )
        group = _group(self.source, where, row, self.group) if self.group else ""
        return Draft(text, id, title, kind, pair, where, group, starts)


@dataclass(frozen=True, slots=True)
class TextPlan:
    """One story a row: a column as it is, or columns of a sentence each joined by one space.

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
        if len(parts) == 1:
            yield self.labels.draft(parts[0], where, row)
        else:
            text, starts = _joined(parts)
            yield self.labels.draft(text, where, row, starts)


@dataclass(frozen=True, slots=True)
class ClozePlan:
    """Two stories a row: a beginning with the right ending and with the wrong one.

    are_sentences: the columns hold a sentence each, as Story Cloze's do.
    """

    source: str
    labels: Labels
    begin: tuple[str, ...]
    ends: tuple[str, str]
    answer: str
    per_row: int = 2
    are_sentences: bool = True

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
            text, starts = _joined([*begin, end])
            draft = self.labels.draft(text, where, row, starts if self.are_sentences else ())
            draft.pair = draft.id or where.rpartition(" ")[2]
            draft.id = f"{draft.pair}-{kind}"
            draft.kind = f"cloze-{kind}"
            draft.ending = starts[-1] if starts else None
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


def _joined(sentences: list[str]) -> tuple[str, tuple[int, ...]]:
    """The text of the sentences, and where each begins in it."""
    sentences = [sentence.strip() for sentence in sentences]
    if not all(sentences):
        return "", ()
    ends = accumulate(len(sentence) + 1 for sentence in sentences[:-1])
    return " ".join(sentences), (0, *ends)


def _group(source: str, where: str, row: Mapping[str, object], column: str) -> str:
    """`author: Smith`, one spelling for equal values; "" where the cell is blank.

    Raises `EyebrowError` for a cell that is no single value.
    """
    cell = row.get(column)
    if cell is None or cell != cell:  # nan is how tables of numbers spell a blank
        return ""
    if isinstance(cell, float | Decimal):
        cell = int(cell) if cell % 1 == 0 else float(cell)  # 1, 1.0 and 1.00 are one group
    if not isinstance(cell, str | int | float | Decimal | date | time):
        raise EyebrowError(
            "Not a group",
            f"{source}, {where}: column {column!r} holds {type(cell).__name__}, which is no single "
            "value; name a column of text, numbers or dates with --group",
        )
    value = str(cell).strip()
    return value and f"{column}: {value}"


def _label(cell: object) -> str:
    return str(cell).strip() if isinstance(cell, str | int | float) else ""
