"""The sizes beside each other, as ladder and chart show them: pure functions of the session."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ....core.wording import many
from ...panes.chart import Picture
from ...panes.ladder import Step
from ...session import Session
from ...session.size import Size
from ...terminal.colours import ColourDepth
from ...text.plain import arrival
from ..status import story_perplexity, waiting


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
    # Not at the top: the first paint has no chart.
    from ... import charts
    from ...charts.ink import HOLLOW, SOLID, palette

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
