"""The token, word or sentence under the cursor at every size."""

from __future__ import annotations

import math
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

from ....core.scoring.scores import StoryScore
from ....core.stories.story import Story
from ...panes.inspector import quoted
from ...panes.size_strip import Across
from ...session import Session
from ...terminal.colours import ColourDepth
from ...text.colour import scale
from ...text.reading import BIT, UnitName, places, spans, units
from ..status import waiting

if TYPE_CHECKING:
    from ....core.results.compare.spans import Places

Stretch = tuple[int, int]  # of characters


def across(session: Session, unit: UnitName, *, dark: bool, depth: ColourDepth) -> Across:
    """What is under the cursor, by `unit`, under all sizes of which a score is at hand.

    Where tokenizers differ it is the smallest stretch that all of them cut at and that holds it:
    so the numbers are of the same characters. A sentence has its mean over the tokens of the
    current size.
    """
    models = session.models
    score, story = session.score(models.size), session.story
    if story is None or score is None or not len(score):
        return Across(waiting="" if story is None else waiting(session))
    at = min(session.place.token, len(score) - 1)
    scores = [session.score(size) for size in models.sizes]
    known = [one for one in scores if one is not None and len(one)]
    found = _stretch(story, score, known, at, unit)
    if found is None:
        first = "context, not scored" if not score.ranks[at] > 0 else "not scored by every size"
        return Across(waiting=first)
    inside = (places(score) >= found[0]) & (places(score) < found[1]) & (score.ranks > 0)
    over = BIT * (max(1, int(inside.sum())) if unit == "sentence" else 1)
    bits = tuple(
        math.nan if one is None or not len(one) else _nats(story.text, one, score, found) / over
        for one in scores
    )
    colours = scale("surprise", dark=dark, depth=depth)
    missing = [
        size.name
        for size, one in zip(models.sizes, scores, strict=True)
        if one is None and not size.is_out
    ]
    return Across(
        quoted(story.text[slice(*found)]),
        "bits a token" if unit == "sentence" else "bits",
        tuple(size.name for size in models.sizes),
        bits,
        tuple(size.spec.family for size in models.sizes),
        tuple(colours.style(value) for value in bits),
        models.current,
        f"waiting for {missing[0]}…" if missing else "",
    )


def _stretch(
    story: Story, score: StoryScore, known: list[StoryScore], at: int, unit: UnitName
) -> Stretch | None:
    """The characters that all known scores are compared on; None where not all have scored any."""
    first = last = at
    if unit != "token":
        found = units(story.text, score, unit, story.sentence_starts)
        one = found[found.of_token(at)]
        first, last = one.first, one.last
    begin, end = int(places(score)[first]), max(int(score.ends[last]), int(places(score)[last]) + 1)
    cuts = _cuts(story.text, score, tuple(known))
    if not len(cuts) or end <= cuts[0]:
        return None
    here = max(0, int(cuts.searchsorted(begin, side="right")) - 1)
    next_ = int(cuts.searchsorted(end))
    return int(cuts[here]), int(cuts[next_]) if next_ < len(cuts) else len(story.text)


@lru_cache(maxsize=8)
def _cuts(text: str, score: StoryScore, known: tuple[StoryScore, ...]) -> Places:
    """The characters that spans begin at under all of them."""
    import numpy as np  # after the first picture

    return reduce(np.intersect1d, [spans(text, one, score).starts for one in known])


def _nats(text: str, score: StoryScore, current: StoryScore, stretch: Stretch) -> float:
    found = spans(text, score, current)
    first, last = found.starts.searchsorted(stretch)
    return float(found.nats_reference[first:last].sum())
