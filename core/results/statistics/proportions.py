"""How sure a share of independent cases is."""

from __future__ import annotations

import math

Z = 1.959963984540054  # the normal quantile of 0.975


def wilson(hits: int, cases: int) -> tuple[float, float]:
    """The 95 % score interval (low, high) of a share (Wilson 1927); (nan, nan) without a case.

    Unlike a bootstrap of few cases it does not shrink to a point where all of them are hits.
    """
    if not cases:
        return math.nan, math.nan
    share, weight = hits / cases, Z * Z / cases
    middle = share + weight / 2
    half = Z * math.sqrt(share * (1 - share) / cases + weight / cases / 4)
    return max(0.0, (middle - half) / (1 + weight)), min(1.0, (middle + half) / (1 + weight))


def sign_test(ups: int, downs: int) -> float:
    """The two-sided probability of a split as uneven as this one where both are equally likely.

    Of paired shares it is McNemar's exact test (1947): cases that only one of the two has.
    """
    cases, fewer = ups + downs, min(ups, downs)
    tail = sum(math.comb(cases, n) for n in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << cases))
