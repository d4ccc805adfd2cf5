"""Of two endings, which is less surprising: how often it is the expected one.

The surprise of an ending is that of its tokens behind the beginning: of the scores of both texts
the sums are taken over the tokens of the ending. What the two begin with is fed to a model once,
as of all texts that are scored together (`scoring/beginnings.py`).

An ending is judged in three ways. By its total: the likelier ending. Per token: the total over
the number of its tokens, so that a long one is at no disadvantage. Conditional: the total less
the surprise of the ending alone behind BOS, so that what is rare anywhere is none: how much the
beginning has to say about it (Holtzman et al. 2021, domain-conditional PMI; Brown et al. 2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..models.member import Member
from ..scoring.scores import StoryScore
from ..stories.pairs import Pair
from ..stories.story import Story, text_digest
from .statistics.proportions import wilson
from .statistics.sheet import Sheet
from .store import Store

Nats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

WAYS = ("total", "per_token", "conditional")
ALONE = "endings"  # the store of endings alone, in that of the stories: no stories of their own


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
    where no token of an ending was scored.
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
    store: Store,
    recipe_digest: str,
    alone: Mapping[str, float] | None,
) -> Endings:
    """What a model's stored scores say of the endings of these pairs.

    store, recipe_digest: of the pairs' texts. alone: nats of the endings alone, by text digest;
    None where they were not scored.
    """
    begins = {text_digest(story.text): pair.at for pair in pairs for story in pair.stories}
    found = {
        digest: _behind(score, begins[digest])
        for digest, score in store.scores(model.digest, recipe_digest)
        if digest in begins
    }
    nothing = (np.nan, 0)
    table = [
        [found.get(text_digest(story.text), nothing) for story in pair.stories] for pair in pairs
    ]
    return Endings(
        model,
        np.array([[nats for nats, _ in row] for row in table]),
        np.array([[tokens for _, tokens in row] for row in table]),
        None if alone is None else _alone(pairs, alone),
    )


def _alone(pairs: Sequence[Pair], nats: Mapping[str, float]) -> Nats:
    return np.array(
        [[nats.get(text_digest(text), np.nan) for text in pair.endings] for pair in pairs]
    )


def endings_alone(pairs: Iterable[Pair]) -> list[Story]:
    """The endings of pairs as texts of their own, each once."""
    found = {
        text: Story(story.id, story.title, text, pair=pair.name)
        for pair in pairs
        for story, text in zip(pair.stories, pair.endings, strict=True)
    }
    return list(found.values())


def nats_alone(sheet: Sheet) -> dict[str, dict[str, float]]:
    """What a run over `endings_alone` gave, by the model's digest and the text's."""
    digests = [story.digest for story in sheet.stories]
    return {
        model.digest: {
            digest: nll
            for digest, nll, tokens in zip(digests, *rows, strict=True)
            if tokens  # else it was not scored
        }
        for model, *rows in zip(
            sheet.models, sheet.nll.tolist(), sheet.tokens.tolist(), strict=True
        )
    }


def _behind(score: StoryScore, at: int) -> tuple[float, int]:
    """Nats and number of the scored tokens that hold a character from `at` on; (nan, 0) where no
    such token was scored."""
    first = int(np.searchsorted(score.ends, at, side="right"))
    scored = score.ranks[first:] > 0
    nats = -score.logprobs[first:][scored].astype(np.float64)
    return (float(nats.sum()) + 0.0 if len(nats) else math.nan), len(nats)
