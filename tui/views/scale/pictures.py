"""Which picture the Scale view shows of its answers: pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ....core.wording import amount, figures, many
from ... import charts
from ...charts.ink import HOLLOW, SOLID, palette
from ...panes.chart import Picture
from ...terminal.colours import ColourDepth
from ...text.reading import Measure
from ...threads.scaling import (
    EndingsOf,
    EndingsRead,
    Estimate,
    FamilyNumbers,
    Measured,
    Profile,
    Tabled,
    TokensRead,
    short_names,
)

ChartName = Literal["size", "differences", "spread", "tokens", "sentences", "ranks", "endings"]
CHARTS: tuple[ChartName, ...] = (
    "size",
    "differences",
    "spread",
    "tokens",
    "sentences",
    "ranks",
)
WITH_PAIRS: tuple[ChartName, ...] = (*CHARTS, "endings")
"""Where stories come in pairs that part at their end."""
OF_TOKENS: tuple[ChartName, ...] = ("tokens", "sentences", "ranks")
BESIDE_TOTAL = (("per_token", "per token", 0.02), ("conditional", "conditional", -0.02))
BESIDE = 0.06  # sentences between the points of two models
NAMES: dict[Measure, str] = {
    "perplexity": "Perplexity",
    "bits per byte": "Bits per byte",
    "nats per token": "Nats per token",
}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What stands in the chart's pane; without a picture, what it waits for."""

    title: str
    picture: Picture | None = None
    note: str = ""
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are drawn here. current: the size in use, by its name.

    whole: what the stories are together.
    """

    dark: bool
    depth: ColourDepth
    current: str
    whole: str = "the set"


def view(
    name: ChartName,
    measure: Measure,
    measured: Measured | None,
    tabled: Tabled | None,
    tokens: TokensRead | None,
    endings: EndingsRead | None,
    story: int,
    look: Look,
) -> View:
    """The chart called `name`; story: the index of the selected one."""
    if name == "endings":
        return of_endings(endings, look)
    if name in OF_TOKENS:
        return _of_tokens(name, tokens, look)
    if measured is None:
        return View(_title(name, measure), waiting="waiting for the first scores…")
    if name == "size":
        return against_size(measure, measured, tabled, story, look)
    if name == "differences":
        return steps(measure, measured, look)
    return spread(measure, measured, tabled, story, look)


def waiting_for(measured: Measured | None, sizes: int, stories: int) -> str:
    """Which of all sizes and stories the numbers are still without."""
    if measured is None or (measured.settled and measured.stories == stories):
        return ""
    return (
        f"{len(measured.members)} of {sizes} sizes on the {measured.stories:,} of {stories:,} "
        "stories that all of them have scored"
    )


def _title(name: ChartName, measure: Measure) -> str:
    return {
        "size": f"{NAMES[measure]} against parameters",
        "differences": f"{NAMES[measure]}: from size to size",
        "spread": f"{NAMES[measure]}: how the stories spread",
        "tokens": "Surprise by the token's place in its story",
        "sentences": "Surprise by the sentence's place in its story",
        "ranks": "How often the token is among the first guesses",
        "endings": "How often the expected ending is less surprising",
    }[name]


# --- against size --------------------------------------------------------------------------


def against_size(
    measure: Measure, measured: Measured, tabled: Tabled | None, story: int, look: Look
) -> View:
    """A line per family, its intervals, its fit; the selected story; the uniform model."""
    colours = palette(look.dark, look.depth)
    several = len(measured.families) > 1
    series: list[charts.Series] = []
    bands, levels, current = [], [], None
    for n, family in enumerate(measured.families):
        colour = colours[n % len(colours)]
        estimates = family.estimates[measure]
        points = tuple(
            charts.Point(
                *(member.parameters, one.value, _end(one.low), _end(one.high)),
                is_joined=member.name in family.sizes,
            )
            for member, one in zip(family.members, estimates, strict=True)
        )
        trace = family.traces.get(measure)
        label = family.name if several else f"{look.whole} ({measured.stories:,} stories, 95 %)"
        sign = SOLID[n % len(SOLID)]
        series.append(charts.Series(label, points, colour, sign, line=trace is None))
        if trace is not None:
            said = "" if several else "fit (95 %)"
            bands.append(charts.Band(said, trace.xs, trace.ys, trace.low, trace.high, colour))
        series.append(_story(measure, family, tabled, story, n, several, look))
        uniform = family.uniform(measure)
        if not math.isnan(uniform):
            text = f"uniform over {family.vocabulary:,}: {figures(uniform)}"
            levels.append(charts.Level(uniform, f"{family.name}, {text}" if several else text))
        current = next((m.parameters for m in family.members if m.name == look.current), current)
    return View(
        _title("size", measure),
        lambda width, height: charts.curves(
            series,
            width=width,
            height=height,
            dark=look.dark,
            depth=look.depth,
            x=charts.SIZES,
            y=charts.Axis(measure),
            current=current,
            bands=bands,
            levels=_once(levels),
        ),
        note=_about(measure, measured),
    )


def _end(value: float) -> float | None:
    return None if math.isnan(value) else value


def _once(levels: Sequence[charts.Level]) -> list[charts.Level]:
    return list({round(level.value, 6): level for level in levels}.values())


def _story(
    measure: Measure,
    family: FamilyNumbers,
    tabled: Tabled | None,
    story: int,
    n: int,
    several: bool,
    look: Look,
) -> charts.Series:
    colours = palette(look.dark, look.depth)
    colour = colours[n % len(colours)] if several else colours[1]
    values = {} if tabled is None else _values(tabled, measure, story)
    points = tuple(
        charts.Point(member.parameters, values[member.name], is_joined=member.name in family.sizes)
        for member in family.members
        if not math.isnan(values.get(member.name, math.nan))
    )
    sign = HOLLOW[n % len(HOLLOW)] if several else HOLLOW[0]
    return charts.Series("this story" if n == 0 else "", points, colour, sign)


def _values(tabled: Tabled, measure: Measure, story: int) -> dict[str, float]:
    """Of one story under every model, by the model's name."""
    values = tabled.values[measure]
    if not 0 <= story < values.shape[1]:
        return {}
    names = (model.name for model in tabled.sheet.models)
    return dict(zip(names, values[:, story].tolist(), strict=True))


