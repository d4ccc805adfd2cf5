"""A set of stories as a run over several models needs it: all their names, the texts in turn.

Up to `KEPT` characters the texts stay in memory. A longer source that can be read again is, once
for each model, so that its size on the disk is no matter; of every story only its id, title and
group and its text's digest, length and sentence starts are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from .sources import Stories
from .story import Story, text_digest

KEPT = 256_000_000  # characters of text in memory
BLOCK = 16_384  # stories read again at a time


class StorySet:
    """Stories that were read once.

    ids, titles, digests, groups: a story each, in order. lengths: characters by text digest;
    copies: how many stories tell a text. sentence_starts: by text digest, of the texts whose
    sentences the source tells; of stories that tell one text the first decides.
    """

    def __init__(self, stories: Iterable[Story], note: Callable[[Story, str], None]) -> None:
        """Reads all of them; `note` sees each text once, with its digest."""
        self.ids: list[str] = []
        self.titles: list[str] = []
        self.digests: list[str] = []
        self.groups: list[str] = []
        self.sentence_starts: dict[str, tuple[int, ...]] = {}
        self.lengths: dict[str, int] = {}
        self._again = stories if isinstance(stories, Stories) and stories.is_repeatable else None
        self._kept: dict[str, Story] | None = {}
        size = 0
        for story in stories:
            digest = text_digest(story.text)
            self.ids.append(story.id)
            self.titles.append(story.title)
            self.digests.append(digest)
            self.groups.append(story.group)
            if digest in self.lengths:
                continue
            self.lengths[digest] = len(story.text)
            if story.sentence_starts:
                self.sentence_starts[digest] = story.sentence_starts
            note(story, digest)
            size += len(story.text)
            if self._again is not None and size > KEPT:
                self._kept = None
            if self._kept is not None:
                self._kept[digest] = story
        self.copies = Counter(self.digests)

    def __len__(self) -> int:
        return len(self.ids)

    def blocks(self, wanted: Callable[[str], bool]) -> Iterator[dict[str, Story]]:
        """The stories whose text digest is wanted, by digest, each text once."""
        if self._kept is not None:
            yield {digest: story for digest, story in self._kept.items() if wanted(digest)}
            return
        assert self._again is not None
        block: dict[str, Story] = {}
        seen: set[str] = set()
        for story in self._again:
            digest = text_digest(story.text)
            if digest in seen or digest not in self.lengths or not wanted(digest):
                continue
            seen.add(digest)
            block[digest] = story
            if len(block) == BLOCK:
                yield block
                block = {}
        yield block
