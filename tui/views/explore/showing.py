"""What the panes are to show, worked out from the session: pure functions, no widgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style

from ....core.scoring.scores import StoryScore, perplexity
from ....core.stories.story import Story
from ....core.wording import many, visible
from ... import charts
from ...charts.ink import HOLLOW, SOLID, palette
from ...panes.chart import Picture
from ...panes.inspector import Choice, Glass
from ...panes.ladder import Step
from ...panes.story_list import Shelf
from ...panes.story_text import Paint
from ...session import Session
from ...session.size import Size
from ...terminal.colours import ColourDepth
from ...text.colour import legend, scale
from ...text.plain import arrival
from ...text.reading import BIT, NAMES, Kind, UnitName, differences, unit_values, units, values
from ..status import story_perplexity, waiting


def shelf(session: Session) -> Shelf:
    """The list of stories under the current size."""
    size = session.models.size

    def title(story: int) -> str:
        return visible(session.library.stories[story].title)

    def value(story: int) -> float:
        summary = session.sums(size, story)
        return summary.perplexity if summary else math.nan

    low, high = size.span
    span = (perplexity(low, 1) * 0.9, perplexity(high, 1)) if low <= high else (1.0, 1.0)

    return Shelf(session.library.order, title, value, span, session.library.is_marked)


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
    """The selected story by `kind`, or by the difference to the next smaller size.

    Units other than the token have a surprise of their own; the other kinds are a token's.
    """
    text = session.library.stories[session.place.story].text if session.library.stories else ""
    score, below = session.score(session.models.size), session.models.smaller
    smaller = session.score(below) if difference and below is not None else None
    if score is None or not session.library.stories:
        colours = scale(kind, dark=dark, depth=depth)
        return Coloured(Paint(text), tuple(legend(colours)), waiting(session))
    if smaller is not None and below is not None:
        colours = scale("difference", dark=dark, depth=depth)
        shown, note = differences(score, smaller), f"against {below.name}"
    else:
        colours = scale(kind, dark=dark, depth=depth)
        shown, note = values(score, kind), NAMES[kind]
        if unit != "token" and kind == "surprise":
            starts = session.library.stories[session.place.story].sentence_starts
            shown = unit_values(text, score, unit, starts)
            note = "surprise by word" if unit == "word" else "mean surprise by sentence"
        if difference:
            note = _no_difference(session)
    styles = tuple(colours.style(value) for value in shown.tolist())
    paint = Paint(text, tuple(score.ends.tolist()), styles, dark)
    return Coloured(paint, tuple(legend(colours)), note)


def _no_difference(session: Session) -> str:
    below = session.models.sizes[: session.models.current]
    if not below:
        return "no smaller size to compare with"
    if (smaller := session.models.smaller) is not None:
        return f"waiting for {smaller.name}…"
    if waits := [size.name for size in (session.models.size, *below[::-1]) if not size.vocabulary]:
        return f"waiting for {waits[0]}…"
    return "no smaller size has this tokenizer: no difference token by token"


def glass(session: Session) -> Glass:
    """The selected token and its alternatives."""
    score = session.score(session.models.size)
    if not session.library.stories:
        return Glass(waiting="no story")
    if score is None or not len(score):
        return Glass(waiting="no tokens" if score is not None else waiting(session))
    at = min(session.place.token, len(score) - 1)
    words = session.models.size.vocabulary
    scored = bool(score.ranks[at] > 0)

    def word(token: int) -> str:
        return words[token] if token < len(words) else f"‹id {token}›"

    token = int(score.token_ids[at])
    smaller = None if session.models.smaller is None else session.score(session.models.smaller)
    change = None
    if scored and smaller is not None and len(smaller) == len(score):
        change = float(differences(score, smaller)[at])
    return Glass(
        index=at,
        count=len(score),
        text=word(token),
        token_id=token,
        logprob=float(score.logprobs[at]) if scored else None,
        entropy=float(score.entropies[at]) if scored else None,
        rank=int(score.ranks[at]),
        change=change,
        units=_units_at(session.library.stories[session.place.story], score, at),
        choices=tuple(
            Choice(word(int(k)), math.exp(p), int(k) == token)
            for k, p in zip(score.top_ids[at], score.top_logprobs[at], strict=True)
            if scored and k >= 0
        ),
    )


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
        lambda width, height: charts.perplexity_chart(
            (*whole, *story),
            width=width,
            height=height,
            dark=dark,
            depth=depth,
            current=current,
            y_title=what,
        ),
        note=f"waiting for the whole set: {unfinished}" if unfinished else note,
    )
