"""From a text to the token sequence a model sees, with spans that tile the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import EyebrowError
from .offsets import offsets_without_help
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
        starts, ends = tile(offsets, [i in special for i in ids], len(text))
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
    if tokenizer.is_fast:
        batch = tokenizer(list(texts), return_offsets_mapping=True, verbose=False)
        yield from zip(texts, batch["input_ids"], batch["offset_mapping"], strict=True)
        return
    for text in texts:
        ids = tokenizer(text, verbose=False)["input_ids"]
        yield text, ids, offsets_without_help(tokenizer, ids, text)


def tile(
    offsets: Sequence[tuple[int, int]], special: Sequence[bool], length: int
) -> tuple[Ints, Ints]:
    """Spans that cover `length` characters once, in order, from whatever a tokenizer reports.

    Characters between two tokens (trimmed spaces, dropped controls) go to the later one, those
    behind the last to the last. Of tokens that share a character (bytes of an emoji) the first
    owns it. Special tokens without characters of their own get an empty span.
    """
    starts = np.zeros(len(offsets), dtype=np.int32)
    ends = np.zeros(len(offsets), dtype=np.int32)
    at, last = 0, -1
    for i, (begin, end) in enumerate(offsets):
        starts[i] = at
        if not (special[i] and begin == end):
            at = max(at, min(end, length))
            last = i
        ends[i] = at
    if last >= 0 and at < length:
        ends[last] = length
        starts[last + 1 :] = length
        ends[last + 1 :] = length
    return starts, ends
