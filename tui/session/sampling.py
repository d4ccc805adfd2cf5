"""The distribution under the cursor and what one does with it: dials, draws, continuations.

The worker keeps the last logits, so whatever is turned is asked anew and answered at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ...core.engine.messages import (
    Continue,
    Continued,
    Failed,
    NextShown,
    ShowNext,
    WorkerDied,
)
from ...core.errors import EyebrowError
from ...core.scoring.dials import NEUTRAL, Dials
from ...core.scoring.exploring import Bar, Context
from .branches import Branch, in_tree
from .change import Change
from .jobs import Explored, Jobs
from .library import Library
from .models import Models
from .place import Place
from .size import Size
from .worker import Worker

ROWS = 60  # bars that are asked for
CHARACTERS = 12  # likeliest next characters, where tokenizers differ
LENGTH = 80  # tokens of a continuation, and of each time it goes on
TURNS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "bar")
"""What `;` goes through: the dials, the seed of the draws, and the bar under the cursor."""
SHOWN = {
    "temperature": "T",
    "top_k": "top-k",
    "top_p": "top-p",
    "min_p": "min-p",
    "repetition_penalty": "penalty",
    "seed": "seed",
    "bar": "this bar",
}
STEPS = {"temperature": 0.1, "top_p": 0.05, "min_p": 0.01, "repetition_penalty": 0.05}
HOTTEST = 5.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """What was typed to go on from; chat: as a user's turn in the model's template."""

    text: str
    chat: bool = False


class Sampling:
    """prompt: None where the context is that of the cursor. added: ids behind it, gone on with.

    table: what is known of the next token under the current size; why: what is waited for.
    row: the bar under the cursor. turned: the one of `TURNS` that `,` and `.` turn. across: the
    same context under each size, where that is shown. branches, at: continuations, and the one
    that is read.
    """

    def __init__(
        self,
        library: Library,
        models: Models,
        place: Place,
        jobs: Jobs,
        worker: Worker,
        announce: Callable[[Change], None],
    ) -> None:
        self.library, self.models, self.place = library, models, place
        self.jobs, self.worker = jobs, worker
        self.announce = announce
        self.is_shown = self.shows_sizes = False
        self.dials, self.turned = NEUTRAL, TURNS[0]
        self.seed, self.draws = 0, 0
        self.wanted: tuple[int, ...] = ()
        self.branches: list[Branch] = []
        self.empty()

    def empty(self) -> None:
        """Other stories or models are open."""
        self.prompt: Prompt | None = None
        self.table: NextShown | None = None
        self.across: dict[str, NextShown] = {}
        self.why = ""
        self.row, self.at, self.token = 0, 0, 0
        self.added: tuple[int, ...] = ()
        self.by_hand: dict[int, float] = {}
        self._about: tuple[object, ...] = ()
        self._asked: dict[str, int | None] = {}
        for branch in self.branches:
            self.jobs.drop(branch.job)
        self.branches.clear()

    # --- what comes next -------------------------------------------------------------------

    @property
    def context(self) -> Context | None:
        """Up to the token under the cursor, or the prompt, and what was gone on with; None where
        there is no text."""
        if self.prompt is not None:
            return Context(self.prompt.text, None, self.added, self.prompt.chat)
        if not self.library.stories:
            return None
        text = self.library.stories[self.place.story].text
        return Context(text, self.place.character, self.added)

    def want(self) -> None:
        """Ask for the distribution as it is wanted now, if that is another than before."""
        context, size = self.context, self.models.size
        if not self.is_shown or context is None or not self.worker.recipe.is_settled:
            return
        place = (context.text, context.at, context.chat)
        if self._about[:1] != (place,):
            self._leave(place)
            context = self.context
            assert context is not None
        sizes = self.models.sizes if self.shows_sizes else [size]
        about = (
            *(place, context.added, self.dials, tuple(self.by_hand.items())),
            *(self.draws, self.seed, self.wanted, size.name, self.shows_sizes),
        )
        if about == self._about:
            return
        self._about = about
        if size.is_out:
            self.table, self.why = None, size.trouble
        largest = sizes[-1]
        for one in (largest, *(other for other in sizes if other is not largest)):
            if not one.is_out:
                self._ask(one, context, largest if one is not largest else None)

    def _leave(self, place: tuple[object, ...]) -> None:
        """The context is another: what was drawn, set or gone on with was of the last one."""
        self.added, self.by_hand, self.wanted, self.draws, self.row = (), {}, (), 0, 0
        self.across = {}
        self._about = (place,)

    def _ask(self, size: Size, context: Context, largest: Size | None) -> None:
        self.jobs.drop(self._asked.get(size.name))
        is_current = size is self.models.size
        if is_current and self.table is None:
            self.why = f"asking {size.name}…"

        def make(number: int) -> ShowNext:
            return ShowNext(
                *(number, size.spec, self.worker.asked, context, self.dials, ROWS),
                wanted=self.wanted if is_current else (),
                by_hand=tuple(self.by_hand.items()) if is_current else (),
                draws=self.draws if is_current else 0,
                seed=self.seed,
                reference=largest.name if largest is not None else "",
                characters=CHARACTERS if self.shows_sizes and self.models.mixes_tokenizers else 0,
            )

        self._asked[size.name] = self.jobs.explore(make, partial(self._take, size))

    def _take(self, size: Size, answer: Explored | Failed) -> None:
        if isinstance(answer, NextShown):
            self.across[size.name] = answer
            if size is self.models.size:
                self.table, self.why = answer, ""
        elif isinstance(answer, Failed) and size is self.models.size:
            self.table, self.why = None, f"{answer.title}: {answer.message}"
        self.announce(Change.NEXT)

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The bars as they are listed: looked up first, the likeliest, then the true one where
        it is not among them."""
        if self.table is None:
            return ()
        table = self.table.table
        ids = {bar.token_id for bar in table.rows}
        true = [table.true] if table.true is not None and table.true.token_id not in ids else []
        return (*table.wanted, *table.rows, *true)

    @property
    def bar(self) -> Bar | None:
        """The one under the cursor."""
        bars = self.bars
        return bars[min(self.row, len(bars) - 1)] if bars else None

    def move(self, by: int) -> None:
        """So many bars on, or back."""
        self.row = max(0, min(self.row + by, len(self.bars) - 1))
        self.announce(Change.NEXT)

    def go_on(self) -> None:
        """With the token under the cursor."""
        if (bar := self.bar) is not None:
            self.added = (*self.added, bar.token_id)
            self._moved()

    def take_back(self) -> bool:
        """The last token that was gone on with; whether there was one."""
        had = bool(self.added)
        self.added = self.added[:-1]
        if had:
            self._moved()
        return had

    def _moved(self) -> None:
        self.by_hand, self.draws, self.row, self.wanted = {}, 0, 0, ()
        self.want()
        self.announce(Change.NEXT)

    def type_prompt(self, text: str, *, chat: bool = False) -> None:
        """Go on from this text; from the cursor again where it is empty."""
        self.prompt = Prompt(text, chat) if text else None
        self.want()
        self.announce(Change.NEXT)

    def look_up(self, text: str) -> str:
        """Put the tokens that read as `text` before the bars; what is wrong, "" for nothing."""
        words = self.models.size.vocabulary
        if not text:
            self.wanted = ()
        elif not words:
            return "the vocabulary is not known yet"
        else:
            exact = [at for at, word in enumerate(words) if word.strip() == text.strip()]
            begin = [at for at, word in enumerate(words) if word.strip().startswith(text.strip())]
            self.wanted = tuple(dict.fromkeys([*exact, *begin]))[:5]
            if not self.wanted:
                return f"no token begins with {text!r}"
        self.row = 0
        self.want()
        return ""

    # --- dials and draws -------------------------------------------------------------------

    def next_dial(self) -> None:
        self.turned = TURNS[(TURNS.index(self.turned) + 1) % len(TURNS)]
        self.announce(Change.NEXT)

    def turn(self, by: int) -> None:
        """The dial that is chosen, a step up or down."""
        value = self.value(self.turned)
        if value is None:
            return
        if self.turned == "top_k":
            steps = (0, *range(1, 11), 20, 50, 100, 200, 500, 1000)
            above = next((k for k in steps if k > value), steps[-1])
            below = next((k for k in reversed(steps) if k < value), 0)
            self.set_dial(above if by > 0 else below)
        elif self.turned == "seed":
            self.set_dial(max(0, value + by))
        elif self.turned == "bar":
            odds = value / max(1e-9, 1 - value) * 1.5**by
            self.set_dial(odds / (1 + odds))
        else:
            most = HOTTEST if self.turned == "temperature" else math.inf
            stepped = round(value + by * STEPS[self.turned], 4)
            least = STEPS[self.turned] if self.turned == "repetition_penalty" else 0.0
            most = 1.0 if self.turned in ("top_p", "min_p") else most
            self.set_dial(max(least, min(stepped, most)))

    def value(self, name: str) -> float | None:
        """Of one of `TURNS`; None for a bar where there is none."""
        if name == "seed":
            return self.seed
        if name == "bar":
            return None if self.bar is None else self.bar.reshaped
        return float(getattr(self.dials, name))

    def set_dial(self, value: float) -> str:
        """The dial that is chosen, exactly; what is wrong with the value, "" for nothing."""
        try:
            if self.turned == "seed":
                if not (value >= 0 and value == int(value)):
                    return "a seed is a whole number, 0 or more"
                self.seed = int(value)
            elif self.turned == "bar":
                if self.bar is None or not 0 <= value < 1:
                    return "a probability is from 0 to below 1"
                self.by_hand[self.bar.token_id] = value
            else:
                changed: Any = int(value) if self.turned == "top_k" else float(value)
                self.dials = replace(self.dials, **{self.turned: changed})
        except (EyebrowError, ValueError, OverflowError) as error:
            return error.message if isinstance(error, EyebrowError) else str(error)
        if self.turned != "bar":
            self.by_hand = {}
        self.want()
        self.announce(Change.NEXT)
        return ""

    def reset(self) -> None:
        """All dials as they were, no bar set by hand, nothing drawn."""
        self.dials, self.by_hand, self.draws = NEUTRAL, {}, 0
        self.want()
        self.announce(Change.NEXT)

    def draw(self, count: int) -> None:
        """So many more; the first ones stay, since the seed does."""
        self.draws += count
        self.want()
        self.announce(Change.NEXT)

    # --- continuations ---------------------------------------------------------------------

    @property
    def branch(self) -> Branch | None:
        """The one that is read."""
        tree = in_tree(self.branches)
        return tree[min(self.at, len(tree) - 1)] if tree else None

    def continue_(self) -> None:
        """Greedily and by the dials, from the context as it is."""
        if (context := self.context) is None:
            return
        sampled = self.dials if self.dials.temperature else replace(self.dials, temperature=1.0)
        first = Branch(self.models.size.name, context, None, 0, Dials(temperature=0.0), 0)
        second = Branch(self.models.size.name, context, None, 0, sampled, self.seed)
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

    def move_branch(self, by: int) -> None:
        """So many branches on, or back."""
        self.at = max(0, min(self.at + by, len(self.branches) - 1))
        self.token = 0
        self.announce(Change.NEXT)

    def move_token(self, by: int) -> None:
        """Among the tokens of the branch that is read."""
        if (branch := self.branch) is not None:
            self.token = max(0, min(self.token + by, len(branch.tokens) - 1))
            self.announce(Change.NEXT)

    def receive(self, message: object) -> None:
        """A worker that is gone has left continuations where they are."""
        if isinstance(message, WorkerDied):
            self._about, self._asked = (), {}
            for branch in self.branches:
                if branch.is_running:
                    branch.ended, branch.job = "paused", None