def _about(measure: Measure, measured: Measured) -> str:
    """What is fitted, and what weakens the comparison."""
    if not measured.doubted:
        return "intervals and fit are being worked out…"
    several = len(measured.families) > 1
    said = [
        f"{family.name}: {family.fitted}" if several else family.fitted
        for family in measured.families
        if family.fitted
    ]
    tokenizers = {family.members[0].tokenizer for family in measured.families}
    if len(tokenizers) > 1 and measure != "bits per byte":
        said.insert(0, "different tokenizers: only bits per byte compare (v)")
    if measured.compared and measure == "bits per byte":
        said.append(f"over {measured.compared}")
    perfect = "perfect: 1" if measure == "perplexity" else "perfect: 0"
    return " · ".join([*said, perfect])


# --- other charts of the set ---------------------------------------------------------------


def steps(measure: Measure, measured: Measured, look: Look) -> View:
    """What each step of size changes, on the same resamples of the stories."""
    every = [member.name for member in measured.members]
    short = dict(zip(every, short_names(every), strict=True))
    rows = [
        charts.Difference(
            f"{short[step.smaller]} → {short[step.larger]}",
            change.value,
            change.low,
            change.high,
            f"{_told(change, measure)}  better on {_percent(step.better):>5}",
        )
        for family in measured.families
        for step in family.steps
        for change in [step.change[measure]]
        if not math.isnan(change.low)
    ]
    title = _title("differences", measure)
    if not measured.doubted:
        return View(title, waiting="drawing the stories again and again…")
    if not rows:
        return View(title, waiting="nothing to compare: it takes two sizes and two stories")
    what = "perplexity, per cent" if measure == "perplexity" else measure
    trends = [family.trend for family in measured.families if family.trend]
    return View(
        title,
        lambda width, height: charts.differences(
            rows,
            width=width,
            height=height,
            dark=look.dark,
            depth=look.depth,
            axis=charts.Axis(f"change in {what}", log=False, text=_signed),
        ),
        note=" · ".join(trends),
    )


