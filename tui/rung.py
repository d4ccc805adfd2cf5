"""One size of a family: its state and its scores, story by story and together."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.models.catalogue import ModelSpec
from ..core.results.compare.cuts import Cuts
from ..core.scoring.scores import Summary, bits_per_byte, perplexity


@dataclass(slots=True)
class Rung:
    """One size in the ladder.

    state: "waiting", "downloading", "loading", "ready", or "stopped" or "failed" (then `trouble`
    says why).
    arrival: bytes of its download that are here, of how many, and how many come in a second.
    broken: why single texts cannot be scored, by their digests.
    ahead: sums of texts that the store knows and that were not read yet.
    sums: of every scored story, by text digest; the totals count a text as often as it is told.
    words: of the distinct texts that are scored; seconds, paced: what the worker took for how many
    of them.
    nats, bits: surprise per token and bits per byte of each story in the order they were read,
    nan while unknown; span: the smallest and the largest of the nats.
    tokenizer: what tells it from those of other sizes. Where they differ, cuts: of the scored
    stories, by text digest; common: bits per byte of the set, with its interval, on the bytes that
    all sizes have scored.
    """

    spec: ModelSpec
    parameters: int | None
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
    tokens: int = 0
    bytes: int = 0
    nll: float = 0.0
    words: int = 0
    seconds: float = 0.0
    paced: int = 0
    nats: array[float] = field(default_factory=lambda: array("d"))
    bits: array[float] = field(default_factory=lambda: array("d"))
    span: tuple[float, float] = (math.inf, -math.inf)
    interval: tuple[float, float] | None = None
    settled: bool = False  # the interval was asked for
    tokenizer: str = ""
    cuts: dict[str, Cuts] = field(default_factory=dict)
    common: tuple[float, float, float] | None = None
    labelled: bool = False  # what things are called was handed to the store

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def is_out(self) -> bool:
        """Whether nothing is asked of it any more."""
        return self.state in ("stopped", "failed")

    @property
    def perplexity(self) -> float:
        """Of all scored stories, pooled over tokens."""
        return perplexity(self.nll, self.tokens)

    @property
    def bits_per_byte(self) -> float:
        return bits_per_byte(self.nll, self.bytes)

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

    def put(self, digest: str, summary: Summary, told: Sequence[int], words: int) -> None:
        """Take in the sums of a text of so many words; told: the stories that tell it."""
        if digest not in self.sums:
            self.words += words
            copies = len(told)
            self.sums[digest] = summary
            if summary.tokens:
                nats, bits = summary.nll / summary.tokens, summary.bits_per_byte
                for story in told:
                    self.nats[story], self.bits[story] = nats, bits
                low, high = self.span
                self.span = (min(low, nats), max(high, nats))
            self.stories += copies
            self.tokens += copies * summary.tokens
            self.bytes += copies * summary.bytes
            self.nll += copies * summary.nll

    def tell_again(self, digest: str, story: int) -> None:
        """A story has come that tells a text whose sums are known."""
        summary = self.sums[digest]
        if summary.tokens:
            self.nats[story] = summary.nll / summary.tokens
            self.bits[story] = summary.bits_per_byte
        self.stories += 1
        self.tokens += summary.tokens
        self.bytes += summary.bytes
        self.nll += summary.nll

    def forget(self) -> None:
        """No scores: another recipe."""
        self.sums, self.ahead, self.interval, self.settled = {}, {}, None, False
        self.cuts, self.common, self.labelled = {}, None, False
        stories, self.span = len(self.nats), (math.inf, -math.inf)
        self.nats, self.bits = array("d"), array("d")
        self.make_room(stories)
        self.stories = self.tokens = self.bytes = self.words = self.paced = 0
        self.seconds = 0.0
        self.nll, self.looked, self.read = 0.0, False, False
        self.todo.clear()
