"""Damage as pictures: against bits, ratio or bytes, by part, by kind of text; pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from ....core.models.variants.spelling import Variant
from ....core.wording import amount, figures, in_words, number, percent
from ... import charts
from ...charts import ink
from ...panes.chart import Picture
from ...session.damage import Line, Table
from ...terminal.colours import ColourDepth
from ...text.plain import cell_width, shorten

if TYPE_CHECKING:
    from ....core.results.damage import Damage

ChartName = Literal[
    "bits",
    "bits-kl",
    "ratio",
    "ratio-kl",
    "bytes",
    "bytes-kl",
    "parts",
    "parts-kl",
    "kinds",
    "kinds-kl",
]
CHARTS: tuple[ChartName, ...] = get_args(ChartName)
BEYOND = 20  # times the reference's perplexity: what is above is only said to be
LEAST_BAR = 16  # cells of the longest bar, for which intervals give way
LEAST_KL = 1e-4  # of the noise floor's, below which it is drawn as that much


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are drawn here. current: the variant under the cursor, by its name."""

    dark: bool
    depth: ColourDepth
    current: str


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What stands in the chart's pane; without a picture, what it waits for."""

    title: str
    picture: Picture | None = None
    note: str = ""
    waiting: str = ""


def shown(table: Table | None) -> tuple[ChartName, ...]:
    """The charts that there is something to draw in, in their order; of other models alone, which
    are a point each in a curve, the kinds of text come first."""
    if table is None:
        return CHARTS[:1]
    done = [line for line in table.lines if line.damage is not None and line.spec is not None]
    kinds = {line.variant.kind for line in done if line.variant is not None}
    there = {
        "bits": "bits" in kinds,
        "ratio": "prune" in kinds,
        "bytes": bool(done),
        "parts": any(line.variant is not None and len(line.variant.parts) == 1 for line in done),
        "kinds": bool(done),
    }
    order = CHARTS if kinds else (*CHARTS[-2:], *CHARTS[:-2])
    return tuple(name for name in order if there[name.partition("-")[0]]) or CHARTS[:1]


def view(name: ChartName, table: Table | None, look: Look) -> View:
    """The chart of this name."""
    title = {
        "bits": "Perplexity against bits",
        "bits-kl": "KL divergence against bits",
        "ratio": "Perplexity against the share that is pruned",
        "ratio-kl": "KL divergence against the share that is pruned",
        "bytes": "Perplexity against bytes",
        "bytes-kl": "KL divergence against bytes",
        "parts": "Which part breaks it",
        "parts-kl": "Which part breaks it, by KL",
        "kinds": "Which kind of text breaks first",
        "kinds-kl": "Which kind of text breaks first, by KL",
    }[name]
    done = [line for line in table.lines if line.damage is not None] if table is not None else []
    if table is None or all(line.spec is None for line in done):
        return View(title, waiting="nothing is measured yet")
    if name.startswith("parts"):
        return _parts(title, done, look, kl=name == "parts-kl")
    if name.startswith("kinds"):
        return _kinds(title, table, done, look, kl=name == "kinds-kl")
    return _against(name, title, table, done, look)


# --- against bits, ratio, bytes ------------------------------------------------------------


