"""Pooled sums, and intervals that resample stories."""

from __future__ import annotations

import math

import numpy as np
import pytest
from eyebrow.core.results import statistics
from eyebrow.core.results.statistics import (
    perplexity_interval,
    perplexity_intervals,
    pooled,
    resampled_log_perplexities,
)
from eyebrow.core.scoring.scores import Summary


def stories(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Stories whose tokens share their story's difficulty."""
    random = np.random.default_rng(seed)
    tokens = random.integers(20, 200, count)
    hardness = random.normal(3.0, 0.5, count)
    return hardness * tokens, tokens


def test_pooled_perplexity_weighs_tokens_and_the_mean_weighs_stories() -> None:
    easy = Summary(tokens=90, bytes=400, nll=90 * math.log(2))
    hard = Summary(tokens=10, bytes=50, nll=10 * math.log(32))
    whole = pooled([easy, hard])
    assert (whole.stories, whole.tokens, whole.bytes) == (2, 100, 450)
    assert whole.perplexity == pytest.approx(2**1.4)
    assert whole.mean_story_perplexity == pytest.approx(17.0)
    assert whole.bits_per_byte == pytest.approx(140 / 450)


def test_a_story_without_a_scored_token_counts_as_a_story_and_in_no_mean() -> None:
    whole = pooled([Summary(0, 0, 0.0), Summary(4, 8, 4 * math.log(3))])
    assert whole.stories == 2
    assert whole.perplexity == pytest.approx(3)
    assert whole.mean_story_perplexity == pytest.approx(3)


def test_nothing_has_no_perplexity() -> None:
    assert math.isnan(pooled([]).perplexity)
    assert math.isnan(pooled([]).mean_story_perplexity)


def test_stories_that_are_all_alike_leave_no_doubt() -> None:
    low, high = perplexity_interval(np.full(30, 20 * math.log(27)), np.full(30, 20))
    assert low == pytest.approx(27)
    assert high == pytest.approx(27)


def test_interval_agrees_with_one_drawn_story_by_story() -> None:
    nll, tokens = stories(1, 50)
    random = np.random.default_rng(99)
    drawn = []
    for _ in range(4000):
        chosen = random.choice(50, 50)
        drawn.append(math.exp(nll[chosen].sum() / tokens[chosen].sum()))
    low, high = perplexity_interval(nll, tokens, resamples=4000)
    assert low == pytest.approx(np.quantile(drawn, 0.025), rel=0.02)
    assert high == pytest.approx(np.quantile(drawn, 0.975), rel=0.02)


def test_it_is_wider_than_if_tokens_were_independent() -> None:
    nll, tokens = stories(2, 40)
    low, high = perplexity_interval(nll, tokens)
    # The same tokens, each a story of its own, all of them as hard as their story.
    alone = np.repeat(nll / tokens, tokens)
    narrow = perplexity_interval(alone, np.ones_like(alone))
    assert (high - low) > 3 * (narrow[1] - narrow[0])


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    truth = math.exp(3.0)  # hardness is independent of length
    covered = 0
    for seed in range(300):
        low, high = perplexity_interval(*stories(seed, 60), resamples=400, seed=seed)
        covered += low <= truth <= high
    assert 0.90 <= covered / 300 <= 0.98


def test_models_are_measured_on_the_same_resamples() -> None:
    nll, tokens = stories(3, 25)
    logs = resampled_log_perplexities(np.stack([nll, 0.8 * nll]), np.stack([tokens, tokens * 1.0]))
    np.testing.assert_allclose(logs[1], 0.8 * logs[0])
    assert logs[0].std() > 0.01


def test_a_model_alone_and_beside_others_has_one_interval() -> None:
    nll, tokens = stories(4, 25)
    both = perplexity_intervals([nll, 2 * nll], [tokens, tokens])
    assert both[0] == pytest.approx(perplexity_interval(nll, tokens))


def test_the_seed_decides() -> None:
    nll, tokens = stories(5, 25)
    assert perplexity_interval(nll, tokens, seed=7) == perplexity_interval(nll, tokens, seed=7)
    assert perplexity_interval(nll, tokens, seed=7) != perplexity_interval(nll, tokens, seed=8)


def test_memory_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    nll, tokens = stories(6, 40)
    whole = perplexity_interval(nll, tokens)
    monkeypatch.setattr(statistics, "_CELLS", 100)  # two resamples at a time
    assert perplexity_interval(nll, tokens) == pytest.approx(whole)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_stories_have_no_interval(count: int) -> None:
    assert all(map(math.isnan, perplexity_interval(np.full(count, 5.0), np.full(count, 2))))


def test_stories_a_model_could_not_do_do_not_count_against_it() -> None:
    nll, tokens = stories(7, 200)
    half = np.arange(200) % 2 == 0
    (_, (low, high)) = perplexity_intervals([nll, nll * half], [tokens, tokens * half])
    expected = perplexity_interval(nll[half], tokens[half])
    assert (low, high) == pytest.approx(expected, rel=0.03)


def test_one_impossible_story_makes_the_upper_end_infinite() -> None:
    nll, tokens = stories(8, 20)
    nll[3] = math.inf
    low, high = perplexity_interval(nll, tokens)
    assert math.isfinite(low)
    assert high == math.inf
