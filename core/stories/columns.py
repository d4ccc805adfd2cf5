"""Which column of a table is the story.

The column that was asked for; else a beginning with two endings and the right one (Story Cloze's
columns, or `beginning`, `ending1`, `ending2` and `right`), two stories a row; else one called text
or story; else ROCStories' `sentence1` to `sentence5`, joined; else the only column of text that is
no id, title, kind, pair or group. Names are compared without case and underscores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..errors import EyebrowError
from .drafts import Draft
from .plans import ClozePlan, Labels, Plan, TextPlan

Row = Mapping[str, object]

IDS = ("id", "storyid", "inputstoryid")
TITLES = ("title", "storytitle")
BEGINNINGS = ("beginning", "context", "prompt", "text", "story")
RIGHT = ("right", "rightending", "answerrightending", "answer", "label")
SCORES = {"story", "model", "nll", "perplexity", "bitsperbyte"}  # of results/table.py's columns


@dataclass(frozen=True, slots=True)
class Asked:
    """The columns that a user names.

    text: that of the story, None to find it. group: the one whose values join the stories that
    intervals draw together, None for the source's pairs.
    """

    text: str | None = None
    group: str | None = None

    @property
    def options(self) -> list[str]:
        """What was typed to name them."""
        given = (("--column", self.text), ("--group", self.group))
        return [option for option, name in given if name]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table: name to True (text), False (something else) or None (not known).

    asked: those that the user names.
    """

    source: str
    is_text: Mapping[str, bool | None]
    asked: Asked

    def plan(self) -> Plan | None:
        """How to read a row; None where the row says too little (its only cells are null)."""
        if not self.asked.text:
            return self._found()
        column = self._asked(self.asked.text)
        return TextPlan(self.source, self._labels(column), (column,))

    def _asked(self, wanted: str) -> str:
        """The column of this name as the table spells it."""
        for match in (lambda c: c == wanted, lambda c: _key(c) == _key(wanted)):
            for column in filter(match, self.is_text):
                return column
        raise EyebrowError(
            "No such column", f"{self.source} has no column {wanted!r}; it has {self._listed()}"
        )

    def _found(self) -> Plan | None:
        if {_key(column) for column in self.is_text} >= SCORES and not self._called("text"):
            raise EyebrowError(
                "A table of scores",
                f"{self.source} is the table of scores that eyebrow report --table writes, and has "
                "no texts; open the stories it was made from, or eyebrow report STORE for the "
                "numbers",
            )
        if plan := self._cloze():
            return plan
        for name in ("text", "story"):
            if column := self._called(name):
                return TextPlan(self.source, self._labels(column), (column,))
        sentences = [self._called(f"sentence{n}") for n in range(1, 6)]
        if all(sentences):
            return TextPlan(self.source, self._labels(), tuple(sentences))
        return self._only_text()

    def _cloze(self) -> Plan | None:
        begin = [self._called(f"inputsentence{n}") for n in range(1, 5)]
        ends = [
            self._called(f"randomfifthsentencequiz{n}", f"sentencequiz{n}") for n in range(1, 3)
        ]
        answer = self._called("answerrightending")
        if all(begin) and all(ends) and answer:
            return ClozePlan(self.source, self._labels(), tuple(begin), (ends[0], ends[1]), answer)
        whole = self._called(*BEGINNINGS)
        ends = [self._called(f"ending{n}", f"end{n}") for n in range(1, 3)]
        answer = self._called(*RIGHT)
        if not (whole and all(ends) and answer):
            return None
        return ClozePlan(
            self.source, self._labels(), (whole,), (ends[0], ends[1]), answer, are_sentences=False
        )

    def _only_text(self) -> Plan | None:
        group = self._group()
        candidates = {
            column: is_text
            for column, is_text in self.is_text.items()
            if _key(column) not in (*IDS, *TITLES, "kind", "pair") and column != group
        }
        texts = [column for column, is_text in candidates.items() if is_text]
        if len(texts) == 1:
            return TextPlan(self.source, self._labels(texts[0]), (texts[0],))
        if not texts and None in candidates.values():
            return None
        why = f"{len(texts)} columns of text" if texts else "no other column of text"
        raise EyebrowError(
            "Which column?",
            f"{self.source} has no column called text or story and {why}; choose one with "
            f"--column: {self._listed()}",
        )

    def _labels(self, text: str = "") -> Labels:
        def called(*names: str) -> str:
            column = self._called(*names)
            return "" if column == text else column

        found = called(*IDS), called(*TITLES), called("kind"), called("pair")
        return Labels(*found, self._group(), self.source)

    def _group(self) -> str:
        return self._asked(self.asked.group) if self.asked.group else ""

    def _called(self, *names: str) -> str:
        """The first column of one of these names, as the table spells it; else ""."""
        return next((c for n in names for c in self.is_text if _key(c) == n), "")

    def _listed(self) -> str:
        return ", ".join(self.is_text) or "no columns"


def row_drafts(rows: Iterable[tuple[str, Row]], asked: Asked, source: str) -> Iterator[Draft]:
    """The stories of rows that carry their own columns: the first row that tells decides."""
    plan: Plan | None = None
    for where, row in rows:
        if plan is None:
            columns = {
                name: None if cell is None else isinstance(cell, str) for name, cell in row.items()
            }
            plan = Columns(source, columns, asked).plan()
        if plan is None:
            yield Draft("", where=where)
        else:
            yield from plan.drafts(where, row)


def _key(column: str) -> str:
    return column.strip().replace("_", "").lower()
