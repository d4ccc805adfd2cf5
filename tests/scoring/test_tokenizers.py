"""Any tokenizer, any script: spans that tile the text, characters shown whole, bytes counted."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core.scoring.boundaries import begins_word
from eyebrow.core.scoring.encode import Encoding, encode
from eyebrow.core.scoring.offsets import tile
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.units import by_sentence, by_word
from eyebrow.core.scoring.vocabulary import byte_alphabet, token_texts
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made_tokenizers import (
    TEXTS,
    byte_level,
    characters,
    fast,
    sentencepiece_like,
)
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import ByT5Tokenizer

from .plain import by_index, tiles_once
from .stubs import Table


class Slow:
    """The same tokenizer without offsets and without a backend to ask, as Python ones are."""

    is_fast = False
    backend_tokenizer = None

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)

    def __len__(self) -> int:
        return len(self.tokenizer)

    def __call__(self, text: str, **options: Any) -> Any:
        assert "return_offsets_mapping" not in options
        return self.tokenizer(text, **options)


LETTERS = "abcdefghijklmnopqrstuvwxyz .,!?"
LOSSLESS = ["byte-level", "trimmed"]
MADE = {
    "byte-level": lambda: byte_level(False),
    "trimmed": lambda: byte_level(True),
    "nfc": lambda: byte_level(True, normalizers.NFC()),
    "nfkc": lambda: byte_level(False, normalizers.NFKC()),
    "lowercase": lambda: byte_level(False, normalizers.Lowercase()),
    "no accents": lambda: byte_level(
        False, normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    ),
    "bert": lambda: characters(normalizers.BertNormalizer(), LETTERS),
    "stripped": lambda: characters(normalizers.Strip(), LETTERS),
    "sentencepiece": sentencepiece_like,
    "byt5": lambda: ByT5Tokenizer(),
    "slow byte-level": lambda: Slow(byte_level(False)),
    "slow sentencepiece": lambda: Slow(sentencepiece_like()),
    "slow lowercase": lambda: Slow(byte_level(False, normalizers.Lowercase())),
    "slow bert": lambda: Slow(characters(normalizers.BertNormalizer(), LETTERS)),
}


@cache
def made(name: str) -> Any:
    return MADE[name]()


@cache
def real(folder: Path, name: str) -> Any:
    from transformers import AutoTokenizer, GPT2Tokenizer

    if name == "gpt2":  # only the vocabulary and the merges are there
        return GPT2Tokenizer.from_pretrained(folder / "tokenizers" / "gpt2")
    place = "models/stories260K" if name == "stories260K" else f"tokenizers/{name}"
    return AutoTokenizer.from_pretrained(folder / place)


def encoded(tokenizer: Any, text: str, first_token: str = "context") -> Encoding:
    (encoding,) = encode(tokenizer, [text], first_token)
    return encoding


def pieces(encoding: Encoding, text: str) -> list[str]:
    return [text[a:b] for a, b in zip(encoding.starts, encoding.ends, strict=True)]


def check(tokenizer: Any, text: str) -> Encoding:
    """What holds for every tokenizer and text."""
    encoding = encoded(tokenizer, text)
    readable = "".join("\ufffd" if "\ud800" <= ch <= "\udfff" else ch for ch in text)
    assert encoding.ids.tolist() == list(tokenizer(readable)["input_ids"])
    if len(encoding):
        assert tiles_once(encoding.starts.tolist(), encoding.ends.tolist(), len(text))
    return encoding


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("name", MADE)
def test_spans_tile_the_text(name: str, text: str) -> None:
    check(made(name), text)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("name", ["gpt2", "pythia", "stories260K"])
def test_spans_of_real_tokenizers_tile_the_text(shared: Path, name: str, text: str) -> None:
    tokenizer = real(shared, name)
    encoding = check(tokenizer, text)
    other = encoded(Slow(tokenizer), text)
    assert other.ids.tolist() == encoding.ids.tolist()
    assert tiles_once(other.starts.tolist(), other.ends.tolist(), len(text)) or not len(other)


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(st.one_of(st.characters(), st.sampled_from("aé \n🐻\u0301")), max_size=30))
def test_spans_tile_any_text(name: str, text: str) -> None:
    check(made(name), text)


@given(
    offsets=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=8),
    special=st.lists(st.booleans(), min_size=8, max_size=8),
    text=st.text(st.sampled_from("ab \u0301"), max_size=12),
)
@example(offsets=[(0, 0), (5, 5)], special=[True] * 8, text="ab")
def test_whatever_a_tokenizer_reports_is_made_to_tile(
    offsets: list[tuple[int, int]], special: list[bool], text: str
) -> None:
    starts, ends = tile(offsets, special[: len(offsets)], text)
    assert not offsets or tiles_once(starts.tolist(), ends.tolist(), len(text))


# --- which token owns what ----------------------------------------------------------------------


def owned(tokenizer: Any, text: str) -> list[tuple[str, str]]:
    """(token text, the characters it owns)."""
    encoding = encoded(tokenizer, text)
    texts = token_texts(tokenizer, len(tokenizer))
    return list(zip([texts[i] for i in encoding.ids], pieces(encoding, text), strict=True))


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_token_of_whole_characters_owns_just_these(name: str, text: str) -> None:
    if "\ud83d" in text:
        return
    for token, piece in owned(made(name), text):
        if "‹" not in token:  # else some of its bytes are part of a character
            assert piece == token or (name == "trimmed" and piece.strip() == token.strip())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_offsets_without_help_equal_those_of_the_tokenizer(shared: Path, text: str) -> None:
    for name in ("byte-level", "gpt2", "pythia"):
        tokenizer = made(name) if name in MADE else real(shared, name)
        if name == "pythia" and text == TEXTS["combining"]:
            continue  # composed by NFC: matched by length
        assert pieces(encoded(Slow(tokenizer), text), text) == pieces(
            encoded(tokenizer, text), text
        )


def test_the_first_byte_of_a_character_owns_it() -> None:
    rows = owned(made("sentencepiece"), "the 🐻")
    assert rows[0] == ("<s>", "")
    assert rows[1] == (" the", "the")
    assert rows[2:4] == [(" ", " "), ("‹F0›", "🐻")]
    assert [piece for _, piece in rows[4:]] == ["", "", ""]


def test_a_dummy_space_owns_nothing() -> None:
    rows = owned(made("sentencepiece"), "éa")
    assert rows == [("<s>", ""), (" ", ""), ("‹C3›", "é"), ("‹A9›", ""), ("a", "a")]
    rows = owned(made("sentencepiece"), "cat</s>ella")
    assert rows[-5:-3] == [(" ", ""), ("e", "e")]
    assert "".join(piece for _, piece in rows) == "cat</s>ella"
    assert owned(made("slow sentencepiece"), "éa")[0] == ("<s>", "")


def test_special_tokens_inside_the_text_are_text() -> None:
    rows = owned(made("byte-level"), "a<|endoftext|>b<s>")
    assert rows == [
        *[("a", "a"), ("<|endoftext|>", "<|endoftext|>"), ("b", "b"), ("<s>", "<s>")],
    ]
    for name in ("sentencepiece", "slow sentencepiece"):
        encoding = encoded(made(name), "<s>the")
        assert encoding.ids[:2].tolist() == [1, 1]
        assert pieces(encoding, "<s>the")[:2] == ["", "<s>"], "BOS has no text, the other has"


@pytest.mark.parametrize("name", ["byte-level", "sentencepiece", "slow sentencepiece"])
@pytest.mark.parametrize("text", ["the cat", "<s>the", "", "é"])
def test_bos_stands_in_front_exactly_once(name: str, text: str) -> None:
    tokenizer = made(name)
    encoding = encoded(tokenizer, text, "scored")
    bare = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert encoding.ids.tolist() == [tokenizer.bos_token_id, *bare]
    assert encoding.hidden == 1


def test_an_accent_stays_with_its_letter() -> None:
    text = "e\u0301a\u0301b"
    for name in ("nfc", "no accents", "nfkc"):
        split = [piece for piece in pieces(encoded(made(name), text), text) if piece]
        assert not any(piece.startswith("\u0301") for piece in split), name


def test_what_a_normaliser_drops_belongs_to_a_neighbour() -> None:
    text = "  A\x00É\u200bb  "
    assert pieces(encoded(made("stripped"), " ab "), " ab ") == [" a", "b "]
    split = pieces(encoded(made("bert"), text), text)
    assert "".join(split) == text
    assert [piece.strip() for piece in split if piece.strip()] == ["A", "\x00É", "\u200bb"]
    everything = encoded(made("bert"), "\x00")
    assert not len(everything) or pieces(everything, "\x00") == ["\x00"]


def test_without_help_what_was_changed_is_still_found() -> None:
    text = "The CAT looked. ÉTÉ it WAS"
    split = pieces(encoded(made("slow bert"), text), text)
    assert split == list(text)
    words = pieces(encoded(made("slow lowercase"), "HELLO the CAT"), "HELLO the CAT")
    assert "".join(words) == "HELLO the CAT"
    assert words == pieces(encoded(made("lowercase"), "HELLO the CAT"), "HELLO the CAT")


def test_unknown_characters_are_owned_by_the_unknown_token() -> None:
    text = "a猫b"
    for name in ("bert", "slow bert"):
        tokenizer = made(name)
        encoding = encoded(tokenizer, text)
        at = encoding.ids.tolist().index(tokenizer.unk_token_id)
        assert pieces(encoding, text)[at] == "猫"


# --- what tokens read as --------------------------------------------------------------------------


@pytest.mark.parametrize("name", MADE)
def test_no_token_is_shown_broken(name: str) -> None:
    tokenizer = made(name)
    texts = token_texts(tokenizer, len(tokenizer) + 2)
    assert len(texts) == len(tokenizer) + 2
    assert texts[-1] == f"‹id {len(tokenizer) + 1}›"
    assert not any("\ufffd" in text for text in texts)
    assert not any("Ġ" in text or "<0x" in text for text in texts)


@pytest.mark.parametrize("name", ["gpt2", "pythia", "stories260K"])
def test_no_real_token_is_shown_broken(shared: Path, name: str) -> None:
    tokenizer = real(shared, name)
    for fashion in (tokenizer, Slow(tokenizer)):
        texts = token_texts(fashion, len(tokenizer))
        names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        broken = {n for n, text in zip(names, texts, strict=True) if "\ufffd" in text}
        assert all("ï¿½" in n for n in broken), "unless it is that very character"
        assert not any(c in text for text in texts for c in ("Ġ", "▁", "<0x"))
        assert all(text for text in texts)


def test_bytes_beside_whole_characters() -> None:
    names = {byte: ch for ch, byte in byte_alphabet().items()}
    for raw, shown in (
        (b" \xf0\x9f", " ‹F0 9F›"),
        (b"\x9f\x90\xbb\xf0", "‹9F 90 BB F0›"),
        (b"\xbba \xc3", "‹BB›a ‹C3›"),
        ("🐻é".encode(), "🐻é"),
        (b"\xed\xa0\xbd", "‹ED A0 BD›"),  # half of a surrogate pair is no character
    ):
        backend = Tokenizer(models.BPE({"".join(names[b] for b in raw): 0}, []))
        backend.decoder = decoders.ByteLevel()
        assert token_texts(fast(backend), 1) == [shown]


def test_a_space_before_half_a_character_begins_a_word() -> None:
    tokenizer = made("byte-level")
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    halves = [
        i
        for i, (n, text) in enumerate(zip(names, token_texts(tokenizer, len(names)), strict=True))
        if n.startswith("Ġ") and "‹" in text
    ]
    assert halves, "the case this is about"
    mask = begins_word(tokenizer, len(names))
    assert mask[halves].all()
    assert not begins_word(tokenizer, len(names) + 5)[len(names) :].any()


# --- scored ---------------------------------------------------------------------------------------


@cache
def model_for(name: str) -> Table:
    generator = torch.Generator().manual_seed(7)
    size = len(made(name))
    return Table(torch.randn(size, size, generator=generator))


@pytest.mark.parametrize("name", [n for n in MADE if n not in ("byt5", "bert")])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=st.lists(
        st.text(st.one_of(st.characters(), st.sampled_from("aé \n🐻\u0301.")), max_size=25),
        max_size=4,
    ),
    context=st.integers(4, 40),
    stride=st.integers(1, 39),
    budget=st.integers(1, 200),
    first_token=st.sampled_from(["context", "scored"]),
)
def test_every_token_once_and_sums_add_up(
    name: str, texts: list[str], context: int, stride: int, budget: int, first_token: str
) -> None:
    tokenizer = made(name)
    if tokenizer.bos_token_id is None and tokenizer.eos_token_id is None:
        first_token = "context"
    stride = min(
        stride, context - 3
    )  # what a tokenizer puts in front takes up to two of the context
    recipe = Recipe(first_token, context, stride, "float32", "cpu")
    scorer = Scorer(model_for(name), tokenizer, recipe, budget)
    scores = by_index(scorer.score(texts))
    assert len(scores) == len(texts)
    for text, score in zip(texts, scores, strict=True):
        scored = score.ranks > 0
        assert scored.sum() == max(0, len(score) - (first_token == "context"))
        assert np.isfinite(score.logprobs[scored]).all()
        if len(score):
            assert tiles_once(score.starts.tolist(), score.ends.tolist(), len(text))
        begin = int(score.starts[scored][0]) if scored.any() else len(text)
        assert score.summary.bytes == len(text[begin:].encode("utf-8", "surrogatepass"))
        if first_token == "scored" and scored.any():
            assert score.summary.bytes == len(text.encode("utf-8", "surrogatepass"))
        for units in (by_word(text, score), by_sentence(text, score)):
            total = sum(unit.surprise for unit in units)
            assert total == pytest.approx(score.summary.nll, rel=1e-9, abs=1e-9)
            assert sum(unit.scored for unit in units) == scored.sum()
