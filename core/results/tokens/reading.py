"""Which tokens, words and places are hard: one reading of the store for each family.

All models of a family are read side by side, story by story, so that a story's words and
sentences are found once and its tokens are compared one by one. In memory are sums, a row
group of each model, and the stories that not all of the models have come to yet.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...scoring.positions import SENTENCES, is_five
from ...scoring.scores import StoryScore
from ...scoring.units import Unit, by_sentence, by_word
from ...stories.story import Label
from ..statistics.sheet import Sheet
from ..store import Store
from .occurrences import Occurrence, top_occurrences
from .positions import PartCounter, Parts, PositionCounter, Positions
from .side_by_side import read_side_by_side
from .types import Type, TypeCounter

RANKS = (1, 10, 100, 1000)
LEAST, IN_STORIES = 5, 3  # a type is told from so many occurrences in so many stories
KEPT = 50  # types at each end
OPENING = 16  # tokens that are the opening of a story

Counts = npt.NDArray[np.int64]
Nats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ModelTokens:
    """What the tokens of one model say.

    stories, tokens, nll: what was read: scored tokens and their nats. Of stories with one text
        each counts, in all that follows.
    entropy: the sum of their entropies, nats, which is the surprise that a model itself expects.
        Where the surprise is above, the model is surer than it has reason to be.
    by_token: position of the token in its story. by_sentence: number of the sentence.
    five: the sentences of the stories that have just five. opening: the first `OPENING` tokens
        and the later ones, of stories that have both. sentence_start: the first word of a
        sentence and its other words, from the second sentence on.
    ranks: int64 (4,), tokens of a rank up to each of `RANKS`.
    hardest_*, easiest_*: types of the highest and lowest mean surprise. A word counts with the
        tokens that its letters are in, all of them scored.
    most_surprising: the single token; None where none is scored.
    """

    model: str
    stories: int
    tokens: int
    nll: float
    entropy: float
    by_token: Positions
    by_sentence: Positions
    five: Parts
    opening: Parts
    sentence_start: Parts
    ranks: Counts
    hardest_tokens: tuple[Type, ...]
    easiest_tokens: tuple[Type, ...]
    hardest_words: tuple[Type, ...]
    easiest_words: tuple[Type, ...]
    most_surprising: Occurrence | None

    @property
    def rank_shares(self) -> tuple[float, ...]:
        """The share of tokens with a rank up to each of `RANKS`; nan without a token."""
        return tuple(n / self.tokens if self.tokens else math.nan for n in self.ranks.tolist())


@dataclass(frozen=True, slots=True)
class Improvement:
    """From the smallest model of a family to its largest, token by token.

    improved: the share of tokens that are less surprising to the larger. *_most: the types on
    which it saves most nats, in the mean; *_least: least, below 0 where it is worse. What is
    infinitely surprising to both is not told.
    """

    smaller: str
    larger: str
    tokens: int
    improved: float
    tokens_most: tuple[Type, ...]
    tokens_least: tuple[Type, ...]
    words_most: tuple[Type, ...]
    words_least: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class FamilyTokens:
    """The models of one family and tokenizer, small to large; improvement: None for one size.

    sizes: those of the models that are sizes, see `Sheet.sizes`. ranks: those of `RANKS` that
    say something of its vocabulary: lower than it has entries. least, in_stories: occurrences
    and stories that a type has at the least. left_out: stories of the sheet whose tokens the store
    does not have under every model, or not the same ones. clusters: of the stories, what
    intervals and standard errors are over; drawn: them in words.
    """

    family: str
    models: tuple[ModelTokens, ...]
    sizes: tuple[ModelTokens, ...]
    ranks: tuple[int, ...]
    improvement: Improvement | None
    least: int
    in_stories: int
    left_out: int
    clusters: int
    drawn: str


def read_tokens(
    store: Store,
    sheet: Sheet,
    rows: Sequence[int],
    *,
    least: int = LEAST,
    in_stories: int = IN_STORIES,
) -> FamilyTokens:
    """Read the tokens of these models, one family of `sheet.families()`, over its stories.

    Stories that one of the models has not scored are left out. Tokens are told by their ids
    where the store has no vocabulary for them.
    """
    models = [sheet.models[row] for row in rows]
    at = [rows.index(row) for row in sheet.sizes(rows)]
    told: dict[str, list[Label]] = {}
    for story in sheet.stories:
        told.setdefault(story.digest, []).append(story)
    drawn = zip((story.digest for story in sheet.stories), sheet.clusters.tolist(), strict=True)
    group = {digest: str(cluster) for digest, cluster in drawn}
    reading = _Reading(len(models), (at[0], at[-1]), group)
    wanted = frozenset(told)
    for digest, text, scores in read_side_by_side(store, models, sheet.recipe_digest, wanted):
        reading.add(told[digest], text, scores)
    vocabulary = store.vocabulary(models[0].tokenizer)
    choice = (least, in_stories, KEPT)
    read = [reading.model(i, model.name, vocabulary, choice) for i, model in enumerate(models)]
    small, large = models[at[0]].name, models[at[-1]].name
    return FamilyTokens(
        models[0].family or models[0].name,
        tuple(read),
        tuple(read[i] for i in at),
        tuple(rank for rank in RANKS if vocabulary is None or rank < len(vocabulary)),
        reading.improvement(small, large, vocabulary, choice) if len(at) > 1 else None,
        least,
        in_stories,
        len(sheet.stories) - reading.stories,
        len(set(group.values())),
        "groups of stories" if reading.texts else "stories",
    )


class _Reading:
    """Sums over the stories read so far, under M models; value M of a type is what the second of
    the models `ends` saves over the first.

    group: what a story is drawn with, by text digest.
    """

    def __init__(self, models: int, ends: tuple[int, int], group: Mapping[str, str]) -> None:
        self.models, self.ends, self.group = models, ends, group
        self.stories = self.tokens = self.improved = 0
        self.nll, self.entropy = np.zeros(models), np.zeros(models)
        self.by_token, self.by_sentence = PositionCounter(models), PositionCounter(models)
        self.five = PartCounter(tuple(f"sentence {n + 1}" for n in range(SENTENCES)))
        self.opening = PartCounter((f"first {OPENING} tokens", "later tokens"))
        self.start = PartCounter(("first words of sentences", "other words"))
        self.ranks = np.zeros((models, len(RANKS)), dtype=np.int64)
        self.texts = {one: n for one, n in Counter(group.values()).items() if n > 1}
        self.token_types = TypeCounter(models + 1, self.texts)
        self.word_types = TypeCounter(models + 1, self.texts)
        self.words: dict[str, int] = {}
        self.surprising: list[Occurrence | None] = [None] * models

    def add(self, stories: Sequence[Label], text: str, scores: Sequence[StoryScore]) -> None:
        """The stories of one text, with its score under each of the models."""
        one, story, copies = scores[0], stories[0], len(stories)
        self.stories += copies
        at = np.flatnonzero(one.ranks > 0)
        if not len(at):
            return
        nats = np.stack([-score.logprobs.astype(np.float64) for score in scores])
        scored = nats[:, at]
        self.tokens += copies * len(at)
        self.nll += copies * scored.sum(axis=1)
        words = by_word(text, one)
        self._add_places(story, copies, text, one, at, scored, words)
        for row, score in enumerate(scores):
            self.ranks[row] += [copies * (score.ranks[at] <= rank).sum() for rank in RANKS]
            self.entropy[row] += copies * score.entropies[at].sum(dtype=np.float64)
            known = self.surprising[row]
            if known is None or scored[row].max() > known.nats:
                (self.surprising[row],) = top_occurrences(story, text, score, at, scored[row], 1)
        with np.errstate(invalid="ignore"):
            small, large = self.ends
            saved = scored[small] - scored[large]
            every = np.concatenate([nats, (nats[small] - nats[large])[None]])
        self.improved += copies * int((saved > 0).sum())
        group = self.group[story.digest]
        self.token_types.add(one.token_ids[at], every[:, at], copies, group)
        self._add_words(text, one, words, every, copies, group)

    def model(
        self,
        row: int,
        name: str,
        vocabulary: Sequence[str] | None,
        choice: tuple[int, int, int],
    ) -> ModelTokens:
        tokens = self.token_types.ends(row, vocabulary, *choice)
        words = self.word_types.ends(row, list(self.words), *choice)
        return ModelTokens(
            name,
            self.stories,
            self.tokens,
            float(self.nll[row]),
            float(self.entropy[row]),
            self.by_token.places(row),
            self.by_sentence.places(row),
            self.five.parts(row),
            self.opening.parts(row),
            self.start.parts(row),
            self.ranks[row],
            *tokens,
            *words,
            self.surprising[row],
        )

    def improvement(
        self,
        smaller: str,
        larger: str,
        vocabulary: Sequence[str] | None,
        choice: tuple[int, int, int],
    ) -> Improvement:
        return Improvement(
            smaller,
            larger,
            self.tokens,
            self.improved / self.tokens if self.tokens else math.nan,
            *self.token_types.ends(self.models, vocabulary, *choice),
            *self.word_types.ends(self.models, list(self.words), *choice),
        )

    def _add_places(
        self,
        story: Label,
        copies: int,
        text: str,
        one: StoryScore,
        at: Counts,
        scored: Nats,
        words: Sequence[Unit],
    ) -> None:
        group, starts = self.group[story.digest], story.sentence_starts
        sentences = by_sentence(text, one, starts=starts)
        # A BOS that the tokenizer shows is no part of the story.
        begin = int(np.argmax(one.ends > one.starts))
        places = (np.arange(len(one)) - begin).clip(min=0)
        sentence, first = _numbered(sentences, len(one))
        word, _ = _numbered(words, len(one))
        self.by_token.add(places[at] + 1, scored, copies)
        self.by_sentence.add(sentence[at] + 1, scored, copies)
        if len(sentences) == SENTENCES and is_five(text, starts):
            self.five.add(group, sentence[at], scored, copies)
        late = places[at] >= OPENING
        if late.any() and not late.all():
            self.opening.add(group, late.astype(np.int64), scored, copies)
        behind = sentence[at] > 0
        if behind.any():
            other = (word > word[first])[at]
            self.start.add(group, other[behind].astype(np.int64), scored[:, behind], copies)

    def _add_words(
        self,
        text: str,
        one: StoryScore,
        words: Sequence[Unit],
        every: Nats,
        copies: int,
        group: str,
    ) -> None:
        types: list[int] = []
        spans: list[int] = []  # of each word its first token, and the one behind its last
        for unit in words:
            start, end = _letters(text, unit.start, unit.end)
            first, stop = unit.first, unit.last + 1
            if start == end:
                continue
            while stop - first > 1 and one.starts[stop - 1] >= end:
                stop -= 1
            while stop - first > 1 and one.ends[first] <= start:
                first += 1
            if (one.ranks[first:stop] > 0).all():
                types.append(self.words.setdefault(text[start:end].casefold(), len(self.words)))
                spans += (first, stop)
        if types:
            padded = np.concatenate(
                [every, np.zeros((len(every), 1))], axis=1
            )  # spans may end at T
            sums = np.add.reduceat(padded, spans, axis=1)[:, ::2]
            self.word_types.add(np.array(types), sums, copies, group)


def _numbered(units: Sequence[Unit], tokens: int) -> tuple[Counts, Counts]:
    """int64 (T,) both: the number of each token's unit from 0, and that unit's first token."""
    firsts = np.array([unit.first for unit in units], dtype=np.int64)
    numbers = np.searchsorted(firsts, np.arange(tokens), side="right") - 1
    return numbers, firsts[numbers]


def _letters(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the punctuation around it; empty where there is nothing else."""
    while start < end and unicodedata.category(text[start])[0] == "P":
        start += 1
    while start < end and unicodedata.category(text[end - 1])[0] == "P":
        end -= 1
    return start, end
