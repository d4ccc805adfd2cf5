"""Which worker does what next: the driver's side of a run on Ray, which knows nothing of Ray.

Every worker takes blocks of the model it holds until there are none, and then holds the next:
the largest model first. A worker that is lost has its blocks given back, less what it had put
into the store, and another is asked for. Whoever dies over one story again and again costs that
story alone; a model that no worker can hold costs itself.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...errors import FAILED, DeviceLost, EyebrowError
from ...models.member import Member
from ..account import Account, Tally
from ..progress import Pace, Progress
from .blocks import Block, Blocks
from .worker import Ready, Report, Task

AHEAD = 2  # blocks that a worker has, so that it need not wait for the next
STARTING = 60.0  # seconds in which a worker that was asked for may come up
DEATHS = 3  # of workers over one story, one model, or at their start, that are put up with


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is no more. why: as far as it is known."""

    why: str


Reply = Ready | Member | Report | EyebrowError | Lost


class Pool(Protocol):
    """Workers by number; each answers in the order it is asked."""

    def start(self) -> int:
        """Ask for a worker; its first reply is `Ready`, or an error."""

    def hold(self, worker: int, task: Task) -> None:
        """Ask for a model to be loaded. The reply: a `Member`, or an error."""

    def score(self, worker: int, block: Block) -> None:
        """Ask for a block. The reply: a `Report`, or an error."""

    def next(self) -> tuple[int, Reply] | None:
        """The next reply of any; None where there was none for a moment."""

    def end(self, worker: int) -> None:
        """Let a worker go that is of no use any more."""

    def stop(self) -> Iterator[tuple[int, Reply]]:
        """Have all of them end what is under way after a batch; what they reply to that."""


@dataclass(slots=True, eq=False)
class _Hand:
    """A worker. tries, holds: the model that it loads, and has loaded. refuses: why it cannot.

    since: when it was asked for."""

    since: float = field(default_factory=time.monotonic)
    is_ready: bool = False
    tries: _Model | None = None
    holds: _Model | None = None
    blocks: deque[Block] = field(default_factory=deque)
    refuses: dict[str, EyebrowError] = field(default_factory=dict)
    unkept: int = 0


@dataclass(slots=True, eq=False)
class _Model:
    """A model of the run. deaths: of workers while they loaded it."""

    tally: Tally
    task: Task
    blocks: Blocks
    pace: Pace | None = None
    deaths: int = 0

    @property
    def name(self) -> str:
        return self.tally.spec.name


