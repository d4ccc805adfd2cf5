"""Continuations as a tree: each goes on behind a context, or behind some tokens of another."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...core.scoring.dials import Dials
from ...core.scoring.exploring import Context, ContinuedToken, Cycle


@dataclass(slots=True, eq=False)
class Branch:
    """A continuation by one model.

    context: what it goes on behind, the tokens of the branches above it included. parent: the
    branch that it leaves behind its first `behind` tokens; None where it begins the tree. dials,
    seed: how it is drawn. tokens, text: so far; ended: "" while it goes on, "paused" where it was
    stopped. job: the question that is under way.
    """

    model: str
    context: Context
    parent: Branch | None
    behind: int
    dials: Dials
    seed: int
    name: str = ""
    tokens: list[ContinuedToken] = field(default_factory=list)
    text: str = ""
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

    def ids(self, count: int | None = None) -> tuple[int, ...]:
        """The ids of its first `count` tokens, all where None."""
        return tuple(token.token_id for token in self.tokens[:count])

    def path(self) -> list[Branch]:
        """From the first branch of the tree down to this one."""
        return [*([] if self.parent is None else self.parent.path()), self]

    def whole(self) -> str:
        """What follows the context of the tree, read along the branches down to the end of this."""
        found = ""
        path = self.path()
        for branch, below in zip(path, [*path[1:], None], strict=True):
            tokens = branch.tokens if below is None else branch.tokens[: below.behind]
            found += "".join(token.token for token in tokens)
        return found


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
