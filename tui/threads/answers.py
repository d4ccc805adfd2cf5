"""What the store reader answers: frozen messages."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from ...core.results.compare.cuts import Cuts
from ...core.scoring.recipe import Recipe
from ...core.scoring.scores import StoryScore, Summary


@dataclass(frozen=True, slots=True)
class KeptSums:
    """Sums that the store has for a model, by text digest; `digest` is the model's, "" if absent.

    is_last: no more will come. Many come in pieces, so that no key waits for all of them.
    """

    model: str
    recipe: str
    digest: str
    sums: dict[str, Summary]
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class KeptRecipe:
    """The recipe by which another program scores into the store."""

    recipe: Recipe


@dataclass(frozen=True, slots=True)
class KeptCuts:
    """Cuts that the store has of a model's stories, by text digest; they come in pieces.

    asked: the number of the question. is_last: no more will come; missing: the texts asked for of
    which the store has none, told with the last.
    """

    asked: int
    model: str
    cuts: Mapping[str, Cuts]
    is_last: bool = True
    missing: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeptTokenizers:
    """The digest of each model's tokenizer, by the model's name; "" while it is not here."""

    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KeptScore:
    """A whole score from the store, None where it is not there."""

    model: str
    recipe: str
    digest: str
    score: StoryScore | None


@dataclass(frozen=True, slots=True)
class KeptVocabulary:
    """What the ids of a model's tokenizer read as."""

    model: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """The 95 % interval of a model's perplexity; asked: the number of the question."""

    asked: int
    model: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Models with different tokenizers, by name; asked: the number of the question.

    bits: bits per byte with the ends of its 95 % interval, on the bytes that all of them have
    scored; over: these bytes, and what is left out, in words.
    """

    asked: int
    bits: Mapping[str, tuple[float, float, float]]
    over: str


@dataclass(frozen=True, slots=True)
class KeptMarks:
    """The text digests of the marked stories."""

    digests: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeptGuesses:
    """What a reader has guessed of the text with this digest, see `keep_guesses`."""

    digest: str
    hits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """A file was written; `what` says what is in it."""

    path: Path
    what: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something here could not be done; work goes on without it."""

    title: str
    message: str


Found = (
    Trouble
    | Exported
    | KeptMarks
    | KeptGuesses
    | KeptTokenizers
    | KeptSums
    | KeptRecipe
    | KeptCuts
    | KeptScore
    | KeptVocabulary
    | Interval
    | Compared
)
