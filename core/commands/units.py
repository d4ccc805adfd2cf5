"""`eyebrow tokens --unit`: the words or sentences of a text instead of its tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import EyebrowError
from ..wording import visible
from .output import number, table

if TYPE_CHECKING:
    from ..scoring.scorer import Scorer
    from ..scoring.scores import StoryScore
    from ..scoring.units import Unit

UNITS = ("token", "word", "sentence")


def check(unit: str, correct: bool) -> None:
    """Raises `EyebrowError` for a unit that is none, and for tokens that are to be corrected."""
    if unit not in UNITS:
        raise EyebrowError("No such unit", f"{unit!r}; use token, word or sentence")
    if correct and unit == "token":
        raise EyebrowError(
            "Bad usage", "--correct is about words; use it with --unit word or --unit sentence"
        )


def find(scorer: Scorer, text: str, score: StoryScore, unit: str, correct: bool) -> Sequence[Unit]:
    """The words or sentences of a scored text; `correct` asks the model how likely words end."""
    from ..scoring.boundaries import log_boundaries
    from ..scoring.units import by_sentence, by_word

    boundary = None
    if correct:
        (boundary,) = log_boundaries(scorer, [text])
    by = by_word if unit == "word" else by_sentence
    return by(text, score, log_boundary=boundary)


def rows(text: str, units: Sequence[Unit]) -> list[dict[str, Any]]:
    """For JSON. surprise: nats, None where no token of the unit was scored."""
    return [
        {
            "index": index,
            "text": text[unit.start : unit.end],
            "start": unit.start,
            "end": unit.end,
            "tokens": unit.last - unit.first + 1,
            "scored": unit.scored,
            "surprise": unit.surprise if unit.scored else None,
            "mean_surprise": unit.surprise / unit.scored if unit.scored else None,
        }
        for index, unit in enumerate(units)
    ]


def shown(text: str, units: Sequence[Unit], unit: str) -> str:
    """As a table; ~ marks a surprise of a part: not every token of the unit was scored."""
    heads = ("#", unit, "tokens", "nats", "bits", "bits/token")
    cells = [
        (
            str(index),
            visible(text[one.start : one.end]),
            str(one.last - one.first + 1),
            number(one.surprise, 2) if one.scored else "-",
            ("" if one.is_whole else "~") + number(one.surprise / math.log(2), 2)
            if one.scored
            else "-",
            number(one.surprise / math.log(2) / one.scored, 2) if one.scored else "-",
        )
        for index, one in enumerate(units)
    ]
    return table(heads, cells, left=(unit,))
