"""The hot path against the plain one: every number of every token, however batched."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models.load import load_model
from eyebrow.core.scoring import scorer as scorer_room
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.trunk import Trunk
from hypothesis import given, settings
from hypothesis import strategies as st

from .plain import (
    STORIES,
    assert_agrees,
    by_index,
    numbers,
    plain_ids,
    plain_score,
    plain_windows,
    same_numbers,
    spans,
)

MODELS = ["llama", "wide", "gpt2", "neox", "opt", "capped"]


def recipe(first_token: str = "context", context: int = 64, stride: int = 0) -> Recipe:
    return Recipe(first_token, context, stride, "float32", "cpu")


@pytest.mark.parametrize("first_token", ["context", "scored"])
@pytest.mark.parametrize("name", MODELS)
def test_every_number_equals_the_plain_ones(opened: Any, name: str, first_token: str) -> None:
    model, tokenizer = opened(name)
    scorer = Scorer(model, tokenizer, recipe(first_token))
    assert scorer.trunk.head is not None, "taken apart, not run whole"
    short = [text for text in STORIES if len(plain_ids(tokenizer, text, "scored")) <= 64]
    scores = by_index(scorer.score(short))
    assert len(short) >= 6
    for text, score in zip(short, scores, strict=True):
        ids = plain_ids(tokenizer, text, first_token)
        assert score.token_ids.tolist() == plain_ids(tokenizer, text, "context")
        if len(ids) > 1:
            assert_agrees(score, plain_score(model, ids))
            assert score.summary.nll == pytest.approx(plain_score(model, ids).nll, rel=1e-6)
        else:
            assert score.summary.tokens == 0
            assert score.summary.nll == 0.0


def test_what_is_not_scored_is_marked(opened: Any) -> None:
    scorer = Scorer(*opened("llama"), recipe())
    ((_, score),) = scorer.score(["The cat"])
    assert score.ranks[0] == 0
    assert np.isnan(score.logprobs[0])
    assert np.isnan(score.entropies[0])
    assert score.top_ids[0].tolist() == [-1] * 10
    assert np.isfinite(score.logprobs[1:]).all()
    assert (score.ranks[1:] > 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_batches_change_nothing(opened: Any, name: str) -> None:
    model, tokenizer = opened(name)
    alone = [next(iter(Scorer(model, tokenizer, recipe()).score([text])))[1] for text in STORIES]
    for seed, budget in enumerate((1, 60, 150, 10_000)):
        order = random.Random(seed).sample(range(len(STORIES)), len(STORIES))
        scorer = Scorer(model, tokenizer, recipe(), budget)
        scores = by_index(scorer.score([STORIES[i] for i in order]))
        for i, score in zip(order, scores, strict=True):
            same_numbers(score, alone[i], 1e-5)


@pytest.mark.parametrize("name", ["llama", "gpt2", "wide"])
def test_long_texts_equal_plain_windows(opened: Any, name: str) -> None:
    model, tokenizer = opened(name)
    text = " ".join(STORIES[:4])
    ids = plain_ids(tokenizer, text, "context")
    for context, stride in ((16, 4), (12, 11), (9, 1)):
        scorer = Scorer(model, tokenizer, recipe("context", context, stride), budget=50)
        ((_, score),) = scorer.score([text])
        assert_agrees(score, plain_windows(model, ids, context, stride))


def test_a_context_as_long_as_the_text_changes_nothing(opened: Any) -> None:
    model, tokenizer = opened("llama")
    ids = plain_ids(tokenizer, STORIES[1], "scored")
    for context in (len(ids), len(ids) + 1):
        ((_, score),) = Scorer(model, tokenizer, recipe("scored", context)).score([STORIES[1]])
        assert_agrees(score, plain_score(model, ids))
    ((_, cut),) = Scorer(model, tokenizer, recipe("scored", len(ids) - 1)).score([STORIES[1]])
    assert cut.logprobs[-1] != score.logprobs[-1]


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=6),
    context=st.integers(2, 64),
    stride=st.integers(1, 63),
    budget=st.integers(1, 400),
    first_token=st.sampled_from(["context", "scored"]),
)
def test_any_texts_any_windows_any_budget(
    opened: Any, texts: list[str], context: int, stride: int, budget: int, first_token: str
) -> None:
    model, tokenizer = opened("llama")
    chosen = recipe(first_token, context, min(stride, context - 1))
    scores = by_index(Scorer(model, tokenizer, chosen, budget).score(texts))
    assert len(scores) == len(texts)
    for text, score in zip(texts, scores, strict=True):
        scored = score.ranks > 0
        assert scored.sum() == max(0, len(score) - (first_token == "context"))
        assert score.summary.nll == pytest.approx(-score.logprobs[scored].sum(dtype=float))
        begin = int(score.starts[scored][0]) if scored.any() else len(text)
        assert score.summary.bytes == len(text[begin:].encode())
        assert "".join(text[a:b] for a, b in spans(score)) == text


def test_bytes_are_those_of_the_scored_span(opened: Any) -> None:
    model, tokenizer = opened("gpt2")
    text = "é — Zoë🐻"
    (_, rest), (_, whole) = (
        next(iter(Scorer(model, tokenizer, recipe(first)).score([text])))
        for first in ("context", "scored")
    )
    assert whole.summary.bytes == len(text.encode())
    assert rest.summary.bytes == len(text[1:].encode())  # é is two tokens: the first owns it


def test_slabs_keep_indices_and_numbers(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(*opened("gpt2"), recipe())
    whole = by_index(scorer.score(STORIES))
    monkeypatch.setattr(scorer_room, "SLAB", 3)
    for one, other in zip(by_index(scorer.score(STORIES)), whole, strict=True):
        same_numbers(one, other, 1e-5)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_halves_the_budget_and_goes_on(
    opened: Any, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    scorer = Scorer(*opened("llama"), recipe(), budget=10_000)
    whole = by_index(scorer.score(STORIES))
    sizes: list[int] = []
    measure = Trunk.measure

    def short_of_memory(self: Trunk, ids: torch.Tensor, *rest: torch.Tensor) -> Any:
        sizes.append(ids.numel())
        if ids.numel() > 100:
            raise error
        return measure(self, ids, *rest)

    monkeypatch.setattr(Trunk, "measure", short_of_memory)
    scores = by_index(scorer.score(STORIES))
    for one, other in zip(scores, whole, strict=True):
        same_numbers(one, other, 1e-5)
    failed = [size for size in sizes if size > 100]
    assert len(failed) >= 2
    assert failed == sorted(failed, reverse=True)
    assert scorer.budget <= 100


def test_one_window_that_does_not_fit_is_told(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Trunk, "measure", never)
    with pytest.raises(EyebrowError, match="does not fit"):
        list(Scorer(*opened("llama"), recipe()).score(STORIES))


def test_other_errors_pass(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("device-side assert")

    monkeypatch.setattr(Trunk, "measure", broken)
    with pytest.raises(RuntimeError, match="assert"):
        list(Scorer(*opened("llama"), recipe()).score(STORIES))


# --- the real model -------------------------------------------------------------------------


def real_stories(shared: Path, count: int) -> list[str]:
    with (shared / "data" / "tinystories-valid.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(next(lines))["text"] for _ in range(count)]


@pytest.fixture(scope="module")
def real(shared: Path) -> Any:
    return load_model(str(shared / "models" / "stories260K"), device="cpu")


def first_tokens(real: Any, text: str, count: int) -> str:
    """The part of `text` that its first `count` tokens cover, BOS included."""
    offsets = real.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return text[: offsets[:count][-1][1]]


@pytest.mark.parametrize("first_token", ["context", "scored"])
def test_stories260k_equals_the_plain_reference(shared: Path, real: Any, first_token: str) -> None:
    texts = [first_tokens(real, text, 512) for text in real_stories(shared, 12)]
    scorer = Scorer(real.model, real.tokenizer, real.recipe(Recipe(first_token)))
    for text, score in zip(texts, by_index(scorer.score(texts)), strict=True):
        ids = plain_ids(real.tokenizer, text, "context")  # this tokenizer puts BOS in front itself
        assert ids[0] == real.tokenizer.bos_token_id
        assert ids[1] != real.tokenizer.bos_token_id
        assert len(ids) <= 512
        plain = plain_score(real.model, ids)
        assert score.summary.tokens == len(ids) - 1
        assert score.summary.nll == pytest.approx(plain.nll, rel=1e-6)
        assert score.summary.bytes == len(text.encode())
        assert_agrees(score, plain)


def test_bfloat16_totals_stay_close(shared: Path, real: Any) -> None:
    texts = [first_tokens(real, text, 512) for text in real_stories(shared, 10)]
    half = load_model(real.tokenizer.name_or_path, device="cpu", dtype="bfloat16")
    exact, close = (
        by_index(Scorer(m.model, m.tokenizer, m.recipe(Recipe("scored"))).score(texts))
        for m in (real, half)
    )
    for one, other in zip(exact, close, strict=True):
        assert other.summary.nll == pytest.approx(one.summary.nll, rel=5e-3)
    totals = [sum(score.summary.nll for score in scores) for scores in (exact, close)]
    assert totals[1] == pytest.approx(totals[0], rel=5e-4)
    assert totals[1] != totals[0]


def test_plain_numbers_by_hand() -> None:
    """The reference itself, where it can be done in the head."""
    plain = numbers(torch.tensor([[0.5, 0.25, 0.25]]).double().log(), [1])
    assert plain.nll == pytest.approx(np.log(4))
    assert plain.ranks.tolist() == [2]
    assert plain.entropies.tolist() == pytest.approx([1.5 * np.log(2)])
