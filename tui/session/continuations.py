"""Continuations of a text, under way or done, and where one is among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ...core.engine.messages import Continue, Continued, Failed
from ...core.scoring.dials import Dials
from ...core.scoring.exploring import Context
from .branches import Branch, in_tree
from .change import Change
from .jobs import Explored, Jobs
from .models import Models
from .worker import Worker

LENGTH = 80  # tokens of a continuation, and of each time it goes on


class Continuations:
    """branches: of all trees, as they were begun. at: the one that is read, as they are listed.
    token: the one under the cursor in it."""

    def __init__(
        self, models: Models, jobs: Jobs, worker: Worker, announce: Callable[[Change], None]
    ) -> None:
        self.models, self.jobs, self.worker = models, jobs, worker
        self.announce = announce
        self.branches: list[Branch] = []
        self.at = self.token = 0

    def empty(self) -> None:
        """Other stories or models are open."""
        for branch in self.branches:
            self.jobs.drop(branch.job)
        self.branches.clear()
        self.at = self.token = 0

    @property
    def branch(self) -> Branch | None:
        """The one that is read."""
        tree = in_tree(self.branches)
        return tree[min(self.at, len(tree) - 1)] if tree else None

    def begin(self, context: Context, dials: Dials, seed: int) -> None:
        """A tree of two: greedily, and by the dials."""
        sampled = dials if dials.temperature else replace(dials, temperature=1.0)
        first = Branch(self.models.size.name, context, None, 0, Dials(temperature=0.0), 0)
        second = Branch(self.models.size.name, context, None, 0, sampled, seed)
        self.branches += [first, second]
        self.at = in_tree(self.branches).index(first)
        for branch in (first, second):
            self._run(branch)
        self.announce(Change.NEXT)

    def fork(self, token: int, forced: int) -> None:
        """Leave the branch that is read before its token `token`, which is `forced` instead."""
        if (parent := self.branch) is None:
            return
        ids = (*parent.context.added, *parent.ids(token), forced)
        branch = Branch(
            parent.model,
            replace(parent.context, added=ids),
            parent,
            token,
            parent.dials,
            parent.seed,
        )
        self.branches.append(branch)
        self.at, self.token = in_tree(self.branches).index(branch), 0
        self._run(branch)
        self.announce(Change.NEXT)

    def stop_or_resume(self) -> bool:
        """The branches that are under way, or the one that is read; whether there was any."""
        running = [branch for branch in self.branches if branch.is_running]
        for branch in running:
            self.jobs.drop(branch.job)
            branch.ended, branch.job = "paused", None
        one = self.branch
        if not running and one is not None and one.ended != "end":
            one.ended = ""
            self._run(one)
            running = [one]
        self.announce(Change.NEXT | Change.STATUS)
        return bool(running)

    def _run(self, branch: Branch) -> None:
        size = self.models.named(branch.model)
        if size is None:
            branch.ended, branch.why = "failed", f"{branch.model} is not open"
            return
        context = replace(branch.context, added=(*branch.context.added, *branch.ids()))

        def make(number: int) -> Continue:
            return Continue(
                *(number, size.spec, self.worker.asked, context, branch.dials, branch.seed),
                drawn=len(branch.tokens),
                max_tokens=LENGTH,
            )

        before = branch.text
        branch.job = self.jobs.explore(make, partial(self._grow, branch, before))
        if branch.job is None:
            branch.ended, branch.why = "failed", self.worker.stopped

    def _grow(self, branch: Branch, before: str, answer: Explored | Failed) -> None:
        if isinstance(answer, Continued):
            branch.tokens += answer.tokens
            branch.text = before + answer.text
            branch.ended, branch.cycle = answer.ended, answer.cycle
        elif isinstance(answer, Failed):
            branch.ended, branch.why = "failed", f"{answer.title}: {answer.message}"
        self.announce(Change.NEXT)

    def move(self, by: int) -> None:
        """So many branches on, or back."""
        self.at = max(0, min(self.at + by, len(self.branches) - 1))
        self.token = 0
        self.announce(Change.NEXT)

    def move_token(self, by: int) -> None:
        """Among the tokens of the branch that is read."""
        if (branch := self.branch) is not None:
            self.token = max(0, min(self.token + by, len(branch.tokens) - 1))
            self.announce(Change.NEXT)

    def pause(self) -> None:
        """The worker is gone: what it was at stays where it is."""
        for branch in self.branches:
            if branch.is_running:
                branch.ended, branch.job = "paused", None
