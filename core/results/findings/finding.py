"""One statement, and how the numbers that carry it are written."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...stories.story import Label
from ...wording import number, visible
from ..statistics.clusters import FEW

__all__ = ["FEW", "Finding"]

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement.

    topic: "set" (what was compared), "best", "size", "steps", "scaling", "stories", "help",
    "length", "positions", "tokens", "words", "guesses" or "endings". family: whose models it is
    about, "" where of all. text: one or more whole sentences of plain text, on one line. stories:
    those that it names, in its order. answers: the question that it answers, one of `QUESTIONS`;
    "". tokenizer: of the family's models, "" where of all; two families may have one name.
    """

    topic: str
    family: str
    text: str
    stories: tuple[Label, ...] = ()
    answers: str = ""
    tokenizer: str = ""


QUESTIONS = (
    *("Best across families", "Best, and by how much", "Is it consistent?", "Story by story"),
    *("Hardest story", "Easiest story", "Positions", "Tokens", "Scaling"),
)


def perplexity_text(value: float) -> str:
    """To three digits that count or one behind the point: 186.2, 75.5, 7.31, 1,024."""
    return number(value, 2 if value < 9.995 else 1 if value < 999.95 else 0)


def nats_text(value: float) -> str:
    """To hundredths."""
    return number(value, 2)


def spread(ends: Interval, clusters: int, digits: int | None = None) -> str:
    """` [71.5, 80.1]` behind its number; nothing where too few clusters are drawn for one."""
    if clusters < FEW or not math.isfinite(ends[0]):
        return ""
    low, high = (perplexity_text(end) if digits is None else number(end, digits) for end in ends)
    return f" [{low}, {high}]"


def leaves_out_zero(ends: Interval, clusters: int) -> bool:
    """Whether a difference may be called one."""
    return clusters >= FEW and (ends[0] > 0 or ends[1] < 0)


def quoted(title: str) -> str:
    """A title between quotation marks, on one line."""
    return f"“{visible(title)}”"


def token_text(text: str) -> str:
    """A token or word between quotation marks, its spaces shown."""
    return f"“{visible(text, spaces=True)}”"
