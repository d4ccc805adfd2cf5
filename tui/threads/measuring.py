"""How the analysis thread answers: from what the session knows to what the Scale view shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...core.models.member import Member
from ...core.results.compare.common import Counts
from ...core.results.findings.find import find
from ...core.results.statistics import paired
from ...core.results.statistics.bootstrap import intervals
from ...core.results.statistics.fits import Fit
from ...core.results.statistics.scaling import FamilyFit, fit_families
from ...core.results.statistics.sheet import Sheet, build_sheet
from ...core.results.statistics.trends import trend_of
from ...core.results.store import Store
from ...core.results.tokens.positions import Positions
from ...core.results.tokens.reading import RANKS, FamilyTokens, ModelTokens, read_tokens
from ..text.reading import MEASURES, Measure
from .scaling import (
    Estimate,
    FamilyNumbers,
    Measured,
    Profile,
    Said,
    Scored,
    Snapshot,
    Spread,
    Step,
    Tabled,
    TokensRead,
    Trace,
    Values,
)

GRID = 256  # steps of a density
TRACED = 48  # sizes at which a fit is drawn
BEYOND = 1.5  # times the largest and below the smallest size that a fit is drawn
FIVE = (1.0, 2.0, 3.0, 4.0, 5.0)
FEW = 20  # tokens below which a place is not drawn
WIDER = 2**0.5  # from bin to bin of the token's place in its story
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BIT = math.log(2)


def sheet_of(snapshot: Snapshot) -> Sheet:
    """Column n is story n of the session; a text told twice is there twice."""
    rows = zip(snapshot.digests, snapshot.stories, strict=True)
    labels = [story.label(digest) for digest, story in rows]
    members = [_member(model) for model in snapshot.models]
    sums, cuts = [model.sums for model in snapshot.models], [m.cuts for m in snapshot.models]
    return build_sheet(snapshot.recipe, members, sums, labels, cuts)


def common_to_all(sheet: Sheet, listed: Sequence[int]) -> Sheet:
    """The listed stories that all have scored, by digest.

    Resamples draw by place: sorted, the same stories have the same intervals in any order.
    """
    common = sheet.of_stories(listed).common()
    digests = [(story.digest, story.id) for story in common.stories]
    return common.of_stories(sorted(range(len(digests)), key=digests.__getitem__))


def _member(model: Scored) -> Member:
    spec, digest, tokenizer = model.spec, model.digest, model.tokenizer
    return Member(spec.name, digest, spec.family, spec.revision, tokenizer, model.parameters)


def tabled(asked: int, sheet: Sheet, snapshot: Snapshot) -> Tabled:
    """Every story under every size."""
    titles = [story.title.casefold() for story in snapshot.stories]
    by_title = np.empty(len(titles), dtype=np.int64)
    by_title[sorted(range(len(titles)), key=titles.__getitem__)] = np.arange(len(titles))
    listed = sheet.of_stories(snapshot.listed)
    return Tabled(
        asked,
        sheet,
        {measure: _of_stories(measure, sheet) for measure in MEASURES},
        {measure: tuple(_of_set(measure, listed).tolist()) for measure in MEASURES},
        by_title,
    )


def _of_stories(measure: Measure, sheet: Sheet) -> Values:
    """float64 (M, S), every story in a measure; nan where nothing was scored."""
    if measure == "bits per byte":
        return _in(measure, sheet.common_nll, sheet.common_bytes)
    return _in(measure, sheet.nll, sheet.tokens)


def _of_set(measure: Measure, sheet: Sheet) -> Values:
    """float64 (M,), all stories together in a measure."""
    if measure == "bits per byte":
        return _in(measure, sheet.common_nll.sum(axis=1), sheet.common_bytes.sum(axis=1))
    return _in(measure, sheet.nll.sum(axis=1), sheet.tokens.sum(axis=1))


def _in(measure: Measure, nll: Values, count: Counts) -> Values:
    """count: tokens, or bytes for bits per byte."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = np.where(count > 0, nll / count, np.nan)
        if measure == "bits per byte":
            return mean / BIT
        return np.exp(mean) if measure == "perplexity" else mean


# --- the set -------------------------------------------------------------------------------


def measured(asked: int, common: Sheet, snapshot: Snapshot) -> Measured:
    """Numbers on the stories that all have scored, without their doubts: those take longer."""
    estimates = _estimates(common, {})
    entries = {model.spec.name: len(model.vocabulary) for model in snapshot.models}
    families = tuple(
        FamilyNumbers(
            name,
            tuple(common.models[row] for row in rows),
            frozenset(common.models[row].name for row in common.sizes(rows)),
            tuple(rows),
            entries[common.models[rows[0]].name],
            _tokens_per_byte(common, rows),
            {measure: tuple(estimates[measure][row] for row in rows) for measure in MEASURES},
        )
        for name, rows in common.families()
    )
    return Measured(
        asked,
        len(common.stories),
        families,
        {measure: _spread(measure, common) for measure in MEASURES},
        snapshot.is_done and not snapshot.left_out,
        doubted=False,
        compared=common.compared,
    )


