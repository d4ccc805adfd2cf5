"""Surprise by kind: of every token type, of every word, over all its places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Nats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Kind:
    """A token or a word over all its places.

    text: as the tokenizer has it, or the word in lower case without punctuation around it.
    places: how often it was scored. stories: how many it is in. nats: the mean over its places.
    error: the standard error of that over texts (nan where it is in one alone), nats.
    """

    text: str
    places: int
    stories: int
    nats: float
    error: float


class KindCounter:
    """Takes stories in one by one; kinds are numbered from 0, with R values at every place."""

    def __init__(self, values: int) -> None:
        self._values = values
        # Places, stories, texts, squares of a text's places in all the stories that tell it.
        self._counts = np.zeros((0, 4))
        self._sums = np.zeros((0, values, 3))  # of a text's sum y there: y, y * y, y * places

    def add(self, kinds: npt.NDArray[np.integer], nats: Nats, copies: int = 1) -> None:
        """One text: the kind at each of its P places, (P,), and the values there, (R, P).

        copies: stories that tell it.
        """
        if not len(kinds):
            return
        found, at = np.unique(kinds, return_inverse=True)
        self._grow(int(found[-1]) + 1)
        places = copies * np.bincount(at).astype(np.float64)
        one = np.ones(len(found))
        self._counts[found] += np.stack([places, copies * one, one, places**2], axis=1)
        for value, row in enumerate(nats):
            sums = copies * np.bincount(at, weights=row)
            with np.errstate(invalid="ignore"):  # what is impossible somewhere is so in the mean
                self._sums[found, value] += np.stack([sums, sums**2, sums * places], axis=1)

    def ends(
        self, value: int, texts: Sequence[str] | None, least: int, in_stories: int, count: int
    ) -> tuple[tuple[Kind, ...], tuple[Kind, ...]]:
        """(highest, lowest) by the mean of a value, `count` each and none in both.

        Of the kinds with at least `least` places in at least `in_stories` different stories. The
        error is that of a ratio of sums over clusters (Cochran 1977, section 6.3): stories are
        what varies, not the places in them, and stories of one text are one cluster.
        """
        often = (self._counts[:, 0] >= least) & (self._counts[:, 2] >= in_stories)
        kinds = np.flatnonzero(often)
        places, stories, clusters, squares = self._counts[kinds].T
        y, yy, yn = self._sums[kinds, value].T
        with np.errstate(invalid="ignore", divide="ignore"):
            means = y / places
            spread = (yy - 2 * means * yn + means**2 * squares).clip(min=0)
            errors = np.sqrt(clusters / (clusters - 1) * spread) / places
        order = np.argsort(-means, kind="stable")  # nan, infinity less infinity, comes last
        order = order[~np.isnan(means[order])]
        several = min(count, -(-len(order) // 2))

        def kind(i: int) -> Kind:
            return Kind(
                _text(int(kinds[i]), texts),
                int(places[i]),
                int(stories[i]),
                float(means[i]),
                float(errors[i]),
            )

        return (
            tuple(kind(int(i)) for i in order[:several]),
            tuple(kind(int(i)) for i in order[several:][::-1][:several]),
        )

    def _grow(self, size: int) -> None:
        if size > len(self._counts):
            more = max(size, 2 * len(self._counts)) - len(self._counts)
            self._counts = np.concatenate([self._counts, np.zeros((more, 4))])
            self._sums = np.concatenate([self._sums, np.zeros((more, self._values, 3))])


def _text(kind: int, texts: Sequence[str] | None) -> str:
    return texts[kind] if texts is not None and kind < len(texts) else f"token {kind}"
