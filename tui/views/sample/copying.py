"""What Sample has to copy, before what every view has."""

from __future__ import annotations

from ....core.scoring.exploring import Context
from ...session import Session
from ...session.branches import Branch, in_tree
from ..copying import Offer
from . import showing

HEADS = ("rank", "token", "logit", "p", "reshaped", "sum", "drawn")


def offers(session: Session) -> list[Offer]:
    """The continuation that is read, all of them, the bars, and the commands for both."""
    sampling = session.sampling
    found: list[Offer] = []
    if (branch := sampling.continuations.branch) is not None:
        found.append(Offer("this continuation", "the continuation", lambda: _whole(branch)))
        found.append(Offer("the tree of continuations", "the tree", lambda: _tree(session)))
        if (command := _sample(session, branch)) is not None:
            found.append(Offer("the command that continues it", COMMAND_OF_IT, lambda: command))
    if sampling.is_fresh:
        found.append(Offer("the bars, a table", "the table", lambda: _table(session)))
        if (other := _next(session)) is not None:
            found.append(Offer("the command that tells this", COMMAND_OF_THIS, lambda: other))
    return found


COMMAND_OF_IT = "the command that continues it"
COMMAND_OF_THIS = "the command that tells this"


def _whole(branch: Branch) -> str:
    """Context and continuation; of a chat the answer alone."""
    context = branch.context
    if context.chat or context.added:
        return branch.text()
    return context.text[: context.at] + branch.text()


def _tree(session: Session) -> str:
    """A line each, below the one it leaves."""
    made = in_tree(session.sampling.continuations.branches)
    lines = zip(made, showing.lines(session), strict=True)
    return "".join(f"{'  ' * one.depth}{line.label}:{one.text()}\n" for one, line in lines)


def _sample(session: Session, branch: Branch) -> str | None:
    """Of one that leaves no other and was begun where the text has a token of its own."""
    size, context = session.models.named(branch.model), branch.context
    if size is None or branch.parent is not None or context.added or context.pieces:
        return None
    seed = branch.seed if branch.dials.temperature else 0
    prompt = context.text[: context.at]
    asked, recipe = session.asked, session.worker.asked
    return asked.sample(prompt, size.spec, recipe, branch.dials, seed, chat=context.chat)


def _next(session: Session) -> str | None:
    context = session.sampling.context
    if context is None or context.pieces or (context.chat and context.added):
        return None
    if context.added:
        context = Context(session.sampling.text())
    return session.asked.next(context, session.models.size.spec, session.worker.asked)


def _table(session: Session) -> str:
    """A row for each bar, with tabs between, as spreadsheets take them."""
    rows = ["\t".join(HEADS)]
    for bar in showing.bars(session):
        numbers = (bar.logit, bar.base, bar.reshaped, bar.sum, bar.drawn)
        cells = ("" if number is None else f"{number:.6g}" for number in numbers)
        rows.append("\t".join([str(bar.rank), bar.token, *cells]))
    return "\n".join(rows) + "\n"
