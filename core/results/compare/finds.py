"""Spans of all stories as columns: ranked, filtered by what they read as, grouped by word.

Texts are not kept: a find says where it stands, and is read there when it is shown. A span takes
29 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .kinds import Described, describe, firsts_of, telling
from .spans import NONE, Places, Spans

Singles = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

UNITS = ("token", "word", "sentence")
LEAST = 5  # occurrences of a word from which on it is told as a type


@dataclass(frozen=True, slots=True, eq=False)
class Finds:
    """F spans, words or sentences, story by story in the order of their texts.

    stories: int32 (F,), places among the stories that were read. starts, ends: int32 (F,),
    characters. nats_reference, nats_model, entropies: float32 (F,), see `Spans`. kinds, traits:
    uint8 (F,), see `Described`; those of a union are of its first letters. words: int32 (F,), the
    type of the word that begins there, -1 where none does.
    """

    unit: str
    stories: Places
    starts: Places
    ends: Places
    nats_reference: Singles
    nats_model: Singles
    entropies: Singles
    kinds: npt.NDArray[np.uint8]
    traits: npt.NDArray[np.uint8]
    words: Places

    def __len__(self) -> int:
        return len(self.stories)

    def at(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_] | slice) -> Finds:
        """These rows alone."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def by(self, unit: str) -> Finds:
        """The spans as one of `UNITS`: words and sentences are unions of them. Of all spans of
        the stories, not of some."""
        firsts = firsts_of(unit, self.traits)
        if unit == "token" or not len(firsts):
            return self
        nats = [
            np.add.reduceat(each, firsts, dtype=np.float64).astype(np.float32)
            for each in (self.nats_reference, self.nats_model, self.entropies)
        ]
        told = telling(self.kinds, firsts)
        return Finds(
            unit,
            self.stories[firsts],
            self.starts[firsts],
            self.ends[np.append(firsts[1:], len(self)) - 1],
            nats[0],
            nats[1],
            nats[2],
            self.kinds[told],
            self.traits[told],
            self.words[firsts],
        )

    def order(self, sort: str) -> Indices:
        """int64 (F,): the rows by one of `SORTS`, the highest first; what is no number last.

        Raises `KeyError` for a sort that there is not.
        """
        with np.errstate(invalid="ignore"):
            values = SORTS[sort](self)
        return np.argsort(-values, kind="stable")

    def saying(self, words: str, texts: Callable[[int], str]) -> Finds:
        """Those that hold these words, whatever the case; texts: of a story by its place."""
        asked = re.compile(re.escape(words), re.IGNORECASE)
        keep = np.zeros(len(self), dtype=bool)
        bounds = np.flatnonzero(np.diff(self.stories, prepend=-1))
        for first, stop in zip(bounds, [*bounds[1:], len(self)], strict=True):
            text = texts(int(self.stories[first]))
            found = np.array([m.span() for m in asked.finditer(text)]).reshape(-1, 2)
            row = np.searchsorted(self.starts[first:stop], found[:, 0], side="right") - 1
            inside = (row >= 0) & (found[:, 1] <= self.ends[first:stop][row])
            keep[first + row[inside]] = True
        return self.at(keep)

    def by_word(self, names: Sequence[str], least: int = LEAST) -> list[WordGap]:
        """Words by what they save in the mean, the most first; names: of the types.

        Those with `least` occurrences or more that were scored whole.
        """
        rows = self.at(self.words >= 0)
        count = np.bincount(rows.words, minlength=len(names))
        sums = [
            np.bincount(rows.words, nats, len(names))
            for nats in (rows.nats_reference, rows.nats_model)
        ]
        often = np.flatnonzero(count >= least)
        told = np.unique(rows.stories * np.int64(len(names)) + rows.words)
        stories = np.bincount(told % len(names), minlength=len(names)) if len(told) else count
        found = [
            WordGap(names[word], int(n), int(s), float(reference / n), float(model / n))
            for word, n, s, reference, model in zip(
                often, count[often], stories[often], *(each[often] for each in sums), strict=True
            )
        ]
        return sorted((one for one in found if one.saved == one.saved), key=lambda one: -one.saved)


_COLUMNS = tuple(field.name for field in fields(Finds) if field.name != "unit")


@dataclass(frozen=True, slots=True)
class WordGap:
    """A word over all its occurrences; nats are means over them."""

    word: str
    occurrences: int
    stories: int
    nats_reference: float
    nats_model: float

    @property
    def saved(self) -> float:
        """Nats in the mean; below 0 where the model is worse."""
        return self.nats_reference - self.nats_model


SORTS: Mapping[str, Callable[[Finds], Singles]] = {
    "gain": lambda finds: finds.nats_reference - finds.nats_model,
    "loss": lambda finds: finds.nats_model - finds.nats_reference,
    "disagreement": lambda finds: np.abs(finds.nats_model - finds.nats_reference),
    "surprise": lambda finds: finds.nats_model,
    "unexpected": lambda finds: finds.nats_model - finds.entropies,
}


class Collector:
    """Takes the spans of stories in one by one."""

    def __init__(self) -> None:
        self._pieces: list[Finds] = []
        self.names: dict[str, int] = {}  # types of words, and their places

    def add(self, story: int, spans: Spans, described: Described) -> None:
        """The spans of the story at this place."""
        words = np.full(len(spans), -1, dtype=np.int32)
        words[firsts_of("word", described.traits)] = [
            self.names.setdefault(word, len(self.names)) if word else -1 for word in described.words
        ]
        self._pieces.append(
            Finds(
                "token",
                np.full(len(spans), story, dtype=np.int32),
                spans.starts,
                spans.ends,
                spans.nats_reference.astype(np.float32),
                spans.nats_model.astype(np.float32),
                spans.entropies.astype(np.float32),
                described.kinds,
                described.traits,
                words,
            )
        )

    def finds(self) -> Finds:
        """All spans that were taken in, which are then no longer held here."""
        if not self._pieces:
            self.add(0, NONE, describe("", NONE, ()))
        whole: dict[str, Any] = {
            name: np.concatenate([getattr(piece, name) for piece in self._pieces])
            for name in _COLUMNS
        }
        first, self._pieces = self._pieces[0], []
        return replace(first, **whole)
