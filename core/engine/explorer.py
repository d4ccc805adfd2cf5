"""Questions beside the set: what-if, the next token, continuations, context, endings alone.

What needs a model is done on the worker's thread, before batches. The logits of the last
contexts are kept, and what is asked of them again is answered on a thread of its own, so that a
turned dial waits for no forward pass.
"""

from __future__ import annotations

import math
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import as_told
from ..scoring.exploring import Context
from ..stories.story import text_digest
from .exploring_messages import (
    ContextTraced,
    Continue,
    Continued,
    Diverge,
    Diverged,
    NextShown,
    ScoreAlone,
    ScoredAlone,
    ShowNext,
    TraceContext,
)
from .job import run
from .keeper import Keeper
from .messages import Explore, Failed, Finished, Reply, Request, Rescore, Rescored

if TYPE_CHECKING:
    from torch import Tensor

    from ..scoring.draws import Shares
    from ..scoring.recipe import Recipe
    from .shelf import Shelved

KEPT = 32  # contexts whose logits are kept: of 151,936 entries 0.6 MB each, and twice that
CANCELLED = "cancelled"
PASS = 0.5  # seconds that a pass over texts alone should take: what is on the screen waits for it

Key = tuple[str, Context, str, int]  # model, context, first token, tokens it sees at once


@dataclass(slots=True, eq=False)
class Kept:
    """The logits (V,) behind a context, on the CPU, and their probabilities (V,).

    ids: the context, for the repetition penalty. true: the id that stands there. tokenizer: its
    digest. characters: see `first_characters`; None where nobody has asked for them.
    """

    logits: Tensor
    base: Shares
    ids: tuple[int, ...]
    true: int | None
    tokenizer: str
    characters: tuple[Any, list[str]] | None


