"""A store with fewer likely tokens than ten, or none: smaller, and read like any other."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from eyebrow.core import EyebrowError, Recipe, load_model, score, token_surprise
from eyebrow.core.results.report.content import document
from eyebrow.core.results.report.facts import gather_facts, pick_sheet
from eyebrow.core.results.store import Store
from eyebrow.core.scoring.scores import TOP, StoryScore
from eyebrow.core.stories import bundled_stories
from stored import MODEL, assert_same, digest_of, row_of, score_of

ON_CPU = Recipe(device="cpu", dtype="float32")
STORIES = list(bundled_stories())[-12:]


def kept(folder: Path, top: int) -> tuple[Any, list[StoryScore]]:
    """The results, and the scores as the store has them."""
    results = score(STORIES, "pocket-50k", recipe=replace(ON_CPU, top=top), store=folder)
    digest = results.recipe.digest
    found = dict(Store(folder).scores(results.models[0].digest, digest, top=True))
    return results, [found[key] for key in sorted(found)]


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[StoryScore]]:
    return kept(tmp_path_factory.mktemp("ten"), TOP)


@pytest.mark.parametrize("top", [0, 3])
def test_all_but_the_alternatives_is_as_with_ten(
    top: int, ten: tuple[Any, list[StoryScore]], tmp_path: Path
) -> None:
    results, scores = kept(tmp_path, top)
    assert results.recipe.top == top
    assert results.models[0].nll == ten[0].models[0].nll
    assert results.models[0].perplexity_ci95 == ten[0].models[0].perplexity_ci95
    for one, whole in zip(scores, ten[1], strict=True):
        assert one.top_ids.shape == one.top_logprobs.shape == (len(one), top)
        cut = (whole.top_ids[:, :top].copy(), whole.top_logprobs[:, :top].copy())
        assert_same(one, replace(whole, top_ids=cut[0], top_logprobs=cut[1]))
        assert not one.tied[one.ranks > top].any()


def test_a_store_without_them_is_small_and_reported(tmp_path: Path) -> None:
    sizes = {}
    for top in (0, TOP):
        folder = tmp_path / str(top)
        score(STORIES, ["pocket-50k", "pocket-200k"], recipe=replace(ON_CPU, top=top), store=folder)
        sizes[top] = Store(folder).size()
    assert sizes[0] < 0.35 * sizes[TOP]
    store = Store(tmp_path / "0")
    facts = gather_facts(store, *pick_sheet(store, None, []), seed=0)
    assert all(model.rank_shares[-1] > 0.5 for model in facts.of_models)
    said = str(document(facts, "", ""))
    assert "--top 0 " in said, "how the same store comes about again"
    assert "likelier" not in said
    (part, *_) = sorted(store.layout.scores.iterdir())
    row = pq.read_table(part).to_pylist()[0]
    assert row["top_ids"][:2] == row["top_logprobs"][:2] == [None, []]


def test_they_come_when_they_are_asked_for_later(tmp_path: Path) -> None:
    kept(tmp_path, 0)
    _, scores = kept(tmp_path, TOP)
    assert all(one.top_ids.shape[1] == TOP for one in scores)
    again, scores = kept(tmp_path, 0)
    assert all(one.top_ids.shape[1] == 0 for one in scores)
    assert not again.failures


def test_the_digest_of_ten_is_what_it_was_before_it_could_be_chosen() -> None:
    recipe = Recipe("context", 1024, 512, "float32", "cpu")
    assert recipe.digest == "fb8f3b0e0f8de6d4"
    assert len({replace(recipe, top=top).digest for top in range(TOP + 1)}) == TOP + 1
    assert recipe.label.endswith("float32 cpu")
    assert replace(recipe, top=0).label.endswith("float32 cpu · top 0")
    assert recipe.differences(replace(recipe, top=0)) == ["top 10 / 0"]


@pytest.mark.parametrize("top", [-1, 11])
def test_more_than_ten_are_not_to_be_had(top: int) -> None:
    with pytest.raises(EyebrowError, match=f"top is {top}; it takes 0 to 10"):
        Recipe(top=top)


@pytest.mark.parametrize("top", [0, 1])
def test_round_trip_to_the_bit(tmp_path: Path, top: int) -> None:
    recipe = Recipe("context", 64, 32, "float32", "cpu", top)
    rows = [
        replace(row_of(seed), recipe=recipe, score=score_of(seed, length, top))
        for seed, length in enumerate((1, 7, 300))
        if top > 1 or length  # the made ones leave the last two of ten out
    ]
    for row in rows:
        row.score.top_ids[-1:], row.score.top_logprobs[-1:] = 5, -1.0
        unscored = row.score.ranks == 0
        row.score.top_ids[unscored], row.score.top_logprobs[unscored] = -1, np.nan
    store = Store(tmp_path)
    for row in rows:
        store.write([row])
    for row in rows:
        assert_same(store.score(digest_of(row), MODEL, recipe.digest), row.score)


def test_a_tie_is_not_known_without_them() -> None:
    loaded = load_model("pocket-bigram", device="cpu")
    rows = token_surprise(loaded.model, loaded.tokenizer, "The cat sat.", Recipe(top=0))
    assert [row.tied for row in rows] == [None] * len(rows)
    assert all(row.top == () for row in rows)
    assert not math.isnan(sum(row.surprise or 0 for row in rows))
    rows = token_surprise(loaded.model, loaded.tokenizer, "The cat sat.", Recipe(top=2))
    assert {len(row.top) for row in rows[1:]} == {2}
