"""Surprise by type: of every token, of every word, over all its occurrences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Nats = npt.NDArray[np.float64]

_ROOM = 512  # rows of a group before they are summed by type


@dataclass(frozen=True, slots=True)
class Type:
    """A token or a word over all its occurrences.

    text: as the tokenizer has it, or the word in lower case without punctuation around it.
    occurrences: how often it was scored. stories: how many it is in. nats: the mean over them.
    error: the standard error of that over what is drawn, see `clusters` (nan where it is in one
    cluster alone), nats.
    """

    text: str
    occurrences: int
    stories: int
    nats: float
    error: float


class TypeCounter:
    """Takes stories in one by one; types are numbered from 0, with R values at every occurrence.

    texts: of each group of several texts, how many will come. What a group holds of each type waits
    until they have, since its squares are those of its sums; nothing waits of a text alone.
    """

    def __init__(self, values: int, texts: Mapping[str, int] | None = None) -> None:
        self._values = values
        self._waiting = {group: _Group(values, n) for group, n in (texts or {}).items() if n > 1}
        # Occurrences, stories, texts, clusters, squares of a cluster's occurrences.
        self._counts = np.zeros((0, 5))
        self._sums = np.zeros((0, values, 3))  # of a cluster's sum y: y, y * y, y * occurrences

    def add(
        self, types: npt.NDArray[np.integer], nats: Nats, copies: int = 1, group: str = ""
    ) -> None:
        """One text: the type at each of its P occurrences, (P,), and the values there, (R, P).

        copies: stories that tell it. group: one of `texts` that it is of; "" for none.
        """
        found, at = np.unique(types, return_inverse=True)
        occurrences = copies * np.bincount(at).astype(np.float64)
        sums = [copies * np.bincount(at, weights=row) for row in nats]
        one = np.ones(len(found))
        own = np.stack([occurrences, copies * one, one, *sums], axis=1)
        waiting = self._waiting.get(group)
        if waiting is None:
            self._add_cluster(found, own)
        elif waiting.is_completed_by(found, own):
            self._add_cluster(*self._waiting.pop(group).sums())

    def _add_cluster(self, types: npt.NDArray[np.integer], own: Nats) -> None:
        """types: (K,), each once. own: (K, 3 + R): occurrences, stories, texts, sums of values."""
        if not len(types):
            return
        self._grow(int(types[-1]) + 1)
        occurrences, stories, texts = own[:, :3].T
        one = np.ones(len(own))
        self._counts[types] += np.stack([occurrences, stories, texts, one, occurrences**2], axis=1)
        for value, sums in enumerate(own[:, 3:].T):
            with np.errstate(invalid="ignore"):  # what is impossible somewhere is so in the mean
                self._sums[types, value] += np.stack([sums, sums**2, sums * occurrences], axis=1)

    def ends(
        self, value: int, texts: Sequence[str] | None, least: int, in_stories: int, count: int
    ) -> tuple[tuple[Type, ...], tuple[Type, ...]]:
        """(highest, lowest) by the mean of a value, `count` each and none in both.

        Of the types with at least `least` occurrences in at least `in_stories` different texts.
        The error is that of a ratio of sums over clusters (Cochran 1977, section 6.3): stories
        are what varies, not the occurrences in them, and stories drawn together are one cluster.
        A group whose texts have not all come counts with those that have, and is closed.
        """
        for group in list(self._waiting):
            self._add_cluster(*self._waiting.pop(group).sums())
        often = (self._counts[:, 0] >= least) & (self._counts[:, 2] >= in_stories)
        types = np.flatnonzero(often)
        occurrences, stories, _, clusters, squares = self._counts[types].T
        y, yy, yn = self._sums[types, value].T
        with np.errstate(invalid="ignore", divide="ignore"):
            means = y / occurrences
            spread = (yy - 2 * means * yn + means**2 * squares).clip(min=0)
            errors = np.sqrt(clusters / (clusters - 1) * spread) / occurrences
        errors[clusters < 2] = np.nan  # rounding may have left a spread
        order = np.argsort(-means, kind="stable")  # nan, infinity less infinity, comes last
        order = order[~np.isnan(means[order])]
        several = min(count, -(-len(order) // 2))

        def told(i: int) -> Type:
            return Type(
                _text(int(types[i]), texts),
                int(occurrences[i]),
                int(stories[i]),
                float(means[i]),
                float(errors[i]),
            )

        return (
            tuple(told(int(i)) for i in order[:several]),
            tuple(told(int(i)) for i in order[several:][::-1][:several]),
        )

    def _grow(self, size: int) -> None:
        if size > len(self._counts):
            more = max(size, 2 * len(self._counts)) - len(self._counts)
            self._counts = np.concatenate([self._counts, np.zeros((more, 5))])
            self._sums = np.concatenate([self._sums, np.zeros((more, self._values, 3))])


class _Group:
    """The sums of a group by type, while its texts come."""

    def __init__(self, values: int, texts: int) -> None:
        self._left = texts
        self._kinds = [np.zeros(0, dtype=np.int64)]
        self._own = [np.zeros((0, 3 + values))]
        self._rows = self._joined = 0  # held, and held when last summed by type

    def is_completed_by(self, types: npt.NDArray[np.integer], own: Nats) -> bool:
        """Takes a text's types, (K,), and sums, (K, 3 + R); whether it was the last."""
        self._kinds.append(types.astype(np.int64))
        self._own.append(own)
        self._rows += len(types)
        self._left -= 1
        if self._rows > 2 * self._joined + _ROOM:  # so joining takes no longer than adding
            self.sums()
        return not self._left

    def sums(self) -> tuple[Counts, Nats]:
        """The types in order, each once, (K,), and their sums, (K, 3 + R)."""
        every = np.concatenate(self._own)
        types, at = np.unique(np.concatenate(self._kinds), return_inverse=True)
        columns = [np.bincount(at, column, len(types)) for column in every.T]
        own: Nats = np.stack(columns, axis=1)
        self._kinds, self._own = [types], [own]
        self._rows = self._joined = len(types)
        return types, own


def _text(type_: int, texts: Sequence[str] | None) -> str:
    return texts[type_] if texts is not None and type_ < len(texts) else f"token {type_}"
