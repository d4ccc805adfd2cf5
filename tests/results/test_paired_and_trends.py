"""Paired differences and trends, against numbers worked out by hand and by plain loops."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models.member import Member
from eyebrow.core.results.statistics.paired import compare, steps
from eyebrow.core.results.statistics.sheet import Sheet, build_sheet
from eyebrow.core.results.statistics.trends import rank_agreement, trend
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scores import Summary
from eyebrow.core.stories.story import Label

RECIPE = Recipe("context", 64, 32, "float32", "cpu")


def sheet_of(nats: list[list[float]], tokenizers: str = "") -> Sheet:
    """Models with so many nats a token over stories of 10, 20, 30, ... tokens; nan: not scored."""
    members = [
        Member(f"m{i}", f"d{i}", "made", "", (tokenizers or "t" * len(nats))[i], 10 ** (i + 1))
        for i in range(len(nats))
    ]
    sums = [
        {
            f"s{j}": Summary(10 * (j + 1), 40 * (j + 1), value * 10 * (j + 1))
            for j, value in enumerate(row)
            if not math.isnan(value)
        }
        for row in nats
    ]
    told = [Label(f"s{j}", f"id{j}", f"Story {j}") for j in range(len(nats[0]))]
    kinds = [("at", "i4"), ("bytes", "i4"), ("nll", "f8")]
    cuts = [
        {digest: np.array([(0, one.bytes, one.nll)], kinds) for digest, one in own.items()}
        for own in sums
    ]
    return build_sheet(RECIPE, members, sums, told, cuts)


def test_differences_are_paired_and_signed() -> None:
    found = compare(sheet_of([[3.0, 4.0, 5.0], [2.0, 4.0, 5.5]]), 0, 1)
    assert (found.first, found.second, found.stories) == ("m0", "m1", 3)
    assert found.nats == pytest.approx((-10 + 0 + 15) / 60)
    assert found.ratio == pytest.approx(math.exp(5 / 60))
    assert found.bits_per_byte == pytest.approx(5 / 240 / math.log(2))
    assert found.improved == pytest.approx(0.5)  # better, equal, worse
    assert found.way == ""


def test_what_all_stories_share_leaves_no_doubt_about_the_difference() -> None:
    random = np.random.default_rng(0)
    hard = random.normal(4, 1, 40)
    found = compare(sheet_of([hard.tolist(), (hard - 0.25).tolist()]), 0, 1)
    assert found.nats_ci95 == pytest.approx((-0.25, -0.25))
    assert found.way == "falls"
    assert found.improved == 1.0


def test_only_stories_that_both_have_scored_count() -> None:
    found = compare(sheet_of([[3.0, math.nan, 5.0], [2.0, 9.0, 4.0]]), 0, 1)
    assert found.stories == 2
    assert found.nats == pytest.approx(-1.0)
    with pytest.raises(EyebrowError, match="no scored story in common"):
        compare(sheet_of([[3.0, math.nan], [math.nan, 4.0]]), 0, 1)


def test_tokens_of_different_tokenizers_are_not_compared() -> None:
    found = compare(sheet_of([[3.0, 4.0], [2.0, 3.0]], tokenizers="ab"), 0, 1)
    assert math.isnan(found.nats)
    assert math.isnan(found.ratio_ci95[0])
    assert found.bits_per_byte < 0


def test_steps_go_from_size_to_size() -> None:
    found = steps(sheet_of([[3.0, 4.0], [2.0, 3.0], [1.5, 2.5]]), [0, 1, 2])
    assert [(one.first, one.second) for one in found] == [("m0", "m1"), ("m1", "m2")]


def test_trend_against_a_plain_loop() -> None:
    random = np.random.default_rng(1)
    nats = random.normal(4, 0.3, (4, 50)) - 0.2 * np.arange(4)[:, None]
    nats[2, :5] = nats[1, :5]  # ties
    found = trend(nats)
    taus = [
        sum(np.sign(column[i] - column[j]) for i, j in combinations(range(4), 2)) / 6
        for column in nats.T
    ]
    assert found.tau == pytest.approx(np.mean(taus))
    assert found.monotone == np.mean([all(a > b for a, b in pairwise(c)) for c in nats.T])
    assert found.page_p < 1e-4


def test_a_trend_is_not_seen_where_there_is_none() -> None:
    random = np.random.default_rng(5)
    found = trend(random.normal(4, 1, (5, 200)))
    assert found.page_p > 0.05
    rising = trend(np.arange(5)[:, None] + random.normal(0, 0.1, (5, 50)))
    assert (rising.tau, rising.monotone) == (-1.0, 0.0)
    assert rising.page_p > 0.99


def test_too_little_is_not_tested() -> None:
    assert math.isnan(trend(np.ones((5, 2))).page_p)
    assert math.isnan(trend(np.ones((2, 50))).page_p)
    assert math.isnan(trend(np.array([[1.0, math.inf, 2.0]] * 3)).page_p)


def test_sizes_agree_on_ranks_whatever_their_level() -> None:
    hard = np.random.default_rng(2).normal(4, 1, 30)
    agreement = rank_agreement(np.stack([hard, np.exp(hard), -hard]))
    assert agreement[0].tolist() == pytest.approx([1.0, 1.0, -1.0])
