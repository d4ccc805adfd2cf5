"""Spans tile the text, under every tokenizer, for every text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.scoring.encode import Encoding, encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from .plain import tiles_once
from .stubs import letters

TEXTS = {
    "latin": "The cat sat.\nIt purred.",
    "greek": "Η γάτα κάθισε στο χαλί.",
    "cyrillic": "Кошка села на коврик.",
    "hebrew": "החתול ישב על השטיח.",
    "arabic": "جلست القطة على السجادة.",
    "devanagari": "बिल्ली चटाई पर बैठ गई।",
    "thai": "แมวนั่งบนเสื่อ",
    "chinese": "猫坐在垫子上。",
    "japanese": "ねこがマットに座った。",
    "korean": "고양이가 매트에 앉았다.",
    "emoji": "🐈‍⬛ sat 👩🏽‍🚀🦜🦜 on 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "combining": "e\u0301a\u0308 Zalgo\u0335\u0321\u0327 cafe\u0301",
    "leading spaces": "   The  cat ",
    "crlf": "one\r\ntwo\r\n\r\nthree\r",
    "controls": "a\u0000b\u001b[31mc\u202ed\ufeff",
    "empty": "",
    "one token": "a",
    "a space": " ",
    "a broken one": "a � b",
    "special inside": "the <|endoftext|> end </s><s> of it",
}


class WithoutOffsets:
    """A tokenizer that has no offsets to report, as those written in Python."""

    is_fast = False

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, text: Any, **options: Any) -> Any:
        assert isinstance(text, str)
        assert "return_offsets_mapping" not in options
        return self._tokenizer(text, **options)


@pytest.fixture(scope="module", params=["tiny", "gpt2", "pythia", "stories260K"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    if request.param == "tiny":
        return request.getfixturevalue("opened")("gpt2")[1]
    shared = request.getfixturevalue("shared")
    if request.param == "gpt2":
        return AutoTokenizer.from_pretrained(shared / "tokenizers" / "gpt2", tokenizer_type="gpt2")
    if request.param == "pythia":
        file = shared / "tokenizers" / "pythia" / "tokenizer.json"
        return PreTrainedTokenizerFast(tokenizer_file=str(file), bos_token="<|endoftext|>")
    return AutoTokenizer.from_pretrained(shared / "models" / "stories260K")


def one(tokenizer: Any, text: str, first_token: str = "context") -> Encoding:
    (encoding,) = encode(tokenizer, [text], first_token)
    return encoding


def pieces(encoding: Encoding, text: str) -> list[str]:
    cuts = zip(encoding.starts.tolist(), encoding.ends.tolist(), strict=True)
    return [text[begin:end] for begin, end in cuts]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("first_token", ["context", "scored"])
def test_spans_tile_the_text(tokenizer: Any, text: str, first_token: str) -> None:
    for reader in (tokenizer, WithoutOffsets(tokenizer)):
        encoding = one(reader, text, first_token)
        assert tiles_once(encoding.starts, encoding.ends, len(text))
        assert "".join(pieces(encoding, text)) == text
        assert len(encoding) == len(encoding.starts) == len(encoding.ends)


ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.lists(
    st.sampled_from([*TEXTS.values(), "é", "🦜", " ", "\n", "\u0301", "�", "▁", "Ġ"]), max_size=4
).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=ANY, first_token=st.sampled_from(["context", "scored"]))
def test_spans_tile_any_text(tokenizer: Any, text: str, first_token: str) -> None:
    for reader in (tokenizer, WithoutOffsets(tokenizer)):
        encoding = one(reader, text, first_token)
        assert tiles_once(encoding.starts, encoding.ends, len(text))


@pytest.mark.parametrize("name", ["latin", "greek", "thai", "chinese", "korean", "emoji", "crlf"])
def test_found_offsets_equal_the_tokenizers_own(tokenizer: Any, name: str) -> None:
    told, found = one(tokenizer, TEXTS[name]), one(WithoutOffsets(tokenizer), TEXTS[name])
    np.testing.assert_array_equal(told.ids, found.ids)
    assert pieces(told, TEXTS[name]) == pieces(found, TEXTS[name])


def test_the_first_of_the_bytes_owns_an_emoji(opened: Any) -> None:
    tokenizer = opened("gpt2")[1]
    assert pieces(one(tokenizer, "a🦜b"), "a🦜b") == ["a", "🦜", "", "", "", "b"]


def test_context_is_what_the_tokenizer_makes(tokenizer: Any) -> None:
    for text in TEXTS.values():
        assert one(tokenizer, text).ids.tolist() == tokenizer(text)["input_ids"]
        assert one(tokenizer, text).hidden == 0


def test_scored_puts_one_bos_in_front(tokenizer: Any) -> None:
    for text in TEXTS.values():
        encoding = one(tokenizer, text, "scored")
        bare = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert encoding.ids.tolist() == [tokenizer.bos_token_id, *bare]
        assert encoding.hidden == 1
        assert (encoding.starts[0], encoding.ends[0]) == (0, 0)


def test_a_start_symbol_written_in_the_text_is_text(opened: Any) -> None:
    tokenizer = opened("llama")[1]
    encoding = one(tokenizer, "<s>ab", "scored")
    assert encoding.ids[:2].tolist() == [tokenizer.bos_token_id] * 2
    assert pieces(encoding, "<s>ab")[:2] == ["", "<s>"]


def test_eos_stands_in_for_a_missing_bos() -> None:
    tokenizer = letters("ab#", eos_token="#")
    assert one(tokenizer, "ab", "scored").ids[0] == tokenizer.eos_token_id


def test_without_either_there_is_no_first_token_to_score() -> None:
    with pytest.raises(EyebrowError, match="first-token context"):
        one(letters("ab"), "ab", "scored")


def test_no_texts(tokenizer: Any) -> None:
    assert list(encode(tokenizer, [], "context")) == []
