"""The three questions of a notebook, asked of raw transformers models."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core import EyebrowError, compute_perplexity, next_tokens, token_surprise
from eyebrow.core.scoring import simple as simple_room
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.simple import score_text

from .plain import plain_ids, plain_score, plain_windows
from .stubs import Table, letters

TEXT = "Old Mara lit the lamp — naïve 🐻."
FAMILIES = pytest.mark.parametrize("name", ["llama", "gpt2", "neox", "opt", "capped", "wide"])


@FAMILIES
def test_perplexity_is_exp_of_the_mean_loss(opened: Any, name: str) -> None:
    model, tokenizer = opened(name)
    ids = torch.tensor([tokenizer(TEXT)["input_ids"]])
    with torch.no_grad():
        loss = model(input_ids=ids, labels=ids).loss
    value = compute_perplexity(model, tokenizer, TEXT)
    assert isinstance(value, float)
    assert value == pytest.approx(math.exp(loss), rel=1e-5)


def test_texts_beyond_the_context_go_through_windows(opened: Any) -> None:
    model, tokenizer = opened("gpt2")
    text = TEXT * 5
    ids = plain_ids(tokenizer, text, "context")
    assert len(ids) > 64
    plain = plain_windows(model, ids, 64, 32)
    wanted = math.exp(plain.nll / len(plain.logprobs))
    assert compute_perplexity(model, tokenizer, text) == pytest.approx(wanted, rel=1e-5)


def passes(model: Any, run: Any) -> int:
    """How often `model` looks up its embedding in `run`."""
    count = 0

    def one_more(*_: Any) -> None:
        nonlocal count
        count += 1

    hook = model.get_input_embeddings().register_forward_hook(one_more)
    try:
        run()
    finally:
        hook.remove()
    return count


@FAMILIES
def test_perplexity_takes_one_pass_and_is_that_of_the_score(opened: Any, name: str) -> None:
    model, tokenizer = opened(name)
    found: list[float] = []
    run = lambda: found.append(compute_perplexity(model, tokenizer, TEXT))  # noqa: E731
    assert passes(model, run) == 1
    scored = score_text(model, tokenizer, TEXT).summary.perplexity
    assert found == [pytest.approx(scored, rel=1e-6)]


def test_perplexity_reads_no_vocabulary(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError

    for name in ("token_texts", "Scorer"):
        monkeypatch.setattr(simple_room, name, never)
    assert compute_perplexity(*opened("llama"), TEXT) > 1


def test_logits_too_many_to_be_had_at_once(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head is applied in chunks then; the number is the same."""
    model, tokenizer = opened("wide")
    whole = compute_perplexity(model, tokenizer, TEXT)
    monkeypatch.setattr(simple_room, "WHOLE", 1000)
    head = model.lm_head
    largest = 0

    def look(_: Any, given: Any, made: torch.Tensor) -> None:
        nonlocal largest
        largest = max(largest, made.shape[-2])

    hook = head.register_forward_hook(look)
    assert compute_perplexity(model, tokenizer, TEXT) == pytest.approx(whole, rel=1e-6)
    hook.remove()
    assert 0 < largest <= 8, "the look at the model's parts alone makes whole logits"


def test_nothing_to_score_is_nan(opened: Any) -> None:
    assert math.isnan(compute_perplexity(*opened("llama"), ""))
    assert math.isnan(compute_perplexity(*opened("llama"), "a"))


def test_a_model_in_training_is_scored_without_dropout_and_goes_on_training(opened: Any) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=310, n_embd=16, n_layer=1, n_head=2, resid_pdrop=0.5)
    model, tokenizer = GPT2LMHeadModel(config).train(), opened("gpt2")[1]
    assert compute_perplexity(model, tokenizer, TEXT) == compute_perplexity(model, tokenizer, TEXT)
    token_surprise(model, tokenizer, TEXT)
    next_tokens(model, tokenizer, TEXT)
    assert model.training
    assert model.transformer.h[0].training
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_any_precision_of_a_model_in_memory(tiny: Any, opened: Any, dtype: torch.dtype) -> None:
    from transformers import AutoModelForCausalLM

    model, tokenizer = opened("gpt2")
    other = AutoModelForCausalLM.from_pretrained(tiny("gpt2"), dtype=dtype).eval()
    wanted = compute_perplexity(model, tokenizer, TEXT)
    tolerance = 1e-5 if dtype == torch.float64 else 0.05
    assert compute_perplexity(other, tokenizer, TEXT) == pytest.approx(wanted, rel=tolerance)


@FAMILIES
def test_token_rows(opened: Any, name: str) -> None:
    model, tokenizer = opened(name)
    rows = token_surprise(model, tokenizer, TEXT)
    ids = plain_ids(tokenizer, TEXT, "context")
    plain = plain_score(model, ids)
    assert [row.token_id for row in rows] == ids
    assert [row.index for row in rows] == list(range(len(ids)))
    assert "".join(TEXT[row.start : row.end] for row in rows) == TEXT
    first = rows[0]
    assert (first.logprob, first.probability, first.surprise) == (None, None, None)
    assert (first.rank, first.entropy, first.top) == (None, None, ())
    for row, logprob, entropy in zip(rows[1:], plain.logprobs, plain.entropies, strict=True):
        assert row.logprob == pytest.approx(logprob, rel=1e-5, abs=1e-6)
        assert row.surprise == -row.logprob
        assert row.probability == pytest.approx(math.exp(logprob), rel=1e-4)
        assert row.entropy == pytest.approx(entropy, rel=1e-5, abs=1e-6)
        shares = [top.probability for top in row.top]
        assert len(shares) == 10
        assert shares == sorted(shares, reverse=True)
        if row.rank <= 10:
            assert row.top[row.rank - 1].probability == pytest.approx(row.probability, rel=1e-4)


