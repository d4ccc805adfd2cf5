"""What kind of text a span is: one kind each, and traits that overlap.

A span is told by its first character that is no space, and one with letters by the first word
in it. Capital inside a sentence is taken for a name: a capital behind a quotation mark, a colon or
a line break says nothing, nor one behind a full stop within quotation marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .characters import (
    CAPITAL,
    COLON,
    DIGIT,
    OPEN,
    SPACE,
    STOP,
    STRAIGHT,
    Characters,
    Flags,
    Indices,
    counts,
    look_at,
    next_of,
)
from .function_words import FIRST_PERSON, FUNCTION_WORDS
from .spans import Spans

Codes = npt.NDArray[np.uint8]

KINDS = (
    *("whitespace", "punctuation", "digits", "names", "function words", "other words"),
    "later pieces",
)
TRAITS = ("in quotes", "first word of a sentence", "first mention", "repeated")
WHITESPACE, PUNCTUATION, DIGITS, NAMES, FUNCTION, OTHER, LATER = range(len(KINDS))
IN_QUOTES, FIRST_WORD, FIRST_MENTION, REPEATED = (1 << n for n in range(len(TRAITS)))
# Units as `scoring.units` has them: a span belongs with its first character that is no space.
BEGINS = {"word": 1 << 6, "sentence": 1 << 7}
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "st", "mme", "prof"})  # a stop behind ends nothing


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """P spans of a text.

    kinds: uint8 (P,), places in `KINDS`. traits: uint8 (P,), a bit for each of `TRAITS`: the
    first mention and the repeated are words of the story that are no function words, and a later
    piece is of its word. Two bits more say where units begin, `BEGINS`. sizes: int64 (P,), UTF-8
    bytes. words: of each word that begins what it reads as without punctuation around it, in
    lower case; "" where it is none, only a part, or several at once.
    """

    kinds: Codes
    traits: Codes
    sizes: Indices
    words: list[str]


def firsts_of(unit: str, traits: Codes) -> Indices:
    """int64 (U,): where the words or sentences begin among spans; every span for "token"."""
    if unit == "token":
        return np.arange(len(traits))
    return np.flatnonzero(traits & BEGINS[unit])


def telling(kinds: Codes, firsts: Indices) -> Indices:
    """int64 (U,): the span of each union that tells its kind, the first with letters in it."""
    if not len(firsts):
        return firsts
    at = np.where(kinds >= NAMES, np.arange(len(kinds)), len(kinds))
    found = np.minimum.reduceat(at, firsts)
    return np.asarray(np.where(found < len(kinds), found, firsts))


def describe(text: str, spans: Spans, sentences: Sequence[tuple[int, int]]) -> Described:
    """Kinds and traits of the spans of a text; sentences: its own, see `sentence_spans`."""
    seen = look_at(text)
    starts, ends = spans.starts.astype(np.int64), spans.ends.astype(np.int64)
    solid = ~seen.having(SPACE)
    letter = next_of(seen.letters)[starts]
    has_letters = letter < ends
    of_word = seen.number[np.where(has_letters, letter, 0)] if len(starts) else starts
    words = _Words(text, seen, sentences)
    kinds = np.select(
        [~_any(solid, starts, ends), has_letters, _any(seen.having(DIGIT), starts, ends)],
        [WHITESPACE, LATER, DIGITS],
        PUNCTUATION,
    )
    traits = np.zeros(len(starts), dtype=np.uint8)
    if len(starts):
        shown = next_of(solid)[starts]
        is_quoted = seen.quoted[np.where(shown < ends, shown, starts)]
        traits[is_quoted] = IN_QUOTES
    if has_letters.any():
        is_begun = has_letters & (seen.word_starts[of_word] >= starts)
        kinds[is_begun] = words.kinds[of_word[is_begun]]
        traits[has_letters] += words.traits[of_word[has_letters]]
    runs = _runs(solid)
    words_at, run = _unions(starts, runs[1])
    bare = np.array([end for _, end in sentences], dtype=np.int64)
    sentences_at, _ = _unions(starts, _last_of(solid)[bare])
    traits[words_at] |= BEGINS["word"]
    traits[sentences_at] |= BEGINS["sentence"]
    return Described(
        kinds.astype(np.uint8),
        traits,
        seen.sums[ends] - seen.sums[starts],
        _read(text, seen, runs, run, starts[words_at]),
    )


class _Words:
    """Kind and traits of each word of a text."""

    def __init__(self, text: str, seen: Characters, sentences: Sequence[tuple[int, int]]) -> None:
        bounds = zip(seen.word_starts.tolist(), seen.word_ends.tolist(), strict=True)
        keys = [text[start:end].casefold().replace("’", "'") for start, end in bounds]
        is_function = np.array([key in FUNCTION_WORDS for key in keys], dtype=bool)
        is_first = np.zeros(len(keys), dtype=bool)
        at = np.searchsorted(seen.word_starts, [start for start, _ in sentences])
        is_first[at[at < len(keys)]] = True
        is_name = _capitals(text, seen, keys) & ~is_first
        self.kinds = np.where(is_name, NAMES, np.where(is_function, FUNCTION, OTHER))
        mentions = np.full(len(keys), REPEATED, dtype=np.uint8)
        mentions[_first_mentions(keys)] = FIRST_MENTION
        mentions[is_function & ~is_name] = 0
        self.traits = mentions + (FIRST_WORD * is_first).astype(np.uint8)


def _capitals(text: str, seen: Characters, keys: Sequence[str]) -> Flags:
    """bool (W,): capitals that nothing in front of the word explains."""
    starts, ends = seen.word_starts, seen.word_ends
    is_capital = seen.having(CAPITAL)[starts] if len(starts) else np.zeros(0, dtype=bool)
    before = np.append(0, ends[:-1])  # the end of the word in front

    def between(flags: Flags) -> Flags:
        sums = counts(flags)
        return np.asarray(sums[starts] > sums[before])

    line = np.array([ch == "\n" for ch in text]) if "\n" in text else np.zeros(len(text), bool)
    explained = between(seen.having(STRAIGHT | OPEN | COLON) | line)
    stopped = between(seen.having(STOP))
    for word in np.flatnonzero(is_capital).tolist():
        is_title = word > 0 and keys[word - 1] in _TITLES
        is_begun = stopped[word] and seen.quoted[starts[word]] and not is_title
        if explained[word] or is_begun or keys[word] in FIRST_PERSON:
            is_capital[word] = False
    return is_capital


def _first_mentions(keys: Sequence[str]) -> list[int]:
    """The words that are the first of their type; a possessive is of its owner's."""
    first: dict[str, int] = {}
    for word, key in enumerate(keys):
        first.setdefault(key.removesuffix("'s"), word)
    return list(first.values())


