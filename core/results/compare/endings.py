"""Finds of stories that come in pairs: what both say is told once, and endings judged wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .finds import Finds


class Parting(NamedTuple):
    """Places of the stories with the expected and with the other ending; at: the character at
    which both begin."""

    right: int
    wrong: int
    at: int


def judged_wrong(finds: Finds, pairs: Sequence[Parting]) -> Finds:
    """The expected endings that surprise the model more than the others do; finds: all spans.

    Of each `nats_model` is what it costs, and `nats_reference` what the other ending costs the
    same model: sorted by "loss" the furthest from right comes first.
    """
    rows, starts, ends, nats = list[int](), list[int](), list[int](), list[tuple[float, float]]()
    for pair in pairs:
        right, wrong = (_behind(finds, story, pair.at) for story in (pair.right, pair.wrong))
        if right.start == right.stop or wrong.start == wrong.stop:
            continue  # no token of it is scored
        costs = [finds.nats_model[one].sum(dtype=np.float64) for one in (right, wrong)]
        if costs[0] > costs[1]:
            rows.append(right.start)
            starts.append(pair.at)
            ends.append(int(finds.ends[right.stop - 1]))
            nats.append((costs[1], costs[0]))
    found = finds.at(np.array(rows, dtype=np.int64))
    both = np.array(nats, dtype=np.float32).reshape(-1, 2)
    return Finds(
        "ending",
        found.stories,
        np.array(starts, dtype=np.int32),
        np.array(ends, dtype=np.int32),
        both[:, 0],
        both[:, 1],
        np.zeros(len(rows), dtype=np.float32),
        found.kinds,
        found.traits,
        found.words,
    )


def told_once(finds: Finds, pairs: Sequence[Parting]) -> Finds:
    """Without those in which the second story of a pair says again what the first has said."""
    keep = np.ones(len(finds), dtype=bool)
    for pair in pairs:
        first, stop = np.searchsorted(finds.stories, [pair.wrong, pair.wrong + 1]).tolist()
        keep[first:stop] = finds.ends[first:stop] > pair.at
    return finds.at(keep)


def _behind(finds: Finds, story: int, at: int) -> slice:
    """The rows of a story that hold a character from `at` on."""
    first, stop = np.searchsorted(finds.stories, [story, story + 1]).tolist()
    return slice(first + int(np.searchsorted(finds.ends[first:stop], at, side="right")), stop)
