"""A tokenizer of one token a character, with a symbol in front and one behind."""

from __future__ import annotations

from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

START, END, UNKNOWN = 0, 1, 2  # ids; the characters follow
SYMBOLS = ("<s>", "</s>", "<unk>")


def character_tokenizer(alphabet: str) -> Any:
    """Ids for the characters of `alphabet` in its order, behind the three symbols.

    Every text begins with the start symbol and ends with the end symbol, in its ids too. A
    character (Unicode code point) outside the alphabet is the unknown symbol. A text that
    spells a symbol out is taken letter by letter.
    """
    ids = {token: number for number, token in enumerate([*SYMBOLS, *alphabet])}
    backend = Tokenizer(models.WordLevel(ids, unk_token=SYMBOLS[UNKNOWN]))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    start, end, unknown = SYMBOLS
    backend.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, START), (end, END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=start,
        eos_token=end,
        unk_token=unknown,
        split_special_tokens=True,
        clean_up_tokenization_spaces=False,
    )