def _any(flags: Flags, starts: Indices, ends: Indices) -> Flags:
    sums = counts(flags)
    return np.asarray(sums[ends] > sums[starts])


def _last_of(flags: Flags) -> Indices:
    """int64 (C + 1,): behind the last place in front of each that has the flag, 0 without one."""
    places = np.append(0, np.where(flags, np.arange(1, len(flags) + 1), 0))
    return np.asarray(np.maximum.accumulate(places))


def _runs(solid: Flags) -> tuple[Indices, Indices]:
    """Starts and ends of the runs of characters that are no space."""
    edges = np.flatnonzero(np.diff(solid.astype(np.int8), prepend=0, append=0))
    return edges[::2], edges[1::2]


def _unions(starts: Indices, stops: Indices) -> tuple[Indices, Indices]:
    """The first span of each union, and the number of the stretch of text that it belongs to.

    stops: where each stretch ends, less the spaces behind it. A span belongs to the first that
    ends behind its start: the one it is in, or the next; behind the last, to the last.
    """
    if not len(starts):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    owner = np.searchsorted(stops, starts, side="right").clip(max=max(len(stops) - 1, 0))
    firsts = np.flatnonzero(np.diff(owner, prepend=-1))
    return firsts, owner[firsts]


def _read(
    text: str, seen: Characters, runs: tuple[Indices, Indices], run: Indices, starts: Indices
) -> list[str]:
    """What words read as; run: the first run of each, starts: where its first span starts."""
    if not len(runs[0]):
        return [""] * len(run)
    inside = seen.letters | seen.having(DIGIT)
    first = next_of(inside)[runs[0][run]].tolist()
    last = _last_of(inside)[runs[1][run]].tolist()
    is_alone = np.diff(run, append=len(runs[0])) == 1
    is_whole = (is_alone & (starts <= runs[0][run])).tolist()
    return [
        text[a:b].casefold() if whole and a < b else ""
        for a, b, whole in zip(first, last, is_whole, strict=True)
    ]
