"""From a text to the token sequence a model sees, with spans that tile the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import FAILED, EyebrowError
from .offsets import offsets_without_help, tile, without_dummies
from .scores import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """What the model sees of one text.

    ids: int32 (S,), the whole sequence, a BOS put in front included.
    starts, ends: int32 (S,), character spans that tile the text; empty for added symbols.
    hidden: tokens at the front that are not the text's own and not shown (0 or 1).
    lead: tokens at the front that begin every window of the text, not only the first: the
        special tokens without characters of their own that the tokenizer puts there (BOS).

    Targets are all positions but the first: a model says nothing about its first token.
    """

    ids: Ints
    starts: Ints
    ends: Ints
    hidden: int
    lead: int = 0

    def __len__(self) -> int:
        return len(self.ids)


def encode(tokenizer: Any, texts: Sequence[str], first_token: str) -> Iterator[Encoding]:
    """The texts as this tokenizer and choice of first token would have them.

    first_token "context": as the tokenizer does it, its own special tokens included.
    first_token "scored": BOS (else EOS) in front exactly once. It begins later windows only
    where the tokenizer has a special token there by itself: a model that was trained without
    would take it for the end of another text, so "scored" changes nothing behind the front.

    Raises `EyebrowError` where "scored" is asked of a tokenizer with neither BOS nor EOS.
    """
    start = start_token(tokenizer) if first_token == "scored" else None
    special = set(tokenizer.all_special_ids)
    for text, ids, offsets in _tokenise(tokenizer, texts):
        front = _added_in_front(ids, offsets, special)
        lead = front
        if lead == len(ids) > 1:  # no text between what is put in front and behind
            ((_, some, places),) = _tokenise(tokenizer, ["a"])
            lead = min(lead, _added_in_front(some, places, special))
        if start is not None:
            ids, offsets = [start, *ids[front:]], [(0, 0), *offsets[front:]]
            lead = min(lead, 1)
        starts, ends = tile(offsets, [i in special for i in ids], text)
        array = np.array(ids, dtype=np.int32)
        yield Encoding(array, starts, ends, int(start is not None), lead)


def _added_in_front(
    ids: Sequence[int], offsets: Sequence[tuple[int, int]], special: set[int]
) -> int:
    """How many special tokens without characters of their own stand in front."""
    count = 0
    while count < len(ids) and ids[count] in special and offsets[count][0] == offsets[count][1]:
        count += 1
    return count


def without_added_end(tokenizer: Any, encoding: Encoding) -> Encoding:
    """The same less the special tokens (EOS) that the tokenizer puts behind a text.

    Those in front stay. What follows the text can be asked for then.
    """
    special = set(tokenizer.all_special_ids)
    stop = len(encoding)
    while (
        stop > encoding.lead
        and int(encoding.ids[stop - 1]) in special
        and encoding.starts[stop - 1] == encoding.ends[stop - 1]
    ):
        stop -= 1
    return replace(
        encoding,
        ids=encoding.ids[:stop],
        starts=encoding.starts[:stop],
        ends=encoding.ends[:stop],
    )


def beyond(encoding: Encoding, text: str, rows: int) -> EyebrowError | None:
    """Why a model with an embedding of so many rows cannot be fed this text; None where it can.

    Tokenizers know more tokens than a model where some were added later ([PAD]). To feed one is
    an error on the CPU; on CUDA it ends the process's use of the device.
    """
    places = np.flatnonzero(encoding.ids >= rows)
    if not len(places):
        return None
    at = int(places[0])
    return no_such_row(int(encoding.ids[at]), text[encoding.starts[at] : encoding.ends[at]], rows)


def no_such_row(token: int, spelled: str, rows: int) -> EyebrowError:
    """What to say of an id beyond the embedding; `spelled`: what stands for it in the text."""
    there = f"the model has {rows:,} rows (ids 0 to {rows - 1:,})"
    return EyebrowError(
        "Token beyond the model",
        f"{spelled!r} is id {token:,} to the tokenizer, and {there}; leave it out of the text"
        if spelled
        else f"the tokenizer adds id {token:,}, and {there}; they are not of one model",
        FAILED,
    )


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
