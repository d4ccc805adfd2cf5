"""What is coloured: from a score to one value per token, and to the raised eyebrows in it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from ...core.scoring.scores import StoryScore

BIT = math.log(2)
EYEBROW_BITS = 8.0  # a token this surprising raises one, unless the user says else: p below 0.4 %

UnitName = Literal["token", "word", "sentence"]
LargerUnit = Literal["word", "sentence"]
Kind = Literal["surprise", "rank", "entropy", "excess"]
KINDS: tuple[Kind, ...] = ("surprise", "rank", "entropy", "excess")
NAMES: dict[Kind, str] = {
    "surprise": "surprise",
    "rank": "rank",
    "entropy": "entropy",
    "excess": "surprise − entropy",
}

LARGER_UNITS: tuple[LargerUnit, ...] = ("word", "sentence")
UNITS: tuple[UnitName, ...] = ("token", *LARGER_UNITS)
Measure = Literal["perplexity", "bits per byte", "nats per token"]
MEASURES: tuple[Measure, ...] = ("perplexity", "bits per byte", "nats per token")

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ...core.results.compare.spans import Spans
    from ...core.scoring.units import Units

    Values = npt.NDArray[np.float64]
else:  # only ever annotations; numpy is not worth waiting for before the first picture
    Values = Any


def values(score: StoryScore, kind: Kind) -> Values:
    """One value per token, float64 (T,), nan where not scored: bits, or the rank itself.

    Tokens that hold parts of one character are shown on that character, which its first token
    owns: in "surprise" it shows the bits of all its parts.
    """
    import numpy as np  # after the first picture

    bits = -score.logprobs.astype(np.float64) / BIT
    if kind == "rank":
        return np.where(score.ranks > 0, score.ranks.astype(np.float64), np.nan)
    if kind == "entropy":
        return score.entropies.astype(np.float64) / BIT
    if kind == "excess":
        return bits - score.entropies.astype(np.float64) / BIT
    return _with_parts(bits, score)


@lru_cache(maxsize=16)
def units(text: str, score: StoryScore, unit: LargerUnit, starts: tuple[int, ...] = ()) -> Units:
    """The words or sentences of a text. starts: its `sentence_starts`."""
    from ...core.scoring.units import by_sentence, by_word

    return by_word(text, score) if unit == "word" else by_sentence(text, score, starts=starts)


def unit_values(
    text: str, score: StoryScore, unit: LargerUnit, starts: tuple[int, ...] = ()
) -> Values:
    """Bits of the unit each token belongs to, float64 (T,): a word's sum, a sentence's mean.

    A sentence is as surprising as its tokens are on average: a long one is not the warmer for it.
    """
    import numpy as np  # after the first picture

    found = units(text, score, unit, starts)
    over = found.scored if unit == "sentence" else found.scored > 0
    bits = np.full(len(found), np.nan)
    np.divide(found.surprise / BIT, over, out=bits, where=found.scored > 0)
    return bits.repeat(found.lasts - found.firsts + 1)


@lru_cache(maxsize=16)
def token_ends(score: StoryScore) -> tuple[int, ...]:
    """Where the characters of each token end."""
    return tuple(score.ends.tolist())


@lru_cache(maxsize=64)
def spans(text: str, reference: StoryScore, score: StoryScore) -> Spans:
    """Two models of one text lined up, see `align`."""
    from ...core.results.compare.spans import align

    return align(text, reference, score)


def differences(
    text: str,
    score: StoryScore,
    reference: StoryScore,
    unit: UnitName = "token",
    starts: tuple[int, ...] = (),
) -> Values:
    """Bits against the reference, float64 (T,): above 0 the model is surprised more than it.

    nan where not both have scored. The tokens of a span, which both tokenizers cut at, have the
    span's difference; those of a word, of its spans together; those of a sentence, its mean over
    the model's tokens. Words that share a span count as one, and so do sentences.
    """
    import numpy as np  # after the first picture

    shown, found = np.full(len(score), np.nan), spans(text, reference, score)
    if not len(found):
        return shown
    bits = (found.nats_model - found.nats_reference) / BIT
    at = np.searchsorted(found.starts, places(score), side="right") - 1
    if unit != "token":
        begins = score.starts[units(text, score, unit, starts).firsts]
        firsts = np.union1d([0], np.flatnonzero(np.isin(found.starts, begins)))
        bits = np.add.reduceat(bits, firsts)
        at = np.where(at < 0, -1, np.searchsorted(firsts, at, side="right") - 1)
        if unit == "sentence":
            bits = bits / np.bincount(at[at >= 0], minlength=len(bits))
    inside = at >= 0
    shown[inside] = bits[at[inside]]
    return shown


def places(score: StoryScore) -> npt.NDArray[np.int64]:
    """The character each token stands at, int64 (T,): a later piece of one, at that character."""
    import numpy as np  # after the first picture

    empty = (score.starts == score.ends).astype(np.int64)
    found: npt.NDArray[np.int64] = np.maximum(score.starts - empty, 0)
    return found


def eyebrows(score: StoryScore, bits: float) -> list[int]:
    """The tokens that raise an eyebrow: of so many bits or more."""
    import numpy as np  # after the first picture

    return [int(i) for i in np.flatnonzero(-score.logprobs / BIT >= bits)]


def changes(text: str, score: StoryScore, reference: StoryScore, bits: float) -> list[int]:
    """The tokens that gain or lose so many bits or more; see `differences`."""
    import numpy as np  # after the first picture

    return [int(i) for i in np.flatnonzero(abs(differences(text, score, reference)) >= bits)]


def _with_parts(bits: Values, score: StoryScore) -> Values:
    import numpy as np  # after the first picture

    empty = (score.starts == score.ends) & (score.ranks > 0) & (score.ends > 0)
    if not empty.any():
        return bits
    shown = bits.copy()
    owner = -1
    for i in range(len(bits)):
        if not empty[i]:
            owner = i
        elif owner >= 0 and score.ends[owner] == score.ends[i]:
            shown[owner] = np.nansum([shown[owner], bits[i]])
    return shown


def bits_per_word(text: str, score: StoryScore) -> float:
    """The mean surprise of the words of which any token was scored; nan without any."""
    words = units(text, score, "word")
    scored = words.scored > 0
    return float(words.surprise[scored].mean()) / BIT if scored.any() else math.nan
