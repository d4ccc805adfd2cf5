"""In which order stories are listed, and which of them."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.errors import EyebrowError
from ..core.scoring.scores import Summary
from ..core.stories.story import Story

SORTS = ("as read", "perplexity ↓", "perplexity ↑", "longest", "title")

_RANGE = re.compile(r"(ppl|perplexity|len|words)(<=|>=|<|>|=)(.+)\Z", re.IGNORECASE)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """`ppl>30 len<200 dog`: ranges of perplexity and of length in words, and words to be found."""

    ranges: tuple[tuple[str, str, float], ...] = ()
    words: tuple[str, ...] = ()

    def keeps(self, story: Story, summary: Summary | None) -> bool:
        """Whether the story is listed; a range of perplexity drops what is not scored yet."""
        for what, sign, limit in self.ranges:
            if what == "ppl":
                value = summary.perplexity if summary else math.nan
            else:
                value = len(story.text.split())
            if not _COMPARE[sign](value, limit):
                return False
        if not self.words:
            return True
        text = f"{story.title}\n{story.text}".casefold()
        return all(word in text for word in self.words)


def parse_filter(text: str) -> Filter:
    """Raises `EyebrowError` for a range without a number."""
    ranges, words = [], []
    for term in text.split():
        if match := _RANGE.match(term):
            try:
                limit = float(match[3])
            except ValueError:
                raise EyebrowError("Bad filter", f"{term}: give a number, as in ppl>30") from None
            what = "ppl" if match[1].lower().startswith("p") else "len"
            ranges.append((what, match[2], limit))
        else:
            words.append(term.casefold())
    return Filter(tuple(ranges), tuple(words))


def arrange(
    stories: Sequence[Story],
    summary: Callable[[int], Summary | None],
    sort: str,
    wanted: Filter,
) -> list[int]:
    """Indices of the listed stories in order; those without a perplexity come last."""
    order = list(range(len(stories)))
    if wanted.ranges or wanted.words:
        order = [i for i in order if wanted.keeps(stories[i], summary(i))]
    if sort.startswith("perplexity"):
        known = {i: s.perplexity for i in order if (s := summary(i)) is not None}
        sign = -1 if sort.endswith("↓") else 1
        return sorted(
            order, key=lambda i: (i not in known or math.isnan(known[i]), sign * known.get(i, 0.0))
        )
    if sort == "longest":
        return sorted(order, key=lambda i: -len(stories[i].text))
    if sort == "title":
        return sorted(order, key=lambda i: stories[i].title.casefold())
    return order