def _against(name: ChartName, title: str, table: Table, done: Sequence[Line], look: Look) -> View:
    """A line for each way of doing it (each tensor, each channel, a part alone)."""
    axis, _, kl = name.partition("-")
    before = table.perplexity or math.nan
    floor = next((line.damage for line in done if line.spec is None), None)
    place = _PLACES[axis]
    series: dict[str, list[charts.Point]] = {}
    alone: set[str] = set()  # manners of a part, which have a chart of their own
    beyond: list[charts.Point] = []
    current = None
    for line in done:
        at = place(line)
        if line.damage is None or at is None:
            continue
        point = _kl(line.damage, at, floor) if kl else _perplexity(line.damage, at)
        if point is None:
            continue
        if not kl and not point.value <= BEYOND * before:
            beyond.append(charts.Point(at, BEYOND * before))
        else:
            manner = _manner(line.variant, axis) if line.variant is not None else table.label(line)
            series.setdefault(manner, []).append(point)
            alone |= {manner} if line.variant is not None and line.variant.parts else set()
        current = at if line.name == look.current else current
    drawn = [
        charts.Series(label, tuple(points))
        for label, points in series.items()
        if len(points) > 1 or label not in alone
    ]
    if beyond:
        label = f"above {amount(BEYOND * before)}"
        drawn.append(charts.Series(label, tuple(beyond), marker="▲", line=False))
    level = charts.Level(before, f"undamaged {figures(before)}", is_left=True)
    if kl:
        least = (floor is not None and floor.kl_mean) or math.nan
        level = charts.Level(least, "bfloat16", is_left=True)
    return View(
        title,
        lambda width, height: charts.curves(
            drawn,
            width=width,
            height=height,
            dark=look.dark,
            depth=look.depth,
            x=_AXES[axis],
            y=charts.Axis("KL, nats" if kl else "perplexity"),
            current=current,
            levels=[level],
        ),
        note="95 % intervals",
        waiting="" if drawn else "nothing to draw",
    )


def _bits(line: Line) -> float | None:
    variant = line.variant
    return variant.amount if variant is not None and variant.kind == "bits" else None


def _ratio(line: Line) -> float | None:
    variant = line.variant
    return variant.amount if variant is not None and variant.kind == "prune" else None


def _bytes(line: Line) -> float | None:
    return None if line.damage is None or line.spec is None else float(line.damage.bytes)


_PLACES: dict[str, Callable[[Line], float | None]] = {
    "bits": _bits,
    "ratio": _ratio,
    "bytes": _bytes,
}
_AXES = {
    "bits": charts.Axis("bits", text=lambda bits: f"{bits:g}"),
    "ratio": charts.Axis("pruned", log=False, text=percent),
    "bytes": charts.Axis("bytes", text=lambda size: in_words(round(size))),
}


def _manner(variant: Variant, axis: str) -> str:
    """What joins variants to a line: all but how much of it is done."""
    grain = {"tensor": ""}.get(variant.grain, variant.grain)
    kind = variant.kind if axis == "bytes" else ""
    return ":".join(filter(None, (kind, grain, *variant.parts))) or "each tensor"


def _perplexity(row: Damage, at: float) -> charts.Point:
    return charts.Point(at, row.perplexity, *_ends(row.perplexity_ci95))


def _kl(row: Damage, at: float, floor: Damage | None) -> charts.Point | None:
    if row.kl_mean is None:
        return None
    least = LEAST_KL * floor.kl_mean if floor is not None and floor.kl_mean else 0.0
    if row.kl_mean < least:
        return charts.Point(at, least)
    return charts.Point(at, row.kl_mean, *_ends(row.kl_mean_ci95))


def _ends(ci95: tuple[float, float] | None) -> tuple[float | None, float | None]:
    if ci95 is None or not all(map(math.isfinite, ci95)):
        return None, None
    return ci95


# --- by part, by kind ----------------------------------------------------------------------


def _parts(title: str, done: Sequence[Line], look: Look, *, kl: bool) -> View:
    """Bars of what each part alone costs, of the manner that the cursor stands on."""
    alone = [line for line in done if line.variant is not None and len(line.variant.parts) == 1]
    here = next((line for line in done if line.name == look.current), None)
    manner = _whole(here) if here is not None and here.variant is not None else ""
    manners = [_whole(line) for line in alone]
    if manner not in manners:
        manner = manners[-1] if manners else ""
    lines = [line for line, own in zip(alone, manners, strict=True) if own == manner]
    rows = [
        _bar(line.variant.parts[0], line.damage, kl)
        for line in lines
        if line.variant is not None and line.damage is not None
    ]
    return View(
        f"{title}: {manner}",
        lambda width, height: bars(rows, width, height, dark=look.dark, depth=look.depth),
        note=f"{'KL in nats' if kl else 'perplexity'} [95 % interval]",
        waiting="" if rows else "nothing to draw",
    )


