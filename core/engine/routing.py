"""Which worker does what: each worker as the pool knows it, and where a request goes.

- What is urgent goes to a worker that holds its model: a batch under way gives way to it within
  half a second, and no model is loaded in that time. So another worker never loads a model for
  the sake of one story. One that is loading something else, or is not up yet, counts as away.
  Where nobody holds the model it goes where that is on its way already, else to whoever has the
  least to do.
- What is scored in the background keeps to the workers that hold its model, until they have
  enough to do; then whoever has the least to do loads it too. So sizes spread over the workers,
  and the last of them over all. What waits for its model to be downloaded is nothing to do.
- Questions about a place of a text stay with the worker that was asked of that model first: it
  remembers the text up to there, unless it is away. One of two models goes where the reference
  was asked of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from ..stories.story import text_digest
from .client import Engine
from .messages import Explore, Failed, Score, Work

AHEAD = 2  # background jobs that keep a worker busy


@dataclass(slots=True, eq=False)
class Task:
    """A request that a worker has.

    told: digests of texts whose scores have come and may not be in the store yet; kept: of texts
    that need not be asked for again. deaths: of workers that had it, without one score kept
    between them.
    """

    request: Work
    told: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)  # numbers of workers without room for it
    has_begun: bool = False
    is_cancelled: bool = False
    is_finished: bool = False
    deaths: int = 0

    @property
    def rest(self) -> Work | None:
        """What is to be asked of another worker, None for nothing."""
        if not isinstance(self.request, Score):
            return None if self.is_cancelled or self._would_repeat else self.request
        digests = {text_digest(story.text): story for story in self.request.stories}
        only_to_keep = self.is_cancelled or self.is_finished
        wanted = self.told if only_to_keep else digests.keys() - self.kept
        stories = tuple(story for digest, story in digests.items() if digest in wanted)
        urgent = self.request.urgent and not only_to_keep
        return replace(self.request, stories=stories, urgent=urgent) if stories else None

    @property
    def _would_repeat(self) -> bool:
        """A continuation that has begun would tell its beginning twice."""
        if not self.has_begun:
            return False
        from .exploring_messages import Continue  # not before there is an answer of its kind

        return isinstance(self.request, Continue)


@dataclass(slots=True, eq=False)
class Member:
    """A worker of the pool; device: what it was told to work on.

    tasks: by job; those that are finished too, until their scores are in the store. held: models
    that are loaded; coming: those that were asked for and are not; loading: the one under way;
    fetching: those that are downloaded first; full: those it had no room for.
    is_up: it has greeted; refusal: why it will not. is_out: it is started no more. deaths: in a
    row, without one score between them.
    """

    number: int
    device: str
    engine: Engine
    tasks: dict[int, Task] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    coming: set[str] = field(default_factory=set)
    fetching: set[str] = field(default_factory=set)
    full: set[str] = field(default_factory=set)
    loading: str = ""
    is_running: bool = False
    is_up: bool = False
    is_out: bool = False
    deaths: int = 0
    refusal: Failed | None = None

    def start(self) -> None:
        """A new process, which holds nothing."""
        self.tasks, self.held, self.coming = {}, set(), set()
        self.fetching, self.full = set(), set()
        self.loading, self.is_up, self.is_running, self.refusal = "", False, True, None
        self.engine.start()

    def take(self, task: Task) -> None:
        """Hand a request to the process."""
        self.tasks[task.request.job] = task
        if task.request.model.name not in self.held:
            self.coming.add(task.request.model.name)
        self.engine.send(task.request)

    def waiting(self, *, urgent: bool) -> list[Task]:
        """What is not finished, in the order it was asked for."""
        tasks = (task for task in self.tasks.values() if not task.is_finished)
        return [task for task in tasks if task.request.urgent is urgent]

    def is_away(self, model: str) -> bool:
        """Whether it answers nobody for a while, unless that is of this model."""
        return not self.is_up or self.loading not in ("", model)


def choose(request: Work, members: Iterable[Member], asked: dict[str, int]) -> Member:
    """The member that a request goes to.

    members: those that run. asked: by model, the number of the member that questions about a
    place went to.
    """
    there = list(members)
    if request.urgent and isinstance(request, Explore):
        reference = _reference(request)
        number = asked.get(reference)
        known = next((member for member in there if member.number == number), None)
        names = (request.model.name, reference)
        if known is not None and not all(map(known.is_away, names)):
            return known
    key = _for_the_screen if request.urgent else _for_the_background
    return min(there, key=lambda member: (*key(member, request.model.name), member.number))


def _reference(request: Explore) -> str:
    """The model by which the worker is chosen."""
    from .exploring_messages import Diverge, ShowNext  # not before there is a question

    match request:
        case Diverge():
            return request.reference.name
        case ShowNext() if request.reference:
            return request.reference
    return request.model.name


def _for_the_screen(member: Member, model: str) -> tuple[int, ...]:
    is_on_its_way = 1 if model in member.coming else 2
    return (
        member.is_away(model),
        0 if model in member.held else is_on_its_way,
        len(member.waiting(urgent=True)),
        len(member.waiting(urgent=False)),
    )


def _for_the_background(member: Member, model: str) -> tuple[int, ...]:
    waiting = member.waiting(urgent=False)
    jobs = sum(task.request.model.name not in member.fetching for task in waiting)
    return jobs >= AHEAD, model not in member.held | member.coming, jobs, len(waiting)


def hold(members: Iterable[Member], model: str) -> Collection[Member]:
    """Those that hold a model."""
    return [member for member in members if model in member.held]
