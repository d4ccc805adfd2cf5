"""What texts begin with together is fed once, and changes no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core import load_model
from eyebrow.core.scoring.encode import encode
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.simple import recipe_for
from eyebrow.core.stories import bundled_stories
from eyebrow.core.stories.pairs import find_pairs

from .plain import by_index
from .stubs import Table, letters

BEGUN = "The cat sat on the mat and the bear looked at the moon. Then"
OTHER = "Once upon a time a small dog found a red ball. It"
TEXTS = [
    BEGUN + " it fell asleep.",
    OTHER + " rolled away, and away.",
    "Short.",
    BEGUN + " the moon looked back and laughed.",
    BEGUN,
    OTHER + " barked.",
    OTHER + " rolled away, and away!",
    "",
]


def scorer_of(model: Any, tokenizer: Any, budget: int = 0, **choices: Any) -> Scorer:
    return Scorer(model, tokenizer, recipe_for(model, Recipe(**choices)), budget)


def fresh(model: Any, tokenizer: Any, texts: list[str], **choices: Any) -> tuple[list[Any], int]:
    """Each text by itself, and the tokens that were fed for all of them."""
    scorer = scorer_of(model, tokenizer, **choices)
    return [next(scorer.score([text]))[1] for text in texts], scorer.fed


def assert_same(one: Any, other: Any) -> None:
    assert one.token_ids.tolist() == other.token_ids.tolist()
    for name in ("logprobs", "entropies", "top_logprobs"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-4)
    assert one.summary.tokens == other.summary.tokens
    assert one.summary.nll == pytest.approx(other.summary.nll, abs=1e-3)


@pytest.mark.parametrize("name", ["llama", "gpt2", "neox", "opt", "capped", "wide"])
@pytest.mark.parametrize("first_token", ["context", "scored"])
@pytest.mark.parametrize("budget", [0, 100])
def test_numbers_are_those_of_texts_by_themselves(
    opened: Any, name: str, first_token: str, budget: int
) -> None:
    alone, apart = fresh(*opened(name), TEXTS, first_token=first_token)
    scorer = scorer_of(*opened(name), budget, first_token=first_token)
    for one, other in zip(by_index(scorer.score(TEXTS)), alone, strict=True):
        assert_same(one, other)
    if name == "capped":  # its window slides, and would count what is another text's
        assert scorer.fed == apart
    else:
        assert scorer.fed < 0.7 * apart


def test_tokens_fed(opened: Any) -> None:
    """The beginning once, then what each text goes on with but for its last token."""
    model, tokenizer = opened("llama")
    texts = [TEXTS[0], TEXTS[3]]
    one, other = (encoding.ids.tolist() for encoding in encode(tokenizer, texts, "context"))
    same = next(n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    scorer = scorer_of(model, tokenizer)
    list(scorer.score(texts))
    assert scorer.fed == same + (len(one) - same - 1) + (len(other) - same - 1)
    assert fresh(model, tokenizer, texts)[1] == len(one) - 1 + len(other) - 1


def test_the_bundled_pairs_cost_little_more_than_half() -> None:
    model, tokenizer, *_ = load_model("pocket-50k", device="cpu", dtype="float32")
    texts = [story.text for pair in find_pairs(bundled_stories())[0] for story in pair.stories]
    alone, apart = fresh(model, tokenizer, texts)
    scorer = scorer_of(model, tokenizer)
    for one, other in zip(by_index(scorer.score(texts)), alone, strict=True):
        assert_same(one, other)
    assert scorer.fed < 0.65 * apart


def test_of_many_that_begin_alike_each_is_scored(opened: Any) -> None:
    model, tokenizer = opened("gpt2")
    texts = [f"{BEGUN} {n} {'and ' * n}so." for n in range(9)]
    alone, apart = fresh(model, tokenizer, texts)
    scorer = scorer_of(model, tokenizer)
    for one, other in zip(by_index(scorer.score(texts)), alone, strict=True):
        assert_same(one, other)
    assert scorer.fed < apart


def test_texts_beyond_the_context_are_fed_whole(opened: Any) -> None:
    model, tokenizer = opened("llama")
    alone, apart = fresh(model, tokenizer, TEXTS, context=24, stride=8)
    scorer = scorer_of(model, tokenizer, context=24, stride=8)
    for one, other in zip(by_index(scorer.score(TEXTS)), alone, strict=True):
        assert_same(one, other)
    assert scorer.fed == apart


def test_a_model_without_a_cache_is_fed_whole() -> None:
    model, tokenizer = Table(torch.randn(7, 7)), letters("·abcdef", unk_token="·")
    texts = ["abcdefabcdefabcdefabcdef" + end for end in ("abc", "fed")]
    alone, apart = fresh(model, tokenizer, texts)
    scorer = scorer_of(model, tokenizer)
    for one, other in zip(by_index(scorer.score(texts)), alone, strict=True):
        assert_same(one, other)
    assert scorer.fed == apart
