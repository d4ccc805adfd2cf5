"""One size of a family: its state and its scores, story by story and together."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...core.models.catalogue import ModelSpec
from ...core.results.compare.cuts import Cuts
from ...core.scoring.scores import Summary, bits_per_byte, perplexity

UNKNOWN = -1  # tokens of a story that is not scored


@dataclass(slots=True, eq=False)
class Size:
    """One size in the ladder.

    is_open: False where other models were opened in its place.
    state: "waiting", "downloading", "loading", "ready", or "stopped" or "failed" (then `trouble`
    says why).
    arrival: bytes of its download that are here, of how many, and how many come in a second.
    broken: why single texts cannot be scored, by their digests; lost: the stories that have them.
    ahead: sums of texts that the store knows and that were not read yet.
    sums: of every scored story, by text digest; the totals count a text once for each story that
    has it.
    words: of the distinct texts that are done, broken ones too; seconds, paced: what the worker
    took for how many words that it scored.
    nats, bits, counts: surprise per token, bits per byte and scored tokens of each story in the
    order they were read, nan and UNKNOWN while unknown; span: the smallest and the largest of the
    nats.
    settled: the number under which its interval was asked for.
    tokenizer: what tells it from those of other sizes. Where they differ, cuts: of the scored
    stories, by text digest; cutting: the number under which the store was asked for them; cutless:
    scored texts of which the store has none; common: bits per byte of the set, with its interval,
    on the bytes that all sizes have scored.
    """

    spec: ModelSpec
    parameters: int | None
    is_open: bool = True
    state: str = "waiting"
    trouble: str = ""
    arrival: tuple[int, int, float] = (0, 0, 0.0)
    broken: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    sums: dict[str, Summary] = field(default_factory=dict)
    ahead: dict[str, Summary] = field(default_factory=dict)
    vocabulary: Sequence[str] = ()
    todo: deque[str] = field(default_factory=deque)  # text digests nobody was asked for yet
    looked: bool = False  # the store was asked
    read: bool = False  # and has answered
    stories: int = 0
    lost: int = 0
    tokens: int = 0
    bytes: int = 0
    nll: float = 0.0
    words: int = 0
    seconds: float = 0.0
    paced: int = 0
    nats: array[float] = field(default_factory=lambda: array("d"))
    bits: array[float] = field(default_factory=lambda: array("d"))
    counts: array[int] = field(default_factory=lambda: array("q"))
    span: tuple[float, float] = (math.inf, -math.inf)
    interval: tuple[float, float] | None = None
    settled: int = 0
    tokenizer: str = ""
    cuts: dict[str, Cuts] = field(default_factory=dict)
    cutting: int = 0
    cutless: set[str] = field(default_factory=set)
    common: tuple[float, float, float] | None = None
    labelled: bool = False  # what things are called was handed to the store

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def is_out(self) -> bool:
        """Whether nothing is asked of it any more."""
        return not self.is_open or self.state in ("stopped", "failed")

    @property
    def done(self) -> int:
        """Stories of which nothing more is to be had: those scored, and those that cannot be."""
        return self.stories + self.lost

    @property
    def perplexity(self) -> float:
        """Of all scored stories, pooled over tokens."""
        return perplexity(self.nll, self.tokens)

    @property
    def bits_per_byte(self) -> float:
        return bits_per_byte(self.nll, self.bytes)

    def perplexity_of(self, stories: Sequence[int]) -> float:
        """Pooled over the tokens of these; nan while one of them is still to be scored."""
        import numpy as np  # after the first picture

        at = np.array(stories, dtype=np.int64)
        counts = np.array(self.counts)[at]
        if (counts == UNKNOWN).any():
            return math.nan
        scored = counts > 0
        nll = np.array(self.nats)[at][scored] @ counts[scored]
        return perplexity(float(nll), int(counts.sum()))

    def seconds_left(self, words: int) -> float:
        """Until `words`, those of all distinct texts, are scored; nan without a pace of its own.

        The first second says little: it pays for what is set up once.
        """
        if not self.paced or self.seconds < 1:
            return math.nan
        return max(0, words - self.words) * self.seconds / self.paced

    def make_room(self, stories: int) -> None:
        """For as many stories in all."""
        more = array("d", [math.nan]) * (stories - len(self.nats))
        self.nats.extend(more)
        self.bits.extend(more)
        self.counts.extend(array("q", [UNKNOWN]) * len(more))

    def shares_tokenizer(self, other: Size) -> bool:
        """Whether the tokens of both are known to be the same; `Models` keeps a vocabulary once."""
        return bool(self.vocabulary) and self.vocabulary is other.vocabulary

    def put(self, digest: str, summary: Summary, stories: Sequence[int], words: int) -> None:
        """Take in the sums of a text of so many words; stories: those that have it."""
        if digest not in self.sums:
            copies = len(stories)
            if self.broken.pop(digest, None) is None:
                self.words += words
            else:
                self.lost -= copies
            self.sums[digest] = summary
            for story in stories:
                self.counts[story] = summary.tokens
            if summary.tokens:
                nats, bits = summary.nll / summary.tokens, summary.bits_per_byte
                for story in stories:
                    self.nats[story], self.bits[story] = nats, bits
                low, high = self.span
                self.span = (min(low, nats), max(high, nats))
            self.stories += copies
            self.tokens += copies * summary.tokens
            self.bytes += copies * summary.bytes
            self.nll += copies * summary.nll

    def put_broken(self, digest: str, why: str, stories: Sequence[int], words: int) -> None:
        """A text of so many words cannot be scored; stories: those that have it."""
        if digest not in self.sums and digest not in self.broken:
            self.words += words
            self.lost += len(stories)
            for story in stories:
                self.counts[story] = 0
        self.broken[digest] = why

    def put_again(self, digest: str, story: int) -> None:
        """A story has come whose text is done."""
        summary = self.sums.get(digest)
        self.counts[story] = summary.tokens if summary else 0
        if summary is None:
            self.lost += 1
            return
        if summary.tokens:
            self.nats[story] = summary.nll / summary.tokens
            self.bits[story] = summary.bits_per_byte
        self.stories += 1
        self.tokens += summary.tokens
        self.bytes += summary.bytes
        self.nll += summary.nll

    def close(self) -> None:
        """Others are open in its place; what the worker has said of it stays known."""
        self.is_open = False
        self.nats, self.bits, self.counts = array("d"), array("d"), array("q")
        self.forget()

    def forget(self) -> None:
        """No scores: another recipe, or another model."""
        self.sums, self.ahead, self.interval, self.settled = {}, {}, None, 0
        self.cuts, self.cutting, self.cutless, self.common = {}, 0, set(), None
        self.labelled = False
        self.broken = {}
        stories, self.span = len(self.nats), (math.inf, -math.inf)
        self.nats, self.bits, self.counts = array("d"), array("d"), array("q")
        self.make_room(stories)
        self.stories = self.lost = self.tokens = self.bytes = self.words = self.paced = 0
        self.seconds = 0.0
        self.nll, self.looked, self.read = 0.0, False, False
        self.todo.clear()
