"""In which order stories are listed, and which of them."""

from __future__ import annotations

import operator
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ...core.errors import EyebrowError
from ...core.stories.story import Story

SORTS = ("as read", "perplexity ↓", "perplexity ↑", "longest", "title", "marked first")

_TERM = re.compile(r'-?"[^"]*"?|\S+')
_RANGE = re.compile(r"([a-z]+)(<=|>=|<|>|=)(.*)\Z", re.IGNORECASE)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_NAMES = {"ppl": "ppl", "perplexity": "ppl", "bpb": "bpb", "len": "len", "words": "len"}


@dataclass(frozen=True, slots=True)
class Filter:
    """`ppl>30 len<200 dog -"big dog" marked`: what a listed story has, all of it.

    ranges: of the perplexity, of bits per byte, and of the length in words. words: are found in
    title or text, without: are not. marked: only such stories, or with False only others.
    """

    ranges: tuple[tuple[str, str, float], ...] = ()
    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    marked: bool | None = None

    def __bool__(self) -> bool:
        return self != Filter()

    @property
    def follows_scores(self) -> bool:
        """Whether a score that comes in may change what is listed."""
        return any(what != "len" for what, _, _ in self.ranges)

    def __str__(self) -> str:
        """What one types for it."""
        ranges = [f"{what}{sign}{limit:g}" for what, sign, limit in self.ranges]
        words = [f'"{word}"' if re.search(r"\s", word) else word for word in self.words]
        without = [f'-"{word}"' if re.search(r"\s", word) else f"-{word}" for word in self.without]
        marked = {None: [], True: ["marked"], False: ["-marked"]}[self.marked]
        return " ".join([*ranges, *words, *without, *marked])


def parse_filter(text: str) -> Filter:
    """Raises `EyebrowError` for a range of what is no number, or of something unknown."""
    ranges: list[tuple[str, str, float]] = []
    words: list[str] = []
    without: list[str] = []
    marked = None
    for term in _TERM.findall(text):
        if match := _RANGE.match(term):
            ranges.append(_range(term, *match.groups()))
        elif term in ("marked", "-marked"):
            marked = term == "marked"
        else:
            into = without if term.startswith("-") and len(term) > 1 else words
            word = term.removeprefix("-") if into is without else term
            if word := word.strip('"').casefold():
                into.append(word)
    return Filter(tuple(ranges), tuple(words), tuple(without), marked)


def _range(term: str, name: str, sign: str, limit: str) -> tuple[str, str, float]:
    what = _NAMES.get(name.lower())
    if what is None:
        raise EyebrowError(
            "Bad filter", f'{term}: there is no {name}; use ppl, bpb or len, or "{term}" for a text'
        )
    try:
        return what, sign, float(limit)
    except ValueError:
        raise EyebrowError("Bad filter", f"{term}: give a number, as in {what}>30") from None


@dataclass(slots=True)
class Shelves:
    """What is known of all stories, in the order they were read.

    words: the length of each. marked: the digests of marked texts. said: which stories have the
    words of the last filter and none of its others; as long as these stay, only new stories are
    searched.
    """

    stories: list[Story] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    words: array[int] = field(default_factory=lambda: array("i"))
    marked: set[str] = field(default_factory=set)
    said: tuple[Filter, bytearray] = field(default_factory=lambda: (Filter(), bytearray()))

    def speaking(self, wanted: Filter) -> bytearray:
        """1 for each story that speaks of what is wanted."""
        only = Filter(words=wanted.words, without=wanted.without)
        before, spoke = self.said
        if only != before:
            narrower = spoke if _is_narrower(only, before) else bytearray()
            told = zip(self.stories, narrower, strict=False)
            self.said = (only, bytearray(yes and _speaks(story, only) for story, yes in told))
        found = self.said[1]
        found.extend(_speaks(story, only) for story in islice(self.stories, len(found), None))
        return found


def arrange(
    shelves: Shelves, nats: array[float], bits: array[float], sort: str, wanted: Filter
) -> Sequence[int]:
    """Indices of the listed stories in order; those without a perplexity come last.

    nats, bits: surprise per token and bits per byte of each story under the current size, nan
    while unknown; a range of the perplexity or of bits per byte drops such stories.
    """
    stories, digests, marked = shelves.stories, shelves.digests, shelves.marked
    order: Sequence[int] = range(len(stories))
    if wanted:
        order = _kept(shelves, nats, bits, wanted)
    if sort.startswith("perplexity"):
        return _by_value(nats, order, falling=sort.endswith("↓"))
    if sort == "longest":
        return _by_value(shelves.words, order, falling=True)
    if sort == "title":
        return sorted(order, key=lambda i: stories[i].title.casefold())
    if sort == "marked first" and marked:
        return sorted(order, key=lambda i: digests[i] not in marked)
    return order


def _kept(shelves: Shelves, nats: array[float], bits: array[float], wanted: Filter) -> list[int]:
    import numpy as np

    with np.errstate(over="ignore"):
        values = {
            "ppl": np.exp(np.array(nats)),
            "bpb": np.array(bits),
            "len": np.array(shelves.words),
        }
    keep = np.ones(len(shelves.stories), dtype=bool)
    for what, sign, limit in wanted.ranges:
        keep &= _COMPARE[sign](values[what], limit)
    if wanted.words or wanted.without:
        keep &= np.frombuffer(bytes(shelves.speaking(wanted)), dtype=bool)
    found: list[int] = np.flatnonzero(keep).tolist()
    if wanted.marked is not None:
        found = [i for i in found if (shelves.digests[i] in shelves.marked) is wanted.marked]
    return found


def _is_narrower(wanted: Filter, before: Filter) -> bool:
    """Whether what speaks of one has spoken of the other: a word typed on, another one added."""
    return {*before.without} <= {*wanted.without} and all(
        any(word in longer for longer in wanted.words) for word in before.words
    )


def _speaks(story: Story, wanted: Filter) -> bool:
    text, title = story.text.casefold(), story.title.casefold()
    return all(word in text or word in title for word in wanted.words) and not any(
        word in text or word in title for word in wanted.without
    )


def _by_value(of: array[float] | array[int], order: Sequence[int], *, falling: bool) -> list[int]:
    import numpy as np

    listed = np.asarray(order, dtype=np.int64)
    values = np.array(of)[listed]
    places = np.argsort(-values if falling else values, kind="stable")  # nan comes last
    return listed[places].tolist()  # type: ignore[no-any-return]
