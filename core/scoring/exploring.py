"""What one asks about a place of a text, and what comes back: plain, and picklable."""

from __future__ import annotations

from dataclasses import dataclass

MOST_DRAWS = 1_000_000  # of one request


@dataclass(frozen=True, slots=True)
class Context:
    """What comes before the next token, whatever the tokenizer.

    text: a story or a prompt. at: characters of it, None for all of it. added: ids behind them,
    forced or drawn so far. chat: the text is a user's turn in the model's chat template, and the
    answer is what comes next. pieces: how many of the tokens in front of the one at `at` are left
    out too, of those that are later pieces of the character before it (bytes of an emoji) and
    have no character of their own.
    """

    text: str
    at: int | None = None
    added: tuple[int, ...] = ()
    chat: bool = False
    pieces: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """One token: its logit and probability, its reshaped probability (0 where it is cut), and
    its rank under the model, 1 the likeliest."""

    token_id: int
    logit: float
    probability: float
    reshaped: float
    rank: int


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw, step by step: `u` fell between `low` and `high`, the cumulative shares before
    and behind `token_id`, which is the `place`-th likeliest (1 the first)."""

    u: float
    low: float
    high: float
    token_id: int
    place: int


@dataclass(frozen=True, slots=True)
class Draws:
    """What n draws gave.

    counts: how often each token that was asked about was drawn, by id. last: the last draw.
    distance: total variation between frequencies and probabilities, 1/2 sum |count / n - p|
    over the whole vocabulary. trail: (n, distance) after the first 1, 2, 5, 10, ... draws.
    """

    count: int
    counts: dict[int, int]
    last: Draw
    distance: float
    trail: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class NextTable:
    """The next token under a model, and reshaped.

    rows: the likeliest under the model, likeliest first. true: the token that stands there, None
    where none does. wanted: those looked up. vocabulary: |V|. entropy, reshaped_entropy: nats;
    their exponential is the effective number of choices (the branching factor). kept: tokens
    that may still be drawn. draws: None where none were asked for.
    """

    rows: tuple[Bar, ...]
    true: Bar | None
    wanted: tuple[Bar, ...]
    vocabulary: int
    entropy: float
    reshaped_entropy: float
    kept: int
    draws: Draws | None = None


@dataclass(frozen=True, slots=True)
class ContinuedToken:
    """One token of a continuation.

    token: as it reads. logprob, entropy: nats, under the base model, whatever the dials. rank: 1
    is the likeliest. chance: the probability it was drawn with, after the dials. top: the
    likeliest in its place, (id, log-probability), likeliest first.
    """

    token: str
    token_id: int
    logprob: float
    rank: int
    entropy: float
    chance: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Cycle:
    """From token `first` of a continuation on, the same `length` tokens again and again."""

    first: int
    length: int


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The surprise of a word, in nats, with only `tokens` tokens of the text before it.

    what: "tokens" (the last 1, 2, 4, ...), "sentence" (from its beginning on) or "story" (all
    of it, or as much as the model sees at once).
    """

    what: str
    tokens: int
    nats: float
