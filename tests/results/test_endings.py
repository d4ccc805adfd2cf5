"""Endings: sums over their tokens, and the three ways of judging them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from eyebrow.core import Recipe, load_model, score
from eyebrow.core.models.member import Member
from eyebrow.core.results.endings import Endings, read_endings
from eyebrow.core.results.statistics.proportions import wilson
from eyebrow.core.results.store import Store
from eyebrow.core.scoring.simple import score_text
from eyebrow.core.stories import Story, bundled_stories
from eyebrow.core.stories.pairs import find_pairs

MODEL = "pocket-50k"
RECIPE = Recipe(device="cpu", context=128)


def test_sums_are_those_of_the_endings_tokens(tmp_path: Path) -> None:
    pairs = find_pairs(bundled_stories())[0][:3]
    whole = score([s for p in pairs for s in p.stories], MODEL, recipe=RECIPE, store=tmp_path / "a")
    behind_bos = replace(whole.recipe, first_token="scored")
    texts = [Story(f"{n}", "", text) for n, text in enumerate(e for p in pairs for e in p.endings)]
    alone = score(texts, MODEL, recipe=behind_bos, store=tmp_path / "b")
    (member,) = whole.sheet.models
    found = read_endings(
        pairs,
        member,
        (Store(tmp_path / "a"), whole.recipe.digest),
        (Store(tmp_path / "b"), alone.recipe.digest),
    )
    loaded = load_model(MODEL, device="cpu")
    assert found.alone is not None
    for row, pair in enumerate(pairs):
        for column, (story, ending) in enumerate(zip(pair.stories, pair.endings, strict=True)):
            one = score_text(loaded.model, loaded.tokenizer, story.text, whole.recipe)
            begun = score_text(
                loaded.model, loaded.tokenizer, story.text[: pair.at].rstrip(), whole.recipe
            )
            assert found.nats[row, column] == pytest.approx(
                one.summary.nll - begun.summary.nll, abs=1e-3
            )
            assert found.tokens[row, column] == len(one) - len(begun)
            only = score_text(loaded.model, loaded.tokenizer, ending, behind_bos)
            assert found.alone[row, column] == pytest.approx(only.summary.nll, abs=1e-3)


def endings(alone: bool = True) -> Endings:
    return Endings(
        Member("m", "d", "", "", "t", 1),
        np.array([[4.0, 6.0], [6.0, 4.0], [5.0, 5.0], [math.nan, 1.0]]),
        np.array([[1, 3], [3, 1], [1, 1], [0, 1]]),
        np.array([[1.0, 6.0], [9.0, 1.0], [1.0, 0.0], [1.0, 1.0]]) if alone else None,
    )


def test_three_ways() -> None:
    found = {way: endings().accuracy(way) for way in ("total", "per_token", "conditional")}
    told = {way: (one.right, one.pairs) for way, one in found.items() if one}
    assert told == {"total": (1, 3), "per_token": (1, 3), "conditional": (2, 3)}
    per_token, conditional = endings().is_right("per_token"), endings().is_right("conditional")
    assert per_token is not None
    assert conditional is not None
    assert per_token.tolist() == [False, True, False, False]
    assert conditional.tolist() == [False, True, True, False]
    assert endings(alone=False).accuracy("conditional") is None


def test_an_interval_of_few_pairs() -> None:
    """Wilson 1927, as in the table of Brown, Cai & DasGupta 2001 and by hand."""
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert all(map(math.isnan, wilson(0, 0)))
