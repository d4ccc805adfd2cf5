"""What scoring a story gives: arrays over its tokens, and their sums."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TOP = 10  # likeliest tokens found at each place; so many are kept, or fewer

if TYPE_CHECKING:
    Ints = npt.NDArray[np.int32]
    Floats = npt.NDArray[np.float32]
else:  # only ever annotations; numpy is not worth waiting for before the first picture
    Ints = Floats = Any


def perplexity(nll: float, tokens: int) -> float:
    """exp(nll / tokens); nan where nothing was scored. `nll` in nats."""
    if tokens == 0:
        return math.nan
    mean = nll / tokens
    return math.inf if mean > 700 else math.exp(mean)


def bits_per_byte(nll: float, size: int) -> float:
    """nll / ln 2 / bytes, the axis that is fair between tokenizers; nan without bytes."""
    return nll / math.log(2) / size if size else math.nan


@dataclass(frozen=True, slots=True)
class Summary:
    """The sums over one story: scored tokens, UTF-8 bytes of the scored span, nll in nats."""

    tokens: int
    bytes: int
    nll: float

    @property
    def perplexity(self) -> float:
        return perplexity(self.nll, self.tokens)

    @property
    def bits_per_byte(self) -> float:
        return bits_per_byte(self.nll, self.bytes)


@dataclass(frozen=True, slots=True, eq=False)
class StoryScore:
    """One story under one model and recipe; arrays over all T tokens of the text.

    token_ids, starts, ends: int32 (T,); character offsets into the original text. The spans
        tile the text: a token that holds only part of a character owns it where it is the
        first such token, and an empty span where it is a later one.
    logprobs, entropies: float32 (T,), nats; nan where a token was not scored.
    ranks: int32 (T,); 1 is the likeliest, 0 where a token was not scored.
    top_ids, top_logprobs: int32 and float32 (T, K), likeliest first; K is the recipe's `top`, or
        0 where they were not asked for.
    summary: the sums over the scored tokens; nll is summed in float64.
    """

    token_ids: Ints
    starts: Ints
    ends: Ints
    logprobs: Floats
    entropies: Floats
    ranks: Ints
    top_ids: Ints
    top_logprobs: Floats
    summary: Summary

    def __len__(self) -> int:
        return len(self.token_ids)

    def is_of_tokens(self, other: StoryScore) -> bool:
        """Whether both have taken the text apart in the same way, and scored the same of it."""
        return len(self) == len(other) and bool(
            (self.token_ids == other.token_ids).all()
            and ((self.ranks > 0) == (other.ranks > 0)).all()
        )

    @property
    def surprises(self) -> Floats:
        """-ln p of each token in nats, float32 (T,); nan where not scored."""
        return -self.logprobs

    @property
    def tied(self) -> npt.NDArray[np.bool_]:
        """bool (T,): whether a token shares its rank with one of those in `top_ids`.

        Where logits are rounded to half precision (on the CPU) many are equal; the rank is
        then the best of those that share it. Ties further from the top are not known.
        """
        same = self.top_logprobs == self.logprobs[:, None]
        other = (self.top_ids >= 0) & (self.top_ids != self.token_ids[:, None])
        shared: npt.NDArray[np.bool_] = (same & other).any(axis=1)
        return shared
