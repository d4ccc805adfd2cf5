"""More and more context before a word, and distributions of several models side by side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core import EyebrowError
from eyebrow.core.scoring.across import first_characters, kl, next_characters
from eyebrow.core.scoring.context_curve import context_curve
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.simple import recipe_for
from eyebrow.core.scoring.units import by_word
from eyebrow.core.scoring.vocabulary import find_tokens, token_texts
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

TEXT = "Old Mara lit the lamp. The cat sat on the mat and looked at the moon."


def plain(model: Any, ids: list[int], word: list[int]) -> float:
    with torch.no_grad():
        logprobs = model(input_ids=torch.tensor([[*ids, *word]])).logits[0].log_softmax(-1)
    return -sum(float(logprobs[len(ids) + n - 1, token]) for n, token in enumerate(word))


@pytest.mark.parametrize("name", ["llama", "llama-bos", "gpt2"])
def test_each_point_is_a_pass_over_its_own_tokens(opened: Any, name: str) -> None:
    model, tokenizer = opened(name)
    word, sentence = (TEXT.index("moon"), TEXT.index("moon") + 4), TEXT.index("The cat")
    scorer = Scorer(model, tokenizer, recipe_for(model))
    points = context_curve(scorer, TEXT, word, sentence)
    encoded = tokenizer(TEXT, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    front = [0] if name == "llama-bos" else []
    inside = [i for i, (a, b) in enumerate(offsets) if a < word[1] and b > word[0]]
    own = [ids[i] for i in inside]
    before = ids[len(front) : inside[0]]
    for point in points:
        given_ids = [*front, *before[len(before) - point.tokens :]]
        assert point.nats == pytest.approx(plain(model, given_ids, own), abs=1e-4)
    assert [p.tokens for p in points if p.what == "tokens"] == [
        1 << n for n in range(20) if 1 << n <= len(before)
    ]
    by_kind = {p.what: p.tokens for p in points}
    assert by_kind["story"] == len(before)
    since = [i for i, (_, b) in enumerate(offsets) if sentence < b and i < inside[0]]
    assert by_kind["sentence"] == len(since), "the space before it is of its first token"
    score = next(scorer.score([TEXT]))[1]
    hidden = len(ids) - len(score)
    whole = -float(sum(score.logprobs[i - hidden] for i in inside))
    assert points[-1].nats == pytest.approx(whole, abs=1e-4)


def test_the_whole_is_what_the_model_sees_at_once(opened: Any) -> None:
    model, tokenizer = opened("llama")
    scorer = Scorer(model, tokenizer, recipe_for(model, Recipe(context=16)))
    text = TEXT * 3
    points = context_curve(scorer, text, (len(text) - 5, len(text) - 1), 0)
    assert max(point.tokens for point in points) <= 15


def test_a_start_symbol_is_given_with_the_whole_text_alone(opened: Any) -> None:
    """Behind a sentence's beginning nothing stands, and of nothing a model says nothing."""
    model, tokenizer = opened("llama")
    scorer = Scorer(model, tokenizer, recipe_for(model, Recipe("scored")))
    at = TEXT.index("The cat")
    points = context_curve(scorer, TEXT, (at, at + 3), at)
    assert all(point.tokens for point in points)
    assert points[-1].what == "story"


def test_later_pieces_of_a_words_last_character_are_of_the_word(opened: Any) -> None:
    model, tokenizer = opened("llama")
    text = "Old Mara saw 語 and 🙂 there."
    scorer = Scorer(model, tokenizer, recipe_for(model))
    score = next(scorer.score([text]))[1]
    for word in by_word(text, score)[1:]:
        points = context_curve(scorer, text, (word.start, word.end), 0)
        assert points[-1].nats == pytest.approx(word.surprise, abs=1e-4)


@pytest.mark.parametrize("first_token", ["context", "scored"])
@pytest.mark.parametrize("name", ["llama", "llama-bos"])
def test_a_word_that_leaves_no_room(opened: Any, name: str, first_token: Any) -> None:
    model, tokenizer = opened(name)
    recipe = recipe_for(model, Recipe(first_token, context=8, stride=2))
    text = "The " + "🙂" * 12
    with pytest.raises(EyebrowError, match="sees 8 at once"):
        context_curve(Scorer(model, tokenizer, recipe), text, (4, len(text)), 0)


def test_words_without_context(opened: Any) -> None:
    model, tokenizer = opened("llama")
    scorer = Scorer(model, tokenizer, recipe_for(model))
    with pytest.raises(EyebrowError, match="nothing stands before"):
        context_curve(scorer, TEXT, (0, 3), 0)
    with pytest.raises(EyebrowError, match="no token"):
        context_curve(scorer, TEXT, (400, 403), 0)
    put = Scorer(model, tokenizer, recipe_for(model, Recipe("scored")))
    (point, *_) = context_curve(put, TEXT, (0, 3), 0)
    assert point.tokens == 0
    assert math.isfinite(point.nats)


@given(
    arrays(np.float64, 6, elements=st.floats(0.01, 1)),
    arrays(np.float64, 6, elements=st.floats(0.01, 1)),
)
def test_kl_is_zero_between_equals_and_never_negative(p: Any, q: Any) -> None:
    p, q = p / p.sum(), q / q.sum()
    assert kl(p, p) == 0
    assert kl(p, q) == pytest.approx(float((p * np.log(p / q)).sum()), abs=1e-12)


def test_kl_where_something_is_ruled_out() -> None:
    half = np.array([0.5, 0.5])
    alone = np.array([1.0, 0.0])
    assert kl(alone, half) == pytest.approx(math.log(2))
    assert kl(half, alone) == math.inf


def test_next_characters(opened: Any) -> None:
    texts = ["<s>", " the", " a", "t", "‹F0 9F›", "‹F0›", "", "<s>x"]
    kinds, characters = first_characters(texts, {"<s>"})
    shares = np.array([0.1, 0.2, 0.1, 0.3, 0.1, 0.1, 0.05, 0.05])
    found = dict(next_characters(shares, kinds, characters, 99))
    wanted = {" ": 0.3, "t": 0.3, "‹F0›": 0.2, "<s>": 0.1, "": 0.05, "<": 0.05}
    assert found == pytest.approx(wanted)
    assert [text for text, _ in next_characters(shares, kinds, characters, 2)] == [" ", "t"]
    real = token_texts(opened("llama")[1], 320)
    kinds, characters = first_characters(real, {"<s>", "</s>"})
    even = np.full(320, 1 / 320)
    assert sum(p for _, p in next_characters(even, kinds, characters, 999)) == pytest.approx(1)


def test_tokens_by_what_is_typed() -> None:
    texts = ["The", " the", "the", " then", "other", "THE", " theatre"]
    assert [texts[i] for i in find_tokens(texts, "the")] == [
        "the",
        " the",
        "The",
        "THE",
        " then",
        " theatre",
    ]
    assert [texts[i] for i in find_tokens(texts, " the", most=2)] == [" the", " then"]
    assert find_tokens(texts, "") == find_tokens(texts, "zebra") == []
