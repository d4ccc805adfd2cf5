"""What-if: the story that is read, with words of one's own, scored as they are typed.

The worker goes on behind the part that has not changed. Nothing of it is kept in the store, and
the story stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ...core.engine.messages import Explored, Failed, Hello, Rescore, Rescored, WorkerDied
from ...core.scoring.scores import StoryScore
from ...core.stories.story import Story, text_digest
from .change import Change
from .jobs import Jobs
from .library import Library
from .models import Models
from .place import Place
from .scores import Scores
from .size import Size
from .worker import Worker


class Edit:
    """text: as it is typed; None while nothing is edited. caret: the character it is typed at.

    Edits that were left are kept until other stories are open, to be taken up again.
    """

    def __init__(
        self,
        library: Library,
        models: Models,
        place: Place,
        jobs: Jobs,
        scores: Scores,
        worker: Worker,
        announce: Callable[[Change], None],
    ) -> None:
        self.library, self.models, self.place = library, models, place
        self.jobs, self.scores, self.worker = jobs, scores, worker
        self.announce = announce
        self.empty()

    def empty(self) -> None:
        """Other stories are open."""
        self.text: str | None = None
        self.caret = 0
        self._left: dict[str, str] = {}  # by the digest of the story's text
        self._before = 0  # the character one was at in the story
        self._known: dict[str, tuple[str, StoryScore]] = {}  # of each size, its newest
        self._asked: dict[str, tuple[str, int | None]] = {}
        self._failed: dict[str, tuple[str, str]] = {}

    @property
    def is_on(self) -> bool:
        return self.text is not None

    @property
    def unsaved(self) -> dict[str, str]:
        """The edits that would be lost with the program, by the digest of their story."""
        if self.text is None or self.text == self.original.text:
            return dict(self._left)
        return {**self._left, self._digest: self.text}

    # --- the edit itself -------------------------------------------------------------------

    def begin(self) -> str:
        """Edit the story that is read; returns its text, or where one had left an edit of it."""
        story = self.original
        self._before = self.caret = self.place.character
        self.text = self._left.get(self._digest, story.text)
        self.announce(Change.STORY | Change.TOKEN)
        self.want()
        return self.text

    def type(self, text: str) -> None:
        """So it reads now."""
        if self.is_on and text != self.text:
            self.text = text
            self.announce(Change.STATUS)
            self.want()

    def leave(self) -> None:
        """Back to the story as it was, at the place one was at."""
        if self.text is None:
            return
        self._left.pop(self._digest, None)
        if self.text != self.original.text:
            self._left[self._digest] = self.text
        for _, number in self._asked.values():
            self.jobs.drop(number)
        self.text = None
        for known in (self._known, self._asked, self._failed):
            known.clear()
        self.place.go_to(self.place.story, self.place.row, character=self._before)
        self.announce(Change.STORY | Change.TOKEN)

    def keep(self, title: str) -> Story:
        """The edit as a story of its own, to be added to the others; it is left."""
        assert self.text is not None
        ids, number = {story.id for story in self.library.stories}, 1
        while f"edited-{number}" in ids:
            number += 1
        story = Story(f"edited-{number}", title, self.text, "edited")
        self.leave()
        self._left.pop(self._digest, None)
        return story

    @property
    def why_not_kept(self) -> str:
        """Why it can be no story of the set; "" where it can."""
        text = self.text or ""
        if not text.strip():
            return "there is no text to save"
        if self.library.by_digest.get(text_digest(text)):
            return "there is a story with this text already"
        return ""

    @property
    def original(self) -> Story:
        """The story as it is in the set."""
        return self.library.stories[self.place.story]

    @property
    def _digest(self) -> str:
        return self.library.digests[self.place.story]

    # --- its scores ------------------------------------------------------------------------

    @property
    def story(self) -> Story:
        """As it was when it was last scored under the current size: what its numbers are of."""
        original = self.original
        text = self._text_under(self.models.size)
        if text == original.text:
            return original
        return replace(original, text=text, sentence_starts=())

    def score(self, size: Size) -> StoryScore | None:
        """Of the text of `story`, where it is known."""
        if self._text_under(size) != self._text_under(self.models.size):
            return None
        if size.name in self._known:
            return self._known[size.name][1]
        return self.before(size)

    def before(self, size: Size) -> StoryScore | None:
        """Of the story as it was."""
        return self.scores.of_text(size, self._digest)

    def _text_under(self, size: Size) -> str:
        known = self._known.get(size.name)
        return self.original.text if known is None else known[0]

    @property
    def why(self) -> str:
        """What the numbers of the text as it is typed wait for; "" where they are here."""
        size = self.models.size
        if self.text is None or self._knows(size):
            return ""
        if self.worker.stopped or size.is_out:
            return self.worker.stopped or size.trouble
        if self._has_failed(size):
            return self._failed[size.name][1]
        return f"{size.state if size.state == 'loading' else 'scoring with'} {size.name}…"

    def _knows(self, size: Size) -> bool:
        return self._known.get(size.name, ("", None))[0] == self.text and size.name in self._known

    def _has_failed(self, size: Size) -> bool:
        failed = self._failed.get(size.name)
        return failed is not None and failed[0] == self.text

    def want(self) -> None:
        """Have it scored: under the current size, and where that is done under the others."""
        if self.text is None:
            return
        current = self.models.size
        self._ask(current, self.text)
        if self._knows(current) or self._has_failed(current) or current.is_out:
            for size in self.models.sizes:
                self._ask(size, self.text)

    def _ask(self, size: Size, text: str) -> None:
        before, number = self._asked.get(size.name, (None, None))
        if size.is_out or size.state == "downloading" or before == text:
            return
        self.jobs.drop(number)
        number = self.jobs.explore(
            lambda number: Rescore(number, size.spec, self.worker.asked, text),
            partial(self._take, size, text),
        )
        self._asked[size.name] = (text, number)

    def _take(self, size: Size, text: str, answer: Explored | Failed) -> None:
        if isinstance(answer, Rescored):
            self._known[size.name] = (text, answer.score)
        elif isinstance(answer, Failed):
            self._failed[size.name] = (text, f"{answer.title}: {answer.message}")
        if size is self.models.size:
            self.place.go_to(self.place.story, self.place.row, character=self.caret)
            self.announce(Change.STORY | Change.TOKEN)
        self.announce(Change.SIZES | Change.STATUS)
        self.want()

    def receive(self, message: object) -> None:
        """A worker that is gone is asked again when it is back."""
        match message:
            case WorkerDied():
                self._asked.clear()
            case Hello():
                self.want()
