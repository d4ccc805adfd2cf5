"""Character n-grams: the lesson's figures, counts against a plain dictionary, all the way in."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core.cli import main
from eyebrow.core.engine.local import score
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.models.load import load_model
from eyebrow.core.models.ngrams.characters import END, START, SYMBOLS, UNKNOWN, character_tokenizer
from eyebrow.core.models.ngrams.count import count_ngrams, read_lines
from eyebrow.core.scoring.encode import encode
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.simple import next_tokens, score_text
from eyebrow.core.scoring.vocabulary import token_texts
from eyebrow.core.stories import open_stories
from hypothesis import given, settings
from hypothesis import strategies as st

RECIPE = Recipe(dtype="float32", device="cpu")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    place = tmp_path / "names.txt"
    place.write_text("ada\nanna\r\n\n \t\ndan\nnaïve\n", encoding="utf-8")
    return place


def counted(texts: list[str], order: int, k: float = 0.0) -> tuple[Any, Any]:
    model, alphabet = count_ngrams(texts, order, k)
    return model, character_tokenizer(alphabet)


class Plain:
    """The same model by dictionaries, one probability at a time."""

    def __init__(self, texts: list[str], order: int, k: float) -> None:
        self.order, self.k = order, k
        self.after: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for text in texts:
            sequence = ["<s>"] * (order - 1) + [*text, "</s>"]
            for i in range(order - 1, len(sequence)):
                self.after[tuple(sequence[i - order + 1 : i])][sequence[i]] += 1
        self.outcomes = sorted({symbol for counts in self.after.values() for symbol in counts})
        self.n = sum(counts.total() for counts in self.after.values())

    def p(self, context: tuple[str, ...], symbol: str) -> float:
        k, size = self.k, len(self.outcomes)
        unknown = k / (self.n + k * (size + 1))
        if symbol not in self.outcomes:
            return unknown
        counts = self.after.get(context, Counter())
        if not counts:
            return (1 - unknown) / size
        return (1 - unknown) * (counts[symbol] + k) / (counts.total() + k * size)

    def nll(self, text: str) -> list[float]:
        sequence = ["<s>"] * (self.order - 1) + [*text, "</s>"]
        found = [
            self.p(tuple(sequence[i - self.order + 1 : i]), sequence[i])
            for i in range(self.order - 1, len(sequence))
        ]
        return [-math.log(p) if p else math.inf for p in found]


@pytest.mark.slow
def test_the_names_of_the_lesson(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = shared / "data" / "names.txt"
    models = [f"ngram:2:{place}", f"ngram:2:{place}:k=1"]
    arguments = ["score", str(place), "--per-line", "--json", "-m", models[0], "-m", models[1]]
    assert main(arguments) == 0
    plain, smooth = json.loads(capsys.readouterr().out)["models"]
    for row in (plain, smooth):
        assert (row["stories"], row["tokens"]) == (32_033, 228_146)
        assert row["parameters"] == 627
        assert row["perplexity"] == pytest.approx(11.6, abs=0.05)
    assert round(plain["nll"] / plain["tokens"], 4) == 2.4540
    assert round(smooth["nll"] / smooth["tokens"], 4) == 2.4546
    assert plain["digest"] != smooth["digest"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text("abcé🐻 ", min_size=1, max_size=8), min_size=1, max_size=6),
    st.text("abcdé🐻 ", max_size=9),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_probabilities_are_those_of_a_dictionary(
    texts: list[str], text: str, order: int, k: float
) -> None:
    model, tokenizer = counted(texts, order, k)
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    logits = model(input_ids=ids).logits[0]
    wanted = Plain(texts, order, k).nll(text)
    assert logits.shape == (len(text) + 2, len(tokenizer))
    # What follows the end symbol is no part of a text, but a distribution all the same.
    np.testing.assert_allclose(logits.exp().sum(-1), 1, rtol=1e-5)
    got = -logits[:-1].gather(1, ids[0, 1:, None])[:, 0]
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    summary = score_text(model, tokenizer, text, RECIPE).summary
    assert summary.nll == pytest.approx(sum(wanted), rel=1e-5, abs=1e-5)
    assert summary.tokens == len(text) + 1


@pytest.mark.parametrize("first_token", ["context", "scored"])
def test_the_ends_belong_to_the_sequence(first_token: str) -> None:
    _, tokenizer = counted(["ada"], 2)
    (encoding,) = encode(tokenizer, ["ada"], first_token)
    assert encoding.ids.tolist() == [START, 3, 4, 3, END]
    assert encoding.starts.tolist() == [0, 0, 1, 2, 3]
    assert encoding.ends.tolist() == [0, 1, 2, 3, 3]
    assert encoding.hidden == (first_token == "scored")
    texts = token_texts(tokenizer, len(tokenizer))
    assert texts == [*SYMBOLS, "a", "d"]


def test_the_tokenizer_takes_every_text_letter_by_letter(names: Path) -> None:
    lines = read_lines(names)
    assert lines == ["ada", "anna", "dan", "naïve"]
    loaded = load_model(f"ngram:2:{names}")  # the saved tokenizer does as the new one
    for tokenizer in (loaded.tokenizer, counted(lines, 2)[1]):
        assert tokenizer.is_fast
        for text in ("<s>dan</s>", "a\nd 🐻", "</s>", "▁", ""):
            (encoding,) = encode(tokenizer, [text], "context")
            assert len(encoding) == len(text) + 2
            assert encoding.ids[[0, -1]].tolist() == [START, END]
            assert set(encoding.ids[1:-1].tolist()).isdisjoint({START, END})
        assert tokenizer("naïve🐻")["input_ids"][-2] == UNKNOWN
        ids = tokenizer("naïve")["input_ids"]
        assert tokenizer.decode(ids, skip_special_tokens=True) == "naïve"
        assert set(tokenizer.all_special_ids) == {START, END, UNKNOWN}


def test_what_was_never_seen_is_infinitely_surprising(
    names: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("anna\nnd\nxa\n")
    assert main(["score", str(texts), "--per-line", "-m", f"ngram:2:{names}", "--json"]) == 0

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    printed = json.loads(capsys.readouterr().out, parse_constant=refuse)
    nlls = {row["story"]: row["nll"] for row in printed["stories"]}
    assert nlls["1"] > 0
    assert nlls["2"] is nlls["3"] is printed["models"][0]["nll"] is None
    (row,) = score(open_stories(texts, per_line=True), f"ngram:2:{names}").models
    assert row.nll == row.perplexity == math.inf


def test_smoothing_gives_every_character_something(names: Path) -> None:
    loaded = load_model(f"ngram:3:{names}:k=1")
    found = score_text(loaded.model, loaded.tokenizer, "x🐻a", RECIPE)
    assert math.isfinite(found.summary.nll)
    x, bear, _, _ = found.logprobs[1:].tolist()
    plain = Plain(read_lines(names), 3, 1.0)
    assert x == bear == pytest.approx(math.log(plain.p(("<s>", "<s>"), "x")), rel=1e-6)


def test_a_prompt_is_continued_from_its_last_letter() -> None:
    model, tokenizer = counted(["anna", "ann", "nan"], 3)
    rows = next_tokens(model, tokenizer, "an", k=3)
    assert [(row.token, row.probability) for row in rows[:1]] == [("n", pytest.approx(2 / 3))]
    assert rows[1].token == "</s>"
    assert rows[2].probability == 0.0
    (first, _) = next_tokens(model, tokenizer, "", k=2)
    assert (first.token, first.probability) == ("a", pytest.approx(2 / 3))


def test_batches_and_padding_change_nothing(names: Path) -> None:
    loaded = load_model(f"ngram:4:{names}:k=0.1")
    texts = ["a", "annadan" * 5, "naïve", "", "dada", "🐻"]
    alone = [score_text(loaded.model, loaded.tokenizer, text, RECIPE) for text in texts]
    for budget in (1, 20, 10_000):
        scorer = Scorer(loaded.model, loaded.tokenizer, RECIPE, budget)
        for at, found in scorer.score(texts):
            np.testing.assert_array_equal(found.logprobs, alone[at].logprobs)


def test_a_long_text_needs_no_more_than_its_last_symbols(names: Path) -> None:
    loaded = load_model(f"ngram:3:{names}:k=1")
    assert loaded.positions is None
    text = "adannanaïve" * 30
    whole = score_text(
        loaded.model, loaded.tokenizer, text, Recipe(context=1000).settled("cpu", "float32")
    )
    parts = score_text(
        loaded.model, loaded.tokenizer, text, Recipe(context=16).settled("cpu", "float32")
    )
    np.testing.assert_array_equal(whole.logprobs, parts.logprobs)


def test_no_table_grows_with_the_alphabet() -> None:
    texts = ["".join(chr(0x4E00 + (i * 7919 + j) % 5000) for j in range(50)) for i in range(100)]
    model, tokenizer = counted(texts, 8)
    grams = {
        tuple(padded[i : i + 8])
        for text in texts
        for padded in [["<s>"] * 7 + [*text, "</s>"]]
        for i in range(len(padded) - 7)
    }
    assert sum(p.numel() for p in model.parameters()) == len(grams)
    assert sum(t.numel() for t in model.state_dict().values()) < 12 * len(grams)
    found = score_text(model, tokenizer, texts[3], RECIPE)
    assert found.summary.nll == pytest.approx(sum(Plain(texts, 8, 0.0).nll(texts[3])), rel=1e-5)


def test_the_digest_is_of_n_and_k_and_the_bytes(names: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_bytes(names.read_bytes())
    one, same = (load_model(f"ngram:2:{file}") for file in (names, copy))
    assert one.digest == same.digest
    others = [load_model(f"ngram:{form}").digest for form in (f"3:{names}", f"2:{names}:k=1")]
    names.write_bytes(names.read_bytes() + b"bob\n")
    changed = load_model(f"ngram:2:{names}")
    assert len({one.digest, *others, changed.digest}) == 4
    assert changed.parameters > one.parameters


def test_precision_asked_for_does_not_touch_the_counts(names: Path) -> None:
    half, full = (load_model(f"ngram:2:{names}", dtype=d) for d in ("bfloat16", "float32"))
    for loaded in (half, full):
        assert loaded.model.counts.dtype == torch.int64
    ids = torch.tensor([full.tokenizer("anna")["input_ids"]])
    assert torch.equal(half.model(ids).logits, full.model(ids).logits)


def test_it_stands_among_other_models(names: Path, tmp_path: Path, tiny: Any) -> None:
    stories = list(open_stories(names, per_line=True))
    models = [f"ngram:1:{names}", f"ngram:2:{names}", str(tiny("llama"))]
    first = score(stories, models, store=tmp_path / "store")
    again = score(stories, models, store=tmp_path / "store")
    assert [row.model for row in first.models] == [*models[:2], "llama"]
    assert first.models[0].bits_per_byte > first.models[1].bits_per_byte
    assert first == again
    assert not first.failures


@pytest.mark.parametrize(
    ("form", "title"),
    [
        ("ngram:", "Bad n-gram"),
        ("ngram:two:{}", "Bad n-gram"),
        ("ngram:0:{}", "Bad n-gram"),
        ("ngram:1000:{}", "Bad n-gram"),
        ("ngram:2:{}:k=", "Bad n-gram"),
        ("ngram:2:{}:k=-1", "Bad n-gram"),
        ("ngram:2:{}:k=nan", "Bad n-gram"),
        ("ngram:2:{}:k=inf", "Bad n-gram"),
        ("ngram:2:{}.gone", "No such file"),
        ("ngram:2:/", "No such file"),
    ],
)
def test_names_that_are_none(form: str, title: str, names: Path) -> None:
    with pytest.raises(EyebrowError) as caught:
        find_models([form.format(names)])
    assert caught.value.title == title
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message


def test_files_that_cannot_be_counted(tmp_path: Path) -> None:
    for content, title in ((b"", "No text"), (b" \n\n", "No text"), (b"caf\xe9\n", "Bad text")):
        place = tmp_path / "file:odd.txt"
        place.write_bytes(content)
        with pytest.raises(EyebrowError) as caught:
            load_model(f"ngram:2:{place}:k=1")
        assert caught.value.title == title
    assert not list(tmp_path.glob("cache/eyebrow/ngrams/*/config.json"))
