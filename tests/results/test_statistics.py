"""Pooled sums, and intervals that resample stories."""

from __future__ import annotations

import math

import numpy as np
import pytest
from eyebrow.core.results.statistics import bootstrap
from eyebrow.core.results.statistics.bootstrap import (
    interval,
    intervals,
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


def covered(count: int, sets: int) -> dict[str, float]:
    """The share of 95 % intervals that hold the truth, over simulated sets of so many stories.

    All tokens of a story share its hardness, which two models share in part; lengths vary.
    "tokens alone" is the interval that takes every token for a draw of its own.
    """
    hits = dict.fromkeys(["perplexity", "bits per byte", "difference", "tokens alone"], 0)
    hard = math.exp(1 + 0.2**2 / 2)  # nats, the mean over stories
    for seed in range(sets):
        random = np.random.default_rng([seed, count])
        tokens = random.integers(40, 200, count)
        size = tokens * random.uniform(3.5, 4.5, count)
        hardness = np.exp(random.normal(1.0, 0.2, count))
        # The sum of so many gamma tokens of shape 1 and of this mean: as wide as they are high.
        one = random.gamma(tokens, hardness)
        other = random.gamma(tokens, 0.9 * hardness + random.normal(0, 0.1, count))
        nll, weights = np.stack([one, other]), np.stack([tokens, tokens]) * 1.0
        first, _ = intervals(nll, weights, nll, np.stack([size, size]), resamples=1000, seed=seed)
        first_log, other_log = resampled_log_perplexities(nll, weights, resamples=1000, seed=seed)
        ends = {
            "perplexity": (first.perplexity, math.exp(hard)),
            "bits per byte": (first.bits_per_byte, hard / 4 / math.log(2)),
            "difference": (interval(other_log - first_log), -0.1 * hard),
        }
        mean, squares = one.sum() / tokens.sum(), (2 * hardness**2 * tokens).sum() / tokens.sum()
        error = 1.96 * math.sqrt((squares - mean**2) / tokens.sum())
        ends["tokens alone"] = ((mean - error, mean + error), hard)
        for name, ((low, high), truth) in ends.items():
            hits[name] += low <= truth <= high
    return {name: hit / sets for name, hit in hits.items()}


def test_intervals_cover_and_token_wise_ones_do_not() -> None:
    shares = covered(150, 1500)
    assert shares.pop("tokens alone") < 0.85
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares


@pytest.mark.slow
@pytest.mark.parametrize(("count", "sets"), [(120, 10_000), (500, 5000), (6000, 1000)])
def test_intervals_cover_sets_of_many_sizes(count: int, sets: int) -> None:
    shares = covered(count, sets)
    assert shares.pop("tokens alone") < 0.85
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares


def test_resamples_are_those_of_a_plain_loop() -> None:
    nll, tokens = stories(9, 30)
    nll, tokens = np.stack([nll, nll**1.1]), np.stack([tokens, tokens + 1.0])
    random = np.random.default_rng(4)
    drawn = []
    for _ in range(50):
        chosen = random.integers(0, 30, 30)
        drawn.append([sum(n[chosen]) / sum(t[chosen]) for n, t in zip(nll, tokens, strict=True)])
    found = resampled_log_perplexities(nll, tokens, resamples=50, seed=4)
    np.testing.assert_allclose(found, np.array(drawn).T)


def test_blocks_of_stories_are_as_wide_as_stories(monkeypatch: pytest.MonkeyPatch) -> None:
    nll, tokens = stories(10, 12_000)
    order = np.argsort(nll / tokens)  # neighbours are alike: blocks of them would be too wide
    nll, tokens = nll[order], tokens[order].astype(float)
    nll = np.stack([nll, 0.9 * nll + np.random.default_rng(0).normal(0, 20, 12_000)])
    tokens = np.stack([tokens, tokens])

    def widths() -> np.ndarray:
        found = []
        for seed in range(8):
            logs = resampled_log_perplexities(nll, tokens, seed=seed)
            found.append([np.ptp(interval(one)) for one in (*logs, logs[1] - logs[0])])
        return np.mean(found, axis=0)

    blocks = widths()
    monkeypatch.setattr(bootstrap, "BLOCKS", 12_000)
    np.testing.assert_allclose(blocks, widths(), rtol=0.03)


def test_an_impossible_story_among_many_is_in_its_block() -> None:
    nll, tokens = stories(11, 6000)
    nll[17] = math.inf
    logs = resampled_log_perplexities(nll[None], tokens[None] * 1.0)
    assert np.isinf(logs).mean() == pytest.approx(1 - math.exp(-1), abs=0.04)


def test_all_intervals_of_a_model_come_from_the_same_resamples() -> None:
    nll, tokens = stories(12, 40)
    nll, tokens = np.stack([nll, 0.9 * nll]), np.stack([tokens, tokens])
    found = intervals(nll, tokens, nll, 4 * tokens)
    assert [one.perplexity for one in found] == perplexity_intervals(nll, tokens)
    for one in found:
        assert one.perplexity == pytest.approx(tuple(map(math.exp, one.nats_per_token)))
        bits = tuple(nats / 4 / math.log(2) for nats in one.nats_per_token)
        assert one.bits_per_byte == pytest.approx(bits)
    (alone,) = intervals(*(numbers[:1, :1] for numbers in (nll, tokens, nll, tokens)))
    assert math.isnan(alone.bits_per_byte[1])


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
    monkeypatch.setattr(bootstrap, "_CELLS", 100)  # two resamples at a time
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
