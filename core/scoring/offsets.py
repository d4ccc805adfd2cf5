"""Character offsets for tokenizers that report none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BROKEN = "�"  # what a decoder writes for bytes that are no character yet


def offsets_without_help(tokenizer: Any, ids: Sequence[int], text: str) -> list[tuple[int, int]]:
    """Where each token lies in `text`, found by decoding a little more each time.

    A token whose bytes do not finish a character yet shares the span of the character that a
    later token finishes. Added special tokens get (n, n). What the tokenizer changed (case,
    accents) is matched by length, which keeps the spans in order and inside the text.
    """
    special = set(tokenizer.all_special_ids)
    offsets: list[tuple[int, int]] = []
    at, read, waiting = 0, 0, 0
    for i, token in enumerate(ids):
        if token in special and tokenizer.decode([token]) not in text[at:]:
            offsets.append((at, at))
            continue
        # A few tokens of left context keep decoders from eating a leading space.
        before = max(0, read - 4)
        known = tokenizer.decode(list(ids[before:read])) if read > before else ""
        piece = tokenizer.decode(list(ids[before : i + 1]))[len(known) :]
        if piece.endswith(BROKEN) and i + 1 < len(ids):
            waiting += 1
            offsets.append((at, at))
            continue
        end = _match(text, at, piece)
        offsets.append((at, end))
        for back in range(1, waiting + 1):
            offsets[-1 - back] = (at, end)
        at, read, waiting = end, i + 1, 0
    return offsets


def _match(text: str, at: int, piece: str) -> int:
    """The end of `piece` in `text` from `at` on: its own place if found, else by its length."""
    bare = piece.strip()
    if not bare:
        return min(len(text), at + len(piece))
    found = text.find(bare, at, at + len(piece) + 16)
    return found + len(bare) if found >= 0 else min(len(text), at + len(piece))
