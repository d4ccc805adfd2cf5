"""What the panes are to show, worked out from the session: pure functions, no widgets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.style import Style

from ....core.scoring.scores import StoryScore, perplexity
from ....core.wording import many, visible
from ... import charts
from ...panes.bars import Part
from ...panes.chart import Picture
from ...panes.inspector import Choice, Glass
from ...panes.ladder import Step
from ...panes.story_list import Shelf
from ...panes.story_text import Paint
from ...session.rung import Rung
from ...session.session import Session
from ...terminal.colours import ColourDepth
from ...text.colour import legend, scale
from ...text.plain import arrival, duration, figures
from ...text.reading import BIT, NAMES, Kind, UnitName, differences, unit_values, units, values


def waiting(session: Session) -> str:
    """What the numbers of the current story wait for."""
    rung = session.rung
    if session.stopped:
        return session.stopped
    if rung.is_out:
        return rung.trouble
    if session.stories and (reason := rung.broken.get(session.digests[session.story])):
        return reason
    if rung.state == "downloading":
        return f"downloading {rung.name}…"
    if rung.state == "loading":
        return f"loading {rung.name}…"
    if session.hello is None and not rung.sums:
        return "starting the worker…"
    return f"scoring with {rung.name}…"


def what_runs(session: Session) -> str:
    """What the worker is doing, for the status line."""
    if session.stopped:
        return "no worker"
    for rung in session.rungs:
        if rung.state == "loading":
            return f"loading {rung.name}"
        if rung.state == "downloading" and rung.arrival[1] and session.progress() is None:
            return f"downloading {rung.name} {arrival(*rung.arrival)}"
    if (running := session.progress()) is not None:
        rung, done, of, left = running
        time_left = "—" if math.isnan(left) else duration(left)
        return f"scoring {rung.name} {done:,}/{of:,}, {time_left} left"
    if session.hello is None:
        return "starting the worker"
    if session.stories and not all(r.read and not r.cutting for r in session.rungs):
        return "reading the store"
    return "ready"


def story_perplexity(session: Session, rung: Rung) -> float:
    """Of the selected story under one size; nan while it is not known."""
    summary = session.sums(rung, session.story)
    return summary.perplexity if summary else math.nan


def shelf(session: Session) -> Shelf:
    """The list of stories under the current size."""
    rung = session.rung

    def title(story: int) -> str:
        return visible(session.stories[story].title)

    def value(story: int) -> float:
        summary = session.sums(rung, story)
        return summary.perplexity if summary else math.nan

    low, high = rung.span
    span = (perplexity(low, 1) * 0.9, perplexity(high, 1)) if low <= high else (1.0, 1.0)

    def is_marked(story: int) -> bool:
        return session.digests[story] in session.shelves.marked

    return Shelf(session.order, title, value, span, is_marked)


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
    text = session.stories[session.story].text if session.stories else ""
    score, below = session.whole(session.rung), session.smaller
    smaller = session.whole(below) if difference and below is not None else None
    if score is None or not session.stories:
        colours = scale(kind, dark=dark, depth=depth)
        return Coloured(Paint(text), tuple(legend(colours)), waiting(session))
    if smaller is not None and below is not None:
        colours = scale("difference", dark=dark, depth=depth)
        shown, note = differences(score, smaller), f"against {below.name}"
    else:
        colours = scale(kind, dark=dark, depth=depth)
        shown, note = values(score, kind), NAMES[kind]
        if unit != "token" and kind == "surprise":
            shown = unit_values(text, score, unit)
            note = "surprise by word" if unit == "word" else "mean surprise by sentence"
        if difference:
            note = _no_difference(session)
    styles = tuple(colours.style(value) for value in shown.tolist())
    paint = Paint(text, tuple(score.ends.tolist()), styles, dark)
    return Coloured(paint, tuple(legend(colours)), note)


def _no_difference(session: Session) -> str:
    below = session.rungs[: session.current]
    if not below:
        return "no smaller size to compare with"
    if (smaller := session.smaller) is not None:
        return f"waiting for {smaller.name}…"
    if waits := [rung.name for rung in (session.rung, *below[::-1]) if not rung.vocabulary]:
        return f"waiting for {waits[0]}…"
    return "no smaller size has this tokenizer: no difference token by token"


def glass(session: Session) -> Glass:
    """The selected token and its alternatives."""
    score = session.whole(session.rung)
    if not session.stories:
        return Glass(waiting="no story")
    if score is None or not len(score):
        return Glass(waiting="no tokens" if score is not None else waiting(session))
    at = min(session.token, len(score) - 1)
    words = session.rung.vocabulary
    scored = bool(score.ranks[at] > 0)

    def word(token: int) -> str:
        return words[token] if token < len(words) else f"‹id {token}›"

    token = int(score.token_ids[at])
    smaller = None if session.smaller is None else session.whole(session.smaller)
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
        units=_units_at(session.stories[session.story].text, score, at),
        choices=tuple(
            Choice(word(int(k)), math.exp(p), int(k) == token)
            for k, p in zip(score.top_ids[at], score.top_logprobs[at], strict=True)
            if scored and k >= 0
        ),
    )


def _units_at(text: str, score: StoryScore, token: int) -> tuple[str, ...]:
    """What is to be said of the word and of the sentence that a token belongs to."""
    said = []
    for unit in ("word", "sentence"):
        found = units(text, score, unit)
        for n, one in enumerate(found):
            if one.first <= token <= one.last and one.scored:
                bits = one.surprise / BIT
                if unit == "word" and one.first < one.last:
                    said.append(f"word {bits:.1f} bits, {one.last - one.first + 1} tokens")
                elif unit == "sentence":
                    mean = bits / one.scored
                    said.append(f"sentence {n + 1}/{len(found)} mean {mean:.1f} bits")
    return (*said, *_positions(text, score))


def _positions(text: str, score: StoryScore) -> tuple[str, ...]:
    """Mean surprise of sentence 1 to 5, in stories of exactly five."""
    from ....core.scoring.positions import five_sentences

    found = five_sentences(text, score)
    if not found or not all(one.scored for one in found):
        return ()
    means = [one.surprise / BIT / one.scored for one in found]
    return ("sentences 1-5  " + " ".join(f"{mean:.1f}" for mean in means),)


def measure(session: Session) -> str:
    """What the sizes are compared in."""
    return "bits per byte" if session.mixes_tokenizers else "perplexity"


def _of_story(session: Session) -> dict[str, float]:
    """The selected story under every size by name, in `measure`; nan while it is not known."""
    known = session.common_bits() if session.mixes_tokenizers else {}
    return {
        rung.name: known.get(rung.name, math.nan)
        if session.mixes_tokenizers
        else story_perplexity(session, rung)
        for rung in session.rungs
    }


def _of_set(session: Session, rung: Rung) -> tuple[float, float | None, float | None]:
    """The set under one size in `measure`, and the ends of its interval where they are known."""
    if session.mixes_tokenizers:
        return rung.common or (math.nan, None, None)
    low, high = rung.interval or (None, None)
    return rung.perplexity, low, high


def steps(session: Session) -> tuple[Step, ...]:
    """The sizes, for the ladder."""
    of_story = _of_story(session)
    return tuple(
        Step(
            rung.name,
            rung.parameters,
            rung.state,
            of_story[rung.name],
            _of_set(session, rung)[0],
            rung.done,
            len(session.stories),
            (arrival(*rung.arrival) if rung.arrival[1] else "waits for its download")
            if rung.state == "downloading"
            else "",
        )
        for rung in session.rungs
    )


@dataclass(frozen=True, slots=True, eq=False)
class ChartView:
    """A picture, its title and the note under it; without one, what it waits for."""

    title: str
    picture: Picture | None
    note: str = ""
    waiting: str = ""


def chart(session: Session, *, dark: bool, depth: ColourDepth) -> ChartView:
    """Perplexity against parameters: the set where all of it is scored, and the story.

    Between tokenizers bits per byte, on the bytes that all have scored.
    """
    what = measure(session)
    title = f"{what.capitalize()} against parameters"
    sized = [rung for rung in session.rungs if rung.parameters and rung.stories]
    if not sized:
        return ChartView(title, None, waiting=waiting(session))
    of_story = _of_story(session)
    finished = [rung for rung in sized if rung.done == len(session.stories)]
    whole = charts.Series(
        "the set (95 %)"
        if any(_of_set(session, r)[1] is not None for r in finished)
        else "the set",
        tuple(
            charts.Point(rung.parameters or 0, *found)
            for rung in finished
            if not math.isnan((found := _of_set(session, rung))[0])
        ),
    )
    story = charts.Series(
        "this story",
        tuple(
            charts.Point(rung.parameters or 0, value)
            for rung in sized
            if not math.isnan(value := of_story[rung.name])
        ),
    )
    names = {rung.name for rung in finished}
    unfinished = ", ".join(r.name for r in sized if r.name not in names and not r.is_out)
    current = session.rung.parameters
    note = f"over {session.compared}" if session.compared else ""
    if not session.mixes_tokenizers:
        without = [(rung.name, many(rung.lost, "story", "stories")) for rung in sized if rung.lost]
        note = ", ".join(f"{name} without {lost}" for name, lost in without)
    return ChartView(
        title,
        lambda width, height: charts.perplexity_chart(
            (whole, story),
            width=width,
            height=height,
            dark=dark,
            depth=depth,
            current=current,
            y_title=what,
        ),
        note=f"waiting for the whole set: {unfinished}" if unfinished else note,
    )


def status(session: Session) -> tuple[Part, ...]:
    """Story, model, machine, perplexity of the story and of the set with its interval."""
    rung, recipe = session.rung, session.recipe
    place = f"story {session.place + 1}/{len(session.order):,}" if session.order else "no story"
    whole = "…" if rung.done < len(session.stories) else figures(rung.perplexity)
    if rung.interval and whole != "…":
        whole += f" [{figures(rung.interval[0])}, {figures(rung.interval[1])}]"
    one = story_perplexity(session, rung)
    machine = f"{recipe.device} {recipe.dtype}" if recipe.is_settled else "starting…"
    return (
        (place, ""),
        (f" · {rung.name} · {machine} · story ", "quiet"),
        ("…" if math.isnan(one) else figures(one), "strong"),
        (" · set ", "quiet"),
        (whole, "strong"),
    )
