"""Fits: known exponents are found again, hopeless ones are refused with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from eyebrow.core.results.statistics.bootstrap import resampled_log_perplexities
from eyebrow.core.results.statistics.fits import Fit, Refused, fit_sizes


def measured(losses: np.ndarray, seed: int, noise: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """(losses, resampled) of 200 simulated stories whose hardness all sizes share."""
    random = np.random.default_rng(seed)
    tokens = random.integers(100, 300, 200).astype(float)
    hardness = random.normal(1.0, 0.15, 200)
    own = random.normal(0.0, noise, (len(losses), 200))
    hardness -= np.average(hardness, weights=tokens) - 1.0
    own -= np.average(own, weights=tokens, axis=1)[:, None]
    nll = tokens * (losses[:, None] * hardness + own)
    weights = np.tile(tokens, (len(losses), 1))
    return nll.sum(axis=1) / weights.sum(axis=1), resampled_log_perplexities(nll, weights)


def fitted(sizes: np.ndarray, losses: np.ndarray, **options: Any) -> Fit | Refused:
    return fit_sizes([int(n) for n in sizes], *measured(losses, 3), **options)


def test_a_line_in_log_log_is_found_again() -> None:
    sizes = np.geomspace(1e6, 1e9, 4)
    found = fitted(sizes, 12.0 * sizes**-0.076)
    assert isinstance(found, Fit)
    assert (found.kind, found.E) == ("line", 0.0)
    assert found.alpha == pytest.approx(0.076, rel=1e-6)
    assert pytest.approx(12.0, rel=1e-5) == found.A
    low, high = found.alpha_ci95
    assert low <= 0.076 <= high
    assert high - low < 0.01


@pytest.mark.parametrize("alpha", [0.2, 0.34, 0.7])
def test_the_exponent_and_the_floor_are_found_again(alpha: float) -> None:
    sizes = np.geomspace(1e6, 1e9, 7)
    found = fitted(sizes, 1.7 + 4.0 * (sizes / 1e6) ** -alpha)
    assert isinstance(found, Fit)
    assert found.kind == "saturating"
    assert found.alpha == pytest.approx(alpha, rel=0.02)
    assert pytest.approx(1.7, rel=0.02) == found.E
    low, high = found.band(sizes)
    at = found.at(sizes)
    assert (low <= at + 1e-3).all()
    assert (at <= high + 1e-3).all()


def test_the_least_squares_are_those_of_a_plain_search() -> None:
    from scipy.optimize import least_squares

    sizes = np.geomspace(2e4, 3e6, 5)
    losses = 3.9 + 13.1 * sizes**-0.23 + np.array([2, -3, 1, 3, -3]) * 1e-3
    found = fitted(sizes, losses)
    assert isinstance(found, Fit)
    plain = least_squares(
        lambda p: p[0] + p[1] * (sizes / 1e4) ** -p[2] - losses, [4.0, 1.0, 0.3], xtol=1e-14
    )
    assert found.alpha == pytest.approx(plain.x[2], rel=1e-3)
    assert pytest.approx(plain.x[0], rel=1e-3) == found.E


SIZES = np.geomspace(1e6, 1e9, 6)
FALLING = 2.0 + 3.0 * (SIZES / 1e6) ** -0.3


@pytest.mark.parametrize(
    ("sizes", "losses", "options", "words"),
    [
        (SIZES[:2], FALLING[:2], {}, "two sizes always lie on a line"),
        (SIZES[:1], FALLING[:1], {}, "one size"),
        (SIZES[[0, 0, 1]], FALLING[[0, 1, 2]], {}, "equal size"),
        (SIZES, FALLING[::-1], {}, "does not fall"),
        (SIZES, FALLING, {"tokenizers": ["a"] * 5 + ["b"]}, "different tokenizers"),
        # Almost a straight line in log-log: whatever floor is found hangs on a single size.
        (SIZES, 9.0 * SIZES**-0.02 + [0, 2e-2, -2e-2, 0, 2e-2, -2e-2], {}, "not pinned down"),
        # Everything happens between the first two sizes.
        (SIZES, 2.0 + np.array([3.0, 5e-3, 4e-3, 3e-3, 2e-3, 1e-3]), {}, "not pinned down"),
    ],
)
def test_hopeless_cases_are_refused(
    sizes: np.ndarray, losses: np.ndarray, options: dict[str, Any], words: str
) -> None:
    found = fitted(sizes, losses, **options)
    assert isinstance(found, Refused)
    assert words in found.reason


def test_sizes_that_saw_different_data_are_warned_of() -> None:
    sizes = np.array([135e6, 360e6, 1.7e9])
    found = fitted(sizes, 9.0 * sizes**-0.05, seen=[2 * 10**12, 4 * 10**12, 11 * 10**12])
    assert isinstance(found, Fit)
    assert "2e+12 to 1.1e+13 tokens" in found.warnings[0]
    alike = fitted(sizes, 9.0 * sizes**-0.05, seen=[300, 300, None])
    assert isinstance(alike, Fit)
    assert not any("data" in warning for warning in alike.warnings)


def test_a_fall_that_other_stories_could_undo_is_refused() -> None:
    sizes = np.geomspace(1e6, 1e9, 3)
    losses, drawn = measured(2.0 * sizes**-0.002, 3, noise=0.5)
    found = fit_sizes([int(n) for n in sizes], losses, drawn)
    assert isinstance(found, Refused)
    assert "alpha is not pinned down" in found.reason


def test_all_resamples_at_once_are_fitted_as_one_by_one() -> None:
    sizes = np.geomspace(1e6, 1e9, 6)
    losses, drawn = measured(1.7 + 4.0 * (sizes / 1e6) ** -0.34, 3)
    names = [int(n) for n in sizes]
    found = fit_sizes(names, losses, drawn)
    assert isinstance(found, Fit)
    for i in range(0, 2000, 400):
        # Each resample's losses as the measured ones: fitted by the search for a single set.
        one = fit_sizes(names, drawn[:, i], drawn)
        assert isinstance(one, Fit)
        assert found.drawn[i] == pytest.approx((one.E, one.A, one.alpha), rel=2e-3)


def held(sizes: np.ndarray, losses: np.ndarray, alpha: float, sets: int) -> float:
    """The share of intervals of alpha that hold the truth, over simulated sets."""
    hits = 0
    for seed in range(sets):
        random = np.random.default_rng(seed)
        tokens = np.tile(random.integers(40, 200, 150), (len(sizes), 1)) * 1.0
        shared = np.exp(random.normal(-(0.2**2) / 2, 0.2, 150))
        means = losses[:, None] * (shared + random.normal(0, 0.01, tokens.shape))
        nll = random.gamma(tokens * 100, means / 100)
        drawn = resampled_log_perplexities(nll, tokens, resamples=1000, seed=seed)
        found = fit_sizes([int(n) for n in sizes], nll.sum(axis=1) / tokens.sum(axis=1), drawn)
        assert isinstance(found, Fit)
        low, high = found.alpha_ci95
        hits += low <= alpha <= high
    return hits / sets


def test_the_interval_of_a_line_covers() -> None:
    sizes = np.geomspace(1e6, 1e9, 4)
    assert 0.93 <= held(sizes, 12.0 * sizes**-0.076, 0.076, 1000) <= 0.97


@pytest.mark.slow
def test_the_interval_of_a_curve_covers() -> None:
    sizes = np.geomspace(1e6, 1e9, 7)
    assert 0.93 <= held(sizes, 1.7 + 4.0 * (sizes / 1e6) ** -0.34, 0.34, 500) <= 0.97
