"""The worker as the session knows it: its greeting, its deaths, and when it is started again.

It outlives what is open: other stories and other models are asked of the worker that is there.
Where there are several, one for each GPU, they are one to the session until none is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core.engine.messages import Failed, Hello, Request, WorkerDied, WorkerLost
from ...core.engine.pool import GIVE_UP, Pool
from ...core.models.catalogue import ModelSpec
from ...core.scoring.recipe import Recipe
from ..threads.answers import KeptRecipe
from .change import Change, Notice
from .machine import recall_machine, remember_machine
from .models import smallest_positions


class Worker:
    """hello: None while it is not up. stopped: why it is started no more, "" while it is.

    asked: the recipe for the models that are open; recipe: with what "auto" means on this machine.
    rests: stories are not scored; another program does that, by the recipe that is `followed`.
    """

    def __init__(
        self,
        engine: Pool,
        recipe: Recipe,
        announce: Callable[[Change], None],
        notify: Callable[[Notice], None],
        *,
        rests: bool = False,
    ) -> None:
        self.engine, self.rests = engine, rests
        self.announce = announce
        self.notify = notify
        self.hello: Hello | None = None
        self.deaths = 0
        self.stopped = ""
        self._wanted = self.asked = recipe
        self.followed: Recipe | None = None
        self.recipe = recall_machine(recipe)

    def narrow(self, specs: Sequence[ModelSpec]) -> None:
        """Score within the context that all of these models can see."""
        self.asked, self.followed = self._wanted.within(smallest_positions(specs)), None
        self._settle()

    @property
    def own(self) -> Recipe:
        """The recipe by which stories are scored here."""
        if self.hello is not None:
            return self.asked.settled(self.hello.device, self.hello.dtype)
        return recall_machine(self.asked)

    def _settle(self) -> None:
        self.recipe = self.followed or self.own

    def toggle_rest(self) -> str:
        """Score stories, or leave it to the other program; why they cannot be, "" if they can."""
        if self.rests and self.recipe != self.own:
            differences = ", ".join(self.recipe.differences(self.own))
            return f"the scores in the store are another recipe's ({differences} here)"
        self.rests = not self.rests
        self.announce(Change.STATUS)
        return ""

    def send(self, request: Request) -> None:
        if not self.stopped:
            self.engine.send(request)

    def revive(self) -> None:
        """Start it again after it was given up: what is opened now may go better."""
        if self.stopped:
            self.stopped, self.deaths = "", 0
            self.engine.start()
            self.announce(Change.STATUS)

    def receive(self, message: object) -> None:
        match message:
            case Hello():
                self.hello = message
                self._settle()
                remember_machine(message.device, message.dtype)
                self.announce(Change.STATUS | Change.SUMS | Change.STORY)
            case KeptRecipe(recipe=recipe):
                self.followed = recipe
                self._settle()
                self.announce(Change.STATUS | Change.SUMS | Change.STORY)
            case Failed(job=0, model="") if self.hello is None:
                self.stopped = message.message
            case WorkerDied() if not self.stopped:
                self._bury(message)
            case WorkerLost(worker=one, why=why, again=again):
                then = "it is started again" if again else "it is not started again"
                words = f"{one}: {why}; the others go on, {then}, nothing is lost"
                self.notify(Notice("Worker stopped", words, severe=not again))
                self.announce(Change.STATUS)

    def _bury(self, death: WorkerDied) -> None:
        self.deaths += 1
        self.hello = None
        if self.deaths < GIVE_UP:
            words = f"{death.why}; it is started again, nothing is lost"
            self.notify(Notice("Worker stopped", words))
            self.engine.start()
            return
        self.stopped = f"the worker keeps stopping: {death.why}"
        words = f"{self.stopped}; see {self.engine.log}; z starts it again"
        self.notify(Notice("Worker stopped", words, severe=True))
