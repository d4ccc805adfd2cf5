"""What is coloured: from a score to one value per token, and to the raised eyebrows in it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from ...core.scoring.scores import StoryScore

BIT = math.log(2)
EYEBROW_BITS = 8.0  # a token this surprising raises one, unless the user says else: p below 0.4 %

UnitName = Literal["token", "word", "sentence"]
Kind = Literal["surprise", "rank", "entropy", "excess"]
KINDS: tuple[Kind, ...] = ("surprise", "rank", "entropy", "excess")
NAMES: dict[Kind, str] = {
    "surprise": "surprise",
    "rank": "rank",
    "entropy": "entropy",
    "excess": "surprise − entropy",
}

UNITS: tuple[UnitName, ...] = ("token", "word", "sentence")

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ...core.scoring.units import Unit

    Values = npt.NDArray[np.float64]


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
def units(
    text: str, score: StoryScore, unit: UnitName, starts: tuple[int, ...] = ()
) -> tuple[Unit, ...]:
    """The words or sentences of a text; none for "token". starts: its `sentence_starts`."""
    from ...core.scoring.units import by_sentence, by_word

    if unit == "token":
        return ()
    if unit == "word":
        return tuple(by_word(text, score))
    return tuple(by_sentence(text, score, starts=starts))


def unit_values(
    text: str, score: StoryScore, unit: UnitName, starts: tuple[int, ...] = ()
) -> Values:
    """Bits of the unit each token belongs to, float64 (T,): a word's sum, a sentence's mean.

    A sentence is as surprising as its tokens are on average: a long one is not the warmer for it.
    """
    import numpy as np  # after the first picture

    shown = np.full(len(score), np.nan)
    for one in units(text, score, unit, starts):
        if one.scored:
            bits = one.surprise / BIT
            shown[one.first : one.last + 1] = bits if unit == "word" else bits / one.scored
    return shown


def differences(score: StoryScore, smaller: StoryScore) -> Values:
    """Bits against the next smaller size, float64 (T,): above 0 the larger one is surprised more.

    Both scores are of one text under one tokenizer.
    """
    import numpy as np  # after the first picture

    return -(score.logprobs.astype(np.float64) - smaller.logprobs) / BIT


def eyebrows(score: StoryScore, bits: float) -> list[int]:
    """The tokens that raise an eyebrow: of so many bits or more."""
    import numpy as np  # after the first picture

    return [int(i) for i in np.flatnonzero(-score.logprobs / BIT >= bits)]


def changes(score: StoryScore, smaller: StoryScore, bits: float) -> list[int]:
    """The tokens that gain or lose so many bits or more; see `differences`."""
    import numpy as np  # after the first picture

    return [int(i) for i in np.flatnonzero(np.abs(differences(score, smaller)) >= bits)]


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
