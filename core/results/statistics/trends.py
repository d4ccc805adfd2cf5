"""Does surprise fall with size, story by story, and do the sizes agree?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from .clusters import FEW
from .sheet import Sheet

Numbers = npt.NDArray[np.float64]

FEWEST = 3  # sizes; of fewer no order is tested


@dataclass(frozen=True, slots=True)
class Trend:
    """Stories under the sizes of one family, small to large.

    monotone: the share of stories whose surprise falls at every step.
    tau: Kendall's tau between size and falling surprise, the mean over stories; 1 where every
    larger size is less surprised than every smaller one.
    page_p: Page's test (1963) for the order of the sizes, one-sided, over what is drawn (see
    `clusters`): stories of one group are not independent. nan with fewer than `FEWEST` sizes or
    `FEW` clusters.
    """

    monotone: float
    tau: float
    page_p: float


def trend_of(sheet: Sheet) -> Trend:
    """Over the models of a sheet, small to large, on stories that all of them have scored."""
    groups = sheet.by_group()
    return trend(sheet.nll / sheet.tokens, groups.nll / groups.tokens)


def trend(nats: Numbers, drawn: Numbers | None = None) -> Trend:
    """nats: float64 (M, S), surprise per token of each story under each size, small to large.

    drawn: (M, C), of each cluster; the stories where each is drawn alone.
    """
    sizes, stories = nats.shape
    pairs = list(combinations(range(sizes), 2))
    with np.errstate(invalid="ignore"):  # two impossible stories are a tie
        change = np.nan_to_num(np.diff(nats, axis=0), nan=0.0)
        signs = [np.sign(np.nan_to_num(nats[i] - nats[j], nan=0.0)) for i, j in pairs]
    return Trend(
        monotone=float(np.mean((change < 0).all(axis=0))) if stories and sizes > 1 else np.nan,
        tau=float(np.mean(signs)) if stories and signs else np.nan,
        page_p=_page(nats if drawn is None else drawn),
    )


def _page(nats: Numbers) -> float:
    sizes, clusters = nats.shape
    if sizes < FEWEST or clusters < FEW or not np.isfinite(nats).all():
        return np.nan
    from scipy.stats import page_trend_test

    # The test looks for values that rise from left to right: the largest size goes first.
    # It counts every order there is where clusters and sizes are few, else it takes the normal
    # distribution, in time that grows with the clusters.
    return float(page_trend_test(nats[::-1].T).pvalue)


def rank_agreement(nats: Numbers) -> Numbers:
    """float64 (M, M): Spearman's correlation over stories between any two sizes.

    1 where two sizes find the same stories hard, in the same order; nan with fewer than three
    stories and for a size that finds all alike.
    """
    sizes, stories = nats.shape
    if stories < 3:
        return np.full((sizes, sizes), np.nan)
    from scipy.stats import rankdata

    with np.errstate(invalid="ignore"):
        return np.atleast_2d(np.corrcoef(rankdata(nats, axis=1)))
