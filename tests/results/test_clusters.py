"""What intervals draw: stories of one group or one text as one, and that they are right then."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from eyebrow.core.results.statistics.bootstrap import perplexity_interval
from eyebrow.core.results.statistics.clusters import clusters, drawn, summed
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("groups", "digests", "same"),
    [
        (["", "", ""], "abc", [0, 1, 2]),
        (["", "", ""], "cba", [2, 1, 0]),
        (["", "", ""], "aba", [0, 1, 0]),
        (["x", "", "x"], "abc", [0, 1, 0]),
        (["x", "y", "x"], "caa", [0, 0, 0]),  # one text in two groups joins them
        (["x", "", "y", "y"], "abbc", [0, 1, 1, 1]),
        ([], "", []),
    ],
)
def test_who_is_drawn_with_whom(groups: list[str], digests: str, same: list[int]) -> None:
    assert clusters(groups, list(digests)).tolist() == same


@given(st.lists(st.tuples(st.sampled_from(["", "g", "h", "i"]), st.sampled_from("abcdefgh"))))
def test_clusters_do_not_depend_on_order_or_on_what_groups_are_called(
    stories: list[tuple[str, str]],
) -> None:
    def of(rows: Sequence[tuple[str, str]], names: str) -> dict[tuple[str, str], int]:
        called = [names["ghi".index(group)] if group else "" for group, _ in rows]
        found = clusters(called, [digest for _, digest in rows])
        return dict(zip(rows, found.tolist(), strict=True))

    assert of(stories, "ghi") == of(stories[::-1], "zay")


def test_sums_are_over_clusters() -> None:
    at = clusters(["x", "", "x"], ["a", "b", "c"])
    assert summed(at, [[1.0, 2.0, 4.0], [math.inf, 0.0, 1.0]]).tolist() == [
        [5.0, 2.0],
        [math.inf, 0.0],
    ]
    assert summed(at[:0], np.zeros((2, 0))).shape == (2, 0)


def test_what_is_drawn_in_words() -> None:
    assert drawn(["", "g", ""], ["a", "b", "c"]).lines == ()
    assert drawn(["author: x", "author: y"], ["a", "b"]).lines == ()
    names = [f"author: {n // 2}" for n in range(40)]
    assert drawn(names, [str(n) for n in range(40)]).lines == (
        "95 % intervals resample 20 groups (column author) of 40 stories.",
    )
    names = [f"pair: {n // 2}" for n in range(4)]
    assert drawn(names, [str(n) for n in range(4)]).lines == (
        "95 % intervals resample 2 groups (pairs) of 4 stories; so few make them too short.",
    )
    names = ["author: Smith"] * 4
    assert drawn(names, [str(n) for n in range(4)]).lines == (
        "All 4 stories are drawn as one, so there is no interval.",
    )
    assert drawn([""] * 3, "aaa").lines[1:] == (
        "All 3 stories are drawn as one, so there is no interval.",
    )
    (said,) = drawn([""] * 4, ["a", "b", "a", "a"]).lines
    assert said.startswith("2 stories tell a text that another one tells too: each is listed and")


def test_intervals_over_pairs_hold_the_truth_as_often_as_they_say() -> None:
    """Pairs share four sentences of five; drawn one by one their intervals are too short."""
    random = np.random.default_rng(0)
    runs, pairs = 200, 60
    groups = [f"pair: {story // 2}" for story in range(2 * pairs)]
    at = clusters(groups, [f"{story:04d}" for story in range(2 * pairs)])
    held = np.zeros(2)
    for run in range(runs):
        tokens = np.repeat(random.integers(40, 70, pairs), 2).astype(float)
        shared = np.repeat(random.normal(3.5, 0.4, pairs), 2)
        nll = tokens * (0.8 * shared + 0.2 * random.normal(3.5, 0.6, 2 * pairs))
        alone = (nll[None], tokens[None])
        together = (summed(at, nll[None]), summed(at, tokens[None]))
        for i, (sums, counts) in enumerate((alone, together)):
            low, high = perplexity_interval(sums[0], counts[0], resamples=400, seed=run)
            held[i] += low <= math.exp(3.5) <= high
    alone_share, together_share = held / runs
    assert alone_share < 0.87
    assert 0.91 < together_share < 0.985
