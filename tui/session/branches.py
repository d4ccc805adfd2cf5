"""Continuations as a tree: each goes on behind a context, or behind some tokens of another."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...core.scoring.dials import Dials
from ...core.scoring.exploring import Context, ContinuedToken, Cycle
from ...core.scoring.vocabulary import read_together

END, ENOUGH, PAUSED = "end", "length", "paused"  # why a branch goes on no more


@dataclass(slots=True, eq=False)
class Branch:
    """A continuation by one model.

    context: that of its tree. parent: the branch that it leaves behind its first `behind` tokens;
    None where it begins the tree. dials, seed: how it is drawn. tokens: its own so far; where it
    leaves another, the first is the one that was put in the other's place. ended: "" while it
    goes on. why: what is wrong. job: the question that is under way.
    """

    model: str
    context: Context
    parent: Branch | None
    behind: int
    dials: Dials
    seed: int
    name: str = ""
    tokens: list[ContinuedToken] = field(default_factory=list)
    ended: str = ""
    why: str = ""
    cycle: Cycle | None = None
    job: int | None = None

    @property
    def depth(self) -> int:
        """How many branches it hangs from."""
        return 0 if self.parent is None else self.parent.depth + 1

    @property
    def label(self) -> str:
        """Its name, or how it was drawn."""
        drawn = self.dials.label
        return self.name or (drawn if self.dials.temperature == 0 else f"{drawn}, seed {self.seed}")

    @property
    def is_running(self) -> bool:
        return not self.ended

    @property
    def begins(self) -> int:
        """Tokens of its line that are of the branches above it."""
        return 0 if self.parent is None else self.parent.begins + self.behind

    def line(self) -> list[ContinuedToken]:
        """All that follows the context, read along the branches down to the end of this one."""
        before = [] if self.parent is None else self.parent.line()[: self.begins]
        return [*before, *self.tokens]

    def owner(self, token: int) -> tuple[Branch, int]:
        """Whose the token `token` of its line is, and which of its own."""
        if self.parent is not None and token < self.begins:
            return self.parent.owner(token)
        return self, token - self.begins

    def text(self) -> str:
        """Its line as one reads it, without the token that ended it."""
        line = self.line()
        stop = len(line) - 1 if self.ended == END else len(line)
        return "".join(read_together([token.token for token in line[:stop]]))


def in_tree(branches: list[Branch]) -> list[Branch]:
    """Each below the one it leaves, in the order they were made."""

    def under(parent: Branch | None) -> list[Branch]:
        return [
            one
            for branch in branches
            if branch.parent is parent
            for one in (branch, *under(branch))
        ]

    return under(None)