class Dispatch:
    """One run over some models.

    kept: scores that it has put into the store. warnings: what a user should know of the workers.
    """

    def __init__(self, account: Account, pool: Pool, workers: Iterable[int]) -> None:
        """workers: those that were asked for, by number."""
        self.account, self.pool = account, pool
        self.kept = self._lost_scores = 0
        self._hands = {worker: _Hand() for worker in workers}
        self._models: list[_Model] = []
        self.warnings: list[str] = []
        self._stillborn = 0
        self._is_broken = False

    @property
    def unkept(self) -> int:
        """Scores that are in no store, though they should be."""
        return self._lost_scores + sum(hand.unkept for hand in self._hands.values())

    def first(self) -> Ready:
        """Wait for the first worker that is ready."""
        while True:
            for number, reply in self._replies():
                self._take(number, reply)
                if isinstance(reply, Ready):
                    return reply

    def run(self, tasks: Sequence[tuple[Tally, Task]]) -> None:
        """Score what is left of these models. A `KeyboardInterrupt` is let through once what
        is finished is in the store."""
        for tally, task in tasks:
            told, known = self.account.told, frozenset(tally.sums)
            left = sum(n for digest, n in told.lengths.items() if digest not in known)
            source = told.blocks(lambda digest, known=known: digest not in known)  # type: ignore[misc]
            self._models.append(_Model(tally, task, Blocks(source, left)))
        try:
            self._give_all()
            while not self._is_done():
                for number, reply in self._replies():
                    self._take(number, reply)
                self._give_all()
            self._tell_refused()
        except EyebrowError as error:
            if self._hands:
                raise
            for model in self._models:  # no worker is left; what they have done is there
                if model.blocks:
                    self._give_up(model, error)
        except KeyboardInterrupt:
            for number, reply in self.pool.stop():
                if isinstance(reply, Report):
                    self._count(self._hands[number], reply)
            raise

    def _replies(self) -> Iterator[tuple[int, Reply]]:
        if not any(hand.is_ready for hand in self._hands.values()):
            self.account.tell(Progress("", "waiting for a worker"))
        if (found := self.pool.next()) is not None and found[0] in self._hands:
            yield found

    def _is_done(self) -> bool:
        return not any(m.blocks for m in self._models) and not any(
            hand.blocks for hand in self._hands.values()
        )

    # --- what they are given ---------------------------------------------------------------

    def _give_all(self) -> None:
        for number, hand in self._hands.items():
            if hand.is_ready and hand.tries is None:
                self._give(number, hand)
        for model in self._models:
            if model.blocks and (why := self._refused(model)):
                self._give_up(model, why)

    def _give(self, number: int, hand: _Hand) -> None:
        model = hand.holds
        while model is not None and model.blocks and len(hand.blocks) < AHEAD:
            if model.name in hand.refuses:
                break
            if (block := model.blocks.take(len(self._hands))).stories:
                hand.blocks.append(block)
                self.pool.score(number, block)
        if not hand.blocks:
            fitting = (m for m in self._models if m.blocks and m.name not in hand.refuses)
            if (following := next((m for m in fitting if not self._kills(m)), None)) is not None:
                hand.tries, hand.holds = following, None
                self._tell(following, "loading")
                self.pool.hold(number, following.task)

    def _kills(self, model: _Model) -> bool:
        """Whether loading a model kills workers: none holds it, and too many died over it."""
        return model.deaths >= DEATHS and not any(h.holds is model for h in self._hands.values())

    def _refused(self, model: _Model) -> EyebrowError | None:
        """Why no worker can hold a model; None where one can, or may yet."""
        if self._kills(model) and not any(h.tries is model for h in self._hands.values()):
            said = f"{model.deaths} workers died while they loaded it; it may need more memory"
            return EyebrowError("Worker lost", said, FAILED)
        hands, now = self._hands.values(), time.monotonic()
        if any(not hand.is_ready and now - hand.since < STARTING for hand in hands):
            return None
        ready = [hand for hand in hands if hand.is_ready]
        refused = [hand.refuses.get(model.name) for hand in ready]
        return refused[0] if refused and all(refused) else None

    def _give_up(self, model: _Model, why: EyebrowError) -> None:
        model.blocks.drop()
        self.account.failed(model.name, why)

    def _tell_refused(self) -> None:
        """Of models that some workers could not hold, and others did."""
        held = {model.name for model in self._models if not model.blocks.is_dropped}
        refused = [one for hand in self._hands.values() for one in hand.refuses.items()]
        told = (f"a worker did nothing of {m} ({why.message})" for m, why in refused if m in held)
        self.warnings += dict.fromkeys(told)

    # --- what they reply -------------------------------------------------------------------

    def _take(self, number: int, reply: Reply) -> None:
        hand = self._hands[number]
        match reply:
            case Ready():
                hand.is_ready, self._stillborn = True, 0
            case Member():
                assert hand.tries is not None
                self._held(hand, hand.tries, reply)
            case Report():
                self._scored(hand, reply)
            case DeviceLost():
                self.pool.end(number)
                self._lost(number, hand, reply.message)
            case EyebrowError() if not hand.is_ready:
                self._unfit(number, reply)
            case EyebrowError() if hand.tries is not None:
                hand.refuses[hand.tries.name] = reply
                hand.tries = None
            case EyebrowError():
                self._refuses(hand, reply)
            case Lost(why):
                self._lost(number, hand, why)

    def _held(self, hand: _Hand, model: _Model, member: Member) -> None:
        hand.tries, hand.holds = None, model
        model.deaths = 0  # it was not the model
        model.tally.parameters = member.parameters
        self.account.keep_labels(model.tally, member)
        if model.pace is None:
            known, lengths = model.tally.sums, self.account.told.lengths
            left = [length for digest, length in lengths.items() if digest not in known]
            model.pace = Pace(model.name, len(known), left)

    def _scored(self, hand: _Hand, report: Report) -> None:
        model = hand.holds
        assert model is not None
        assert model.pace is not None
        block = hand.blocks.popleft()
        self._count(hand, report)
        for digest, failure in report.failures:
            self.account.failed(model.name, failure, block.stories[digest].id)
        for digest, outline in report.scores:
            if digest not in model.tally.sums:
                self.account.add(model.tally, digest, outline)
                model.pace.add(block.stories[digest], outline.summary.tokens)
        model.blocks.note(block.tokens, report.seconds)
        if model.pace.is_due or not model.blocks:
            self.account.tell(model.pace.progress())

    def _count(self, hand: _Hand, report: Report) -> None:
        self.kept += report.kept
        hand.unkept = report.unkept
        store = self.account.keeper.store
        for line in report.said:
            if store is not None:
                store.tell(line)
        if report.broken is not None and not self._is_broken:
            self._is_broken = True
            self.account.failed("", report.broken)

    def _refuses(self, hand: _Hand, why: EyebrowError) -> None:
        """What a worker found while it scored is the model's: it takes none of it any more."""
        model = hand.holds
        assert model is not None
        hand.refuses[model.name] = why
        model.blocks.put_back([hand.blocks.popleft()])

    def _unfit(self, number: int, why: EyebrowError) -> None:
        """A worker that cannot work where it is. The others go on, if there are any."""
        del self._hands[number]
        self.pool.end(number)
        if not self._hands:
            raise why
        self.warnings.append(f"a worker was not used ({why.message})")

    def _lost(self, number: int, hand: _Hand, why: str) -> None:
        """Somebody else does what it had, and another comes in its place."""
        del self._hands[number]
        self._lost_scores += hand.unkept
        if hand.tries is not None:
            hand.tries.deaths += 1
        if hand.holds is not None:
            self._give_back(hand.holds, list(hand.blocks), why)
        if not hand.is_ready:
            self._stillborn += 1
            if self._stillborn >= DEATHS:
                if not self._hands:
                    raise EyebrowError("No worker", f"Ray cannot start one: {why}", FAILED)
                return
        self._hands[self.pool.start()] = _Hand()

    def _give_back(self, model: _Model, blocks: Sequence[Block], why: str) -> None:
        """What a lost worker had; what is written of it is not done again."""
        if not blocks:
            return
        tally, before = model.tally, len(model.tally.sums)
        stories = {digest: one for block in blocks for digest, one in block.stories.items()}
        self.account.take_up(tally, stories)
        self.kept += len(tally.sums) - before
        for digest in stories.keys() & tally.sums.keys():
            if model.pace is not None:
                model.pace.add(stories[digest], tally.sums[digest].tokens)
        first, *rest = (block.without(tally.sums) for block in blocks)  # the first was under way
        if len(first.stories) == 1 and first.deaths + 1 >= DEATHS:
            (story,) = first.stories.values()
            said = f"{first.deaths + 1} workers died over it ({why})"
            self.account.failed(model.name, EyebrowError("Worker lost", said, FAILED), story.id)
            first = first.without(first.stories)
        model.blocks.put_back([*rest, *first.after_death()])

    def _tell(self, model: _Model, doing: str) -> None:
        total = len(self.account.told.lengths)
        self.account.tell(Progress(model.name, doing, len(model.tally.sums), total))
