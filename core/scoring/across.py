"""The same context under several models: how far apart their next-token distributions are."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from .draws import Shares

_PART = re.compile(r"‹[0-9A-F]{2}[ ›]")  # a token that begins with part of a character


def kl(p: Shares, q: Shares) -> float:
    """KL(p || q) = sum p ln(p / q) in nats, of probabilities (V,) over one vocabulary.

    p: of the reference. Infinite where q rules out what p does not (Kullback & Leibler 1951).
    """
    possible = p > 0
    with np.errstate(divide="ignore"):
        ratio = np.log(p[possible]) - np.log(q[possible])
    return max(0.0, float((p[possible] * ratio).sum()))


def first_characters(texts: Sequence[str], special: Collection[str]) -> tuple[Any, list[str]]:
    """int64 (V,): which of the characters that are returned too each token begins with.

    texts: of the ids, by `token_texts`. A special token stands for itself; one that begins with
    part of a character for that byte, `‹F0›`; one that reads as nothing for the empty text.
    """
    known: dict[str, int] = {}
    kinds = [known.setdefault(_first(text, special), len(known)) for text in texts]
    return np.array(kinds, dtype=np.int64), list(known)


def _first(text: str, special: Collection[str]) -> str:
    if text in special:
        return text
    return f"{text[:3]}›" if _PART.match(text) else text[:1]


def next_characters(
    shares: Shares, kinds: Any, characters: Sequence[str], most: int
) -> tuple[tuple[str, float], ...]:
    """The `most` likeliest next characters with their probability, likeliest first.

    shares: probabilities (V,) of the next token; the others are those of `first_characters`. This
    is what compares between tokenizers; a text may be cut into tokens in other ways too, and only
    the tokenizer's own counts.
    """
    sums = np.bincount(kinds, weights=shares, minlength=len(characters))
    order = np.argsort(-sums, kind="stable")[:most]
    return tuple((characters[i], float(sums[i])) for i in order if sums[i] > 0)
