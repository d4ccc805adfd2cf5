"""Which stories intervals draw together: those of one group, and those that tell one text.

Two endings of one beginning are no two independent stories, nor is a text that is told twice; an
interval that draws them one by one is too narrow. What is drawn is therefore the cluster, the sums
of its stories (Davison & Hinkley 1997, section 3.8; Cameron, Gelbach & Miller 2008).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...wording import listed, many

MARK = ": "  # between what a group is (a column, "pair") and which of them
FEW = 10  # clusters; of fewer no sentence gives an interval, calls a difference one or fits a law

Counts = npt.NDArray[np.int64]
Sums = npt.NDArray[np.float64]


def clusters(groups: Sequence[str], digests: Sequence[str]) -> Counts:
    """int64 (S,), of each story the number of its cluster, from 0.

    groups: of the S stories, "" where one stands alone; digests: of their texts. Stories of one
    group are in one cluster, and so are those of one text; both chain. Clusters are numbered by
    the least digest in them: resamples draw by place, and so the same stories have the same
    intervals in any order and whatever their groups are called.
    """
    lead = {digest: digest for digest in digests}  # to a lesser digest of the cluster

    def least(digest: str) -> str:
        while lead[digest] != digest:
            lead[digest] = digest = lead[lead[digest]]
        return digest

    first: dict[str, str] = {}  # text of each group
    for group, digest in zip(groups, digests, strict=True):
        if group:
            one, other = sorted((least(first.setdefault(group, digest)), least(digest)))
            lead[other] = one
    names = [least(digest) for digest in digests]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def summed(at: Counts, values: npt.ArrayLike) -> Sums:
    """float64 (M, C): the values of S stories, (M, S), summed over their clusters, (S,)."""
    rows = np.asarray(values, dtype=np.float64)
    count = int(at.max()) + 1 if len(at) else 0
    return np.array([np.bincount(at, row, count) for row in rows]).reshape(len(rows), count)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What intervals over some stories draw.

    clusters: how many of them there are. by: what joins stories besides their text, "pair" or the
    name of a column. copies: stories that tell a text which one before them tells.
    """

    stories: int
    clusters: int
    by: tuple[str, ...]
    copies: int

    @property
    def lines(self) -> tuple[str, ...]:
        """What to say of it, a sentence each; nothing where every story is drawn alone."""
        said = []
        if self.copies:
            said.append(
                f"{many(self.copies, 'story tells', 'stories tell')} a text that another one "
                "tells too: each is listed and counted, and intervals draw stories of one text "
                "as one."
            )
        if self.clusters == 1 < self.stories:
            said.append(f"All {self.stories:,} stories are drawn as one, so there is no interval.")
        elif self.clusters < self.stories - self.copies:
            names = [f"column {name}" if name != "pair" else "pairs" for name in self.by]
            by = f" ({listed(names)})" if names else ""
            few = "; so few make them too short" if self.clusters < FEW else ""
            said.append(
                f"95 % intervals resample {many(self.clusters, 'group')}{by} of "
                f"{self.stories:,} stories{few}."
            )
        return tuple(said)


def drawn(groups: Sequence[str], digests: Sequence[str]) -> Drawn:
    """What is drawn of these stories; see `clusters`."""
    members = Counter(group for group, _ in {*zip(groups, digests, strict=True)} if group)
    joining = [group for group, texts in members.items() if texts > 1]
    at = clusters(groups, digests)
    return Drawn(
        len(at),
        int(at.max()) + 1 if len(at) else 0,
        tuple(sorted({group.partition(MARK)[0] for group in joining if MARK in group})),
        len(digests) - len(set(digests)),
    )
