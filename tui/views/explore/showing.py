"""What list and text are to show, worked out from the session: pure functions, no widgets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.style import Style

from ....core.scoring.scores import StoryScore
from ....core.stories.story import Story
from ....core.wording import NOTHING, figures, visible
from ...panes.bars import Part
from ...panes.story_list import Shelf
from ...panes.story_text import Paint
from ...session import Session
from ...session.gaps import gap
from ...terminal.colours import ColourDepth
from ...text.colour import legend, scale
from ...text.reading import (
    BIT,
    NAMES,
    Kind,
    UnitName,
    Values,
    bits_per_word,
    differences,
    spans,
    token_ends,
    unit_values,
    values,
)
from ..status import waiting

LARGEST = 700.0  # nats a token: e to the power of more is no number


def shelf(session: Session) -> Shelf:
    """The list of stories under the current size: perplexities, or where it is sorted by the gap
    to the reference, gaps.

    Of the stories that are open now: others may be by the time that it is drawn again.
    """
    size, library = session.models.size, session.library
    stories, digests, marked = library.stories, library.digests, library.shelves.marked

    def title(story: int) -> str:
        return visible(stories[story].title)

    def is_marked(story: int) -> bool:
        return digests[story] in marked

    if library.sorts_by_gap:
        return _by_gap(session, title, is_marked)

    def value(story: int) -> float:
        summary = size.sums.get(digests[story])
        return summary.perplexity if summary else math.nan

    highest = math.exp(min(size.span[1], LARGEST)) if size.stories else math.inf

    def share(perplexity: float) -> float:
        return perplexity / highest

    return Shelf(library.order, title, value, share, is_marked)


def _by_gap(
    session: Session, title: Callable[[int], str], is_marked: Callable[[int], bool]
) -> Shelf:
    library, size, reference = session.library, session.models.size, session.models.reference
    digests = library.digests

    def value(story: int) -> float:
        return math.nan if reference is None else gap(size, reference, digests[story])

    ends = (next(_known(value, order), 0.0) for order in (library.order, library.order[::-1]))
    most = max(map(abs, ends)) or 1.0

    def share(gap: float) -> float:
        return abs(gap) / most

    return Shelf(library.order, title, value, share, is_marked, gap_in_figures)


def _known(value: Callable[[int], float], order: Sequence[int]) -> Iterator[float]:
    """The values of these that there are; those without one are listed behind all others."""
    return (found for story in order if not math.isnan(found := value(story)))


def gap_in_figures(gap: float) -> str:
    """`−0.12`, `+0.03`, bits per byte."""
    return NOTHING if math.isnan(gap) else f"{gap:+.2f}".replace("-", "−")


def sorted_by(session: Session) -> str:
    """How the list is sorted, in words."""
    library, reference = session.library, session.models.reference
    if not library.sorts_by_gap:
        return library.sort
    return f"{library.sort} on {reference.name}" if reference else f"{library.sort}: on nothing"


@dataclass(frozen=True, slots=True, eq=False)
class Coloured:
    """A story in its colours, the legend to them and a note beside it."""

    paint: Paint
    legend: tuple[tuple[str, Style], ...]
    note: str


def coloured(
    session: Session,
    kind: Kind,
    unit: UnitName,
    *,
    difference: bool,
    dark: bool,
    depth: ColourDepth,
) -> Coloured:
    """The selected story by `kind`, or by the difference to the reference.

    Units other than the token have a surprise and a difference of their own; the other kinds are
    a token's. The scale stays while what it is for is waited for.
    """
    colours = scale("difference" if difference else kind, dark=dark, depth=depth)
    score, story = session.score(session.models.size), session.story
    text = story.text if story is not None else ""
    if score is None or story is None:
        return Coloured(Paint(text), tuple(legend(colours)), waiting(session))
    if difference:
        shown, note = _difference(session, story, score, unit)
    elif unit != "token" and kind == "surprise":
        shown = unit_values(text, score, unit, story.sentence_starts)
        note = "surprise by word" if unit == "word" else "mean surprise by sentence"
    else:
        shown, note = values(score, kind), NAMES[kind]
    styles = (Style.null(),) * len(score)
    if shown is not None:
        styles = colours.styles_of(shown)
    paint = Paint(text, token_ends(score), styles, dark)
    return Coloured(paint, tuple(legend(colours)), note)


def _difference(
    session: Session, story: Story, score: StoryScore, unit: UnitName
) -> tuple[Values | None, str]:
    """Bits against the reference, and in words what they are, or why there are none."""
    size, reference = session.models.size, session.models.reference
    if reference is None:
        alone = len(session.models.sizes) < 2
        return None, "no smaller size to compare with" + ("" if alone else "; D chooses another")
    if reference is size:
        return None, f"{size.name} is the reference; D chooses another"
    other = session.score(reference)
    if other is None:
        broken = reference.broken.get(session.library.digests[session.place.story])
        return None, reference.trouble or broken or f"waiting for {reference.name}…"
    shown = differences(story.text, score, other, unit, story.sentence_starts)
    if not len(spans(story.text, other, score)):
        return None, f"nothing that {reference.name} has scored too"
    by = {"token": "", "word": ", by word", "sentence": ", mean by sentence"}[unit]
    return shown, f"against {reference.name}{by}"


def edited(session: Session) -> tuple[Part, ...]:
    """Before and after, in bits per word and in all; nothing where nothing is edited."""
    edit, size = session.edit, session.models.size
    if not edit.is_on:
        return ()
    before, after = edit.before(size), edit.score(size)
    waits = edit.why
    if before is None or after is None:
        return ((waits or waiting(session), "quiet"),)
    was, now = bits_per_word(edit.original.text, before), bits_per_word(edit.story.text, after)
    if waits and edit.story.text == edit.original.text:  # nothing is known of the edit so far
        return (
            ("bits a word ", "quiet"),
            (f"{figures(was)} → …", "strong"),
            (f" · {waits}", "quiet"),
        )
    whole = [one.summary.nll / BIT for one in (before, after)]
    return (
        ("bits a word ", "quiet"),
        (f"{figures(was)} → {figures(now)}", "strong"),
        (f"  {gap_in_figures(now - was)}", ""),
        (f" · in all {whole[0]:,.0f} → {whole[1]:,.0f}", "spare"),
        (f" · {waits}" if waits else "", "quiet"),
    )