def doubted(numbers: Measured, common: Sheet, snapshot: Snapshot) -> Measured:
    """With intervals, fits and what each step of size changes."""
    groups = common.by_group()
    found = intervals(groups.nll, groups.tokens, groups.common_nll, groups.common_bytes)
    estimates = _estimates(
        common,
        {
            "perplexity": [one.perplexity for one in found],
            "bits per byte": [one.bits_per_byte for one in found],
            "nats per token": [one.nats_per_token for one in found],
        },
    )
    fits = {found.rows: found for found in fit_families(common)}
    families = tuple(
        _with_doubts(family, common, estimates, fits[family.rows]) for family in numbers.families
    )
    return replace(numbers, families=families, doubted=True)


def _with_doubts(
    family: FamilyNumbers,
    common: Sheet,
    estimates: Mapping[Measure, Sequence[Estimate]],
    found: FamilyFit,
) -> FamilyNumbers:
    rows, sizes = list(family.rows), list(found.sizes)
    steps = paired.steps(common, sizes)
    if len(sizes) > 2:
        steps.append(paired.compare(common, sizes[0], sizes[-1]))
    fitted = [common.models[row] for row in sizes]
    return replace(
        family,
        estimates={m: tuple(estimates[m][row] for row in rows) for m in MEASURES},
        traces=_traces(found.fit, fitted, family.tokens_per_byte)
        if isinstance(found.fit, Fit)
        else {},
        fitted=_fitted(found),
        steps=tuple(map(_step, steps)),
        trend=_trend(common, sizes),
    )


def _traces(fit: Fit, members: Sequence[Member], per_byte: float) -> dict[Measure, Trace]:
    """The fit is of nats; perplexity is exp of it, bits per byte a multiple."""
    low, high = members[0].parameters / BEYOND, members[-1].parameters * BEYOND
    xs = np.geomspace(low, high, TRACED)
    nats = (fit.at(xs), *fit.band(xs))
    inward: dict[Measure, tuple[Values, ...]] = {
        "nats per token": nats,
        "perplexity": tuple(map(np.exp, nats)),
        "bits per byte": tuple(one / BIT * per_byte for one in nats),
    }
    return {
        measure: Trace(tuple(xs.tolist()), *(tuple(one.tolist()) for one in inward[measure]))
        for measure in MEASURES
    }


def _fitted(found: FamilyFit) -> str:
    """In few words; the findings have more."""
    fit = found.fit
    without = [f"without {name} (counted)" for name in found.counted]
    if not isinstance(fit, Fit):
        return " · ".join([f"no fit: {fit.reason}", *without])
    low, high = fit.alpha_ci95
    alpha = f"α {fit.alpha:.3f} [{low:.3f}, {high:.3f}]"
    low, high = fit.E_ci95
    floor = "" if fit.kind == "line" else f", E {fit.E:.2f} [{low:.2f}, {high:.2f}]"
    said = f"fit A N^-α, {alpha}" if fit.kind == "line" else f"fit E + A N^-α, {alpha}{floor}"
    return " · ".join([said, *without, *fit.warnings])


def _step(one: paired.Difference) -> Step:
    return Step(
        one.first,
        one.second,
        {
            "perplexity": Estimate(*(100 * (r - 1) for r in (one.ratio, *one.ratio_ci95))),
            "bits per byte": Estimate(one.bits_per_byte, *one.bits_per_byte_ci95),
            "nats per token": Estimate(one.nats, *one.nats_ci95),
        },
        one.improved,
    )


def _tokens_per_byte(common: Sheet, rows: Sequence[int]) -> float:
    """Of a family; between tokenizers as its nats on the common bytes have it."""
    own = common.of_models(rows)
    tokens, nll = int(own.tokens.sum()), float(own.nll.sum())
    shared, size = float(own.common_nll.sum()), int(own.common_bytes.sum())
    if not common.mixes_tokenizers or not size or not math.isfinite(nll) or not nll:
        return tokens / max(1, int(own.bytes.sum()))
    return shared / size / (nll / tokens)


def _trend(common: Sheet, rows: Sequence[int]) -> str:
    """Whether the fall is real, in the numbers that carry it; "" for one size."""
    if len(rows) < 2:
        return ""
    found = trend_of(common.of_models(rows))
    said = f"falls at every step on {100 * found.monotone:.0f} % of stories, τ {found.tau:.2f}"
    if math.isnan(found.page_p):
        return said
    return f"{said}, Page p {'< 0.001' if found.page_p < 0.001 else f'{found.page_p:.3f}'}"


def _estimates(
    common: Sheet, ends: Mapping[Measure, Sequence[tuple[float, float]]]
) -> dict[Measure, tuple[Estimate, ...]]:
    """Of every model; ends: of its interval in each measure, where they are known."""
    unknown = [(math.nan, math.nan)] * len(common.models)
    return {
        measure: tuple(
            Estimate(value, *end)
            for value, end in zip(
                _of_set(measure, common).tolist(), ends.get(measure, unknown), strict=True
            )
        )
        for measure in MEASURES
    }