def _told(change: Estimate, measure: Measure) -> str:
    if measure == "perplexity":
        return f"{change.value:+.1f} % [{change.low:+.1f}, {change.high:+.1f}]"
    return f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"


def _signed(value: float) -> str:
    return f"{value:+g}" if value else "0"


def _percent(share: float) -> str:
    if 0 < share < 0.01 or 0.99 < share < 1:
        return f"{100 * share:.1f} %"
    return f"{100 * share:.0f} %"


def spread(
    measure: Measure, measured: Measured, tabled: Tabled | None, story: int, look: Look
) -> View:
    """The distribution of the stories under each size."""
    found = measured.spreads[measure]
    values = {} if tabled is None else _values(tabled, measure, story)
    names = [member.name for member in measured.members]
    order = [row for family in measured.families for row in family.rows]
    rows = [
        charts.Ridge(
            name, found.densities[row], found.quantiles[row], _end(values.get(name, math.nan))
        )
        for name, row in zip(names, order, strict=True)
    ]
    return View(
        _title("spread", measure),
        lambda width, height: charts.ridges(
            rows,
            found.span,
            width=width,
            height=height,
            dark=look.dark,
            depth=look.depth,
            axis=charts.Axis(f"{measure} of a story"),
            current=look.current,
        ),
        note=f"{measured.stories:,} stories; at the right the median",
    )


# --- endings -------------------------------------------------------------------------------


def of_endings(read: EndingsRead | None, look: Look) -> View:
    """Accuracy against size: by the total with its interval, the other two ways beside it."""
    title = _title("endings", "perplexity")
    if read is None or not (read.models or read.missing):
        return View(title, waiting="waiting for all sizes to be done with all stories…")
    if read.missing:
        return View(title, waiting=read.missing)
    colours = palette(look.dark, look.depth)
    families = list(dict.fromkeys((model.family, model.tokenizer) for model in read.models))
    series: list[charts.Series] = []
    for n, family in enumerate(families):
        own = [model for model in read.models if (model.family, model.tokenizer) == family]
        label = "by total (95 %)" if len(families) == 1 else family[0]
        series.append(
            _accuracies(own, "total", label, colours[n % len(colours)], SOLID[n % len(SOLID)])
        )
    if len(families) == 1:
        for n, (way, label, aside) in enumerate(BESIDE_TOTAL, 1):
            series.append(_accuracies(read.models, way, label, colours[n], HOLLOW[n], aside))
    current = next((m.parameters for m in read.models if m.model == look.current), None)
    sizes = tuple(float(model.parameters) for model in read.models)
    known = sum("conditional" in model.by for model in read.models)
    notes = [f"{many(read.pairs, 'pair')}, 95 % over pairs"]
    if known < len(read.models):
        notes.append(f"conditional of {known} of {many(len(read.models), 'size')} so far")
    return View(
        title,
        lambda width, height: charts.curves(
            series,
            width=width,
            height=height,
            dark=look.dark,
            depth=look.depth,
            x=replace(charts.SIZES, ticks=sizes),
            y=charts.Axis("per cent of the pairs", log=False),
            current=current,
            levels=(charts.Level(50, "chance"),),
        ),
        note=" · ".join(notes),
    )


def _accuracies(
    models: Sequence[EndingsOf], way: str, label: str, colour: int, sign: str, aside: float = 0
) -> charts.Series:
    """Only totals have bars: three of them at one size would hide each other. aside: how far right
    of its size a point stands, as a part of the width of all sizes."""
    found = [(model.parameters, model.by[way]) for model in models if way in model.by]
    step = (max(m.parameters for m in models) / min(m.parameters for m in models)) ** aside
    is_total = way == "total"
    points = tuple(
        charts.Point(size * step, one.value, *((one.low, one.high) if is_total else ()))
        for size, one in found
    )
    return charts.Series(label, points, colour, sign, line=False)


