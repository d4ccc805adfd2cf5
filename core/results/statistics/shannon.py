"""What guesses tell of the entropy of a text."""

from __future__ import annotations

import math
from collections.abc import Sequence


def shannon_bounds(hits: Sequence[int], guesses: int, vocabulary: int) -> tuple[float, float]:
    """Bounds on the entropy of a word, given what is before it, in bits; nan without any word.

    hits: for each word the number of the guess that was right, from 1, and 0 where none of the
    `guesses` was. With q_i the share of words that took i guesses,

        sum i (q_i - q_i+1) log2 i  <=  H  <=  -sum q_i log2 q_i

    (Shannon 1951, "Prediction and Entropy of Printed English", Bell System Technical Journal 30,
    equation 17, for letters). They are of whoever guesses best, whose q_i fall with i: in the
    lower bound they are taken in that order, or it may lie above the upper. Another's are
    estimates. A word that was not guessed counts as guessed with the next guess in the lower
    bound, which rises with every guess; in the upper one it is named as one of the `vocabulary`
    words it may be.
    """
    if not hits:
        return math.nan, math.nan
    shares = [sum(hit == i for hit in hits) / len(hits) for i in range(1, guesses + 1)]
    missed = sum(hit == 0 for hit in hits) / len(hits)
    steps = [i * math.log2(i) - (i - 1) * math.log2(max(1, i - 1)) for i in range(1, guesses + 2)]
    ordered = [*sorted(shares, reverse=True), missed]
    low = sum(share * step for share, step in zip(ordered, steps, strict=True))
    high = -sum(q * math.log2(q) for q in (*shares, missed) if q)
    return low, high + missed * math.log2(max(1, vocabulary))
