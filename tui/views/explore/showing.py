"""What the panes are to show, worked out from the session: pure functions, no widgets."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.style import Style

from ....core.scoring.scores import StoryScore
from ....core.stories.story import Story
from ....core.wording import NOTHING, figures, many, visible
from ... import charts
from ...charts.ink import HOLLOW, SOLID, palette
from ...panes.bars import Part
from ...panes.chart import Picture
from ...panes.inspector import SHORT, Against, Choice, Glass, quoted
from ...panes.ladder import Step
from ...panes.story_list import Shelf
from ...panes.story_text import Paint
from ...session import Session
from ...session.size import Size
from ...terminal.colours import ColourDepth
from ...text.colour import legend, scale
from ...text.plain import arrival, shorten_apart
from ...text.reading import (
    BIT,
    NAMES,
    Kind,
    UnitName,
    Values,
    bits_per_word,
    differences,
    places,
    spans,
    unit_values,
    units,
    values,
)
from ..status import story_perplexity, waiting


def shelf(session: Session) -> Shelf:
    """The list of stories under the current size: perplexities, or where it is sorted by the gap
    to the reference, gaps."""
    size, library = session.models.size, session.library

    def title(story: int) -> str:
        return visible(library.stories[story].title)

    if library.sorts_by_gap:
        return _by_gap(session, title)

    def value(story: int) -> float:
        summary = session.sums(size, story)
        return summary.perplexity if summary else math.nan

    low, high = size.span
    low += math.log(0.9)

    def share(perplexity: float) -> float:
        return (math.log(perplexity) - low) / (high - low) if low < high else 0.0

    return Shelf(library.order, title, value, share, library.is_marked)


def _by_gap(session: Session, title: Callable[[int], str]) -> Shelf:
    library, size, reference = session.library, session.models.size, session.models.reference

    def value(story: int) -> float:
        digest = library.digests[story]
        return math.nan if reference is None else session.scores.gap(size, reference, digest)

    ends = [abs(value(story)) for story in (*library.order[:1], *library.order[-1:])]
    most = max((gap for gap in ends if gap > 0), default=1.0)

    def share(gap: float) -> float:
        return abs(gap) / most

    return Shelf(library.order, title, value, share, library.is_marked, gap_in_figures)


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
        styles = tuple(colours.style(value) for value in shown.tolist())
    paint = Paint(text, tuple(score.ends.tolist()), styles, dark)
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


def glass(session: Session, *, both: bool = False) -> Glass:
    """The selected token and its alternatives; both: those of the reference too."""
    size = session.models.size
    score, story = session.score(size), session.story
    if story is None:
        return Glass(waiting="no story")
    if score is None or not len(score):
        return Glass(waiting="no tokens" if score is not None else waiting(session))
    at = min(session.place.token, len(score) - 1)
    scored = bool(score.ranks[at] > 0)
    return Glass(
        index=at,
        count=len(score),
        text=_word(size, int(score.token_ids[at])),
        token_id=int(score.token_ids[at]),
        logprob=float(score.logprobs[at]) if scored else None,
        entropy=float(score.entropies[at]) if scored else None,
        rank=int(score.ranks[at]),
        model=size.name,
        against=_against(session, story, score, at, both),
        units=_units_at(story, score, at),
        choices=_choices(score, at, size),
    )


def _word(size: Size, token: int) -> str:
    return size.vocabulary[token] if token < len(size.vocabulary) else f"‹id {token}›"


def _choices(score: StoryScore, at: int, size: Size) -> tuple[Choice, ...]:
    token = int(score.token_ids[at])
    return tuple(
        Choice(_word(size, int(k)), math.exp(p), int(k) == token)
        for k, p in zip(score.top_ids[at], score.top_logprobs[at], strict=True)
        if score.ranks[at] > 0 and k >= 0
    )


@dataclass(frozen=True, slots=True)
class Other:
    """A token that could stand at `place`, characters from and to; text: what is written then."""

    text: str
    probability: float
    place: tuple[int, int]


_NO_TEXT = re.compile(r"<[^<>\s]+>|.*‹.*›.*")  # special tokens, and parts of characters


def instead(session: Session) -> tuple[list[Other], str]:
    """What could stand in the place of the token under the cursor; why there is nothing."""
    size, story = session.models.size, session.story
    score = session.score(size)
    if story is None or score is None or not len(score):
        return [], "no tokens" if score is not None else waiting(session)
    at = min(session.place.token, len(score) - 1)
    if not score.ranks[at] > 0:
        return [], "this token is context: nothing is known to stand here instead"
    start, end = int(score.starts[at]), int(score.ends[at])
    if start == end:
        return [], "this token is a part of a character"
    found = [
        Other(choice.text, choice.probability, (start, end))
        for choice in _choices(score, at, size)
        if not choice.true and not _NO_TEXT.fullmatch(choice.text)
    ]
    return found, "" if found else "no alternatives are known (--top 0)"


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
    whole = [one.summary.nll / BIT for one in (before, after)]
    return (
        ("bits a word ", "quiet"),
        (f"{figures(was)} → {figures(now)}", "strong"),
        (f"  {gap_in_figures(now - was)}", ""),
        (f" · in all {whole[0]:,.0f} → {whole[1]:,.0f}", "spare"),
        (f" · {waits}" if waits else "", "quiet"),
    )


def _against(
    session: Session, story: Story, score: StoryScore, at: int, both: bool
) -> Against | None:
    """The token under the reference: by its span, where tokenizers cut differently."""
    size, reference = session.models.size, session.models.reference
    other = None if reference is None or reference is size else session.score(reference)
    if reference is None or other is None:
        return None
    found, place = spans(story.text, other, score), int(places(score)[at])
    n = int(found.starts.searchsorted(place, side="right")) - 1
    if n < 0:
        return None
    mine, theirs = (float(nats[n]) / BIT for nats in (found.nats_model, found.nats_reference))
    stretch, span = story.text[found.starts[n] : found.ends[n]], ""
    if stretch != story.text[score.starts[at] : score.ends[at]]:
        span = f"{quoted(stretch)} {mine:.2f} bits, {reference.name} {theirs:.2f}"
    names = [one.name for one in session.models.sizes]
    return Against(
        reference.name,
        shorten_apart(names, SHORT)[names.index(reference.name)],
        mine - theirs,
        span,
        _choices(other, _same_place(score, other, at, place), reference) if both else (),
    )


def _same_place(score: StoryScore, other: StoryScore, at: int, place: int) -> int:
    """The token of the other score that holds the character which this one stands at."""
    if score.ends.tolist() == other.ends.tolist():
        return at
    return min(int(other.ends.searchsorted(place, side="right")), len(other) - 1)


def _units_at(story: Story, score: StoryScore, token: int) -> tuple[str, ...]:
    """What is to be said of the word and of the sentence that a token belongs to."""
    said = []
    for unit in ("word", "sentence"):
        found = units(story.text, score, unit, story.sentence_starts)
        for n, one in enumerate(found):
            if one.first <= token <= one.last and one.scored:
                bits = one.surprise / BIT
                if unit == "word" and one.first < one.last:
                    said.append(f"word {bits:.1f} bits, {one.last - one.first + 1} tokens")
                elif unit == "sentence":
                    mean = bits / one.scored
                    said.append(f"sentence {n + 1}/{len(found)} mean {mean:.1f} bits")
    return (*said, *_positions(story, score))


def _positions(story: Story, score: StoryScore) -> tuple[str, ...]:
    """Mean surprise of sentence 1 to 5, in stories of exactly five."""
    from ....core.scoring.positions import five_sentences

    found = five_sentences(story.text, score, starts=story.sentence_starts)
    if not found or not all(one.scored for one in found):
        return ()
    means = [one.surprise / BIT / one.scored for one in found]
    return ("sentences 1-5 mean " + " ".join(f"{mean:.1f}" for mean in means) + " bits",)


def measure(session: Session) -> str:
    """What the sizes are compared in."""
    return "bits per byte" if session.models.mixes_tokenizers else "perplexity"


def _of_story(session: Session) -> dict[str, float]:
    """The selected story under every size by name, in `measure`; nan while it is not known."""
    known = session.common_bits() if session.models.mixes_tokenizers else {}
    return {
        size.name: known.get(size.name, math.nan)
        if session.models.mixes_tokenizers
        else story_perplexity(session, size)
        for size in session.models.sizes
    }


def _of_set(session: Session, size: Size) -> tuple[float, float | None, float | None]:
    """The set under one size in `measure`, and the ends of its interval where they are known."""
    if session.models.mixes_tokenizers:
        return size.common or (math.nan, None, None)
    low, high = size.interval or (None, None)
    return size.perplexity, low, high


def steps(session: Session) -> tuple[Step, ...]:
    """The sizes, for the ladder."""
    of_story = _of_story(session)
    reference = session.models.reference
    return tuple(
        Step(
            size.name,
            size.parameters,
            size.state,
            of_story[size.name],
            _of_set(session, size)[0],
            size.done,
            len(session.library.stories),
            (arrival(*size.arrival) if size.arrival[1] else "waits for its download")
            if size.state == "downloading"
            else "",
            size is reference,
        )
        for size in session.models.sizes
    )


def _families(sizes: Sequence[Size]) -> list[tuple[str, list[Size]]]:
    """Who is joined by a line: sizes of one family and tokenizer, as in the Scale view."""
    found: dict[tuple[str, str], list[Size]] = {}
    for size in sizes:
        found.setdefault((size.spec.family or size.name, size.tokenizer), []).append(size)
    return [(name, members) for (name, _), members in found.items()]


@dataclass(frozen=True, slots=True, eq=False)
class ChartView:
    """A picture, its title and the note under it; without one, what it waits for."""

    title: str
    picture: Picture | None
    note: str = ""
    waiting: str = ""


def chart(session: Session, *, dark: bool, depth: ColourDepth) -> ChartView:
    """Perplexity against parameters: the set where all of it is scored, and the story.

    A line for each family. Between tokenizers bits per byte, on the bytes that all have scored.
    """
    what = measure(session)
    title = f"{what.capitalize()} against parameters"
    sized = [size for size in session.models.sizes if size.parameters and size.stories]
    if not sized:
        return ChartView(title, None, waiting=waiting(session))
    of_story = _of_story(session)
    finished = [size for size in sized if size.done == len(session.library.stories)]
    families = _families(sized)
    several = len(families) > 1
    colours = palette(dark, depth)
    whole, story = [], []
    for n, (name, sizes) in enumerate(families):
        joined = [size for size in sizes if not size.spec.counted] or sizes
        points = tuple(
            charts.Point(size.parameters or 0, *found, is_joined=size in joined)
            for size in sizes
            if size in finished and not math.isnan((found := _of_set(session, size))[0])
        )
        known = any(point.low is not None for point in points)
        label = (name if several else "the set") + (" (95 %)" if known else "")
        whole.append(charts.Series(label, points, colours[n % len(colours)], SOLID[n % len(SOLID)]))
        points = tuple(
            charts.Point(size.parameters or 0, value, is_joined=size in joined)
            for size in sizes
            if not math.isnan(value := of_story[size.name])
        )
        colour = colours[n % len(colours)] if several else colours[1]
        label = "" if n else "this story"
        story.append(charts.Series(label, points, colour, HOLLOW[n % len(HOLLOW)]))
    names = {size.name for size in finished}
    unfinished = ", ".join(r.name for r in sized if r.name not in names and not r.is_out)
    current = session.models.size.parameters
    note = f"over {session.scores.compared}" if session.scores.compared else ""
    if not session.models.mixes_tokenizers:
        without = [(size.name, many(size.lost, "story", "stories")) for size in sized if size.lost]
        note = ", ".join(f"{name} without {lost}" for name, lost in without)
    return ChartView(
        title,
        lambda width, height: charts.curves(
            (*whole, *story),
            width=width,
            height=height,
            dark=dark,
            depth=depth,
            x=charts.SIZES,
            y=charts.Axis(what),
            current=current,
        ),
        note=f"waiting for the whole set: {unfinished}" if unfinished else note,
    )
