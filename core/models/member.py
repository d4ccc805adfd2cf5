"""What a model is called beside its scores: all that a reader without the model needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """A model as the store names it; family and revision are "" where there is none.

    digest: of its files. tokenizer: the digest of its tokenizer's files; ids of two models mean
    the same where these are equal.
    """

    name: str
    digest: str
    family: str
    revision: str
    tokenizer: str
    parameters: int
