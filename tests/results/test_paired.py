"""Differences where numbers are infinite or the two models read other spans."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models.member import Member
from eyebrow.core.results.statistics.paired import compare
from eyebrow.core.results.statistics.sheet import Sheet
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories.story import Label


def sheet(
    nll: np.ndarray,
    tokens: np.ndarray,
    size: np.ndarray,
    tokenizers: str = "tt",
    common: tuple[np.ndarray, np.ndarray] | None = None,
) -> Sheet:
    """common: bytes and nats, each model's own unless given."""
    members = tuple(
        Member(f"m{i}", f"d{i}", "made", "", tokenizer, 10**i)
        for i, tokenizer in enumerate(tokenizers)
    )
    told = tuple(Label(f"s{j}", f"s{j}", "") for j in range(nll.shape[1]))
    recipe = Recipe("context", 64, 32, "float32", "cpu")
    return Sheet(recipe, members, told, tokens, size, nll, *(common or (size, nll)))


def test_intervals_are_those_of_a_plain_loop() -> None:
    random = np.random.default_rng(0)
    tokens = np.tile(random.integers(50, 150, 80), (2, 1))
    hard = random.normal(3.0, 0.5, 80)
    nll = tokens * (hard * np.array([[1.0], [0.9]]) + random.normal(0, 0.2, (2, 80)))
    found = compare(sheet(nll, tokens, 4 * tokens), 0, 1)
    drawn = []
    for _ in range(4000):
        at = random.integers(0, 80, 80)
        one, other = nll[:, at].sum(axis=1) / tokens[:, at].sum(axis=1)
        drawn.append((other - one, math.exp(other) - math.exp(one)))
    nats, perplexities = np.quantile(drawn, [0.025, 0.975], axis=0).T
    assert found.nats_ci95 == pytest.approx(tuple(nats), rel=0.06)
    assert found.perplexity_ci95 == pytest.approx(tuple(perplexities), rel=0.06)
    assert found.ratio_ci95 == pytest.approx(tuple(map(math.exp, found.nats_ci95)))
    means = nll.sum(axis=1) / tokens.sum(axis=1)
    assert found.perplexity == pytest.approx(math.exp(means[1]) - math.exp(means[0]))


@pytest.mark.parametrize(("groups", "way"), [(1, ""), (2, ""), (9, ""), (10, "falls")])
def test_what_is_drawn_decides_whether_there_is_a_way(groups: int, way: str) -> None:
    tokens = np.full((2, 30), 50)
    nll = np.array([[200.0], [150.0]]) + np.random.default_rng(0).normal(0, 5, (2, 30))
    made = sheet(nll, tokens, 4 * tokens)
    told = [replace(story, group=f"g: {i % groups}") for i, story in enumerate(made.stories)]
    found = compare(replace(made, stories=tuple(told)), 0, 1)
    assert (found.stories, found.clusters, found.way) == (30, groups, way)
    assert math.isnan(found.nats_ci95[0]) == (groups == 1)


def test_tokenizers_are_compared_on_the_bytes_that_both_scored() -> None:
    nll = np.array([[100.0, 100.0, 60.0], [90.0, 90.0, 50.0]])
    size = np.array([[100, 100, 50], [100, 80, 50]])  # the second read less of the second story
    common = np.array([[100, 80, 0], [100, 80, 0]]), np.array([[95.0, 70, 0], [90, 75, 0]])
    found = compare(sheet(nll, np.full((2, 3), 30), size, "ab", common), 0, 1)
    assert found.bits_per_byte == pytest.approx((165 - 165) / 180 / math.log(2))
    assert found.improved == 0.5  # of the two stories of which both have scored some bytes
    assert found.stories == 3
    nothing = np.zeros_like(size), np.zeros_like(nll)
    with pytest.raises(EyebrowError, match="no scored byte in common"):
        compare(sheet(nll, np.full((2, 3), 30), size, "ab", nothing), 0, 1)
    assert math.isnan(found.perplexity)
    assert math.isnan(found.perplexity_ci95[0])


def test_an_impossible_story_leaves_an_infinite_end() -> None:
    nll = np.full((2, 20), 60.0) + np.arange(20)
    nll[0, 3] = math.inf
    found = compare(sheet(nll, np.full((2, 20), 20), np.full((2, 20), 80)), 0, 1)
    assert (found.nats, found.ratio, found.nats_ci95[0]) == (-math.inf, 0.0, -math.inf)
    assert found.improved == pytest.approx((1 + 19 / 2) / 20)
    nll[1, 3] = math.inf
    found = compare(sheet(nll, np.full((2, 20), 20), np.full((2, 20), 80)), 0, 1)
    assert math.isnan(found.nats)
    assert found.improved == 0.5
