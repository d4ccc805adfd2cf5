"""From a text to the token sequence a model sees, with spans that tile the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import EyebrowError
from .offsets import offsets_without_help, tile, without_dummies
from .scores import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """What the model sees of one text.

    ids: int32 (S,), the whole sequence, a BOS put in front included.
    starts, ends: int32 (S,), character spans that tile the text; empty for added symbols.
    hidden: tokens at the front that are not the text's own and not shown (0 or 1).

    Targets are all positions but the first: a model says nothing about its first token.
    """

    ids: Ints
    starts: Ints
    ends: Ints
    hidden: int

    def __len__(self) -> int:
        return len(self.ids)


def encode(tokenizer: Any, texts: Sequence[str], first_token: str) -> Iterator[Encoding]:
    """The texts as this tokenizer and choice of first token would have them.

    first_token "context": as the tokenizer does it, its own special tokens included.
    first_token "scored": BOS (else EOS) in front exactly once.

    Raises `EyebrowError` where "scored" is asked of a tokenizer with neither BOS nor EOS.
    """
    start = start_token(tokenizer) if first_token == "scored" else None
    special = set(tokenizer.all_special_ids)
    for text, ids, offsets in _tokenise(tokenizer, texts):
        if start is not None:
            while ids and ids[0] in special and offsets[0][0] == offsets[0][1]:
                ids, offsets = ids[1:], offsets[1:]
            ids, offsets = [start, *ids], [(0, 0), *offsets]
        starts, ends = tile(offsets, [i in special for i in ids], text)
        yield Encoding(np.array(ids, dtype=np.int32), starts, ends, int(start is not None))


def start_token(tokenizer: Any) -> int:
    """The id that stands before a text: BOS, else EOS. Raises `EyebrowError` without either."""
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise EyebrowError(
        "No start symbol",
        "this tokenizer has neither BOS nor EOS to put in front; use --first-token context",
    )


def _tokenise(
    tokenizer: Any, texts: Sequence[str]
) -> Iterator[tuple[str, list[int], list[tuple[int, int]]]]:
    if not texts:
        return
    readable = [encodable(text) for text in texts]
    if tokenizer.is_fast:
        batch = tokenizer(readable, return_offsets_mapping=True, verbose=False)
        rows = zip(readable, batch["input_ids"], batch["offset_mapping"], strict=True)
        for text, ids, offsets in rows:
            yield text, ids, without_dummies(tokenizer, ids, offsets, text)
        return
    for text in readable:
        ids = tokenizer(text, verbose=False)["input_ids"]
        yield text, ids, offsets_without_help(tokenizer, ids, text)


def encodable(text: str) -> str:
    """The same with halves of surrogate pairs, which no tokenizer takes, replaced in place."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= ch <= "\udfff" else ch for ch in text)
    return text
