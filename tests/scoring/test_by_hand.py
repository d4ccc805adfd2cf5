"""Cases from the literature that can be checked on paper, through the real path."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from eyebrow.core import compute_perplexity, token_surprise
from eyebrow.core.scoring.scores import Summary, bits_per_byte, perplexity

from .stubs import Parted, Table, letters

ALPHABET = "·abcdefghijklmnopqrstuvwxyz"
STEPS = {"·a": 0.13, "ad": 0.05, "da": 0.50, "a·": 0.20}

Make = Callable[[torch.Tensor], Any]
both = pytest.mark.parametrize("make", [Table, Parted])


@both
def test_nll_of_ada(make: Make) -> None:
    """`· a d a ·` under a bigram: k letters have k + 1 targets."""
    p = torch.zeros(27, 27)
    for (first, then), share in STEPS.items():
        p[ALPHABET.index(first), ALPHABET.index(then)] = share
    p[:, ALPHABET.index("z")] += 1 - p.sum(1)
    logits = p.clamp(min=1e-30).log()
    rows = token_surprise(make(logits), letters(ALPHABET), "·ada·")
    assert [row.token for row in rows] == list("·ada·")
    assert rows[0].logprob is None
    assert [row.probability for row in rows[1:]] == pytest.approx([0.13, 0.05, 0.50, 0.20])
    nll = sum(row.surprise or 0.0 for row in rows[1:])
    assert nll == pytest.approx(7.338538)
    assert nll / 4 == pytest.approx(1.834634, rel=1e-6)
    value = compute_perplexity(make(logits), letters(ALPHABET), "·ada·")
    assert value == pytest.approx((0.13 * 0.05 * 0.50 * 0.20) ** (-1 / 4), rel=1e-6)


@both
def test_uniform_over_27_symbols_is_27(make: Make) -> None:
    value = compute_perplexity(make(torch.zeros(27, 27)), letters(ALPHABET), "·hello·")
    assert value == pytest.approx(27, rel=1e-7)
    (_, row) = token_surprise(make(torch.zeros(27, 27)), letters(ALPHABET), "ab")
    assert row.rank == 1, "nothing is likelier"
    assert row.entropy == pytest.approx(math.log(27), rel=1e-6)


@both
def test_a_certain_model_has_perplexity_1(make: Make) -> None:
    logits = torch.full((27, 27), -1e4)
    logits[torch.arange(27), (torch.arange(27) + 1) % 27] = 0.0
    assert compute_perplexity(make(logits), letters(ALPHABET), "abcdef") == 1.0
    row = token_surprise(make(logits), letters(ALPHABET), "ab")[1]
    assert (row.entropy, row.rank, row.surprise) == (0.0, 1, 0.0)


def test_the_impossible_is_infinitely_surprising() -> None:
    logits = torch.full((27, 27), -torch.inf)
    logits[:, 1] = 0.0
    model = Table(logits)
    assert compute_perplexity(model, letters(ALPHABET), "aaa") == 1.0
    assert compute_perplexity(model, letters(ALPHABET), "aba") == math.inf
    row = token_surprise(model, letters(ALPHABET), "ab")[1]
    assert (row.probability, row.surprise, row.rank, row.entropy) == (0.0, math.inf, 2, 0.0)
    assert [top.probability for top in row.top] == [1.0] + [0.0] * 9


def test_loss_2_51_is_perplexity_12_30() -> None:
    assert perplexity(2.51 * 40, 40) == pytest.approx(12.30, abs=0.006)


def test_sums_at_the_edges() -> None:
    assert math.isnan(perplexity(0.0, 0))
    assert math.isnan(perplexity(math.nan, 3))
    assert perplexity(1e6, 10) == math.inf
    assert perplexity(math.inf, 10) == math.inf
    assert math.isnan(bits_per_byte(1.0, 0))
    assert bits_per_byte(math.log(2) * 12, 4) == pytest.approx(3)
    assert Summary(2, 4, math.log(16)).perplexity == pytest.approx(4)
    assert Summary(2, 4, math.log(16)).bits_per_byte == pytest.approx(1)
