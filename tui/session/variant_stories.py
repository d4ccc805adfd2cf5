"""Stories under variants: their scores, and how far each token's distribution is from that of the
reference. Both come from the worker, and a story is asked for once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ...core.engine.exploring_messages import Diverge, Diverged
from ...core.engine.messages import Explored, Failed, Scored
from ...core.models.spec import ModelSpec
from ...core.scoring.scores import StoryScore
from ...core.stories.story import Story, text_digest
from .change import Change
from .jobs import Jobs
from .size import Size
from .worker import Worker

if TYPE_CHECKING:
    from ..text.reading import Values

KEPT = 64  # stories of either kind

Key = tuple[str, str, str]  # the model, the reference of a divergence or "", the text's digest


class VariantStories:
    """What was asked for and has come, or why it cannot."""

    def __init__(self, jobs: Jobs, worker: Worker, announce: Callable[[Change], None]) -> None:
        self.jobs, self.worker, self.announce = jobs, worker, announce
        self._scores: OrderedDict[Key, StoryScore] = OrderedDict()
        self._divergences: OrderedDict[Key, Values] = OrderedDict()
        self._troubles: dict[Key, str] = {}
        self._asked: set[Key] = set()

    def forget_asked(self) -> None:
        """The worker will not answer what it was asked."""
        self._asked.clear()

    def score(self, model: str, digest: str) -> StoryScore | None:
        return self._scores.get((model, "", digest))

    def divergence(self, model: str, reference: str, digest: str) -> Values | None:
        """float64 (T,): nats at each token, nan where none was scored."""
        return self._divergences.get((model, reference, digest))

    def trouble(self, model: str, reference: str, digest: str) -> str:
        """Why there is none; reference: "" for the score."""
        return self._troubles.get((model, reference, digest), "")

    def want_score(self, model: ModelSpec, story: Story, parameters: int | None) -> None:
        """Have a story scored under a model that is no size of the session."""
        key = model.name, "", text_digest(story.text)
        if self._is_new(key):
            size = Size(model, parameters)
            self.jobs.ask(size, [(key[2], story)], partial(self._take_score, key), urgent=True)

    def want_divergence(self, model: ModelSpec, reference: ModelSpec, story: Story) -> None:
        """Have the two compared at each token."""
        key = model.name, reference.name, text_digest(story.text)
        if self._is_new(key):
            recipe = self.worker.asked
            self.jobs.explore(
                lambda number: Diverge(number, model, recipe, story.text, reference),
                partial(self._take_divergence, key),
            )

    def _is_new(self, key: Key) -> bool:
        if key in self._asked or key in self._troubles or self.worker.hello is None:
            return False
        if key in (self._divergences if key[1] else self._scores):
            return False
        self._asked.add(key)
        return True

    def _take_score(self, key: Key, reply: Scored | Failed) -> None:
        self._asked.discard(key)
        self._refused(key, reply)
        for _, _, score in reply.rows if isinstance(reply, Scored) else ():
            if score is not None:
                self._scores[key] = score
        self._told(self._scores)

    def _take_divergence(self, key: Key, reply: Explored | Failed) -> None:
        self._asked.discard(key)
        self._refused(key, reply)
        if isinstance(reply, Diverged):
            self._divergences[key] = reply.kl.astype(float)
        self._told(self._divergences)

    def _refused(self, key: Key, reply: object) -> None:
        if isinstance(reply, Failed):
            self._troubles[key] = f"{reply.title}: {reply.message}"

    def _told(self, kept: OrderedDict[Key, Any]) -> None:
        while len(kept) > KEPT:
            kept.popitem(last=False)
        self.announce(Change.DAMAGE)
