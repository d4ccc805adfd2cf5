"""The counted bigram: a share for every pair, and a causal LM like any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from eyebrow.core.models.ngrams.bigram import BigramForCausalLM, count_bigrams
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from scoring.plain import assert_agrees, plain_ids, plain_score
from scoring.stubs import letters

ALPHABET = "·abcd"


def counted(keep: int) -> BigramForCausalLM:
    texts = ["·abad·", "·abba·", "·dada·"]
    ids = [np.array([ALPHABET.index(ch) for ch in text]) for text in texts]
    return count_bigrams(ids, len(ALPHABET), keep)


@pytest.mark.parametrize("keep", [1, 3, 100])
def test_every_row_adds_up_to_one(keep: int) -> None:
    shares = counted(keep).table().exp().sum(1)
    assert shares.tolist() == pytest.approx([1.0] * 5, rel=1e-5)


def test_a_kept_pair_has_its_discounted_share() -> None:
    table = counted(100).table().exp()
    seen, of = 2, 6  # "ab" twice; "a" begins six pairs
    a, b = ALPHABET.index("a"), ALPHABET.index("b")
    assert table[a, b].item() == pytest.approx((seen - 0.75) / of, rel=1e-5)


def test_saved_loaded_and_scored(tmp_path: Path) -> None:
    model = counted(4)
    model.save_pretrained(tmp_path)
    again = BigramForCausalLM.from_pretrained(tmp_path).eval()
    assert torch.equal(again.table(), model.table())
    tokenizer = letters(ALPHABET)
    scorer = Scorer(again, tokenizer, Recipe("context", 64, 8, "float32", "cpu"))
    assert scorer.trunk.head is None
    ((_, score),) = scorer.score(["·abacadab·"])
    assert_agrees(score, plain_score(again, plain_ids(tokenizer, "·abacadab·", "context")))