# --- tokens --------------------------------------------------------------------------------


def _of_tokens(name: ChartName, tokens: TokensRead | None, look: Look) -> View:
    """Per token, so of the models alone that cut as the one in use does."""
    title = _title(name, "perplexity")
    if tokens is None:
        return View(title, waiting="reading the tokens of all stories from the store…")
    if tokens.missing:
        return View(title, waiting=tokens.missing)
    cut_by = dict(zip(tokens.models, tokens.tokenizers, strict=True))
    own = [model for model in tokens.models if cut_by[model] == cut_by.get(look.current)]
    if not own:
        return View(title, waiting=f"the tokens of {look.current} have not been read yet")
    notes = []
    if others := [model for model in tokens.models if model not in own]:
        who = others[0] if len(others) == 1 else f"{len(others)} models"
        notes.append(f"without {who}: tokens cut otherwise do not compare ([ ])")
    if name == "ranks":
        rows = [
            charts.Share(model, parts)
            for model, parts in zip(tokens.models, tokens.rank_shares, strict=True)
            if model in own
        ]
        return View(
            title,
            lambda width, height: charts.shares(
                rows,
                [amount(rank) for rank in tokens.ranks],
                width=width,
                height=height,
                dark=look.dark,
                depth=look.depth,
                title="share of the tokens that are among a model's first guesses",
                current=look.current,
            ),
            note=" · ".join([many(tokens.stories, "story", "stories"), *notes]),
        )
    bits = charts.Axis("bits per token", log=False)
    if name == "tokens":
        shown = [profile for profile in tokens.by_token if profile.model in own]
        furthest = max((profile.xs[-1] for profile in shown if profile.xs), default=1.0)
        ticks = tuple(float(4**n) for n in range(8) if 4**n <= furthest)
        x = charts.Axis("token of the story", True, amount, ticks)
        notes.insert(0, many(tokens.stories, "story", "stories"))
        return View(title, _profiles(shown, x, bits, look), note=" · ".join(notes))
    shown = [profile for profile in tokens.by_sentence if profile.model in own]
    last = int(max((profile.xs[-1] for profile in shown if profile.xs), default=1.0))
    every = tuple(float(n) for n in range(1, last + 1, math.ceil(last / 20)))
    x = charts.Axis("sentence of the story", False, ticks=every)
    of = many(tokens.five or tokens.stories, "story", "stories")
    notes.insert(0, f"{of} of five sentences, 95 % intervals" if tokens.five else of)
    return View(title, _profiles(shown, x, bits, look), note=" · ".join(notes))


def _profiles(profiles: Sequence[Profile], x: charts.Axis, y: charts.Axis, look: Look) -> Picture:
    """A line for each model: each its colour and its sign; intervals side by side."""
    colours = palette(look.dark, look.depth)
    series = tuple(
        charts.Series(
            profile.model,
            _points(profile, BESIDE * (n - (len(profiles) - 1) / 2)),
            colours[n % len(colours)],
            (SOLID + HOLLOW)[n % (len(SOLID) + len(HOLLOW))],
        )
        for n, profile in enumerate(profiles)
    )
    return lambda width, height: charts.curves(
        series, width=width, height=height, dark=look.dark, depth=look.depth, x=x, y=y
    )


def _points(profile: Profile, aside: float) -> tuple[charts.Point, ...]:
    """aside: how far right of its place a point with an interval stands, to be seen whole."""
    if not profile.low:
        return tuple(map(charts.Point, profile.xs, profile.ys))
    return tuple(
        charts.Point(x + aside, y, _end(low), _end(high))
        for x, y, low, high in zip(profile.xs, profile.ys, profile.low, profile.high, strict=True)
    )
