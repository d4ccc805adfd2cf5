"""The distribution under the cursor and what one does with it: dials, draws, bars set by hand.

The worker keeps the last logits, so whatever is turned is asked anew and answered at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ...core.engine.exploring_messages import NextShown, ShowNext
from ...core.engine.messages import Explored, Failed, WorkerDied
from ...core.errors import EyebrowError
from ...core.scoring.dials import NEUTRAL
from ...core.scoring.exploring import MOST_DRAWS, Bar, Context
from ...core.scoring.vocabulary import find_tokens, read_together
from .change import Change
from .continuations import Continuations
from .dials import TURNS, stepped, whole
from .jobs import Jobs
from .library import Library
from .models import Models
from .place import Place
from .size import Size
from .worker import Worker

ROWS = 60  # bars that are asked for
FOUND = 5  # tokens that one looks up
CHARACTERS = 40  # likeliest next characters, where tokenizers differ
ANOTHERS = "the answer has tokens of another size's tokenizer; esc takes them back"
ALL = 1.0 - 1e-6  # what bars set by hand may sum to: the others have to be something


@dataclass(frozen=True, slots=True)
class Prompt:
    """What was typed to go on from; chat: as a user's turn in the model's template."""

    text: str
    chat: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """A token that was gone on with: an id of this size's tokenizer, and what it reads as."""

    token_id: int
    text: str
    size: Size


