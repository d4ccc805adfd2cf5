"""Continuations that are made of a context: under way, stopped, left for another token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ...core.engine.exploring_messages import Continue, Continued
from ...core.engine.messages import Explored, Failed, WorkerDied
from ...core.scoring.cycles import find_cycle
from ...core.scoring.dials import Dials
from ...core.scoring.exploring import Context, ContinuedToken
from .branches import END, ENOUGH, PAUSED, Branch, in_tree
from .change import Change
from .jobs import Jobs
from .models import Models
from .worker import Worker

LENGTH = 80  # tokens of a continuation, and of each time it goes on


class Continuations:
    """branches: in the order they were made. at: the one that is read, as they stand in the tree;
    token: the one under the cursor, along its line."""

    def __init__(
        self, models: Models, jobs: Jobs, worker: Worker, announce: Callable[[Change], None]
    ) -> None:
        self.models, self.jobs, self.worker = models, jobs, worker
        self.announce = announce
        self.branches: list[Branch] = []
        self.empty()

    def empty(self) -> None:
        """Other stories or models are open."""
        for branch in self.branches:
            self.jobs.drop(branch.job)
        self.branches.clear()
        self.at, self.token = 0, 0

    @property
    def branch(self) -> Branch | None:
        """The one that is read."""
        tree = in_tree(self.branches)
        return tree[min(self.at, len(tree) - 1)] if tree else None

    def begin(self, model: str, context: Context, dials: Dials, seed: int) -> None:
        """A greedy one and one by the dials, or where these are greedy, one at temperature 1."""
        greedy, sampled = Dials(temperature=0.0), dials
        if not dials.temperature:
            greedy, sampled = dials, replace(dials, temperature=1.0)
        first = Branch(model, context, None, 0, greedy, 0)
        second = Branch(model, context, None, 0, sampled, seed)
        self.branches += [first, second]
        for branch in (second, first):  # what is asked last goes first
            self._run(branch)
        self._read(first, 0)

    def fork(self, token: int, forced: ContinuedToken) -> None:
        """Leave the branch that is read before the token `token` of its line: `forced` instead."""
        if (branch := self.branch) is None:
            return
        parent, behind = branch.owner(token)
        made = Branch(parent.model, parent.context, parent, behind, branch.dials, branch.seed)
        made.tokens.append(forced)
        self.branches.append(made)
        self._run(made)
        self._read(made, token)

    def stop_or_resume(self) -> bool:
        """Those that are under way, or the one that is read; whether there was any."""
        running = [branch for branch in self.branches if branch.is_running]
        for branch in running:
            self.jobs.drop(branch.job)
            branch.ended, branch.job = PAUSED, None
        one = self.branch
        if not running and one is not None and one.ended != END:
            self._run(one)
            running = [one]
        self.announce(Change.BRANCHES | Change.STATUS)
        return bool(running)

    def move_branch(self, by: int) -> None:
        """So many branches on, or back."""
        self.at = max(0, min(self.at + by, len(self.branches) - 1))
        self.token = 0
        self.announce(Change.BRANCHES)

    def move_token(self, by: int) -> None:
        """Among the tokens of the line that is read."""
        if (branch := self.branch) is not None:
            self.token = max(0, min(self.token + by, len(branch.line()) - 1))
            self.announce(Change.BRANCHES)

    def receive(self, message: object) -> None:
        """A worker that is gone has left continuations where they are."""
        if isinstance(message, WorkerDied):
            for branch in self.branches:
                if branch.is_running:
                    branch.ended, branch.job = PAUSED, None

    def _read(self, branch: Branch, token: int) -> None:
        self.at, self.token = in_tree(self.branches).index(branch), token
        self.announce(Change.BRANCHES)

    def _run(self, branch: Branch) -> None:
        branch.ended, branch.why = "", ""
        size = self.models.named(branch.model)
        if size is None:
            branch.ended, branch.why = PAUSED, f"{branch.model} is not open"
            return
        line = branch.line()
        added = (*branch.context.added, *(token.token_id for token in line))
        context = replace(branch.context, added=added)

        def make(number: int) -> Continue:
            return Continue(
                *(number, size.spec, self.worker.asked, context, branch.dials, branch.seed),
                drawn=len(line),
                max_tokens=LENGTH,
            )

        branch.job = self.jobs.explore(make, partial(self._grow, branch))
        if branch.job is None:
            branch.ended, branch.why = PAUSED, self.worker.stopped

    def _grow(self, branch: Branch, answer: Explored | Failed) -> None:
        if isinstance(answer, Continued):
            branch.tokens += answer.tokens
            known = ("", END, ENOUGH)  # else its model has left
            branch.ended = answer.ended if answer.ended in known else PAUSED
            if answer.ended:
                branch.cycle = find_cycle([token.token_id for token in branch.line()])
        elif isinstance(answer, Failed):
            branch.ended, branch.why = PAUSED, f"{answer.title}: {answer.message}"
        self.announce(Change.BRANCHES)
