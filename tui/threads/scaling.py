"""What the Scale view asks of the analysis thread, and what it gets: frozen messages.

Nothing here imports more than the first paint has: arrays and sheets are made on the thread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.models.catalogue import ModelSpec
from ...core.results.compare.cuts import Cuts
from ...core.scoring.recipe import Recipe
from ...core.scoring.scores import Summary
from ...core.stories.story import Story

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ...core.models.member import Member
    from ...core.results.statistics.sheet import Sheet
    from ..text.reading import Measure

    Values = npt.NDArray[np.float64]
    Order = npt.NDArray[np.int64]
else:  # only ever annotations
    Values = Order = Any

# --- asked ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One size, its sums and cuts by text digest, which may still be growing.

    tokenizer: what tells it from those of other sizes.
    """

    spec: ModelSpec
    digest: str
    tokenizer: str
    parameters: int
    vocabulary: Sequence[str]
    sums: Mapping[str, Summary]
    cuts: Mapping[str, Cuts]
    stories: int


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What the session knows now. stories, digests: of all that are open, one text perhaps twice.

    listed: the indices of those that numbers are over. left_out: names of the sizes that have too
    few stories to be compared on yet. is_done: none of the models has a story yet to score.
    """

    recipe: Recipe
    models: tuple[Scored, ...]
    stories: Sequence[Story]
    digests: Sequence[str]
    listed: Sequence[int]
    left_out: tuple[str, ...]
    is_done: bool


def short_names(names: Sequence[str]) -> list[str]:
    """Without the beginning that all have in common, up to a dash: `50k`, `200k`."""
    head = ""
    if len(names) > 1:
        first, last = min(names), max(names)
        same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
        head = first[: first[:same].rfind("-") + 1]
    return [name.removeprefix(head) for name in names]


# --- answered ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Tabled:
    """Every story under every size, in the order they were read.

    values: by measure, float64 (M, S), nan where a size has not scored a story; bits per byte are
    on the bytes that all have scored that have scored a story. by_title: int64 (S,), the place of
    each story among the titles. pooled: by measure, (M,), over all that are
    listed and that a size has scored.
    """

    asked: int
    sheet: Sheet
    values: Mapping[Measure, Values]
    pooled: Mapping[Measure, tuple[float, ...]]
    by_title: Order


@dataclass(frozen=True, slots=True)
class Estimate:
    """One model's number over the set with its 95 % interval (nan, nan: too few stories)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Trace:
    """A fitted curve in one measure with its 95 % band at sizes `xs`; all the same length."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """From one size to another on the same stories.

    change: larger less smaller, with its interval: per cent of the perplexity, bits per byte or
    nats per token by measure. better: the share of stories on which the larger is less surprised.
    """

    smaller: str
    larger: str
    change: Mapping[Measure, Estimate]
    better: float


@dataclass(frozen=True, slots=True)
class FamilyNumbers:
    """The models of one family and tokenizer, small to large.

    sizes: the names of those that are sizes of it, see `Sheet.sizes`. rows: in the sheet.
    vocabulary: entries of the tokenizer, 0 where unknown. tokens_per_byte: what turns nats per
    token into nats per byte. fitted: what was fitted, in words, or why nothing was.
    trend: whether the fall is real, in words.
    """

    name: str
    members: tuple[Member, ...]
    sizes: frozenset[str]
    rows: tuple[int, ...]
    vocabulary: int
    tokens_per_byte: float
    estimates: Mapping[Measure, tuple[Estimate, ...]]
    traces: Mapping[Measure, Trace] = field(default_factory=dict)
    fitted: str = ""
    steps: tuple[Step, ...] = ()
    trend: str = ""

    def uniform(self, measure: Measure) -> float:
        """What a model that finds all entries equally likely would have; nan where unknown."""
        if self.vocabulary < 2:
            return math.nan
        nats = math.log(self.vocabulary)
        if measure == "perplexity":
            return float(self.vocabulary)
        return nats if measure == "nats per token" else nats / math.log(2) * self.tokens_per_byte


@dataclass(frozen=True, slots=True)
class Spread:
    """How the stories spread under each model, in one measure.

    span: ends of the grid that densities (M, G) stand on, at equal steps of its logarithm.
    quantiles: 5, 25, 50, 75 and 95 % for each model.
    """

    span: tuple[float, float]
    densities: tuple[tuple[float, ...], ...]
    quantiles: tuple[tuple[float, float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """Statistics on the stories that every size has scored.

    settled: no story and no size is still to come. doubted: intervals, fits and steps are there.
    compared: what bits per byte of different tokenizers are over, in words; "" with one.
    """

    asked: int
    stories: int
    families: tuple[FamilyNumbers, ...]
    spreads: Mapping[Measure, Spread]
    settled: bool
    doubted: bool
    compared: str = ""

    @property
    def members(self) -> tuple[Member, ...]:
        """Of all families."""
        return tuple(member for family in self.families for member in family.members)


@dataclass(frozen=True, slots=True)
class Profile:
    """Mean surprise in bits per token of one model at some places.

    low, high: the ends of its 95 % intervals over stories, where they were worked out.
    """

    model: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class TokensRead:
    """What the tokens in the store say; `missing` says why there is nothing.

    models, tokenizers: whose, and what each cuts with: tokens of one tokenizer alone compare.
    stories: that were read. five: `by_sentence` is about those of five sentences alone, so many;
    0 where it is about all. rank_shares: of each of the models, the share of tokens with a rank
    up to each of `ranks`.
    """

    asked: int
    by_token: tuple[Profile, ...] = ()
    by_sentence: tuple[Profile, ...] = ()
    models: tuple[str, ...] = ()
    tokenizers: tuple[str, ...] = ()
    stories: int = 0
    five: int = 0
    ranks: tuple[int, ...] = ()
    rank_shares: tuple[tuple[float, ...], ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class EndingsOf:
    """How often one model finds the expected ending less surprising, in per cent; by: one of
    `core.results.endings.WAYS`, as far as it is known."""

    model: str
    family: str
    tokenizer: str
    parameters: int
    by: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class EndingsRead:
    """What models make of pairs of endings; `missing` says why there is nothing.

    models: family by family, small to large. said: the findings on them.
    """

    asked: int
    pairs: int = 0
    models: tuple[EndingsOf, ...] = ()
    said: tuple[Said, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A finding; `stories` are the indices of those it names, in its order."""

    topic: str
    family: str
    text: str
    stories: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The findings so far; `complete` once the tokens have been read too."""

    asked: int
    findings: tuple[Said, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Exported:
    """A file was written."""

    path: Path


@dataclass(frozen=True, slots=True)
class Refused:
    """Something asked for could not be done."""

    title: str
    message: str


Answer = Tabled | Measured | TokensRead | EndingsRead | Found | Exported | Refused
