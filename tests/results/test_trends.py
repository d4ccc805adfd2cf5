"""Tests over sizes where stories are few, many, or all alike."""

from __future__ import annotations

import math
import warnings
from itertools import combinations

import numpy as np
import pytest
from eyebrow.core.results.statistics.clusters import FEW
from eyebrow.core.results.statistics.trends import rank_agreement, trend


def test_few_stories_are_counted_out() -> None:
    # Ten stories that fall in order: one of the 6^10 ways to order three sizes ten times.
    falling = np.array([3.0, 2.0, 1.0])[:, None] + np.linspace(0, 0.5, FEW)
    assert trend(falling).page_p == pytest.approx(6.0**-FEW)
    assert math.isnan(trend(falling[:, 1:]).page_p)


def test_what_is_drawn_is_what_is_tested() -> None:
    falling = np.array([3.0, 2.0, 1.0])[:, None] + np.linspace(0, 0.5, 40)
    found = trend(falling, falling[:, :FEW])
    assert found.monotone == 1.0
    assert found.page_p == pytest.approx(6.0**-FEW)
    assert math.isnan(trend(falling, falling[:, :2]).page_p)


def test_a_faint_trend_is_seen_over_many_stories() -> None:
    nats = np.random.default_rng(0).normal(4, 1, (5, 20_000)) - 0.02 * np.arange(5)[:, None]
    found = trend(nats)
    assert found.page_p < 1e-6
    # Sizes k apart fall with probability Phi(0.02 k / sqrt(2)), so tau is the mean of erf(0.01 k).
    expected = np.mean([math.erf(0.01 * (j - i)) for i, j in combinations(range(5), 2)])
    assert found.tau == pytest.approx(expected, abs=0.01)
    assert expected > 0.02


def test_sizes_that_never_differ_have_no_trend_and_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = trend(np.ones((4, 30)))
        agreement = rank_agreement(np.ones((2, 30)))
    assert (found.monotone, found.tau) == (0.0, 0.0)
    assert found.page_p == pytest.approx(0.5)
    assert np.isnan(agreement).all()
