"""Of two endings, which is less surprising: how often it is the expected one.

The surprise of an ending is that of its tokens behind the beginning. Both texts of a pair are
scored whole and the sums taken over the tokens of the ending, which is the same number as scoring
the ending alone behind a beginning that is computed once.

An ending is judged in three ways. By its total: the likelier ending. Per token: the total over
the number of its tokens, so that a long one is at no disadvantage. Conditional: the total less
the surprise of the ending alone behind BOS, so that what is rare anywhere is none: how much the
beginning has to say about it (Holtzman et al. 2021, domain-conditional PMI; Brown et al. 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..models.member import Member
from ..scoring.scores import StoryScore
from ..stories.pairs import Pair
from ..stories.story import text_digest
from .statistics.proportions import wilson
from .store import Store

Nats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

WAYS = ("total", "per_token", "conditional")


@dataclass(frozen=True, slots=True)
class Accuracy:
    """On how many of `pairs` the right ending is less surprising; ties count as wrong.

    ci95: of the share, over pairs (Wilson's score interval).
    """

    right: int
    pairs: int

    @property
    def accuracy(self) -> float:
        return self.right / self.pairs if self.pairs else float("nan")

    @property
    def ci95(self) -> tuple[float, float]:
        return wilson(self.right, self.pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Endings:
    """P pairs under one model; in all arrays the right ending comes first.

    nats: float64 (P, 2), of the ending behind the beginning. tokens: int64 (P, 2), its scored
    tokens. alone: float64 (P, 2), nats of the ending alone; None where that was not scored. nan
    where a text was not scored at all.
    """

    model: Member
    nats: Nats
    tokens: Counts
    alone: Nats | None

    def surprises(self, way: str) -> Nats | None:
        """float64 (P, 2), by one of `WAYS`; None where it is not known."""
        with np.errstate(invalid="ignore", divide="ignore"):
            if way == "per_token":
                return self.nats / self.tokens
            if way == "conditional":
                return None if self.alone is None else self.nats - self.alone
        return self.nats

    def is_right(self, way: str = "total") -> npt.NDArray[np.bool_] | None:
        """bool (P,): where the right ending is less surprising."""
        found = self.surprises(way)
        return None if found is None else found[:, 0] < found[:, 1]

    def accuracy(self, way: str) -> Accuracy | None:
        """Over the pairs of which both texts have this number; None where it is not known."""
        found = self.surprises(way)
        if found is None:
            return None
        known = ~np.isnan(found).any(axis=1)
        return Accuracy(int((found[known, 0] < found[known, 1]).sum()), int(known.sum()))


def read_endings(
    pairs: Sequence[Pair],
    model: Member,
    whole: tuple[Store, str],
    alone: tuple[Store, str] | None,
) -> Endings:
    """What a model's stored scores say of the endings of these pairs.

    whole: the store of the pairs' texts and the digest of their recipe; alone: the same of the
    endings alone, None where they were not scored.
    """
    texts = [[story.text for story in pair.stories] for pair in pairs]
    begins = {
        text_digest(text): pair.at for pair, both in zip(pairs, texts, strict=True) for text in both
    }

    def sums(digest: str, score: StoryScore) -> tuple[float, int]:
        return _behind(score, begins[digest])

    found = _of(*whole, model, begins, sums)
    nothing = (np.nan, 0)
    table = [[found.get(text_digest(text), nothing) for text in both] for both in texts]
    return Endings(
        model,
        np.array([[nats for nats, _ in row] for row in table]),
        np.array([[tokens for _, tokens in row] for row in table]),
        None if alone is None else _alone(pairs, model, *alone),
    )


def _alone(pairs: Sequence[Pair], model: Member, store: Store, recipe: str) -> Nats:
    digests = [[text_digest(text) for text in pair.endings] for pair in pairs]
    wanted = dict.fromkeys((digest for both in digests for digest in both), 0)
    found = _of(store, recipe, model, wanted, lambda _, score: (score.summary.nll, 0))
    return np.array([[found.get(digest, (np.nan, 0))[0] for digest in both] for both in digests])


def _of(
    store: Store,
    recipe: str,
    model: Member,
    wanted: Mapping[str, int],
    sums: Callable[[str, StoryScore], tuple[float, int]],
) -> dict[str, tuple[float, int]]:
    return {
        digest: sums(digest, score)
        for digest, score in store.scores(model.digest, recipe)
        if digest in wanted
    }


def _behind(score: StoryScore, at: int) -> tuple[float, int]:
    """Nats and number of the scored tokens that hold a character from `at` on."""
    first = int(np.searchsorted(score.ends, at, side="right"))
    scored = score.ranks[first:] > 0
    nats = -score.logprobs[first:][scored].astype(np.float64)
    return float(nats.sum()) + 0.0, int(scored.sum())
