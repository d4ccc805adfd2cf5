"""Which stories are hard, and on which of them size helps; from the sums of a sheet alone.

Stories are compared by nats per token, the log of their perplexity, which is only fair among
models of one tokenizer: whoever asks hands over the rows of one family (`Sheet.families`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...scoring.scores import perplexity
from ...stories.story import Label
from .bootstrap import perplexity_interval
from .sheet import Sheet

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placed:
    """A story and what it was placed by.

    column: where it is in the sheet. tokens: scored ones. perplexities: under each of the
    models asked for, in their order. value: what it was placed by, nats per token.
    """

    column: int
    story: Label
    tokens: int
    perplexities: tuple[float, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of an order of stories; most begins with the highest, least with the lowest.

    models: names of the models of `Placed.perplexities`. stories: how many were put in order.
    No story stands at both ends.
    """

    models: tuple[str, ...]
    stories: int
    most: tuple[Placed, ...]
    least: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class LengthGroup:
    """Stories of about the same length under one model.

    first, last: scored tokens of the shortest and the longest. interval: 95 %, (nan, nan) for
    one cluster. clusters: of the stories, what is drawn.
    """

    first: int
    last: int
    stories: int
    clusters: int
    tokens: int
    nll: float
    interval: tuple[float, float]

    @property
    def perplexity(self) -> float:
        """Pooled over the tokens of the group."""
        return perplexity(self.nll, self.tokens)


def hardest_stories(sheet: Sheet, rows: Sequence[int], count: int = 5) -> Ends:
    """The `count` stories of the highest and of the lowest perplexity under these models.

    Over several sizes a story stands where the mean of its nats per token puts it: the log of
    the geometric mean of its perplexities. Unlike a mean of ranks it knows by how much a story
    is harder, and unlike a mean of perplexities it does not listen to the smallest model alone.
    Stories that one of the models has not scored are left out.
    """
    logs = log_perplexities(sheet, rows)
    return _ends(sheet, rows, logs.mean(axis=0), count)


def helped_stories(sheet: Sheet, rows: Sequence[int], count: int = 5) -> Ends:
    """The stories on which size helps most and least: from the first of these models to the last.

    value: the difference of their nats per token, paired by story; above 0 the last is better,
    and exp(value) is by how much its perplexity is lower. Where one of both is infinite there
    is no difference, and the story is left out.
    """
    logs = log_perplexities(sheet, rows)
    with np.errstate(invalid="ignore"):
        gains = logs[0] - logs[-1]
    return _ends(sheet, rows, np.where(np.isfinite(gains), gains, np.nan), count)


def by_length(sheet: Sheet, row: int, groups: int = 4) -> tuple[LengthGroup, ...]:
    """Perplexity of short and long stories: `groups` of equally many, from short to long.

    Stories of the same length stay together, so that there may be fewer groups.
    """
    tokens, nll = sheet.tokens[row], sheet.nll[row]
    scored = np.flatnonzero(tokens > 0)
    if not len(scored):
        return ()
    cuts = np.quantile(tokens[scored], np.arange(1, groups) / groups, method="lower")
    member = np.searchsorted(np.unique(cuts), tokens[scored], side="left")
    found = []
    for group in np.unique(member):
        at = scored[member == group]
        sums = _grouped(sheet, row, at)
        found.append(
            LengthGroup(
                int(tokens[at].min()),
                int(tokens[at].max()),
                len(at),
                len(sums[0]),
                int(tokens[at].sum()),
                float(nll[at].sum()),
                perplexity_interval(*sums),
            )
        )
    return tuple(found)


def _grouped(sheet: Sheet, row: int, columns: npt.NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """nats and tokens of some stories under a model, as resamples draw them."""
    groups = sheet.of_models([row]).of_stories(columns.tolist()).by_group()
    return groups.nll[0], groups.tokens[0].astype(np.float64)


def log_perplexities(sheet: Sheet, rows: Sequence[int]) -> Numbers:
    """float64 (len(rows), S), nats per token; nan for all models where one has not scored."""
    at = np.asarray(rows, dtype=np.int64)
    tokens = sheet.tokens[at]
    whole = (tokens > 0).all(axis=0)
    return np.where(whole, sheet.nll[at] / np.where(tokens > 0, tokens, 1), np.nan)


def _ends(sheet: Sheet, rows: Sequence[int], values: Numbers, count: int) -> Ends:
    order = np.argsort(-values, kind="stable")  # nan comes last
    order = order[~np.isnan(values[order])]
    several = min(count, -(-len(order) // 2))
    most = order[:several]
    least = order[several:][::-1][:several]
    names = tuple(sheet.models[row].name for row in rows)
    return Ends(
        names,
        len(order),
        tuple(_placed(sheet, rows, int(i), float(values[i])) for i in most),
        tuple(_placed(sheet, rows, int(i), float(values[i])) for i in least),
    )


def _placed(sheet: Sheet, rows: Sequence[int], column: int, value: float) -> Placed:
    return Placed(
        column,
        sheet.stories[column],
        int(sheet.tokens[rows[-1], column]),
        tuple(
            perplexity(float(sheet.nll[row, column]), int(sheet.tokens[row, column]))
            for row in rows
        ),
        value,
    )
