"""What a model is fed: the special tokens around a text, and no id that it has no row for."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core import compute_perplexity, next_tokens, token_surprise
from eyebrow.core.errors import EyebrowError
from eyebrow.core.scoring.boundaries import begins_word, log_boundaries
from eyebrow.core.scoring.encode import encode, without_added_end
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.simple import score_text

from .plain import STORIES, assert_agrees, by_index, plain_ids, plain_score, plain_windows
from .stubs import adding, letters, spelling

LONG = " ".join(STORIES[:4]) + " " + STORIES[5]
Pair = tuple[Any, Any]


def recipe(first_token: str = "context", context: int = 64, stride: int = 0) -> Recipe:
    return Recipe(first_token, context, stride, "float32", "cpu")


@pytest.fixture(scope="module")
def lost(opened: Any) -> Pair:
    """A model that is lost without its BOS, which its tokenizer puts in front."""
    model, tokenizer = opened("llama")
    model = copy.deepcopy(model)
    with torch.no_grad():
        model.get_input_embeddings().weight[tokenizer.bos_token_id] *= 4
    return model, adding(tokenizer, "<s> $A")


# --- what begins a window ----------------------------------------------------------------------


@pytest.mark.parametrize("first_token", ["context", "scored"])
def test_bos_begins_every_window(lost: Pair, first_token: str) -> None:
    model, tokenizer = lost
    exact = copy.deepcopy(model).double()
    ids = plain_ids(tokenizer, LONG, "context")
    context, stride = 55, 10
    # the first window brings 55 tokens, each later one 55 - 1 - 10
    assert 55 + 3 * 44 < len(ids) <= 55 + 4 * 44, "five windows"
    ((_, score),) = Scorer(model, tokenizer, recipe(first_token, context, stride)).score([LONG])
    plain = plain_windows(exact, ids, context, stride, lead=1)
    assert_agrees(score, plain)
    assert score.summary.nll == pytest.approx(plain.nll, rel=1e-5)
    without = plain_windows(exact, ids, context, stride)
    assert np.abs(without.logprobs - plain.logprobs)[54:].mean() > 0.02, "BOS matters"


def test_windows_in_batches_of_many_texts(lost: Pair) -> None:
    model, tokenizer = lost
    texts = [LONG, LONG[:150], STORIES[1], LONG[40:]]
    scorer = Scorer(model, tokenizer, recipe("context", 20, 7), budget=100)
    for text, score in zip(texts, by_index(scorer.score(texts)), strict=True):
        ids = plain_ids(tokenizer, text, "context")
        assert_agrees(score, plain_windows(model, ids, 20, 7, lead=1))


def test_the_notebook_functions_do_the_same(lost: Pair) -> None:
    model, tokenizer = lost
    ids = plain_ids(tokenizer, LONG, "context")
    plain = plain_windows(model, ids, 64, 32, lead=1)
    perplexity = np.exp(plain.nll / len(plain.logprobs))
    assert compute_perplexity(model, tokenizer, LONG) == pytest.approx(perplexity, rel=1e-5)
    rows = token_surprise(model, tokenizer, LONG)
    assert [row.logprob for row in rows[1:]] == pytest.approx(plain.logprobs.tolist(), rel=1e-4)


def test_next_after_a_long_text_sees_bos(lost: Pair) -> None:
    model, tokenizer = lost
    ids = plain_ids(tokenizer, LONG, "context")
    assert len(ids) > 64
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[ids[0], *ids[-63:]]])).logits[0, -1]
    found = next_tokens(model, tokenizer, LONG, 5)
    assert [row.token_id for row in found] == logits.topk(5).indices.tolist()
    assert [row.logit for row in found] == pytest.approx(logits.topk(5).values.tolist(), rel=1e-5)


def test_boundaries_see_bos(lost: Pair) -> None:
    model, tokenizer = lost
    ids = plain_ids(tokenizer, LONG, "context")
    context, stride = 24, 10
    scorer = Scorer(model, tokenizer, recipe("context", context, stride))
    (found,) = log_boundaries(scorer, [LONG])
    words = begins_word(tokenizer, 320)
    words[tokenizer.eos_token_id] = True
    new = context - 1 - stride
    for i in range(2, len(ids)):
        start = context + (i - context) // new * new - stride
        seen = ids[:i] if i < context else [ids[0], *ids[start:i]]
        with torch.no_grad():
            p = model(input_ids=torch.tensor([seen])).logits[0, -1].double().softmax(-1)
        assert found[i] == pytest.approx(float(p[words].sum().log()), rel=1e-4, abs=1e-6)


def test_only_what_the_tokenizer_puts_in_front_itself_begins_windows(opened: Any) -> None:
    """GPT-2 was not trained to see its EOS in front of every context; "scored" puts one once."""
    model, tokenizer = opened("gpt2")
    ids = plain_ids(tokenizer, LONG, "scored")
    ((_, score),) = Scorer(model, tokenizer, recipe("scored", 32, 16)).score([LONG])
    assert_agrees(score, plain_windows(model, ids, 32, 16))


def test_a_bos_written_in_the_text_is_text(opened: Any) -> None:
    (encoding,) = encode(opened("llama")[1], ["<s>ab"], "context")
    assert encoding.lead == 0


@pytest.mark.parametrize("template", ["<s> $A", "<s> $A </s>", "</s> <s> $A"])
@pytest.mark.parametrize("text", ["The cat", ""])
def test_what_stands_in_front(opened: Any, template: str, text: str) -> None:
    tokenizer = adding(opened("llama")[1], template)
    front = template.split().index("$A")
    (own,) = encode(tokenizer, [text], "context")
    (scored,) = encode(tokenizer, [text], "scored")
    assert own.lead == front
    assert scored.lead == 1
    assert scored.ids[0] == tokenizer.bos_token_id


def test_a_stride_that_leaves_no_room_is_told(lost: Pair) -> None:
    model, tokenizer = lost
    scorer = Scorer(model, tokenizer, recipe("context", 12, 11))
    assert len(by_index(scorer.score(["A."]))) == 1, "one window needs no stride"
    with pytest.raises(EyebrowError, match="12 tokens 11 are stride and 1 what this tokenizer"):
        list(scorer.score([LONG]))


# --- what ends a text --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["The little bear", ""])
def test_next_does_not_follow_an_eos_that_the_tokenizer_adds(opened: Any, text: str) -> None:
    model, tokenizer = opened("llama")
    both = adding(tokenizer, "<s> $A </s>")
    assert both(text)["input_ids"][-1] == tokenizer.eos_token_id
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text)["input_ids"]]])
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0, -1]
    found = next_tokens(model, both, text, 5)
    assert [row.token_id for row in found] == logits.topk(5).indices.tolist()
    assert [row.logit for row in found] == pytest.approx(logits.topk(5).values.tolist(), rel=1e-5)


def test_an_eos_written_in_the_text_stays(opened: Any) -> None:
    tokenizer = adding(opened("llama")[1], "<s> $A </s>")
    (encoding,) = encode(tokenizer, ["a</s>"], "context")
    ids = without_added_end(tokenizer, encoding).ids.tolist()
    assert ids == [0, *tokenizer("a", add_special_tokens=False)["input_ids"], 1]


# --- ids beyond the embedding ------------------------------------------------------------------


def test_a_token_beyond_the_model_costs_its_own_text_alone(opened: Any) -> None:
    model, plain = opened("llama")
    tokenizer = spelling(plain, "[PAD]")
    texts = [STORIES[0], "It spells [PAD] out.", STORIES[1], "[PAD]", ""]
    found: dict[int, Any] = {}
    for finished in Scorer(model, tokenizer, recipe()).batches(texts):
        found |= dict(finished)
    assert sorted(found) == [0, 1, 2, 3, 4]
    for at in (1, 3):
        assert isinstance(found[at], EyebrowError)
        assert found[at].title == "Token beyond the model"
        assert "'[PAD]' is id 320 " in found[at].message
        assert "320 rows (ids 0 to 319)" in found[at].message
    for at in (0, 2):
        ids = plain_ids(plain, texts[at], "context")
        assert found[at].summary.nll == pytest.approx(plain_score(model, ids).nll, rel=1e-6)
    with pytest.raises(EyebrowError, match="beyond the model"):
        list(Scorer(model, tokenizer, recipe()).score(texts))


def test_no_way_feeds_a_token_beyond_the_model(opened: Any) -> None:
    model, plain = opened("llama")
    tokenizer, text = spelling(plain, "[PAD]"), "It spells [PAD] out."
    for ask in (compute_perplexity, token_surprise, next_tokens, score_text):
        with pytest.raises(EyebrowError, match="'\\[PAD\\]' is id 320 "):
            ask(model, tokenizer, text)
    with pytest.raises(EyebrowError, match="'\\[PAD\\]' is id 320 "):
        log_boundaries(Scorer(model, tokenizer, recipe()), [STORIES[0], text])


def test_a_table_without_an_embedding_has_as_many_rows_as_entries() -> None:
    from .stubs import Table

    scorer = Scorer(Table(torch.zeros(3, 3)), letters("·abc"), recipe())
    (((at, error),),) = scorer.batches(["abc"])
    assert at == 0
    assert isinstance(error, EyebrowError)
    assert "'c' is id 3 " in error.message
