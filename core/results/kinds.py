"""Surprise by kind: of every token type, of every word, over all its places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Nats = npt.NDArray[np.float64]

_ROOM = 512  # rows of a group before they are summed by kind


@dataclass(frozen=True, slots=True)
class Kind:
    """A token or a word over all its places.

    text: as the tokenizer has it, or the word in lower case without punctuation around it.
    places: how often it was scored. stories: how many it is in. nats: the mean over its places.
    error: the standard error of that over what is drawn, see `clusters` (nan where it is in one
    cluster alone), nats.
    """

    text: str
    places: int
    stories: int
    nats: float
    error: float


class KindCounter:
    """Takes stories in one by one; kinds are numbered from 0, with R values at every place.

    texts: of each group of several texts, how many will come. What a group holds of each kind waits
    until they have, since its squares are those of its sums; nothing waits of a text alone.
    """

    def __init__(self, values: int, texts: Mapping[str, int] | None = None) -> None:
        self._values = values
        self._waiting = {group: _Group(values, n) for group, n in (texts or {}).items() if n > 1}
        # Places, stories, texts, clusters, squares of a cluster's places.
        self._counts = np.zeros((0, 5))
        self._sums = np.zeros((0, values, 3))  # of a cluster's sum y: y, y * y, y * places

    def add(
        self, kinds: npt.NDArray[np.integer], nats: Nats, copies: int = 1, group: str = ""
    ) -> None:
        """One text: the kind at each of its P places, (P,), and the values there, (R, P).

        copies: stories that tell it. group: one of `texts` that it is of; "" for none.
        """
        found, at = np.unique(kinds, return_inverse=True)
        places = copies * np.bincount(at).astype(np.float64)
        sums = [copies * np.bincount(at, weights=row) for row in nats]
        one = np.ones(len(found))
        own = np.stack([places, copies * one, one, *sums], axis=1)
        waiting = self._waiting.get(group)
        if waiting is None:
            self._add_cluster(found, own)
        elif waiting.is_whole_with(found, own):
            self._add_cluster(*self._waiting.pop(group).sums())

    def _add_cluster(self, kinds: npt.NDArray[np.integer], own: Nats) -> None:
        """kinds: (K,), each once. own: (K, 3 + R), places, stories, texts and sums of values."""
        if not len(kinds):
            return
        self._grow(int(kinds[-1]) + 1)
        places, stories, texts = own[:, :3].T
        one = np.ones(len(own))
        self._counts[kinds] += np.stack([places, stories, texts, one, places**2], axis=1)
        for value, sums in enumerate(own[:, 3:].T):
            with np.errstate(invalid="ignore"):  # what is impossible somewhere is so in the mean
                self._sums[kinds, value] += np.stack([sums, sums**2, sums * places], axis=1)

    def ends(
        self, value: int, texts: Sequence[str] | None, least: int, in_stories: int, count: int
    ) -> tuple[tuple[Kind, ...], tuple[Kind, ...]]:
        """(highest, lowest) by the mean of a value, `count` each and none in both.

        Of the kinds with at least `least` places in at least `in_stories` different texts. The
        error is that of a ratio of sums over clusters (Cochran 1977, section 6.3): stories are
        what varies, not the places in them, and stories that are drawn together are one cluster.
        A group whose texts have not all come counts with those that have, and is closed.
        """
        for group in list(self._waiting):
            self._add_cluster(*self._waiting.pop(group).sums())
        often = (self._counts[:, 0] >= least) & (self._counts[:, 2] >= in_stories)
        kinds = np.flatnonzero(often)
        places, stories, _, clusters, squares = self._counts[kinds].T
        y, yy, yn = self._sums[kinds, value].T
        with np.errstate(invalid="ignore", divide="ignore"):
            means = y / places
            spread = (yy - 2 * means * yn + means**2 * squares).clip(min=0)
            errors = np.sqrt(clusters / (clusters - 1) * spread) / places
        errors[clusters < 2] = np.nan  # rounding may have left a spread
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
            self._counts = np.concatenate([self._counts, np.zeros((more, 5))])
            self._sums = np.concatenate([self._sums, np.zeros((more, self._values, 3))])


class _Group:
    """The sums of a group by kind, while its texts come."""

    def __init__(self, values: int, texts: int) -> None:
        self._left = texts
        self._kinds = [np.zeros(0, dtype=np.int64)]
        self._own = [np.zeros((0, 3 + values))]
        self._rows = self._joined = 0  # held, and held when last summed by kind

    def is_whole_with(self, kinds: npt.NDArray[np.integer], own: Nats) -> bool:
        """Takes a text's kinds, (K,), and sums, (K, 3 + R); whether it was the last."""
        self._kinds.append(kinds.astype(np.int64))
        self._own.append(own)
        self._rows += len(kinds)
        self._left -= 1
        if self._rows > 2 * self._joined + _ROOM:  # so joining takes no longer than adding
            self.sums()
        return not self._left

    def sums(self) -> tuple[Counts, Nats]:
        """The kinds in order, each once, (K,), and their sums, (K, 3 + R)."""
        every = np.concatenate(self._own)
        kinds, at = np.unique(np.concatenate(self._kinds), return_inverse=True)
        columns = [np.bincount(at, column, len(kinds)) for column in every.T]
        own: Nats = np.stack(columns, axis=1)
        self._kinds, self._own = [kinds], [own]
        self._rows = self._joined = len(kinds)
        return kinds, own


def _text(kind: int, texts: Sequence[str] | None) -> str:
    return texts[kind] if texts is not None and kind < len(texts) else f"token {kind}"
