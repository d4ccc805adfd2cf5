"""Corpus recipes against the plain way to do each: one window at a time, float64, no batches."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models.ngrams.characters import character_tokenizer
from eyebrow.core.models.ngrams.count import count_ngrams
from eyebrow.core.scoring import passes
from eyebrow.core.scoring.corpus import CorpusResult, measure_corpus, read_corpus
from eyebrow.core.scoring.corpus_recipes import (
    CORPUS_RECIPES,
    gptq_windows,
    rolling_windows,
    second_half_windows,
    strided_windows,
)
from eyebrow.core.scoring.trunk import Trunk
from hypothesis import given
from hypothesis import strategies as st

from .stubs import adding, spelling

TEXT = (
    "The cat sat on the mat and looked at the moon — naïve, but 🐻 true.\n\n"
    "Every evening old Mara climbed the stairs and lit the lamp. “Where is it?” asked the bear.\n"
) * 8

# What lm-eval 0.4.13 gave for the first 20,000 characters of wiki.test.raw under stories260K
# (HFLM(pretrained=..., dtype="float32", device="cpu").loglikelihood_rolling), and with
# add_bos_token=False, which was the default before 0.4.9.2.
LM_EVAL = (-60745.78500366211, 5499287.10732657, 20.6788337177822, 4.370082915113717)
LM_EVAL_BARE = (-60708.427337646484, 5447048.165986388, 20.640347935846616, 4.367395385468762)

Pair = tuple[Any, Any]


@pytest.fixture(scope="module")
def wiki(shared: Path) -> str:
    with (shared / "data" / "wiki.test.raw").open(encoding="utf-8", newline="") as file:
        return file.read(20_000)


@pytest.fixture(scope="module")
def stories260k(shared: Path) -> Pair:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = shared / "models" / "stories260K"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def llama(opened: Callable[[str], Pair]) -> Pair:
    """A tiny random model whose tokenizer puts a BOS in front."""
    model, tokenizer = opened("llama")
    return model, adding(tokenizer, "<s> $A")


# --- the plain way ---------------------------------------------------------------------------


def plain_surprises(model: Any, fed: list[int], targets: list[int]) -> np.ndarray:
    """-ln p of `targets`, the last of which follows the last of `fed`."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([fed])).logits[0].double()
    logprobs = logits[len(fed) - len(targets) :].log_softmax(-1)
    return -logprobs.gather(1, torch.tensor(targets)[:, None])[:, 0].numpy()


def plain_gptq(model: Any, tokenizer: Any, text: str, seqlen: int) -> float:
    ids = tokenizer(text)["input_ids"]
    samples = len(ids) // seqlen
    nlls = []
    for i in range(samples):
        window = ids[i * seqlen : (i + 1) * seqlen]
        loss = plain_surprises(model, window[:-1], window[1:]).mean()
        nlls.append(loss * seqlen)
    return math.exp(sum(nlls) / (samples * seqlen))


def plain_strided(model: Any, tokenizer: Any, text: str, length: int, stride: int) -> float:
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    size, done, total, count = ids.shape[1], 0, 0.0, 0
    for begin in range(0, size, stride):
        end = min(begin + length, size)
        fed = ids[:, begin:end]
        labels = fed.clone()
        labels[:, : -(end - done)] = -100
        scored = int((labels[:, 1:] != -100).sum())  # what the loss is the mean of
        if scored:
            with torch.no_grad():
                total += float(model(fed, labels=labels).loss) * scored
            count += scored
        done = end
        if end == size:
            break
    return math.exp(total / count)


def plain_rolling(
    model: Any, tokenizer: Any, text: str, length: int
) -> tuple[float, float, float, float]:
    ids, total, at = tokenizer(text)["input_ids"], 0.0, 0
    while at < len(ids):
        targets = ids[at : at + length]
        before = [tokenizer.bos_token_id, *ids[:at]][-1 - (length - len(targets)) :]
        total += plain_surprises(model, [*before, *targets[:-1]], targets).sum()
        at += length
    words, size = len(re.split(r"\s+", text)), len(text.encode())
    return -total, math.exp(total / words), math.exp(total / size), total / size / math.log(2)


