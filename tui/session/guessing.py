"""Guess: a story is revealed word by word, and the reader says what comes next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ...core.results.statistics.shannon import shannon_bounds
from ...core.results.tokens.guesses import Guessed, Span, guessed_by, is_right, words_to_guess
from ...core.stories.story import Story, text_digest
from ..text.reading import BIT
from ..threads.answers import KeptGuesses
from ..threads.store import StoreReader
from .change import Change
from .library import Library
from .scores import Scores
from .size import Size

GUESSES = 5  # at each word


@dataclass(frozen=True, slots=True)
class Tally:
    """Over the words that were guessed at: how many, the share that was guessed at once, and
    bits a word: the reader's bounds, a model's own (low and high are the same); nan for none."""

    words: int
    at_once: float
    low: float
    high: float


class Guessing:
    """story: None while nothing is guessed. words: its words; hits: of those that are over, the
    number of the right guess, 0 where there was none. tries: at the word that is next."""

    def __init__(
        self,
        library: Library,
        scores: Scores,
        store: StoreReader,
        announce: Callable[[Change], None],
    ) -> None:
        self.library, self.scores, self.store = library, scores, store
        self.announce = announce
        self.story: Story | None = None
        self.words: list[Span] = []
        self.hits: list[int] = []
        self.tries: list[str] = []
        self._digest = ""
        self._vocabulary = 1

    def begin(self, story: Story) -> None:
        """From the first word on, or from where one was in it."""
        self.story, self.words, self.hits, self.tries = story, words_to_guess(story.text), [], []
        self._digest = text_digest(story.text)
        texts = (one.text for one in self.library.stories)
        every = {text[a:b].casefold() for text in texts for a, b in words_to_guess(text)}
        self._vocabulary = len(every)
        self.store.look_up_guesses(self._digest)

    def leave(self) -> None:
        """Keep what was guessed."""
        if self.story is not None and self.hits:
            self.store.keep_guesses(self.story, tuple(self.hits))
        self.story = None

    @property
    def word(self) -> Span | None:
        """The one to guess; None behind the last."""
        return self.words[len(self.hits)] if len(self.hits) < len(self.words) else None

    def guess(self, said: str) -> None:
        """The word may be this one; nothing: give it up."""
        if self.story is None or (word := self.word) is None:
            return
        if is_right(said, self.story.text[slice(*word)]):
            self._go_on(len(self.tries) + 1)
        elif not said.strip() or len(self.tries) + 1 == GUESSES:
            self._go_on(0)
        else:
            self.tries.append(said.strip())

    def _go_on(self, hit: int) -> None:
        self.hits.append(hit)
        self.tries = []

    def begin_anew(self) -> None:
        """From the first word of the same story."""
        self.hits, self.tries = [], []

    # --- against the models ----------------------------------------------------------------

    def by(self, size: Size, word: Span) -> Guessed | None:
        """The same word under a size; None where it is not known."""
        score = self.scores.of_text(size, self._digest)
        return None if score is None else guessed_by(score, word, size.vocabulary)

    def tally(self) -> Tally:
        """The reader's."""
        count = len(self.hits)
        low, high = shannon_bounds(self.hits, GUESSES, self._vocabulary)
        at_once = sum(hit == 1 for hit in self.hits) / count if count else math.nan
        return Tally(count, at_once, low, high)

    def tally_of(self, size: Size) -> Tally:
        """A size's, over the same words, as far as it has scored them."""
        every = [self.by(size, word) for word in self.words[: len(self.hits)]]
        known = [one for one in every if one is not None]
        if not known:
            return Tally(0, math.nan, math.nan, math.nan)
        bits = sum(one.nats for one in known) / BIT / len(known)
        return Tally(len(known), sum(one.at_once for one in known) / len(known), bits, bits)

    def receive(self, message: object) -> None:
        """What was guessed in an earlier run is gone on with."""
        match message:
            case KeptGuesses(digest=digest, hits=hits) if digest == self._digest:
                if self.story is not None and not (self.hits or self.tries):
                    self.hits = [hit if hit <= GUESSES else 0 for hit in hits[: len(self.words)]]
                    self.announce(Change.NEXT)
