"""Behind the cache of a shared prefix the numbers are those of a fresh pass."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core.engine.shelf import Shelved
from eyebrow.core.scoring import prefix as prefix_room
from eyebrow.core.scoring.prefix import Prefix
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.simple import recipe_for
from eyebrow.core.scoring.trunk import Trunk
from eyebrow.core.scoring.what_if import WhatIf

from .stubs import Table, letters

FAMILIES = pytest.mark.parametrize("name", ["llama", "gpt2", "neox", "opt", "capped", "wide"])
WORDS = ["The", "cat", "sat", "on", "the", "mat", "and", "the", "bear", "looked", "at", "moon"]


def what_if(model: Any, tokenizer: Any, **choices: Any) -> WhatIf:
    return WhatIf(Scorer(model, tokenizer, recipe_for(model, Recipe(**choices))))


def same(one: Any, other: Any) -> None:
    assert one.token_ids.tolist() == other.token_ids.tolist()
    assert one.starts.tolist() == other.starts.tolist()
    np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-4)
    np.testing.assert_allclose(one.entropies, other.entropies, atol=1e-4)
    np.testing.assert_allclose(one.top_logprobs, other.top_logprobs, atol=1e-4)
    assert one.summary.tokens == other.summary.tokens
    assert one.summary.bytes == other.summary.bytes
    assert one.summary.nll == pytest.approx(other.summary.nll, abs=1e-4 * max(1, len(one)))


def fresh(editing: WhatIf, text: str) -> Any:
    ((_, score),) = editing.scorer.score([text])
    return score


@FAMILIES
@pytest.mark.parametrize("first_token", ["context", "scored"])
def test_edits_anywhere_equal_a_fresh_scoring(opened: Any, name: str, first_token: str) -> None:
    editing = what_if(*opened(name), first_token=first_token)
    assert editing.prefix.keeps
    chance, words = random.Random(5), list(WORDS)
    for _ in range(12):
        at = chance.randrange(len(words) + 1)
        words[at : at + chance.randrange(3)] = chance.sample(WORDS, chance.randrange(3))
        text = " ".join(words)
        same(editing.score(text).score, fresh(editing, text))
    for text in ("", "a", "The", "naïve 🐻 “"):
        same(editing.score(text).score, fresh(editing, text))


def test_only_what_changed_is_fed(opened: Any) -> None:
    model, tokenizer = opened("llama")
    editing = what_if(model, tokenizer)
    text = " ".join(WORDS)
    size = len(tokenizer(text)["input_ids"])
    assert editing.score(text).fed == size - 1
    assert editing.score(text).fed == 0
    assert editing.score(text[:20]).fed == 0, "nothing new is asked for"
    assert editing.score(text + ".").fed <= size - len(tokenizer(text[:20])["input_ids"]) + 1
    assert editing.score("Mara " + text).fed > size, "from the first token on"


def test_the_end_of_a_long_story_costs_less_than_a_third(repo: Any) -> None:
    from eyebrow.core import load_model

    model, tokenizer, *_ = load_model("pocket-50k", device="cpu", dtype="float32")
    story = " ".join(WORDS * 20)
    ids = tokenizer(story)["input_ids"][:200]
    text = tokenizer.decode(ids)
    editing = what_if(model, tokenizer)
    whole = editing.score(text).fed
    assert whole >= 190
    changed = text[: int(len(text) * 0.9)] + "umbrella"
    edited = editing.score(changed)
    assert edited.fed < whole / 3
    same(edited.score, fresh(editing, changed))


def test_a_text_beyond_the_context_is_scored_whole(opened: Any) -> None:
    editing = what_if(*opened("llama"), context=24, stride=8)
    long = " ".join(WORDS * 3)
    same(editing.score(long).score, fresh(editing, long))
    same(editing.score(WORDS[0]).score, fresh(editing, WORDS[0]))
    assert editing.score(long + ".").fed > 24


def test_a_full_sliding_window_begins_anew(opened: Any) -> None:
    model, _ = opened("capped")  # its window is of 16 tokens
    prefix = Prefix(Trunk(model))
    ids = list(range(5, 45))
    prefix.logits_after(ids)
    assert prefix.fed == 40
    prefix.logits_after([*ids, 50])
    assert prefix.fed == 41, "it goes on"
    prefix.logits_after([*ids[:30], 50])
    assert prefix.fed == 41 + 31, "it cannot go back"


def test_a_model_without_a_cache_is_fed_whole() -> None:
    model, tokenizer = Table(torch.randn(7, 7)), letters("·abcdef", unk_token="·")
    editing = what_if(model, tokenizer)
    assert not editing.prefix.keeps
    for text in ("abcabc", "abcabd"):
        edited = editing.score(text)
        assert edited.fed == 5
        same(edited.score, fresh(editing, text))
    assert editing.prefix.logits_after([1, 2]).tolist() == model.logits[2].tolist()


def test_recurrent_models(opened: Any) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(1)
    config = MambaConfig(vocab_size=320, hidden_size=16, num_hidden_layers=2, state_size=4)
    model = MambaForCausalLM(config).eval()
    editing = what_if(model, opened("llama")[1])
    for text in ("The cat sat on the mat", "The cat sat on the moon", "The bear"):
        same(editing.score(text).score, fresh(editing, text))


@FAMILIES
def test_logits_after_any_sequence_of_contexts(opened: Any, name: str) -> None:
    model, _ = opened(name)
    prefix, chance = Prefix(Trunk(model)), random.Random(2)
    ids = [chance.randrange(2, 300) for _ in range(50)]
    for _ in range(10):
        chosen = ids[: chance.randrange(1, 50)] + [chance.randrange(2, 300) for _ in range(3)]
        with torch.no_grad():
            wanted = model(input_ids=torch.tensor([chosen])).logits[0, -1]
        torch.testing.assert_close(prefix.logits_after(chosen), wanted, atol=1e-4, rtol=1e-4)
    assert prefix.fed <= 10 * 53


def test_memory_that_runs_out_lets_the_cache_go(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = opened("llama")
    asked: list[bool] = []
    prefix = Prefix(Trunk(model), lambda: bool(asked.append(True)) or True)
    wanted = prefix.logits_after([5, 6, 7])
    real, calls = Trunk.go_on, []

    def go_on(self: Trunk, ids: Any, cache: Any) -> Any:
        calls.append((ids.shape[1], cache is None))
        if len(calls) in failing:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, ids, cache)

    monkeypatch.setattr(Trunk, "go_on", go_on)
    failing = {1}
    prefix.logits_after([5, 6, 7, 8])
    assert calls == [(1, False), (4, True)]
    assert asked == [True]
    failing = {3, 4}
    with pytest.raises(prefix_room.EyebrowError, match="do not fit"):
        prefix.logits_after([5, 6, 7, 9])
    torch.testing.assert_close(prefix.logits_after([5, 6, 7]), wanted)


def test_a_shelved_model_holds_one_edited_text(opened: Any) -> None:
    from types import SimpleNamespace

    model, tokenizer = opened("llama")
    loaded: Any = SimpleNamespace(model=model, tokenizer=tokenizer)
    held = Shelved(loaded, lambda: False)
    recipe = recipe_for(model)
    first = held.what_if(recipe)
    assert held.what_if(recipe) is first
    other = recipe_for(model, Recipe("scored"))
    assert held.what_if(other) is not first
    assert held.edited is held.what_if(other)
