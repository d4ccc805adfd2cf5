"""What one model saves over another, in all and on each kind of text, with its interval.

All intervals come from the same resamples of the stories' clusters, as everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...scoring.scores import bits_per_byte
from ..statistics.bootstrap import SEED, interval, resampled_log_perplexities
from ..statistics.clusters import Counts, clusters, summed
from .kinds import (
    FIRST_MENTION,
    FIRST_WORD,
    IN_QUOTES,
    KINDS,
    NAMES,
    REPEATED,
    Described,
)
from .spans import Spans

Sums = npt.NDArray[np.float64]

PAIRS = (
    ("in quotes", "outside quotes"),
    ("first word of a sentence", "other words of it"),
    ("first mention", "repeated"),
)
_ROWS = ("all", *KINDS, *(name for pair in PAIRS for name in pair))
_COLUMNS = 4  # spans, bytes, nats of the reference, nats of the model


@dataclass(frozen=True, slots=True)
class Gap:
    """Spans of one kind under two models; nats are sums, `bytes` UTF-8.

    difference: of bits per byte, the model less the reference: below 0 the model is better. ci95:
    its 95 % interval over resampled clusters of stories; (nan, nan) with fewer than two.
    """

    name: str
    spans: int
    bytes: int
    nats_reference: float
    nats_model: float
    ci95: tuple[float, float]

    @property
    def bits_reference(self) -> float:
        """Bits per byte."""
        return bits_per_byte(self.nats_reference, self.bytes)

    @property
    def bits_model(self) -> float:
        """Bits per byte."""
        return bits_per_byte(self.nats_model, self.bytes)

    @property
    def difference(self) -> float:
        return self.bits_model - self.bits_reference


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gap in all, by kind (in the order of `KINDS`) and by trait, in pairs.

    stories: those that both have scored some of. better: the share of them on which the model is
    less surprised, ties by half. clusters: what the intervals draw.
    """

    total: Gap
    kinds: tuple[Gap, ...]
    traits: tuple[tuple[Gap, Gap], ...]
    stories: int
    better: float
    clusters: int


def sums_of(spans: Spans, described: Described) -> Sums:
    """float64 (R, 4): spans, bytes and nats of both models of one story, by kind and trait."""
    kinds, traits = described.kinds, described.traits
    values = np.stack(
        [
            np.ones(len(spans)),
            described.sizes.astype(np.float64),
            spans.nats_reference,
            spans.nats_model,
        ]
    )
    by_kind = np.stack([np.bincount(kinds, row, len(KINDS)) for row in values], axis=1)
    quoted, first = (traits & IN_QUOTES) > 0, (traits & FIRST_WORD) > 0
    flags = (
        *(quoted, ~quoted, first, (kinds >= NAMES) & ~first),
        *((traits & FIRST_MENTION) > 0, (traits & REPEATED) > 0),
    )
    rest = [[row[flag].sum() for row in values] for flag in flags]
    return np.concatenate([values.sum(axis=1)[None], by_kind, rest])


def gaps(
    sums: Sequence[Sums], groups: Sequence[str], digests: Sequence[str], *, seed: int = SEED
) -> Gaps:
    """Of S stories; sums: of each, from `sums_of`. groups, digests: see `clusters`."""
    table = np.stack(sums) if sums else np.zeros((0, len(_ROWS), _COLUMNS))
    ends, drawn = _intervals(table, clusters(groups, digests), seed)
    totals = table.sum(axis=0)
    found = [
        Gap(name, int(row[0]), int(row[1]), float(row[2]), float(row[3]), ci95)
        for name, row, ci95 in zip(_ROWS, totals, ends, strict=True)
    ]
    by_trait = found[1 + len(KINDS) :]
    told = table[table[:, 0, 1] > 0, 0]
    with np.errstate(invalid="ignore"):
        changes = told[:, 3] - told[:, 2]
    better = (changes < 0) + 0.5 * ~(abs(changes) > 0)
    return Gaps(
        found[0],
        tuple(found[1 : 1 + len(KINDS)]),
        tuple(zip(by_trait[::2], by_trait[1::2], strict=True)),
        len(told),
        float(better.mean()) if len(told) else math.nan,
        drawn,
    )


def _intervals(table: Sums, at: Counts, seed: int) -> tuple[list[tuple[float, float]], int]:
    """The 95 % interval of each row's difference in bits per byte, and how many clusters in all."""
    size, reference, model = (summed(at, table[:, :, n].T) for n in (1, 2, 3))
    weights = np.concatenate([size, size]) * math.log(2)
    drawn = resampled_log_perplexities(np.concatenate([reference, model]), weights, seed=seed)
    with np.errstate(invalid="ignore"):
        differences = np.subtract(*np.split(drawn, 2)[::-1])
    few = (size > 0).sum(axis=1) < 2
    differences[few] = np.nan
    return [interval(row) for row in differences], int((size[0] > 0).sum())
