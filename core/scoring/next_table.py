"""What is drawn of a next-token distribution: its likeliest tokens, and sums over the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .draws import Shares, draw_many
from .exploring import Bar, NextTable

if TYPE_CHECKING:
    from .scores import Floats
else:
    Floats = Any


def next_table(
    logits: Floats,
    base: Shares,
    reshaped: Shares,
    *,
    rows: int,
    true: int | None = None,
    wanted: Sequence[int] = (),
    draws: int = 0,
    seed: int = 0,
) -> NextTable:
    """The table of a distribution: logits and both probabilities (V,); draws are of `reshaped`."""

    def bar(token: int, rank: int) -> Bar:
        return Bar(token, float(logits[token]), float(base[token]), float(reshaped[token]), rank)

    def found(token: int) -> Bar:
        return bar(token, 1 + int((logits > logits[token]).sum()))

    ids = likeliest(logits, rows)
    falling = -logits[ids]  # what is likelier than one of these is one of them too
    ranks = 1 + np.searchsorted(falling, falling)
    top = tuple(bar(int(token), int(rank)) for token, rank in zip(ids, ranks, strict=True))
    there = None if true is None else found(true)
    others = tuple(found(token) for token in wanted if 0 <= token < len(logits))
    asked = [one.token_id for one in (*top, *others, *([there] if there else []))]
    return NextTable(
        top,
        there,
        others,
        len(logits),
        entropy(base),
        entropy(reshaped),
        int((reshaped > 0).sum()),
        draw_many(reshaped, draws, seed, asked) if draws else None,
    )


def likeliest(logits: Floats, count: int) -> Any:
    """Ids of the `count` largest of `logits` (V,), largest first, equals by id."""
    count = min(count, len(logits))
    if not count:
        return np.empty(0, dtype=np.int64)
    edge = np.partition(logits, len(logits) - count)[len(logits) - count]
    above = np.flatnonzero(logits > edge)
    equal = np.flatnonzero(logits == edge)[: count - len(above)]
    found = np.concatenate([above, equal])
    return found[np.lexsort((found, -logits[found]))]


def entropy(shares: Shares) -> float:
    """-sum p ln p of probabilities (V,), nats."""
    possible = shares[shares > 0]
    return float(-(possible * np.log(possible)).sum()) + 0.0
