"""Stories that part at their end: one beginning, an ending that is expected and one that is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from ..errors import EyebrowError
from .story import Story

RIGHT, WRONG = ("right", "expected"), ("wrong", "twist")  # how the kinds of the two end


@dataclass(frozen=True, slots=True)
class Pair:
    """Two stories and where in them the ending begins, in characters: the same place in both."""

    name: str
    right: Story
    wrong: Story
    at: int

    @property
    def stories(self) -> tuple[Story, Story]:
        return self.right, self.wrong

    @property
    def endings(self) -> tuple[str, str]:
        """The endings alone: the right one, the wrong one."""
        return self.right.text[self.at :], self.wrong.text[self.at :]


def find_pairs(stories: Iterable[Story]) -> tuple[list[Pair], int]:
    """The pairs among these stories, in order, and how many names of pairs lack one of the two.

    The kind of a story says which it is: it ends in one of `RIGHT` or of `WRONG`. Raises
    `EyebrowError` where there is no pair.
    """
    found: dict[str, dict[bool, Story]] = {}
    for story in stories:
        if story.pair and story.kind.endswith(RIGHT + WRONG):
            found.setdefault(story.pair, {}).setdefault(story.kind.endswith(RIGHT), story)
    pairs = [
        Pair(name, both[True], both[False], at)
        for name, both in found.items()
        if len(both) == 2 and (at := _parting(both[True], both[False])) is not None
    ]
    if not pairs:
        raise EyebrowError(
            "No pairs",
            "none of the stories has two endings; a table has them in columns beginning, ending1, "
            "ending2 and right (1 or 2), or as in Story Cloze; or stories with pair (its name) and "
            "kind (right or wrong)",
        )
    return pairs, len(found) - len(pairs)


def _parting(one: Story, other: Story) -> int | None:
    """Where the endings begin: where the source tells it, or else where the last sentence begins;
    else with the first word that differs. None where one of them has no ending of its own."""
    both = zip(one.text, other.text, strict=False)
    shared = sum(1 for _ in takewhile(lambda chars: chars[0] == chars[1], both))
    told = {_told(one), _told(other)}
    last = told.pop() if len(told) == 1 else None
    if last is not None and last <= shared:
        at = last
    else:
        at = shared
        while at > 0 and not one.text[at - 1].isspace():
            at -= 1
    endings = {story.text[at:].strip() for story in (one, other)}
    return at if len(endings) == 2 and "" not in endings else None


def _told(story: Story) -> int | None:
    """Where the source says that the ending begins."""
    return next((at for at in (story.ending, *story.sentence_starts[-1:]) if at is not None), None)