def test_token_rows_with_the_first_token_scored(opened: Any) -> None:
    model, tokenizer = opened("llama")
    recipe = Recipe("scored", 64, 32, "float32", "cpu")
    rows = token_surprise(model, tokenizer, TEXT, recipe)
    plain = plain_score(model, plain_ids(tokenizer, TEXT, "scored"))
    assert [row.logprob for row in rows] == pytest.approx(plain.logprobs.tolist(), rel=1e-5)
    assert rows[0].start == 0


@FAMILIES
def test_next_tokens(opened: Any, name: str) -> None:
    model, tokenizer = opened(name)
    with torch.no_grad():
        ids = torch.tensor([tokenizer(TEXT)["input_ids"]])
        logits = model(input_ids=ids).logits[0, -1].double()
    found = next_tokens(model, tokenizer, TEXT, k=10)
    best = logits.topk(10)
    assert [t.token_id for t in found] == best.indices.tolist()
    assert [t.logit for t in found] == pytest.approx(best.values.tolist(), rel=1e-5)
    shares = logits.softmax(-1)[best.indices]
    assert [t.probability for t in found] == pytest.approx(shares.tolist(), rel=1e-5)


def test_all_next_tokens_add_up_to_one(opened: Any) -> None:
    found = next_tokens(*opened("llama"), "The", k=10_000)
    assert len(found) == 320
    assert sum(t.probability for t in found) == pytest.approx(1, rel=1e-5)


def test_next_after_nothing_starts_from_bos(opened: Any) -> None:
    model, tokenizer = opened("llama")
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[tokenizer.bos_token_id]])).logits[0, -1]
    assert next_tokens(model, tokenizer, "", 1)[0].token_id == int(logits.argmax())
    with pytest.raises(EyebrowError, match="No start symbol"):
        next_tokens(Table(torch.zeros(3, 3)), letters("ab·"), "")


def test_next_after_a_text_longer_than_the_context(opened: Any) -> None:
    model, tokenizer = opened("gpt2")
    ids = torch.tensor([plain_ids(tokenizer, TEXT * 5, "context")[-64:]])
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0, -1]
    found = next_tokens(model, tokenizer, TEXT * 5, 3)
    assert np.allclose([t.logit for t in found], logits.topk(3).values, rtol=1e-5)


def test_ties_are_told() -> None:
    """Of four letters after a: b and c as likely, then d; after b all differ."""
    table = torch.full((6, 6), -9.0)
    table[2, 2:6] = torch.tensor([0.0, 3.0, 3.0, 1.0])
    table[3, 2:6] = torch.tensor([0.0, 1.0, 2.0, 3.0])
    tokenizer = letters("·~abcd")
    rows = token_surprise(Table(table), tokenizer, "abcd")
    assert [row.tied for row in rows[:3]] == [None, True, False]
    assert rows[1].rank == 1
    assert [entry.tied for entry in rows[1].top[:4]] == [True, True, False, False]
    assert [entry.tied for entry in rows[2].top[:4]] == [False] * 4
    found = next_tokens(Table(table), tokenizer, "a", 4)
    assert [entry.tied for entry in found] == [True, True, False, False]


def test_half_precision_on_the_cpu_ties(
    tiny: Any, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the logits stay rounded, as on a CPU with instructions for bfloat16."""
    from eyebrow.core.scoring import head
    from transformers import AutoModelForCausalLM

    monkeypatch.setattr(head, "products_are_slow", lambda _: False)
    model, tokenizer = opened("llama")
    half = AutoModelForCausalLM.from_pretrained(tiny("llama"), dtype=torch.bfloat16).eval()
    tied = []
    for each in (half, model):
        score = score_text(each, tokenizer, TEXT)
        equal = (score.top_logprobs == score.logprobs[:, None]).sum(1)
        known = score.ranks[1:] <= 10
        assert (score.tied[1:][known] == (equal[1:][known] > 1)).all()
        shared = sum(
            any(top.tied for top in row.top) for row in token_surprise(each, tokenizer, TEXT)
        )
        tied.append(shared)
    assert tied[0] > 5
    assert tied[1] == 0


def test_a_recipe_for_another_dtype_or_device_is_refused(opened: Any) -> None:
    model, tokenizer = opened("llama")
    for recipe, said in (
        (Recipe(dtype="bfloat16"), "its dtype is bfloat16, the model's is float32"),
        (Recipe(device="cuda"), "its device is cuda, the model's is cpu"),
    ):
        with pytest.raises(EyebrowError, match=f"Bad recipe: {said}"):
            token_surprise(model, tokenizer, TEXT, recipe)
    same = Recipe(dtype="float32", device="cpu")
    assert token_surprise(model, tokenizer, TEXT, same) == token_surprise(model, tokenizer, TEXT)


def test_what_follows_under_weights_that_are_no_numbers(opened: Any) -> None:
    model, tokenizer = opened("llama")
    broken = copy.deepcopy(model)
    next(broken.parameters()).data[3] = math.nan
    with pytest.raises(EyebrowError, match=r"Not a number: its weight .* holds NaN"):
        next_tokens(broken, tokenizer, tokenizer.decode([3, 4, 3]))
