"""What can be copied, as text: pure functions of the session."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ...core.wording import visible
from ..session import Session
from ..text.reading import BIT

HEADS = ("token", "p", "nats", "bits", "rank", "entropy")


@dataclass(frozen=True, slots=True)
class Offer:
    """name: what is offered; said: what the notice calls it; text: made when it is chosen."""

    name: str
    said: str
    text: Callable[[], str]


def offers(session: Session) -> list[Offer]:
    """The story, its tokens, and the commands that show the same."""
    size = session.models.size
    found: list[Offer] = []
    recipe = session.worker.asked
    if (story := session.story) is not None:
        found.append(Offer("the story", visible(story.title), lambda: story.text))
        if session.score(size) is not None:
            name = f"its tokens under {size.name}, a table"
            found.append(Offer(name, "the table of tokens", lambda: token_table(session)))
        command = session.asked.tokens(story.text, size.spec, recipe)
        found.append(Offer("the command that tells these tokens", "the command", lambda: command))
    command_of_all = session.asked.scores(recipe)
    found.append(Offer("the command that scores all of it", "the command", lambda: command_of_all))
    return found


def token_table(session: Session) -> str:
    """A row for each token of the story, with tabs between, as spreadsheets take them."""
    size = session.models.size
    score, story = session.score(size), session.story
    text = "" if story is None else story.text
    rows = ["\t".join(HEADS)]
    for at in range(0 if score is None else len(score)):
        assert score is not None
        begin, end = int(score.starts[at]), int(score.ends[at])
        id, words = int(score.token_ids[at]), size.vocabulary
        token = text[begin:end] or (words[id] if id < len(words) else f"‹id {id}›")
        cells = [visible(token, spaces=True)]
        if score.ranks[at] > 0:
            nats = -float(score.logprobs[at])
            cells += [f"{math.exp(-nats):.6g}", f"{nats:.4f}", f"{nats / BIT:.4f}"]
            cells += [str(int(score.ranks[at])), f"{float(score.entropies[at]):.4f}"]
        rows.append("\t".join([*cells, *[""] * (len(HEADS) - len(cells))]))
    return "\n".join(rows) + "\n"
