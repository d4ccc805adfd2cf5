"""The stories that are open: which of them are listed, in which order, and which are marked."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...core.stories.story import Story, text_digest
from .arrange import BY_GAP, SORTS, Filter, Shelves, arrange


@dataclass(frozen=True, slots=True)
class Batch:
    """Stories with what the list needs to know of them; words: the length of each."""

    stories: tuple[Story, ...]
    digests: tuple[str, ...]
    words: tuple[int, ...]


def batch_of(stories: Iterable[Story]) -> Batch:
    """Where stories are read: this takes longer than adding them to the list."""
    read = tuple(stories)
    return Batch(
        read,
        tuple(text_digest(story.text) for story in read),
        tuple(len(story.text.split()) for story in read),
    )


class Library:
    """name: what is open. reading: stories are still coming in. order: the listed ones, by index.

    by_digest: the stories that have a text, by its digest. words: of all distinct texts.
    """

    def __init__(self, name: str) -> None:
        self.sort = SORTS[0]
        self.shelves = Shelves()
        self.empty(name)

    def empty(self, name: str) -> None:
        """Other stories are to come; how they are sorted and what is marked stays."""
        self.name = name
        self.shelves = Shelves(marked=self.shelves.marked)
        self.by_digest: dict[str, list[int]] = {}
        self.words = 0
        self.reading = False
        self.filter = Filter()
        self.order: Sequence[int] = range(0)

    @property
    def stories(self) -> list[Story]:
        """All of them, in the order they were read."""
        return self.shelves.stories

    @property
    def digests(self) -> list[str]:
        """Of their texts."""
        return self.shelves.digests

    def add(self, batch: Batch) -> list[tuple[int, str]]:
        """More stories; returns the index of each with the digest of its text."""
        first = len(self.stories)
        self.stories.extend(batch.stories)
        self.digests.extend(batch.digests)
        self.shelves.words.extend(batch.words)
        added = list(enumerate(batch.digests, start=first))
        for index, digest in added:
            same = self.by_digest.setdefault(digest, [])
            same.append(index)
            if len(same) == 1:
                self.words += self.shelves.words[index]
        return added

    def arrange(
        self, nats: array[float], bits: array[float], gaps: array[float] | None = None
    ) -> None:
        """List the stories anew, by what they have under the current size."""
        self.order = arrange(self.shelves, nats, bits, self.sort, self.filter, gaps)

    @property
    def follows_scores(self) -> bool:
        """Whether scores that come in may change the list."""
        by_scores = self.sort.startswith("perplexity") or self.sorts_by_gap
        return by_scores or self.filter.follows_scores

    @property
    def sorts_by_gap(self) -> bool:
        """Whether the list is in order of the gap to the reference."""
        return self.sort in BY_GAP

    def row_of(self, story: int) -> int | None:
        """Where a story is listed; None where it is not."""
        try:
            return self.order.index(story)
        except ValueError:
            return None

    def words_of(self, digest: str) -> int:
        """The length of a text; 0 where no story has it."""
        return self.shelves.words[self.by_digest[digest][0]] if digest in self.by_digest else 0

    # --- marks -----------------------------------------------------------------------------

    @property
    def marked_count(self) -> int:
        """How many of these stories are marked."""
        return sum(len(self.by_digest.get(digest, ())) for digest in self.shelves.marked)

    def is_marked(self, story: int) -> bool:
        return self.digests[story] in self.shelves.marked

    def mark(self, story: int) -> bool:
        """Mark a story, or take the mark away; whether it is marked now."""
        self.shelves.marked.symmetric_difference_update({self.digests[story]})
        return self.is_marked(story)

    def marked(self) -> list[int]:
        """The marked stories, in the order they were read."""
        digests = self.shelves.marked & self.by_digest.keys()
        return sorted(story for digest in digests for story in self.by_digest[digest])
