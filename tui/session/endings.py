"""Pairs of endings among the open stories, and what the endings cost without their beginnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...core.engine.exploring_messages import ScoreAlone, ScoredAlone
from ...core.engine.messages import Explored, Failed, WorkerDied
from ...core.errors import EyebrowError
from ...core.stories.pairs import Pair, find_pairs
from .change import Change
from .jobs import Jobs
from .library import Library
from .models import Models
from .size import Size
from .worker import Worker


class Endings:
    """Endings alone are no stories: they are asked for when a view has a use for them.

    alone: their nats by model digest, then by text digest; of models whose tokenizer has neither
    BOS nor EOS there is nothing.
    """

    def __init__(
        self,
        library: Library,
        models: Models,
        jobs: Jobs,
        worker: Worker,
        announce: Callable[[Change], None],
    ) -> None:
        self.library, self.models = library, models
        self.jobs, self.worker = jobs, worker
        self.announce = announce
        self.alone: dict[str, dict[str, float]] = {}
        self._asked: set[str] = set()  # digests of models
        self._stories = -1  # among which pairs were looked for
        self._pairs: tuple[Pair, ...] = ()

    @property
    def pairs(self) -> Sequence[Pair]:
        """Of the open stories; none while they are read."""
        stories = self.library.stories
        if self.library.reading:
            return ()
        if self._stories != len(stories):
            self._stories, self._pairs = len(stories), ()
            try:
                self._pairs = tuple(find_pairs(stories)[0])
            except EyebrowError:  # there are none
                self._pairs = ()
        return self._pairs

    def empty(self) -> None:
        """Other stories or models are open."""
        self.alone, self._asked, self._stories = {}, set(), -1

    def known(self) -> Mapping[str, Mapping[str, float]]:
        """`alone` of the models of which all is there."""
        texts = {text for pair in self.pairs for text in pair.endings}
        return {digest: nats for digest, nats in self.alone.items() if len(nats) == len(texts)}

    def want_alone(self) -> None:
        """Have the endings alone scored under each size that is here and done with the set."""
        for size in self.models.sizes:
            is_here = size.state == "ready" or size.spec.local_path is not None
            if self.pairs and size.settled and is_here and size.digest not in self._asked:
                self._asked.add(size.digest)
                self._ask(size)

    def _ask(self, size: Size) -> None:
        from ...core.results.endings import endings_alone  # NumPy, after the first picture

        texts, recipe = tuple(endings_alone(self.pairs)), self.worker.asked
        self.jobs.explore(
            lambda number: ScoreAlone(number, size.spec, recipe, texts),
            lambda reply: self._take(size, reply),
        )

    def _take(self, size: Size, reply: Explored | Failed) -> None:
        if isinstance(reply, ScoredAlone):
            self.alone.setdefault(size.digest, {}).update(reply.nats)
            self.announce(Change.SUMS)

    def receive(self, message: object) -> None:
        if isinstance(message, WorkerDied):  # what it had not yet told is asked for again
            self._asked -= self._asked - self.known().keys()
