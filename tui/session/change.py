"""What the session announces: what kind of thing changed, and what is to be told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto


class Change(Flag):
    """What kind of thing changed."""

    STORIES = auto()  # the list itself
    MORE = auto()  # stories have come that are not listed yet
    STORY = auto()  # which one is selected, or its tokens
    TOKEN = auto()  # which token is selected
    SUMS = auto()  # perplexities of stories
    SIZES = auto()  # which is current, what state they are in
    STATUS = auto()  # what is running
    FINDS = auto()  # what Compare has found, or which find is selected
    NEXT = auto()  # the next-token distribution of Sample
    BRANCHES = auto()  # its continuations
    DAMAGE = auto()  # rows of Damage, or which of them is selected
    FOUND = auto()  # a hunt has come to what it was for


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell the user: a toast."""

    title: str
    message: str
    severe: bool = False