def _spread(measure: Measure, common: Sheet) -> Spread:
    """Kernel densities on the logarithm, with Silverman's bandwidth (1986, equation 3.31)."""
    values = _of_stories(measure, common)
    with np.errstate(divide="ignore"):
        logs = np.log(values)
    logs = np.where(np.isfinite(logs), logs, np.nan)
    low, high = 0.0, 0.0
    if np.isfinite(logs).any():
        low, high = np.nanquantile(logs, [0.001, 0.999]).tolist()
    room = max(0.05 * (high - low), 0.02)
    span = (low - room, high + room)
    quantiles = [
        tuple(np.exp(np.nanquantile(row, QUANTILES)).tolist())
        if not np.isnan(row).all()
        else (math.nan,) * 5
        for row in logs
    ]
    return Spread(
        (math.exp(span[0]), math.exp(span[1])),
        tuple(_density(row[~np.isnan(row)], span) for row in logs),
        tuple((q[0], q[1], q[2], q[3], q[4]) for q in quantiles),
    )


def _density(logs: Values, span: tuple[float, float]) -> tuple[float, ...]:
    if not len(logs):
        return (0.0,) * GRID
    counts, _ = np.histogram(logs.clip(*span), bins=GRID, range=span)
    first, third = np.quantile(logs, [0.25, 0.75])
    deviation = min(float(logs.std()), float(third - first) / 1.34) or float(logs.std())
    width = 0.9 * deviation * len(logs) ** -0.2 / (span[1] - span[0]) * GRID
    reach = max(1, math.ceil(3 * max(width, 0.5)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 0.5)) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum(), mode="full")[reach : reach + GRID]
    return tuple((smooth / len(logs)).tolist())


# --- tokens --------------------------------------------------------------------------------


def read_families(store: Store, sheet: Sheet) -> list[FamilyTokens]:
    """One reading of the store for each family."""
    return [read_tokens(store, sheet, rows) for _, rows in sheet.families()]


def tokens_read(asked: int, sheet: Sheet, families: Sequence[FamilyTokens]) -> TokensRead:
    """The curves over places, in bits, and over ranks, in per cent."""
    models = [model for family in families for model in family.models if model.tokens]
    if not models:
        return TokensRead(asked, missing="the store has no tokens of these stories")
    five = min(model.five.stories for model in models)
    tokenizers = {member.name: member.tokenizer for member in sheet.models}
    return TokensRead(
        asked,
        tuple(_by_place(model, model.by_token) for model in models),
        tuple(
            _of_five(model) if five else _by_number(model, model.by_sentence) for model in models
        ),
        tuple(model.model for model in models),
        tuple(tokenizers[model.model] for model in models),
        min(model.stories for model in models),
        five,
        RANKS,
        tuple(model.rank_shares for model in models),
    )


def _of_five(model: ModelTokens) -> Profile:
    """The five sentences, with intervals over groups: all five on the same resamples."""
    five = model.five
    ends = five.intervals()
    return Profile(
        model.model,
        FIVE,
        tuple((five.means / BIT).tolist()),
        tuple(low / BIT for low, _ in ends),
        tuple(high / BIT for _, high in ends),
    )


def _by_place(model: ModelTokens, places: Positions) -> Profile:
    """Joined to bins each `WIDER` times as far out as the one before, without the thin ones."""
    steps = np.floor(np.log(places.first) / math.log(WIDER) + 1e-9).astype(np.int64)
    tokens = np.bincount(steps, weights=places.tokens)
    nll = np.bincount(steps, weights=places.nll)
    middle = np.bincount(steps, weights=places.tokens * np.log(places.first))
    at = np.flatnonzero(tokens >= max(1, min(FEW, tokens.max())))
    return Profile(
        model.model,
        tuple(np.exp(middle[at] / tokens[at]).tolist()),
        tuple((nll[at] / tokens[at] / BIT).tolist()),
    )


def _by_number(model: ModelTokens, places: Positions) -> Profile:
    """Up to where places hold too few tokens to say anything."""
    at = np.flatnonzero(places.tokens >= max(1, min(FEW, places.tokens.max())))
    return Profile(
        model.model,
        tuple(places.first[at].astype(float).tolist()),
        tuple((places.means[at] / BIT).tolist()),
    )


# --- findings ------------------------------------------------------------------------------


def findings(
    sheet: Sheet, snapshot: Snapshot, tokens: Sequence[FamilyTokens] = ()
) -> tuple[Said, ...]:
    """What is to be said, with the stories that it names."""
    index = {snapshot.digests[at]: at for at in reversed(snapshot.listed)}
    return tuple(
        Said(
            one.topic,
            one.family,
            one.text,
            tuple(index[story.digest] for story in one.stories),
        )
        for one in find(sheet, tokens)
    )
