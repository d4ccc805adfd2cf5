"""What is hard, on sheets small enough to know the answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from eyebrow.core.models.member import Member
from eyebrow.core.results.statistics.difficulty import by_length, hardest_stories, helped_stories
from eyebrow.core.results.statistics.sheet import Sheet
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories.story import Label

RECIPE = Recipe("context", 64, 32, "float32", "cpu")


def sheet_of(means: list[list[float]], tokens: list[int]) -> Sheet:
    """Models of one family; means: nats per token, (M, S)."""
    counts = np.broadcast_to(np.array(tokens), (len(means), len(tokens)))
    nll = np.array(means) * counts
    return Sheet(
        RECIPE,
        tuple(Member(f"m{i}", f"{i}", "f", "", "t", 10**i) for i in range(len(means))),
        tuple(Label(f"d{i}", f"s{i}", f"Story {i}") for i in range(len(tokens))),
        counts.copy(),
        *(4 * counts, nll),
        *(4 * counts, nll),
    )


def test_over_sizes_by_the_mean_of_logs_not_of_perplexities() -> None:
    # Story 1 has the highest mean of perplexities, through the smallest model alone.
    sheet = sheet_of([[4.0, 6.0, 1.0], [4.0, 1.0, 1.0]], [10, 20, 30])
    ends = hardest_stories(sheet, [0, 1], count=1)
    (top,), (low,) = ends.most, ends.least
    assert (top.story.id, low.story.id, ends.stories) == ("s0", "s2", 3)
    assert top.perplexities == pytest.approx((math.exp(4), math.exp(4)))
    assert (top.value, top.tokens, top.column) == (pytest.approx(4.0), 10, 0)


def test_what_is_at_one_end_is_not_at_the_other() -> None:
    sheet = sheet_of([[1.0, 2.0, 3.0]], [5, 5, 5])
    ends = hardest_stories(sheet, [0], count=5)
    assert [p.story.id for p in ends.most] == ["s2", "s1"]
    assert [p.story.id for p in ends.least] == ["s0"]
    one = hardest_stories(sheet.of_stories([1]), [0])
    assert ([p.story.id for p in one.most], one.least) == (["s1"], ())
    assert hardest_stories(sheet.of_stories([]), [0]).most == ()


def test_size_helps_by_the_paired_difference() -> None:
    sheet = sheet_of([[3.0, 5.0, 2.0], [9.0, 9.0, 9.0], [2.5, 2.0, 2.5]], [10, 10, 10])
    ends = helped_stories(sheet, [0, 1, 2], count=1)
    assert (ends.most[0].story.id, ends.most[0].value) == ("s1", pytest.approx(3.0))
    assert (ends.least[0].story.id, ends.least[0].value) == ("s2", pytest.approx(-0.5))
    assert len(ends.most[0].perplexities) == 3


def test_unscored_and_infinite_stories() -> None:
    sheet = sheet_of([[1.0, 2.0, math.inf, math.inf], [1.0, 1.0, 1.0, math.inf]], [9, 9, 9, 9])
    sheet.tokens[0, 0], sheet.nll[0, 0] = 0, 0.0
    hard = hardest_stories(sheet, [0, 1])
    assert {p.story.id for p in (*hard.most, *hard.least)} == {"s1", "s2", "s3"}
    assert math.isinf(hard.most[0].value)
    helped = helped_stories(sheet, [0, 1])
    assert [p.story.id for p in (*helped.most, *helped.least)] == ["s1"]


def test_length_groups_hold_every_story_once() -> None:
    tokens = [10, 10, 10, 20, 30, 30, 40, 50]
    sheet = sheet_of([[1.0] * 4 + [2.0] * 4], tokens)
    groups = by_length(sheet, 0, groups=2)
    assert [(g.first, g.last, g.stories) for g in groups] == [(10, 20, 4), (30, 50, 4)]
    assert groups[0].perplexity == pytest.approx(math.e)
    assert groups[1].perplexity == pytest.approx(math.e**2)
    assert sum(g.tokens for g in groups) == sum(tokens)
    same = by_length(sheet_of([[1.0] * 5], [7] * 5), 0)
    assert [(g.first, g.last, g.stories) for g in same] == [(7, 7, 5)]
