"""What the context contributes to one word: its surprise with more and more of it, by size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ...core.engine.exploring_messages import ContextTraced, TraceContext
from ...core.engine.messages import Explored, Failed, Hello, WorkerDied
from ...core.scoring.exploring import CurvePoint
from ...core.scoring.scores import StoryScore
from ...core.stories.story import Story
from ..text.reading import LARGER_UNITS, units
from .change import Change
from .jobs import Jobs
from .models import Models
from .size import Size
from .worker import Worker


@dataclass(frozen=True, slots=True)
class Word:
    """place: its characters in the text, from and to. sentence: the character at which its
    sentence begins."""

    text: str
    place: tuple[int, int]
    sentence: int


def word_at(story: Story, score: StoryScore, token: int) -> Word | None:
    """The word that a token belongs to; None where it is context, or there is no word."""
    if not len(score):
        return None
    at, starts = min(token, len(score) - 1), story.sentence_starts
    word, sentence = (
        (found := units(story.text, score, unit, starts))[found.of_token(at)]
        for unit in LARGER_UNITS
    )
    place = word.start, word.end
    return Word(story.text, place, sentence.start) if word.scored else None


class Tracing:
    """word: the one that was asked about last. found: its points by size; failed: why not."""

    def __init__(
        self, models: Models, jobs: Jobs, worker: Worker, announce: Callable[[Change], None]
    ) -> None:
        self.models, self.jobs, self.worker = models, jobs, worker
        self.announce = announce
        self.word: Word | None = None
        self.found: dict[str, tuple[CurvePoint, ...]] = {}
        self.failed: dict[str, str] = {}
        self._asked: dict[str, int | None] = {}

    def trace(self, word: Word) -> None:
        """Ask about a word under every size, the current one first."""
        self.leave()
        self.word = word
        self._want()

    def leave(self) -> None:
        """Want nothing more."""
        for number in self._asked.values():
            self.jobs.drop(number)
        self.word, self.found, self.failed, self._asked = None, {}, {}, {}

    def _want(self) -> None:
        current = self.models.size
        self._ask(current)
        if current.is_out or current.name in self.found or current.name in self.failed:
            for size in self.models.sizes:
                self._ask(size)

    def _ask(self, size: Size) -> None:
        asked = self._asked.keys() | self.found.keys() | self.failed.keys()
        if self.word is None or size.name in asked or size.is_out or size.state == "downloading":
            return
        self._asked[size.name] = self.jobs.explore(
            partial(_question, size, self.worker, self.word), partial(self._take, size.name)
        )

    def _take(self, name: str, answer: Explored | Failed) -> None:
        if isinstance(answer, ContextTraced):
            self.found[name] = answer.points
        elif isinstance(answer, Failed):
            self.failed[name] = f"{answer.title}: {answer.message}"
        self.announce(Change.NEXT)
        self._want()

    @property
    def waits_for(self) -> str:
        """A size that has not answered yet; "" where all have."""
        asked = (size.name for size in self.models.sizes if not size.is_out)
        answered = self.found.keys() | self.failed.keys()
        return next((name for name in asked if name not in answered), "")

    def receive(self, message: object) -> None:
        """A worker that is gone is asked again when it is back."""
        match message:
            case WorkerDied():
                self._asked = {}
            case Hello():
                self._want()


def _question(size: Size, worker: Worker, word: Word, number: int) -> TraceContext:
    return TraceContext(number, size.spec, worker.asked, word.text, word.place, word.sentence)
