"""What ids read as, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eyebrow.core.scoring.vocabulary import byte_alphabet, token_texts
from transformers import AutoTokenizer

from .stubs import letters


def test_the_byte_alphabet_is_that_of_gpt2() -> None:
    from tokenizers.pre_tokenizers import ByteLevel

    table = byte_alphabet()
    assert sorted(table.values()) == list(range(256))
    assert set(table) == set(ByteLevel.alphabet())
    assert (table["Ġ"], table["Ċ"], table["A"]) == (32, 10, 65)


def test_byte_pieces_specials_and_unknown_ids(opened: Any) -> None:
    model, tokenizer = opened("llama")
    texts = token_texts(tokenizer, model.config.vocab_size)
    assert len(texts) == 320
    assert texts[tokenizer.bos_token_id] == "<s>"
    assert texts[len(tokenizer)] == f"‹id {len(tokenizer)}›"
    assert texts[319] == "‹id 319›"
    for text in (" cat", "the", " ", "\n", "é"):
        ids = tokenizer(text)["input_ids"]
        joined = "".join(texts[i] for i in ids)
        assert joined == ("‹C3›‹A9›" if text == "é" and len(ids) == 2 else text)
    parrot = tokenizer("🦜")["input_ids"]
    assert [texts[i] for i in parrot] == ["‹F0›", "‹9F›", "‹A6›", "‹9C›"]


def test_fewer_entries_than_the_tokenizer_has(opened: Any) -> None:
    tokenizer = opened("llama")[1]
    assert token_texts(tokenizer, 7) == token_texts(tokenizer, 320)[:7]


def test_metaspace_and_byte_fallback(shared: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(shared / "models" / "stories260K")
    texts = token_texts(tokenizer, 512)
    names = tokenizer.convert_ids_to_tokens(list(range(512)))
    assert texts[names.index("<0x0A>")] == "\n"
    assert texts[names.index("<0xF0>")] == "‹F0›"
    assert texts[tokenizer.bos_token_id] == "<s>"
    assert texts[names.index("▁the")] == " the"
    assert not any("▁" in text for text in texts)


def test_real_byte_level_vocabularies_read_as_they_decode(shared: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(shared / "tokenizers" / "gpt2", tokenizer_type="gpt2")
    texts = token_texts(tokenizer, len(tokenizer))
    for i in range(0, len(tokenizer), 97):
        decoded = tokenizer.decode([i], clean_up_tokenization_spaces=False)
        assert texts[i] == decoded or "�" in decoded


def test_plain_words_stay_as_they_are() -> None:
    assert token_texts(letters("ab·"), 4) == ["a", "b", "·", "‹id 3›"]
