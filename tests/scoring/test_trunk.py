"""Taking a model apart: only where the parts give the model's own logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from eyebrow.core.scoring.head import Finish
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
    assert head.finish == Finish()


def test_a_table_is_used_whole() -> None:
    assert find_head(Table(logits())) is None


DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


@DTYPES
@pytest.mark.parametrize(
    ("then", "finish"),
    [
        (cap(5.0), Finish(1.0, 5.0)),
        (cap(30.0), Finish(1.0, 30.0)),  # far above the logits of a few tokens
        (cap(1000.0), Finish(1.0, 1000.0)),
        (lambda x: x * 0.25, Finish(0.25)),
        (lambda x: x / 8.0, Finish(0.125)),
        (lambda x: cap(16.0)(x * 0.5), Finish(0.5, 16.0)),
    ],
)
def test_what_comes_after_the_head_is_found(then: Any, finish: Finish, dtype: torch.dtype) -> None:
    """By what it does: no name of a configuration is known."""
    head = find_head(Parted(logits(), then).to(dtype))
    assert head is not None
    assert head.finish == finish


def masked(x: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[..., 7] = torch.finfo(x.dtype).min
    return x


@DTYPES
@pytest.mark.parametrize(
    "then",
    [
        lambda x: x * 2 + 1,
        lambda x: x.clamp(-30, 30),
        lambda x: x + torch.linspace(0, 0.01, x.shape[-1]),
        lambda x: x * torch.linspace(1, 1.01, x.shape[-2])[:, None],
        masked,
        lambda x: x[..., :-1],
        lambda x: -x,
        torch.asinh,
    ],
    ids=["offset", "clamp", "bias", "by place", "masked", "cut", "negated", "asinh"],
)
def test_what_is_not_known_is_used_whole(then: Any, dtype: torch.dtype) -> None:
    assert find_head(Parted(logits(), then).to(dtype)) is None


class Adapted(torch.nn.Linear):
    """A head with something beside its weight."""

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return super().forward(given) + 0.02 * given.sum(-1, keepdim=True)


@DTYPES
def test_a_head_that_is_more_than_its_weight_is_not_used(dtype: torch.dtype) -> None:
    model = Parted(logits())
    head = Adapted(30, 30, bias=False)
    head.weight = model.head.weight
    model.head = head
    assert find_head(model.to(dtype)) is None


@DTYPES
def test_a_trunk_that_is_changed_before_the_head_is_not_used(dtype: torch.dtype) -> None:
    model = Parted(logits()).to(dtype)
    model.head.register_forward_pre_hook(lambda _, given: (given[0] * 0.98,))
    assert find_head(model) is None


def test_the_look_leaves_the_model_as_it_was() -> None:
    model = Parted(logits())
    ids = torch.tensor([[1, 2, 3]])
    before = model(ids).logits
    find_head(model)
    assert torch.equal(model(ids).logits, before)


@DTYPES
def test_a_soft_cap_under_a_name_of_its_own(opened: Any, dtype: torch.dtype) -> None:
    """A cap of 30 moves the likeliest tokens by 3 %, which bfloat16's rounding could be."""
    from transformers import LlamaForCausalLM

    class Capped(LlamaForCausalLM):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            output = super().forward(*args, **kwargs)
            output.logits = 30.0 * torch.tanh(output.logits / 30.0)
            return output

    plain, tokenizer = opened("llama")
    model = Capped(plain.config).eval()
    model.load_state_dict(plain.state_dict())
    with torch.no_grad():
        model.lm_head.weight.mul_(8)
    scorer = Scorer(model.to(dtype), tokenizer, Recipe("context", 64, 8, "float32", "cpu"))
    ((_, score),) = scorer.score(["The cat sat on the mat."])
    ids = plain_ids(tokenizer, "The cat sat on the mat.", "context")
    exact = dtype == torch.float32
    assert scorer.trunk.head is not None
    assert scorer.trunk.head.finish.cap == 30.0
    plain_numbers = plain_score(model, ids)
    assert score.summary.nll == pytest.approx(plain_numbers.nll, rel=1e-6 if exact else 3e-3)


def test_models_that_cap_or_scale_are_taken_apart_whatever_they_call_it() -> None:
    from transformers import (
        CohereConfig,
        CohereForCausalLM,
        GraniteConfig,
        GraniteForCausalLM,
        RecurrentGemmaConfig,
        RecurrentGemmaForCausalLM,
    )

    shape = {
        "vocab_size": 50,
        "eos_token_id": 1,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 3,  # RecurrentGemma attends in every third
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "pad_token_id": None,
    }
    for model, finish in (
        (CohereForCausalLM(CohereConfig(logit_scale=0.0625, **shape)), Finish(0.0625)),
        (GraniteForCausalLM(GraniteConfig(logits_scaling=8.0, **shape)), Finish(0.125)),
        (
            RecurrentGemmaForCausalLM(RecurrentGemmaConfig(logits_soft_cap=30.0, **shape)),
            Finish(1.0, 30.0),
        ),
    ):
        head = find_head(model.eval())
        assert head is not None, type(model)
        assert head.finish == finish, type(model)


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
