"""Taking a model apart: only where the parts give the model's own logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.trunk import Trunk, find_head

from .plain import assert_agrees, plain_ids, plain_score
from .stubs import Parted, Table, letters

RECIPE = Recipe("context", 64, 8, "float32", "cpu")


def logits(size: int = 30, spread: float = 3.0) -> torch.Tensor:
    torch.manual_seed(5)
    return torch.randn(size, size) * spread


def cap(at: float) -> Any:
    return lambda x: torch.tanh(x / at) * at


def test_a_plain_head_is_found() -> None:
    head = find_head(Parted(logits()))
    assert head is not None
    assert head.finish is None


def test_a_table_is_used_whole() -> None:
    assert find_head(Table(logits())) is None


@pytest.mark.parametrize(
    ("then", "config"),
    [
        (cap(5.0), {"final_logit_softcapping": 5.0}),
        (lambda x: x * 0.25, {"logit_scale": 0.25}),
        (lambda x: x / 8.0, {"logits_scaling": 8.0}),
    ],
)
def test_known_finishes_are_found(then: Any, config: Any) -> None:
    head = find_head(Parted(logits(), then, **config))
    assert head is not None
    assert head.finish is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_soft_cap_far_above_the_probe_is_not_lost(dtype: torch.dtype) -> None:
    """Logits small against the cap look uncapped; the configuration says they are not."""
    model = Parted(logits(), cap(60.0), final_logit_softcapping=60.0).to(dtype)
    head = find_head(model)
    assert head is not None
    assert head.finish is not None


def test_parts_that_do_not_add_up_are_not_used() -> None:
    model = Parted(logits(), lambda x: x * 2 + 1)
    tokenizer = letters("·abcdefghijklmnopqrstuvwxyz")
    scorer = Scorer(model, tokenizer, RECIPE)
    assert scorer.trunk.head is None
    ((_, score),) = scorer.score(["abcabd"])
    ids = plain_ids(tokenizer, "abcabd", "context")
    assert_agrees(score, plain_score(model, ids))


def test_a_head_of_another_width_is_not_used() -> None:
    model = Parted(logits())
    model.head.weight = torch.nn.Parameter(torch.randn(30, 7))
    model.forward = Table(logits()).forward  # type: ignore[method-assign]
    assert find_head(model) is None


def test_a_model_of_few_positions_can_be_probed(opened: Any) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=2, n_positions=4))
    assert find_head(model.eval()) is not None


@pytest.mark.parametrize("name", ["llama", "wide", "capped", "opt"])
def test_logits_after_are_the_models_own(opened: Any, name: str) -> None:
    model, tokenizer = opened(name)
    ids = torch.tensor(tokenizer("The little bear")["input_ids"])
    with torch.no_grad():
        wanted = model(input_ids=ids[None]).logits[0, -1]
    torch.testing.assert_close(Trunk(model).logits_after(ids), wanted)
