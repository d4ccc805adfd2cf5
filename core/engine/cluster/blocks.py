"""What is left to score of one model, handed out in blocks of about as many tokens as are wanted.

Tokens are estimated from bytes. How many a block should have follows the pace of the workers: it
takes them `SECONDS`, so that a block costs little beside its work, whatever the model; and the
last ones are smaller, so that no worker is left alone with much.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from ...stories.story import Story

BYTES = 4  # of English text in a token, about
SECONDS = 8.0  # of work in a block
FIRST = 16_384  # tokens in a block while the pace is not known
LEAST, MOST = 8_192, 1 << 20  # tokens in any other


@dataclass(frozen=True, slots=True)
class Block:
    """Stories by text digest, to be scored by one worker. deaths: of workers that had them."""

    stories: dict[str, Story]
    deaths: int = 0

    @property
    def tokens(self) -> int:
        """About as many."""
        return sum(map(tokens_of, self.stories.values()))

    def after_death(self) -> list[Block]:
        """The same stories once more, in halves: one that kills its worker costs itself alone."""
        items = list(self.stories.items())
        middle = (len(items) + 1) // 2
        halves = (dict(items[:middle]), dict(items[middle:]))
        return [Block(half, self.deaths + 1) for half in halves if half]

    def without(self, known: Container[str]) -> Block:
        """Less the stories with these digests."""
        left = {digest: story for digest, story in self.stories.items() if digest not in known}
        return Block(left, self.deaths)


class Blocks:
    """The stories of one model that no worker has. is_dropped: none of them is wanted any more."""

    def __init__(self, source: Iterable[dict[str, Story]], characters: int) -> None:
        """source: the stories, some at a time; characters: of all of them."""
        self._stories = _longest_first(source)
        self._back: list[Block] = []
        self._left = characters / BYTES
        self._pace = 0.0  # tokens a second and worker
        self._is_begun = not characters
        self.is_dropped = False
        self._next: tuple[str, Story] | None = None

    def __bool__(self) -> bool:
        """Whether there is another block. The source is not read for that."""
        return bool(self._back) or self._next is not None or not self._is_begun

    def note(self, tokens: float, seconds: float) -> None:
        """How long a block took its worker."""
        pace = tokens / max(seconds, 1e-3)
        self._pace = (self._pace + pace) / 2 if self._pace else pace

    def take(self, workers: int) -> Block:
        """The next block, empty where the source has nothing any more.

        workers: among how many the rest is to be parted.
        """
        if self._back:
            return self._back.pop()
        if not self._is_begun:
            self._is_begun, self._next = True, next(self._stories, None)
        wanted = self._pace * SECONDS or FIRST
        wanted = min(max(wanted, LEAST), MOST, max(self._left / (2 * workers), LEAST / 2))
        block: dict[str, Story] = {}
        size = 0
        while self._next is not None and (not block or size < wanted):
            digest, story = self._next
            block[digest] = story
            size += tokens_of(story)
            self._left -= len(story.text) / BYTES
            self._next = next(self._stories, None)
        return Block(block)

    def put_back(self, blocks: Iterable[Block]) -> None:
        """What was taken and is not done."""
        if not self.is_dropped:
            self._back += [block for block in blocks if block.stories]

    def drop(self) -> None:
        """Nothing more of this model, nor of what workers still have of it."""
        self._back, self._next, self._is_begun, self.is_dropped = [], None, True, True


def tokens_of(story: Story) -> int:
    """About as many."""
    return max(1, len(story.text.encode("utf-8", "surrogatepass")) // BYTES)


def _longest_first(source: Iterable[dict[str, Story]]) -> Iterator[tuple[str, Story]]:
    """So that the stories of a block are about as long, and pad each other little."""
    for some in source:
        yield from sorted(some.items(), key=lambda item: -len(item[1].text))
