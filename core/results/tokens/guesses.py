"""The words of a story as something to guess, by readers and by models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...scoring.scores import StoryScore

Span = tuple[int, int]  # characters from, to

_WORD = re.compile(r"\S+")
_GOES_ON = re.compile(r"['’-]?[^\W_]")  # as the words above do: `s`, `'s`, `-known`, but no `,`
_EDGES = re.compile(r"\A[\W_]+|[\W_]+\Z")


def words_to_guess(text: str) -> list[Span]:
    """All words but the first, without the punctuation around them; what is nothing but
    punctuation is left out."""
    found = []
    for match in _WORD.finditer(text):
        if bare := bare_word(match[0]):
            start = match.start() + match[0].index(bare)
            found.append((start, start + len(bare)))
    return found[1:]


def bare_word(word: str) -> str:
    """Without the punctuation around it."""
    return _EDGES.sub("", word)


def is_right(guess: str, word: str) -> bool:
    """Whether it is the same word; case, apostrophes' shape and punctuation around do not count."""
    one, other = (bare_word(text).casefold().replace("’", "'") for text in (guess, word))
    return bool(one) and one == other


@dataclass(frozen=True, slots=True)
class Guessed:
    """A word as a model has it: the ranks of its tokens, its surprise in nats, and whether
    greedy decoding to the word's end gives exactly it."""

    ranks: tuple[int, ...]
    nats: float
    at_once: bool


def guessed_by(score: StoryScore, word: Span, texts: Sequence[str]) -> Guessed | None:
    """What the score of a text tells of a word in it; None where not all of it was scored.

    texts: what the ids of the vocabulary read as. Each token of the word has to be the likeliest,
    and the likeliest behind them has to begin something else: where that is not known (no
    alternatives were kept) it is taken to.
    """
    from ...scoring.units import tokens_within  # NumPy, after the first picture

    inside = tokens_within(score.starts, score.ends, word).tolist()
    if not inside or not all(score.ranks[at] > 0 for at in inside):
        return None
    ranks = tuple(int(score.ranks[at]) for at in inside)
    nats = -float(score.logprobs[inside].astype("float64").sum())
    at_once = all(rank == 1 for rank in ranks) and _ends(score, inside[-1] + 1, texts)
    return Guessed(ranks, nats, at_once)


def _ends(score: StoryScore, at: int, texts: Sequence[str]) -> bool:
    """Whether the word is over by what is likeliest as token `at`."""
    if at >= len(score) or score.ranks[at] == 1 or not score.top_ids.shape[1]:
        return True
    likeliest = int(score.top_ids[at, 0])
    return not (0 <= likeliest < len(texts) and _GOES_ON.match(texts[likeliest]))