def plain_second_half(model: Any, tokenizer: Any, text: str, n_ctx: int) -> tuple[float, float]:
    ids = tokenizer(text)["input_ids"]
    adds_bos = ids[0] == tokenizer.bos_token_id
    nll = nll2 = 0.0
    count = 0
    for start in range(0, len(ids) // n_ctx * n_ctx, n_ctx):
        window = ids[start : start + n_ctx]
        if adds_bos:
            window = [tokenizer.bos_token_id, *window[1:]]
        first = n_ctx // 2
        for value in plain_surprises(model, window[:-1], window[1:])[first:]:
            nll, nll2, count = nll + value, nll2 + value * value, count + 1
    mean, mean2 = nll / count, nll2 / count
    return math.exp(mean), math.sqrt((mean2 - mean * mean) / (count - 1)) * math.exp(mean)


def corpus_perplexity(
    model: Any, tokenizer: Any, text: str, recipe: str, *, limit: int | None = None, **options: Any
) -> CorpusResult:
    """Of a text by a recipe, under any causal LM in the manner of transformers."""
    read = read_corpus(tokenizer, text, limit=limit)
    return measure_corpus(Trunk(model), read, recipe, **options)


def check_all(pair: Pair, text: str, context: int, stride: int, tolerance: float) -> None:
    """Every recipe equals its plain way to `tolerance`, relative."""
    model, tokenizer = pair
    exact = copy.deepcopy(model).double()

    def ours(recipe: str) -> CorpusResult:
        step = stride if recipe == "strided" else None
        return corpus_perplexity(model, tokenizer, text, recipe, context=context, stride=step)

    def near(value: float) -> Any:
        return pytest.approx(value, rel=tolerance)

    assert ours("gptq").perplexity == near(plain_gptq(exact, tokenizer, text, context))
    wanted = plain_strided(exact, tokenizer, text, context, stride)
    assert ours("strided").perplexity == near(wanted)
    rolling = ours("rolling")
    total, by_word, by_byte, bits = plain_rolling(exact, tokenizer, text, context)
    assert rolling.nll == near(-total)
    assert rolling.word_perplexity == near(by_word)
    assert rolling.byte_perplexity == near(by_byte)
    assert rolling.bits_per_byte == near(bits)
    half = ours("second-half")
    centre, spread = plain_second_half(exact, tokenizer, text, context)
    assert half.perplexity == near(centre)
    assert half.uncertainty == near(spread)


# --- equal to the plain way ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["llama", "gpt2", "neox"])
@pytest.mark.parametrize(("context", "stride"), [(64, 32), (64, 64), (33, 10), (16, 15)])
def test_every_recipe_on_a_tiny_model(
    name: str, context: int, stride: int, opened: Callable[[str], Pair]
) -> None:
    check_all(opened(name), TEXT, context, stride, 1e-5)


def test_every_recipe_with_a_tokenizer_that_puts_bos(llama: Pair) -> None:
    assert llama[1]("a")["input_ids"][0] == llama[1].bos_token_id
    check_all(llama, TEXT, 48, 20, 1e-5)


@pytest.mark.slow
def test_every_recipe_on_wikitext(stories260k: Pair, wiki: str) -> None:
    check_all(stories260k, wiki, 512, 256, 1e-5)


def test_the_guide_itself_is_a_hairs_breadth_away(stories260k: Pair, wiki: str) -> None:
    """The guide's code counts one target too few in each later window."""
    model, tokenizer = stories260k
    ids = torch.tensor([tokenizer(wiki)["input_ids"]])
    total, count, done = 0.0, 0, 0
    for begin in range(0, ids.shape[1], 256):
        end = min(begin + 512, ids.shape[1])
        labels = ids[:, begin:end].clone()
        labels[:, : -(end - done)] = -100
        weight = int((labels != -100).sum()) - 1
        with torch.no_grad():
            total += float(model(ids[:, begin:end], labels=labels).loss) * weight
        count, done = count + weight, end
        if end == ids.shape[1]:
            break
    ours = corpus_perplexity(model, tokenizer, wiki, "strided", context=512, stride=256)
    assert ours.perplexity == pytest.approx(math.exp(total / count), rel=1e-4)
    assert ours.tokens > count


@pytest.mark.parametrize("special_tokens", [True, False])
def test_rolling_gives_what_lm_eval_gave(
    special_tokens: bool, stories260k: Pair, wiki: str
) -> None:
    model, tokenizer = stories260k
    text = read_corpus(tokenizer, wiki, special_tokens=special_tokens)
    found = measure_corpus(Trunk(model), text, "rolling")
    wanted = LM_EVAL if special_tokens else LM_EVAL_BARE
    got = (-found.nll, found.word_perplexity, found.byte_perplexity, found.bits_per_byte)
    assert got == pytest.approx(wanted, rel=2e-6)


def test_rolling_equals_lm_eval_itself(shared: Path, stories260k: Pair, wiki: str) -> None:
    pytest.importorskip("lm_eval")
    from lm_eval.api.instance import Instance
    from lm_eval.api.metrics import bits_per_byte, weighted_perplexity
    from lm_eval.models.huggingface import HFLM

    folder = str(shared / "models" / "stories260K")
    harness = HFLM(pretrained=folder, device="cpu", dtype="float32", batch_size=4)
    request = Instance("loglikelihood_rolling", {}, (wiki,), 0)
    (total,) = harness.loglikelihood_rolling([request], disable_tqdm=True)
    words, size = len(re.split(r"\s+", wiki)), len(wiki.encode())
    found = corpus_perplexity(*stories260k, wiki, "rolling")
    assert found.nll == pytest.approx(-total, rel=1e-5)
    assert found.word_perplexity == pytest.approx(weighted_perplexity([(total, words)]), rel=1e-4)
    assert found.byte_perplexity == pytest.approx(weighted_perplexity([(total, size)]), rel=1e-4)
    assert found.bits_per_byte == pytest.approx(bits_per_byte([(total, size)]), rel=1e-4)


# --- windows ---------------------------------------------------------------------------------

LENGTHS = st.integers(0, 200)
CONTEXTS = st.integers(1, 50)


@given(LENGTHS, CONTEXTS, st.data())
def test_strided_scores_every_token_but_the_first_once(
    length: int, context: int, data: st.DataObject
) -> None:
    step = data.draw(st.integers(1, context))
    made = list(strided_windows(length, context, step))
    scored = [i for window in made for i in range(window.first, window.stop)]
    starts = set(range(0, length, step)) if step == context else {0}
    assert scored == [i for i in range(length) if i not in starts]
    for window in made:
        assert window.stop - window.start <= context
        assert window.start < window.first
        assert window.start == 0 or window.first - window.start == max(1, context - step)


@given(LENGTHS, CONTEXTS)
def test_rolling_scores_every_token_behind_the_prefix_once(length: int, context: int) -> None:
    made = list(rolling_windows(length, context))
    scored = [i for window in made for i in range(window.first, window.stop)]
    assert scored == list(range(1, length))
    for window in made[:-1]:
        assert (window.first - window.start, window.fed) == (1, context)
    if made:  # the last one is filled up from the left
        assert made[-1].fed == min(context, length - 1)


@given(LENGTHS, st.integers(3, 50))
def test_disjoint_windows_are_whole(length: int, context: int) -> None:
    whole, half = list(gptq_windows(length, context)), list(second_half_windows(length, context))
    assert len(whole) == len(half) == length // context
    for n, (one, other) in enumerate(zip(whole, half, strict=True)):
        assert (
            (one.start, one.stop) == (other.start, other.stop) == (n * context, (n + 1) * context)
        )
        assert one.first == one.start + 1
        assert other.stop - other.first == context - 1 - context // 2


# --- what else a result says -----------------------------------------------------------------


def test_counts_and_bytes_are_of_what_was_scored(llama: Pair) -> None:
    model, tokenizer = llama
    text = read_corpus(tokenizer, TEXT)
    total = len(text.ids)
    assert text.sizes.sum() == len(TEXT.encode())
    assert text.bos == tokenizer.bos_token_id
    results = {name: measure_corpus(Trunk(model), text, name) for name in CORPUS_RECIPES}
    for result in results.values():
        assert result.tokens + result.skipped == total
        assert result.context == 64  # as many as the model sees
        assert result.perplexity == pytest.approx(math.exp(result.nll / result.tokens))
        bits = result.nll / math.log(2) / result.bytes
        assert result.bits_per_byte == pytest.approx(bits)
    assert results["rolling"].skipped == 0
    assert results["strided"].skipped == 1
    assert results["gptq"].tokens == total // 64 * 63
    assert results["second-half"].tokens == total // 64 * 31
    assert results["rolling"].bytes == results["strided"].bytes == len(TEXT.encode())
    assert results["second-half"].bytes < results["gptq"].bytes < len(TEXT.encode())
    assert results["strided"].stride == 32


def test_a_text_of_one_window_is_the_same_by_all_that_score_it_whole(llama: Pair) -> None:
    text = read_corpus(llama[1], TEXT, limit=40)
    gptq, strided = (
        measure_corpus(Trunk(llama[0]), text, name, context=40) for name in ("gptq", "strided")
    )
    assert gptq.nll == pytest.approx(strided.nll)
    assert gptq.tokens == strided.tokens == 39


@pytest.mark.parametrize("limit", [1, 30, 100, 10**9])
def test_limit_cuts_the_text_with_its_tokens(limit: int, llama: Pair) -> None:
    text = read_corpus(llama[1], TEXT, limit=limit)
    whole = read_corpus(llama[1], TEXT)
    assert len(text.ids) == min(limit, len(whole.ids))
    assert text.ids.tolist() == whole.ids[:limit].tolist()
    assert TEXT.startswith(text.text)
    assert text.sizes.sum() == len(text.text.encode())


def test_without_the_tokenizers_own_symbols(llama: Pair) -> None:
    text = read_corpus(llama[1], TEXT, special_tokens=False)
    assert text.ids.tolist() == llama[1](TEXT, add_special_tokens=False)["input_ids"]
    assert text.bos is None
    assert read_corpus(llama[1], "", special_tokens=False).ids.tolist() == []


def test_bos_replaces_the_first_of_a_window_only_where_the_tokenizer_puts_one(
    llama: Pair, opened: Callable[[str], Pair]
) -> None:
    fed: list[torch.Tensor] = []

    class Listening(Trunk):
        def measure(self, ids: torch.Tensor, *rest: torch.Tensor) -> Any:
            fed.append(ids.clone())
            return super().measure(ids, *rest)

    for tokenizer, bos in ((llama[1], True), (opened("llama")[1], False)):
        fed.clear()
        text = read_corpus(tokenizer, TEXT)
        measure_corpus(Listening(llama[0]), text, "second-half", context=16)
        rows = torch.cat(fed)
        first = text.ids[: len(rows) * 16 : 16]
        assert rows[:, 0].tolist() == ([0] * len(rows) if bos else first.tolist())
        assert rows[:, 1].tolist() == text.ids[1 : len(rows) * 16 : 16].tolist()


@pytest.mark.parametrize("budget", [1, 100, 100_000])
def test_batches_change_nothing(budget: int, llama: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    text = read_corpus(llama[1], TEXT)
    for name in CORPUS_RECIPES:
        monkeypatch.setattr(passes, "default_budget", lambda _: 20)
        one = measure_corpus(Trunk(llama[0]), text, name, context=20)
        monkeypatch.setattr(passes, "default_budget", lambda _: budget)
        told: list[tuple[int, int, int]] = []
        other = measure_corpus(
            Trunk(llama[0]),
            text,
            name,
            context=20,
            progress=lambda *report: told.append(report),  # noqa: B023
        )
        assert other.nll == pytest.approx(one.nll, rel=1e-6)
        assert (other.windows, other.tokens, other.bytes) == (one.windows, one.tokens, one.bytes)
        assert told[-1] == (other.windows, other.windows, other.tokens)
        assert told == sorted(told)


class Cramped(Trunk):
    """Memory for so many tokens at a time."""

    room = 0

    def measure(self, ids: torch.Tensor, *rest: torch.Tensor) -> Any:
        if ids.numel() > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().measure(ids, *rest)


def test_little_memory_makes_smaller_batches(llama: Pair) -> None:
    text = read_corpus(llama[1], TEXT)
    trunk = Cramped(llama[0])
    trunk.room = 100
    found = measure_corpus(trunk, text, "gptq", context=32)
    assert found.nll == pytest.approx(measure_corpus(Trunk(llama[0]), text, "gptq", context=32).nll)
    trunk.room = 10
    with pytest.raises(EyebrowError) as caught:
        measure_corpus(trunk, text, "gptq", context=32)
    assert caught.value.title == "Out of memory"


def test_an_impossible_token_makes_it_infinite() -> None:
    model, alphabet = count_ngrams(["abab", "ba"], 2)
    tokenizer = character_tokenizer(alphabet)
    for name in CORPUS_RECIPES:
        found = corpus_perplexity(model, tokenizer, "aabb" * 10, name, context=8)
        assert found.nll == found.perplexity == found.bits_per_byte == math.inf
    assert math.isnan(
        corpus_perplexity(model, tokenizer, "aabb" * 10, "second-half", context=8).uncertainty or 0
    )
    possible = corpus_perplexity(model, tokenizer, "abab" * 10, "strided", context=8)
    assert 0 < possible.nll < math.inf


@pytest.mark.parametrize(
    ("recipe", "options", "title"),
    [
        ("best", {}, "No such recipe"),
        ("gptq", {"context": 65}, "Context too long"),
        ("gptq", {"context": 1}, "Context too short"),
        ("second-half", {"context": 2}, "Context too short"),
        ("strided", {"context": 20, "stride": 21}, "Bad stride"),
        ("gptq", {"limit": 63}, "Text too short"),
        ("second-half", {"limit": 63}, "Text too short"),
        ("strided", {"limit": 1}, "Text too short"),
    ],
)
def test_what_cannot_be(recipe: str, options: dict[str, int], title: str, llama: Pair) -> None:
    with pytest.raises(EyebrowError) as caught:
        corpus_perplexity(*llama, TEXT, recipe, **options)
    assert caught.value.title == title


def test_rolling_wants_a_start_symbol(opened: Callable[[str], Pair]) -> None:
    model, tokenizer = opened("llama")
    bare = copy.deepcopy(tokenizer)
    bare.bos_token = bare.eos_token = None
    assert corpus_perplexity(model, bare, TEXT, "gptq").tokens
    with pytest.raises(EyebrowError) as caught:
        corpus_perplexity(model, bare, TEXT, "rolling")
    assert caught.value.title == "No start symbol"


def test_logits_that_overflow_are_no_result(llama: Pair) -> None:
    broken = copy.deepcopy(llama[0])
    with torch.no_grad():
        broken.model.norm.weight.fill_(math.nan)
    with pytest.raises(EyebrowError) as caught:
        corpus_perplexity(broken, llama[1], TEXT, "gptq")
    assert caught.value.title == "Not a number"


def test_a_token_beyond_the_model_is_refused(llama: Pair) -> None:
    model, tokenizer = llama
    text = read_corpus(spelling(tokenizer, "[PAD]"), f"é {TEXT} [PAD] and so on")
    for name in CORPUS_RECIPES:
        with pytest.raises(EyebrowError, match=r"'\[PAD\]' is id 320 .* 320 rows"):
            measure_corpus(Trunk(model), text, name)
