"""Texts looked for in all stories, on a thread: a hundred thousand take half a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from ...core.errors import as_told
from ...core.stories.story import Story
from ..text.finding import places
from .answers import Trouble
from .lane import Lane

PIECE = 500  # stories between two looks at whether something else is wanted by now


@dataclass(frozen=True, slots=True)
class FoundText:
    """How often a text stands in each story that has it, by the story's index.

    asked: the number of the question.
    """

    asked: int
    counts: dict[int, int]


class Finder:
    """`deliver` gets the answers, on the thread."""

    def __init__(self, deliver: Callable[[FoundText | Trouble], object]) -> None:
        self.deliver = deliver
        self.asked = 0  # the newest question; older ones are dropped where they stand
        self._lane = Lane("finder", self._fail)

    def find(
        self, text: str, stories: Sequence[Story], among: Iterable[int], *, exact: bool
    ) -> int:
        """Answered by `FoundText`. among: the stories to look in. Returns the question's number."""
        self.asked += 1
        self._lane.submit(partial(self._find, self.asked, text, stories, among, exact))
        return self.asked

    def _fail(self, error: Exception) -> None:
        told = as_told(error, "Cannot find this")
        self.deliver(Trouble(told.title, told.message))

    def _find(
        self, asked: int, text: str, stories: Sequence[Story], among: Iterable[int], exact: bool
    ) -> None:
        counts: dict[int, int] = {}
        for n, story in enumerate(among):
            if n % PIECE == 0 and asked != self.asked:
                return
            if found := places(stories[story].text, text, exact=exact):
                counts[story] = len(found)
        self.deliver(FoundText(asked, counts))