class Explorer:
    """Answers `Explore` requests; `answer` sends a reply, `cancelled` holds jobs not wanted,
    `alone` keeps the scores of texts that are no stories."""

    def __init__(self, answer: Callable[[Reply], None], cancelled: set[int], alone: Keeper) -> None:
        self.answer, self.cancelled, self.alone = answer, cancelled, alone
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._again: queue.SimpleQueue[tuple[ShowNext, Kept]] = queue.SimpleQueue()
        threading.Thread(target=self._answer_again, daemon=True).start()

    def takes(self, request: Request) -> bool:
        """Whether it is answered from what is kept; it is then on its way."""
        kept = self._find(request) if isinstance(request, ShowNext) else None
        if kept is None:
            return False
        assert isinstance(request, ShowNext)
        self._again.put((request, kept))
        return True

    def forget(self, model: str) -> None:
        """Let go of what is kept of a model."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == model]:
                del self._kept[key]

    def steps(self, request: Explore, held: Shelved) -> Iterator[None]:
        """Answer a request on the worker's thread, which may turn to others between steps."""
        recipe = held.loaded.recipe(request.recipe)
        match request:
            case ShowNext():
                self._show(request, self._find(request) or self._keep(request, held, recipe))
            case Rescore():
                self._rescore(request, held, recipe)
            case TraceContext():
                self._trace(request, held, recipe)
            case Continue():
                yield from self._continue(request, held, recipe)
            case ScoreAlone():
                yield from self._score_alone(request, held, recipe)

    # --- the next token -----------------------------------------------------------------------

    def _find(self, request: ShowNext) -> Kept | None:
        key = _key(request, request.model.name)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or (request.characters and kept.characters is None):
                return None
            self._kept.move_to_end(key)
            return kept

    def _keep(self, request: ShowNext, held: Shelved, recipe: Recipe) -> Kept:
        from ..scoring.not_a_number import not_a_number
        from ..scoring.place import find_place
        from ..scoring.sampling import probabilities

        loaded, prefix = held.loaded, held.prefix
        rows = prefix.trunk.rows
        place = find_place(loaded.tokenizer, request.context, recipe.first_token, rows)
        logits = prefix.logits_after(place.within(recipe.context)).cpu()
        if logits.isnan().any():
            raise not_a_number(loaded.model)
        true = place.true if place.true is not None and place.true < len(logits) else None
        kept = Kept(
            logits,
            probabilities(logits),
            place.ids,
            true,
            loaded.tokenizer_digest,
            held.first_characters if request.characters else None,
        )
        with self._lock:
            self._kept[_key(request, request.model.name)] = kept
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return kept

    def _show(self, request: ShowNext, kept: Kept) -> None:
        from ..scoring.across import next_characters
        from ..scoring.next_table import next_table
        from ..scoring.sampling import probabilities, reshape, set_by_hand

        shaped = probabilities(reshape(kept.logits, request.dials, kept.ids))
        shaped = set_by_hand(shaped, dict(request.by_hand))
        table = next_table(
            kept.logits.numpy(),
            kept.base,
            shaped,
            rows=request.rows,
            true=kept.true,
            wanted=request.wanted,
            draws=request.draws,
            seed=request.seed,
        )
        characters: tuple[tuple[str, float], ...] = ()
        if kept.characters is not None and request.characters:
            characters = next_characters(kept.base, *kept.characters, request.characters)
        name = request.model.name
        self.answer(
            NextShown(request.job, name, len(kept.ids), table, self._kl(request, kept), characters)
        )

    def _kl(self, request: ShowNext, kept: Kept) -> float | None:
        from ..scoring.across import kl

        with self._lock:
            other = self._kept.get(_key(request, request.reference))
        if other is None or other.tokenizer != kept.tokenizer or len(other.base) != len(kept.base):
            return None
        return kl(other.base, kept.base)

    def _answer_again(self) -> None:
        while True:
            request, kept = self._again.get()
            try:
                if request.job not in self.cancelled:
                    self._show(request, kept)
            except Exception as error:
                told = as_told(error, "It failed")
                name, about = request.model.name, request.about
                self.answer(Failed(request.job, name, told.title, told.message, about))
            self.answer(Finished(request.job))

    # --- edits, context, divergence, continuations ----------------------------------------------

    def _rescore(self, request: Rescore, held: Shelved, recipe: Recipe) -> None:
        edited = held.what_if(recipe).score(request.text)
        name = request.model.name
        self.answer(Rescored(request.job, name, recipe, edited.score, edited.fed))

    def _trace(self, request: TraceContext, held: Shelved, recipe: Recipe) -> None:
        from ..scoring.context_curve import context_curve

        scorer = held.scorer(recipe)
        points = context_curve(scorer, request.text, request.word, request.sentence)
        self.answer(ContextTraced(request.job, request.model.name, points))

    def diverge(self, request: Diverge, held: Shelved, reference: Shelved) -> None:
        """Answer a question about two models."""
        from ..models.load import check_same_tokens
        from ..scoring.token_divergence import token_divergence

        check_same_tokens(reference.loaded, held.loaded)
        one, other = (
            shelved.scorer(shelved.loaded.recipe(request.recipe)) for shelved in (reference, held)
        )
        kl = token_divergence(one, other, request.text)
        self.answer(Diverged(request.job, request.model.name, kl))

    def _continue(self, request: Continue, held: Shelved, recipe: Recipe) -> Iterator[None]:
        from ..scoring.continuation import END, STOP, Continuation
        from ..scoring.place import find_place

        loaded, prefix = held.loaded, held.prefix
        rows = prefix.trunk.rows
        continuation = Continuation(
            prefix,
            loaded.tokenizer,
            held.vocabulary,
            find_place(loaded.tokenizer, request.context, recipe.first_token, rows),
            request.dials,
            recipe,
            max_tokens=request.max_tokens,
            seed=request.seed,
            drawn=request.drawn,
            stops=request.stops,
        )
        name = request.model.name
        for token in continuation:
            if continuation.ended:
                break
            self.answer(Continued(request.job, name, (token,), continuation.text))
            try:
                yield
            except GeneratorExit:  # its model leaves: to begin anew would tell all of it twice
                self.cancelled.add(request.job)
            if request.job in self.cancelled:
                break
        ended = continuation.ended or CANCELLED
        # Of enough tokens the last was told before it was known that no other would come.
        last = continuation.tokens[-1:] if ended in (END, STOP) else []
        self.answer(
            Continued(request.job, name, tuple(last), continuation.text, ended, continuation.cycle)
        )

    # --- endings without their beginnings -------------------------------------------------------

    def _score_alone(self, request: ScoreAlone, held: Shelved, recipe: Recipe) -> Iterator[None]:
        """Of those whose scores are kept the sums come at once."""
        recipe, name = replace(recipe, first_token="scored"), request.model.name
        known = self.alone.known(held.loaded.digest, recipe.digest)
        left = {text_digest(story.text): story for story in request.texts}
        there = {digest: known[digest].nll for digest in left if digest in known}
        if there:
            self.answer(ScoredAlone(request.job, name, there))
        for digest in there:
            del left[digest]
        try:
            for step in run(held.loaded, held.scorer(recipe), left, self.alone, PASS):
                nats = {digest: score.summary.nll for digest, score in step.scores}
                nats |= dict.fromkeys((digest for digest, _ in step.failures), math.nan)
                self.answer(ScoredAlone(request.job, name, nats))
                yield
                if request.job in self.cancelled:
                    return
        finally:
            self.alone.write()


def _key(request: ShowNext, model: str) -> Key:
    return model, request.context, request.recipe.first_token, request.recipe.context
