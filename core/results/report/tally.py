"""One reading of a model's tokens: surprise by place, by token and by word, and its ranks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...models.member import Member
from ...scoring.positions import PositionCounter, Positions
from ...scoring.scores import StoryScore
from ...scoring.units import by_word
from ..store import Store

RANKS = (1, 10, 100, 1000)
PLACES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Where a bin of token positions begins; each is as wide as all before it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A token or word over all its places: how often it was scored, its mean bits."""

    text: str
    count: int
    bits: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What one model's tokens say.

    places: bits per token in the bins of `PLACES` (nan where a bin holds none). shares: of the
    tokens with a rank up to each of `RANKS`. tokens, words: every kind of them.
    """

    places: tuple[float, ...]
    counts: tuple[int, ...]
    shares: tuple[float, ...]
    sentences: Positions
    tokens: tuple[Kind, ...]
    words: tuple[Kind, ...]


def tally(
    store: Store,
    model: Member,
    recipe: str,
    texts: Mapping[str, str],
    vocabulary: Sequence[str] | None,
) -> Tally:
    """Over the stories of `texts` (by digest) under a recipe's digest, story by story."""
    count = _Count()
    for digest, score in store.scores(model.digest, recipe):
        if digest in texts:
            count.add(texts[digest], score)
    return count.tally(vocabulary)


def hardest(kinds: Sequence[Kind], least: int, most: int) -> list[Kind]:
    """The `most` kinds of the highest mean among those with at least `least` places."""
    often = (kind for kind in kinds if kind.count >= least)
    return sorted(often, key=lambda kind: -kind.bits)[:most]


class _Count:
    def __init__(self) -> None:
        bins = len(PLACES)
        self.place_nats, self.place_counts = np.zeros(bins), np.zeros(bins, dtype=np.int64)
        self.ranks = np.zeros(len(RANKS), dtype=np.int64)
        self.sentences = PositionCounter()
        self.ids: Counter[int] = Counter()
        self.id_nats: dict[int, float] = {}
        self.words: Counter[str] = Counter()
        self.word_nats: dict[str, float] = {}

    def add(self, text: str, score: StoryScore) -> None:
        at = np.flatnonzero(score.ranks > 0)
        nats = -score.logprobs[at].astype(np.float64)
        bins = np.searchsorted(PLACES, at, side="right") - 1
        np.add.at(self.place_nats, bins.clip(min=0), nats)
        np.add.at(self.place_counts, bins.clip(min=0), 1)
        self.ranks += [(score.ranks[at] <= rank).sum() for rank in RANKS]
        self.sentences.add(text, score)
        for token, value in zip(score.token_ids[at].tolist(), nats.tolist(), strict=True):
            self.ids[token] += 1
            self.id_nats[token] = self.id_nats.get(token, 0.0) + value
        for unit in by_word(text, score):
            if unit.is_whole:
                word = text[unit.start : unit.end].strip(_AROUND).casefold()
                self.words[word] += 1
                self.word_nats[word] = self.word_nats.get(word, 0.0) + unit.surprise

    def tally(self, vocabulary: Sequence[str] | None) -> Tally:
        with np.errstate(invalid="ignore", divide="ignore"):
            places = self.place_nats / self.place_counts / math.log(2)
        total = max(1, int(self.place_counts.sum()))
        return Tally(
            tuple(places.tolist()),
            tuple(self.place_counts.tolist()),
            tuple((self.ranks / total).tolist()),
            self.sentences.positions(),
            tuple(
                Kind(_read(i, vocabulary), n, self.id_nats[i] / n / math.log(2))
                for i, n in self.ids.items()
            ),
            tuple(
                Kind(word, n, self.word_nats[word] / n / math.log(2))
                for word, n in self.words.items()
                if word
            ),
        )


_AROUND = "\"'“”‘’«».,;:!?()[]{}…—–-"


def _read(token: int, vocabulary: Sequence[str] | None) -> str:
    known = vocabulary is not None and token < len(vocabulary)
    return vocabulary[token] if known and vocabulary else f"token {token}"
