"""What Compare shows: pure functions of the session."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style

from ....core.scoring.scores import StoryScore
from ....core.stories.story import Story
from ....core.wording import interval, many, number, percent
from ...panes.finds import NONE, Find, Finds
from ...panes.story_text import Paint
from ...session import Session
from ...session.comparison import Comparison
from ...terminal.colours import ColourDepth
from ...text.colour import Scale, legend, scale
from ...text.reading import (
    BIT,
    UnitName,
    Values,
    differences,
    places,
    spans,
    token_ends,
    unit_values,
    units,
    values,
)
from ...threads.comparing import ENDINGS

AROUND = 60  # characters told before and behind a find
SORTED = {
    "gain": "most gained",
    "loss": "most lost",
    "disagreement": "most apart",
    "surprise": "most surprising",
    "unexpected": "beyond entropy",
    ENDINGS: "endings judged wrong",
}
"""How finds are in order, in words."""


def finds(session: Session) -> Finds:
    """The finds as they are listed; there may be others by the time that they are drawn again."""
    listed, found = session.comparison.finds, session.comparison.found
    if listed is None or found is None:
        return NONE
    order, columns, stories = listed.order, listed.finds, session.library.stories
    others = _other_endings(session) if listed.listing.sort == ENDINGS else {}

    def find(row: int) -> Find:
        at = int(order[row])
        story = found.index[int(columns.stories[at])]
        text = stories[story].text
        start, end = int(columns.starts[at]), int(columns.ends[at])
        model, reference = float(columns.nats_model[at]), float(columns.nats_reference[at])
        bits = (model - reference) / BIT
        if listed.listing.sort in ("surprise", "unexpected"):
            expected = float(columns.entropies[at]) if listed.listing.sort == "unexpected" else 0.0
            value = number((model - expected) / BIT, 1)
        else:
            value = signed(bits)
        before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
        after = f" / {others[story]}" if story in others else after
        return Find(value, before, text[start:end], after)

    return Finds(len(order), find)


def _other_endings(session: Session) -> dict[int, str]:
    """What the model finds less surprising than the expected ending, by the story with that."""
    if (found := session.comparison.found) is None:
        return {}
    stories, index = session.library.stories, found.index
    return {index[one.right]: stories[index[one.wrong]].text[one.at :] for one in found.partings}


def finds_title(comparison: Comparison) -> str:
    """How they are sorted, by what, and the words they hold."""
    listing = comparison.listing
    said = f"Finds, {SORTED[listing.sort]}"
    said += "" if listing.sort == ENDINGS else f", by {listing.unit}"
    return f"{said} · {listing.words}" if listing.words else said


def counted(comparison: Comparison) -> str:
    """How many they are, against which model; of endings, of how many pairs."""
    if comparison.finds is None or comparison.found is None:
        return ""
    count, pairs = len(comparison.finds.order), len(comparison.found.partings)
    if comparison.finds.listing.sort == ENDINGS:
        return f"{count:,} of {pairs:,} pairs"
    reference = comparison.models.reference
    if not count or reference is None:
        return ""
    return f"{many(count, comparison.finds.listing.unit)} against {reference.name}"


def none_found(session: Session) -> str:
    """What stands in a list without a find; "" while there is no list."""
    listed = session.comparison.finds
    if listed is None:
        return ""
    if listed.listing.words:
        return "no find holds this; / or esc"
    is_right = listed.listing.sort == ENDINGS
    return f"{session.models.size.name} finds every expected ending less surprising" * is_right


def signed(bits: float) -> str:
    """`−14.2`, `+3.1`."""
    return number(bits, 1) if math.isnan(bits) else ("+" if bits > 0 else "") + number(bits, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Both:
    """The selected story under the model and under its reference, a token of each marked.

    tokens: under the cursor, -1 where there is none. legend: of the colours. note: the bits of
    what is under the cursor; total: of all that both have scored.
    """

    paints: tuple[Paint, Paint]
    tokens: tuple[int, int]
    legend: tuple[tuple[str, Style], ...]
    note: str
    total: str


def both(session: Session, *, dark: bool, depth: ColourDepth) -> Both:
    """Surprise by the unit of the finds, or under `d` the difference, in both texts."""
    look, models, unit = session.look, session.models, session.comparison.listing.unit
    story = session.library.stories[session.place.story] if session.library.stories else None
    reference = models.reference
    pair = (session.score(models.size), None if reference is None else session.score(reference))
    colours = scale("difference" if look.difference else "surprise", dark=dark, depth=depth)
    paints = [
        _paint(story, own, other, unit, turn if look.difference else 0, colours)
        for own, other, turn in ((*pair, 1), (*pair[::-1], -1))
    ]
    note = total = ""
    tokens = (session.place.token, -1)
    if story is not None and pair[0] is not None and pair[1] is not None:
        tokens, note, total = _under_cursor(session, story, pair[0], pair[1])
    return Both((paints[0], paints[1]), tokens, tuple(legend(colours)), note, total)


@lru_cache(maxsize=4)
def _paint(
    story: Story | None,
    own: StoryScore | None,
    other: StoryScore | None,
    unit: UnitName,
    turn: int,
    colours: Scale,
) -> Paint:
    """The same one as long as nothing of it changes: it need not be drawn again."""
    if story is None or own is None:
        return Paint("" if story is None else story.text)
    styles = colours.styles_of(_values(story, own, other, unit, turn))
    return Paint(story.text, token_ends(own), styles, colours.dark)


def _values(
    story: Story, own: StoryScore, other: StoryScore | None, unit: UnitName, turn: int
) -> Values:
    """A value for each token of `own`; turn: 0 for surprise, 1 or -1 for the difference."""
    starts = story.sentence_starts
    if turn and other is None:
        return values(own, "surprise") * math.nan
    if turn and other is not None:
        return turn * differences(story.text, own, other, unit, starts)
    if unit == "token":
        return values(own, "surprise")
    return unit_values(story.text, own, unit, starts)


def _under_cursor(
    session: Session, story: Story, score: StoryScore, other: StoryScore
) -> tuple[tuple[int, int], str, str]:
    """The token of each text that is marked; the bits of what is under the cursor, and of all."""
    import numpy as np  # after the first picture

    if not len(score) or not len(other):
        return (0, -1), "", ""
    at = min(session.place.token, len(score) - 1)
    found = spans(story.text, other, score)
    character = int(places(score)[at])
    twin = int(np.searchsorted(places(other), character, side="right")) - 1
    if not len(found):
        return (at, twin), "no stretch that both have scored", ""
    total = f"all {_arrow(found.nats_reference.sum(), found.nats_model.sum(), 0)} bits"
    first, last = character, character + 1
    if (unit := session.comparison.listing.unit) != "token":
        whole = units(story.text, score, unit, story.sentence_starts)
        one = whole[whole.of_token(at)]
        first, last = int(places(score)[one.first]), int(score.ends[one.last])
    begin = int(np.searchsorted(found.starts, first, side="right")) - 1
    end = max(begin + 1, int(np.searchsorted(found.starts, last)))
    if begin < 0:
        which = "the first token is context" if at == 0 else "this token is not scored by both"
        return (at, twin), which, total
    nats = found.nats_reference[begin:end].sum(), found.nats_model[begin:end].sum()
    words = story.text[int(found.starts[begin]) : int(found.ends[end - 1])].strip()
    if len(words) > 24:
        words = words[:23] + "…"
    said = f"{words}  {_arrow(*nats, 1)} bits  {signed(float(nats[1] - nats[0]) / BIT)}"
    return (at, twin), said, total


def _arrow(reference: float, model: float, digits: int) -> str:
    return f"{number(reference / BIT, digits)} → {number(model / BIT, digits)}"


def total(comparison: Comparison) -> tuple[str, str]:
    """The gap in all with its interval; the share of stories that got better, and over what."""
    if comparison.found is None:
        return "", ""
    gaps = comparison.found.compared.gaps
    sign = "+" if gaps.total.difference > 0 else ""
    said = f"{sign}{number(gaps.total.difference, 3)} bits per byte"
    if not math.isnan(gaps.total.ci95[0]):
        said += f" {interval(gaps.total.ci95, 3)}"
    return said, f"better on {percent(gaps.better)} of {gaps.stories:,} stories"