def _whole(line: Line) -> str:
    return str(line.variant).partition(":")[0] if line.variant is not None else ""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a part costs: the bar's length, the figure, and the figure with its interval."""

    name: str
    value: float
    short: str
    text: str


def _bar(name: str, row: Damage, kl: bool) -> Bar:
    if not kl:
        return Bar(
            name, row.delta, _signed(row.delta), _with_ends(row.delta, row.delta_ci95, _signed)
        )
    mean = math.nan if row.kl_mean is None else row.kl_mean
    return Bar(name, mean, _small(mean), _with_ends(mean, row.kl_mean_ci95, _small))


def bars(rows: Sequence[Bar], width: int, height: int, *, dark: bool, depth: ColourDepth) -> str:
    """The most first: a bar, the figure and, where there is room, its interval."""
    quiet, colour = ink.quiet_colour(dark, depth), ink.palette(dark, depth)[0]
    rows = sorted(rows, key=lambda row: -row.value if math.isfinite(row.value) else -math.inf)
    most = max((abs(row.value) for row in rows if math.isfinite(row.value)), default=0.0)
    names = max((cell_width(row.name) for row in rows), default=0)
    texts = [row.text for row in rows]
    room = width - names - 3 - max(map(cell_width, texts), default=0)
    if room < LEAST_BAR:
        texts = [row.short for row in rows]
        room = width - names - 3 - max(map(cell_width, texts), default=0)
    ends = max(map(cell_width, texts), default=0)
    lines = []
    for row, text in zip(rows, texts, strict=True):
        share = 1.0 if not math.isfinite(row.value) else abs(row.value) / most if most else 0.0
        cells = max(0, round(room * share))
        bar = ink.paint(("━" if row.value >= 0 else "╌") * cells, colour)
        lines.append(f"{row.name:<{names}} {bar}{' ' * (max(0, room) - cells)} {text:>{ends}}")
    shown = ink.fitted(lines, height, width, quiet)
    return "\n".join(ink.in_depth(line, depth) for line in shown)


def _with_ends(value: float, ends: tuple[float, float] | None, said: Callable[[float], str]) -> str:
    if ends is None or math.isnan(ends[0]):
        return said(value)
    return f"{said(value)} [{said(ends[0])}, {said(ends[1])}]"


def _signed(value: float) -> str:
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{figures(abs(value))}"


def _small(value: float) -> str:
    return f"{value:.3g}"


def _kinds(title: str, table: Table, done: Sequence[Line], look: Look, *, kl: bool) -> View:
    """What the variant under the cursor loses on each kind of text, the most first."""
    line = next((line for line in done if line.name == look.current), done[-1])
    if line.damage is None:
        return View(title, waiting="nothing is measured yet")
    rows = []
    kinds = line.damage.kinds_kl if kl else line.damage.kinds
    for kind in sorted(kinds, key=lambda kind: -kind.difference):
        low, high = (kind.difference,) * 2 if math.isnan(kind.ci95[0]) else kind.ci95
        sign = "+" if kind.difference > 0 and not kl else ""
        text = f"{sign + number(kind.difference, 3):>7} {in_words(kind.bytes):>9}"
        rows.append(charts.Difference(kind.name, kind.difference, low, high, text))
    axis = charts.Axis(
        "KL, bits per byte" if kl else "bits per byte against the reference", log=False
    )
    return View(
        f"{title}: {shorten(table.label(line).removeprefix('@'), 24)}",
        lambda width, height: charts.differences(
            rows,
            width=width,
            height=height,
            dark=look.dark,
            depth=look.depth,
            axis=axis,
            least=10,
        ),
        note="95 % intervals",
    )