class Sampling:
    """prompt: None where the context is that of the cursor. added: tokens behind it, gone on with.

    table: what was last told of the next token; it is of the context and the size that are wanted
    if `is_fresh`. why: what is waited for. row: the bar under the cursor. turned: the one of
    `TURNS` that `,` and `.` turn. across: the same context under each size, where that is shown;
    troubles: why there is none under one. continuations: what was made of it.
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
        self.continuations = Continuations(models, jobs, worker, announce)
        self.empty()

    def empty(self) -> None:
        """Other stories or models are open."""
        self.prompt: Prompt | None = None
        self.table: NextShown | None = None
        self.across: dict[str, NextShown] = {}
        self.troubles: dict[str, str] = {}
        self.why = ""
        self.row = 0
        self.added: tuple[Added, ...] = ()
        self.by_hand: dict[int, float] = {}
        self._spot: object = None  # the place that was asked about,
        self._size: Size | None = None  # of which size,
        self._about: tuple[object, ...] = ()  # and all of it
        self._told: tuple[Context, Size] | None = None  # what the table is of
        self._ahead: deque[int] = deque()  # rows to go on with as soon as they are known
        self._asked: dict[str, int | None] = {}
        self.continuations.empty()

    # --- the context -----------------------------------------------------------------------

    @property
    def context(self) -> Context | None:
        """As the current size is asked about it; None where there is no text."""
        return self.context_for(self.models.size)

    def context_for(self, size: Size) -> Context | None:
        """Up to the token under the cursor, or the prompt, and what was gone on with.

        Tokens of another tokenizer than the size's are text to it, and so are those before them.
        None where there is no text, or where they are of the answer in a chat.
        """
        if self.prompt is not None:
            context = Context(self.prompt.text, None, chat=self.prompt.chat)
        elif self.library.stories:
            text, place = self.library.stories[self.place.story].text, self.place
            pieces = place.pieces if _cuts_alike(size, self.models.size) else 0
            context = Context(text, place.character, pieces=pieces)
        else:
            return None
        own = len(self.added)
        while own and _cuts_alike(size, self.added[own - 1].size):
            own -= 1
        if own and context.chat:
            return None
        if own:
            before = read_together([token.text for token in self.added[:own]])
            context = Context(context.text[: context.at] + "".join(before))
        return replace(context, added=tuple(token.token_id for token in self.added[own:]))

    def text(self) -> str:
        """The context as one reads it, of a chat what the user says."""
        context = self.context
        if context is None:
            return ""
        own = self.added[len(self.added) - len(context.added) :]
        return context.text[: context.at] + "".join(read_together([one.text for one in own]))

    # --- what comes next -------------------------------------------------------------------

    def want(self) -> None:
        """Ask for the distribution as it is wanted now, if that is another than before."""
        if not self.is_shown or not self.worker.recipe.is_settled:
            self.why = "" if self.table is not None else "waiting for the worker…"
            return
        size = self.models.size
        self._arrive(size)
        if (context := self.context) is None:
            self.table, self._about = None, ()
            self.why = ANOTHERS if self.added else ""
            return
        sizes = [one for one in self.models.sizes if self.shows_sizes or one is size]
        about = (
            *(context, size.name, self.dials, tuple(self.by_hand.items()), self.draws, self.seed),
            *(self.wanted, tuple((one.name, one.is_out) for one in sizes)),
            self.models.mixes_tokenizers,
        )
        if about == self._about:
            return
        if self._about[:1] != about[:1]:
            self.across = {}
        self._about = about
        self.troubles = {one.name: one.trouble for one in sizes if one.is_out}
        if size.is_out:
            self.table, self.why = None, size.trouble
        able = [one for one in sizes if not one.is_out]
        for one in reversed(able):  # the largest first: the others are compared with it
            self._ask(one, able[-1] if one is not able[-1] else None)

    def _arrive(self, size: Size) -> None:
        """Of another context nothing holds that was drawn, set or gone on with; of another
        tokenizer no id."""
        place = self.place
        spot = self.prompt or (place.story, place.character, place.pieces)
        if self._spot is not None and spot != self._spot:
            self.added, self.draws = (), 0
        if spot != self._spot or (self._size is not None and not _cuts_alike(size, self._size)):
            self.by_hand, self.wanted, self.row = {}, (), 0
            self._ahead.clear()
        self._spot, self._size = spot, size

    def _ask(self, size: Size, largest: Size | None) -> None:
        self.jobs.drop(self._asked.pop(size.name, None))
        context = self.context_for(size)
        is_current = size is self.models.size
        if context is None:
            self.troubles[size.name] = ANOTHERS
            return
        if is_current and not self.is_fresh:
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

        self._asked[size.name] = self.jobs.explore(make, partial(self._take, size, context))

    def _take(self, size: Size, context: Context, answer: Explored | Failed) -> None:
        is_current = size is self.models.size
        if isinstance(answer, NextShown):
            self.across[size.name] = answer
            self.troubles.pop(size.name, None)
            if is_current:
                self.table, self.why, self._told = answer, "", (context, size)
                self._go_ahead()
            self._compare_with(size)
        elif isinstance(answer, Failed):
            self.across.pop(size.name, None)
            self.troubles[size.name] = f"{answer.title}: {answer.message}"
            if is_current:
                self.table, self.why = None, self.troubles[size.name]
                self._ahead.clear()
        self.announce(Change.NEXT)

    def _compare_with(self, largest: Size) -> None:
        """Those that were answered before the largest was, from what the worker had kept, have no
        KL to it."""
        able = [one for one in self.models.sizes if not one.is_out]
        if self.shows_sizes and able[-1] is largest:
            for one in able[:-1]:
                if one.name in self.across and self.across[one.name].kl is None:
                    self._ask(one, largest)

    @property
    def is_fresh(self) -> bool:
        """Whether the table is of what is wanted; else it is of the place before."""
        told = self._told
        return self.table is not None and told == (self.context, self.models.size)

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
        """With the token under the cursor; as soon as it is known, where keys come faster."""
        self._ahead.append(self.row)
        self.row = 0
        self._go_ahead()

    def _go_ahead(self) -> None:
        """With the next of those that one wants to go on with, if its bar is here."""
        if not self._ahead or not self.is_fresh:
            return
        bars, row, size = self.bars, self._ahead.popleft(), self.models.size
        bar = bars[min(row, len(bars) - 1)]
        words = size.vocabulary
        text = words[bar.token_id] if bar.token_id < len(words) else ""
        self.added = (*self.added, Added(bar.token_id, text, size))
        self._moved()

    def take_back(self) -> bool:
        """The last token that was gone on with; whether there was one."""
        had = bool(self.added)
        self.added = self.added[:-1]
        if had:
            self.row = 0
            self._ahead.clear()
            self._moved()
        return had

    def _moved(self) -> None:
        self.by_hand, self.draws, self.wanted = {}, 0, ()
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
        text = text.replace("␣", " ").replace("↵", "\n")
        if text and not words:
            return "the vocabulary is not known yet"
        self.wanted = tuple(find_tokens(words, text, FOUND))
        self.row = 0
        self.want()
        self.announce(Change.NEXT)
        return f"no token begins with {text!r}" if text and not self.wanted else ""

    # --- dials and draws -------------------------------------------------------------------

    def next_dial(self) -> None:
        self.turned = TURNS[(TURNS.index(self.turned) + 1) % len(TURNS)]
        self.announce(Change.NEXT)

    def turn(self, by: int) -> str:
        """The dial that is chosen, a step up or down; what stands against it, "" for nothing."""
        value = self.value(self.turned)
        if value is None:
            return "there is no bar here yet"
        value = stepped(self.turned, value, by)
        if self.turned == "bar" and self.bar is not None:
            others = sum(p for i, p in self.by_hand.items() if i != self.bar.token_id)
            value = min(value, max(0.0, ALL - others))
        return self.set_dial(value)

    def value(self, name: str) -> float | None:
        """Of one of `TURNS`; None for a bar where there is none."""
        if name == "seed":
            return self.seed
        if name == "bar":
            bar = self.bar
            return None if bar is None else self.by_hand.get(bar.token_id, bar.reshaped)
        return float(getattr(self.dials, name))

    def set_dial(self, value: float) -> str:
        """The dial that is chosen, exactly; what is wrong with the value, "" for nothing."""
        try:
            if self.turned == "bar":
                self._set_bar(value)
            elif self.turned == "seed":
                self.seed = whole("seed", value)
            else:
                changed: Any = whole("top_k", value) if self.turned == "top_k" else float(value)
                self.dials = replace(self.dials, **{self.turned: changed})
                self.by_hand = {}
        except EyebrowError as error:
            return error.message
        self.want()
        self.announce(Change.NEXT)
        return ""

    def _set_bar(self, value: float) -> None:
        """Raises `EyebrowError` where it cannot be that."""
        if self.bar is None or not self.is_fresh:
            raise EyebrowError("Bad bar", "there is no bar here yet")
        token = self.bar.token_id
        left = 1 - sum(share for other, share in self.by_hand.items() if other != token)
        if not 0 <= value <= min(left, ALL):
            said = "1" if left == 1 else f"{left:.3g}, what the other bars set by hand leave"
            raise EyebrowError("Bad bar", f"a probability is from 0 to below {said}")
        self.by_hand = {**self.by_hand, token: value}

    def reset(self) -> None:
        """All dials as they were, no bar set by hand, nothing drawn."""
        self.dials, self.by_hand, self.draws = NEUTRAL, {}, 0
        self.want()
        self.announce(Change.NEXT)

    def draw(self, count: int) -> None:
        """So many more; the first ones stay, since the seed does."""
        self.draws = min(self.draws + count, MOST_DRAWS)
        self.want()
        self.announce(Change.NEXT)

    # --- continuations ---------------------------------------------------------------------

    def continue_(self) -> None:
        """Greedily and by the dials, from the context as it is."""
        if (context := self.context) is not None:
            self.continuations.begin(self.models.size.name, context, self.dials, self.seed)

    def receive(self, message: object) -> None:
        """Of a worker that is gone nothing comes: what is wanted is asked anew."""
        if isinstance(message, WorkerDied):
            self._about, self._asked = (), {}
            self._ahead.clear()
        self.continuations.receive(message)


def _cuts_alike(one: Size, other: Size) -> bool:
    """Whether ids of one are ids of the other."""
    if one is other or one.shares_tokenizer(other):
        return True
    return bool(one.tokenizer) and one.tokenizer == other.tokenizer
