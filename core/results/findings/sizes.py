"""What perplexity does with size: the best, the steps, the trend and the fit, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...scoring.scores import bits_per_byte, perplexity
from ...wording import amount, listed, many, number, percent
from ..statistics.bootstrap import perplexity_intervals
from ..statistics.clusters import FEW
from ..statistics.difficulty import log_perplexities
from ..statistics.fits import EXPECTED, Fit, Refused
from ..statistics.paired import Difference, compare, steps
from ..statistics.scaling import FamilyFit
from ..statistics.sheet import Sheet
from ..statistics.trends import rank_agreement, trend_of
from .finding import QUESTIONS, Finding, leaves_out_zero, nats_text, perplexity_text, spread


def findings_of_size(sheet: Sheet, fitted: FamilyFit, seed: int) -> list[Finding]:
    """Of the models of one family, small to large, on stories that all of them have scored."""
    family, every = fitted.family, sheet.of_models(fitted.rows)
    own = sheet.of_models(fitted.sizes)
    with np.errstate(invalid="ignore"):  # between infinities there is no step
        ones = steps(own, range(len(fitted.sizes)), seed=seed)
    found = [_best(every, fitted, seed), *_counted(fitted), *_impossible(every, family)]
    if not ones:
        return found
    found += [_trend(own, family, ones), _by_story(own, family, ones[0].clusters)]
    found += [_step(own, family, i, one) for i, one in enumerate(ones)]
    found += _agreement(own, family, ones[0].clusters)
    found += _scaling(own, family, fitted, ones[0].clusters)
    return found


def across_families(sheet: Sheet, seed: int) -> list[Finding]:
    """The best model of each family in bits per byte; [] where there is one family.

    Between tokenizers, of the bytes that all models have scored; [] where there are none.
    """
    groups = sheet.families()
    if len(groups) < 2 or not sheet.common_bytes.any():
        return []
    bits = [
        bits_per_byte(float(nll), int(size))
        for nll, size in zip(
            sheet.common_nll.sum(axis=1), sheet.common_bytes.sum(axis=1), strict=True
        )
    ]
    best = sorted((min(rows, key=bits.__getitem__) for _, rows in groups), key=bits.__getitem__)
    names = [f"{sheet.models[row].name} {number(bits[row], 3)}" for row in best]
    one = compare(sheet, best[1], best[0], seed=seed)
    ends = (-one.bits_per_byte_ci95[1], -one.bits_per_byte_ci95[0])
    apart = f"{number(-one.bits_per_byte, 3)}{spread(ends, one.clusters, 3)}"
    if not math.isfinite(one.bits_per_byte):
        said = "An infinite one leaves no difference between the first two."
    elif one.clusters < FEW:
        said = f"On these stories the first two differ by {apart}."
    elif leaves_out_zero(ends, one.clusters):
        said = f"The difference between the first two is {apart}."
    else:
        said = f"The first two are not distinguishable: {apart} apart."
    differ = len({model.tokenizer for model in sheet.models}) > 1
    head = "Between tokenizers only bits per byte compare; the best" if differ else "The best"
    said = f"{head} of each family in bits per byte: {listed(names)}. {said}"
    return [Finding("best", "", said, answers=QUESTIONS[0])]


def _best(own: Sheet, fitted: FamilyFit, seed: int) -> Finding:
    family, values = fitted.family, _perplexities(own)
    at = min(range(len(values)), key=values.__getitem__)
    stories, tokens = len(own.stories), int(own.tokens[at].sum())
    groups = own.by_group()
    ends = perplexity_intervals(groups.nll, groups.tokens, seed=seed)[at]
    name = own.models[at].name
    over = f"over {many(stories, 'story', 'stories')} ({tokens:,} tokens)"
    value = f"{perplexity_text(values[at])}{spread(ends, len(groups.stories))}"
    if len(values) == 1:
        said = f"{name} has a perplexity of {value} {over}; one size says nothing about size."
        return Finding("best", family, said, answers=QUESTIONS[1])
    if math.isinf(values[at]):
        return Finding("best", family, f"All perplexities of {family} are infinite.")
    kind = "models" if fitted.counted else "sizes"
    said = f"{name} has the lowest perplexity of {len(values)} {kind}: {value} {over}."
    rest = [i for i in range(len(values)) if i != at]
    next_best = min(rest, key=values.__getitem__)
    if math.isfinite(values[next_best]):
        one = compare(own, next_best, at, seed=seed)
        said = f"{said[:-1]}{_below(one)}"
    return Finding("best", family, said, answers=QUESTIONS[1])


def _counted(fitted: FamilyFit) -> list[Finding]:
    if not fitted.counted:
        return []
    one = len(fitted.counted) == 1
    said = (
        f"{listed(fitted.counted)} {'was' if one else 'were'} counted, not trained: "
        f"{'it is no size' if one else 'they are no sizes'} of {fitted.family}, so no step, trend "
        f"or fit has a part in {'it' if one else 'them'}."
    )
    return [Finding("set", fitted.family, said)]


def _below(one: Difference) -> str:
    """How the second model stands to the first, behind a clause."""
    if one.clusters < FEW:
        return f", {_change(one)} below {one.first}, the next, on these stories."
    if one.way:
        return f", {_change(one)} below {one.first}, the next."
    return f". {one.first}, the next, is not distinguishable from it: {_change(one)} apart."


def _impossible(own: Sheet, family: str) -> list[Finding]:
    found = []
    for row in np.flatnonzero(np.isinf(own.nll).any(axis=1)).tolist():
        name, count = own.models[row].name, int(np.isinf(own.nll[row]).sum())
        said = (
            f"{name} holds a token for impossible in {many(count, 'story', 'stories')} of "
            f"{len(own.stories):,}: its perplexity is infinite there and over the set."
        )
        found.append(Finding("set", family, said))
    return found


def _trend(own: Sheet, family: str, ones: Sequence[Difference]) -> Finding:
    """Whether the set's perplexity falls, step by step, as the paired intervals have it."""
    values = _perplexities(own)
    told = " → ".join(perplexity_text(value) for value in values)
    names = f"{own.models[0].name} to {own.models[-1].name}"
    ways = [_way(one) for one in ones]
    falls = ways.count("falls")
    where = "on these stories " if ones[0].clusters < FEW else ""
    if falls == len(ones):
        said = f"{where}perplexity falls with every size from {names}: {told}."
    elif len(ones) == 1:
        said = f"{where}perplexity {_ALONE.get(ways[0], ways[0])} from {names}: {told}"
        said += f" ({ways[0]})." if ways[0] in _UNTOLD else "."
    else:
        said = (
            f"{where}perplexity falls at {falls or 'none'} of the {len(ones)} steps from {names} "
            f"({told})"
        )
        for way in ("rises", _STAYS, *_UNTOLD):
            at = [
                f"from {one.first} to {one.second}"
                for one, does in zip(ones, ways, strict=True)
                if does == way
            ]
            what = f"it cannot be told ({way})" if way in _UNTOLD else f"it {way}"
            said += f"; {listed(at)} {what}" if at else ""
        said += "."
    said = said[0].upper() + said[1:]
    return Finding("size", family, said, answers=QUESTIONS[2])


_HOLDS_ZERO = "the interval of the step holds 0"
_ENDLESS = "an infinite perplexity leaves no step"
_STAYS = "stays the same"
_UNTOLD = (_HOLDS_ZERO, _ENDLESS)
_ALONE = {_HOLDS_ZERO: "neither falls nor rises for certain", _ENDLESS: "cannot be told to fall"}


def _way(one: Difference) -> str:
    """What perplexity does at a step, or why that cannot be told, one of `_UNTOLD`.

    Over few clusters, what it does on these stories.
    """
    if math.isnan(one.nats):
        return _ENDLESS
    if one.clusters >= FEW:
        return one.way or _HOLDS_ZERO
    return "falls" if one.nats < 0 else "rises" if one.nats > 0 else _STAYS


def _by_story(own: Sheet, family: str, clusters: int) -> Finding:
    """The same, story by story."""
    logs, stories = log_perplexities(own, range(len(own.models))), len(own.stories)
    better = int((logs[-1] < logs[0]).sum())
    said = (
        f"{own.models[-1].name} is less surprised than {own.models[0].name} by {better:,} of "
        f"{many(stories, 'story', 'stories')}"
    )
    if len(logs) > 2:
        one = trend_of(own)
        at_every = round(one.monotone * stories)
        said += (
            f"; by {at_every:,} ({percent(one.monotone)}) every size is less surprised than the "
            f"one before. Kendall's tau between size and falling surprise is {number(one.tau, 2)} "
            "in the mean over stories"
        )
        if not math.isnan(one.page_p):
            over = f" over {clusters:,} groups of stories" if clusters < stories else ""
            said += f" (Page's test for this order{over}: {_p(one.page_p)})"
    return Finding("size", family, f"{said}.", answers=QUESTIONS[3])


def _step(own: Sheet, family: str, at: int, one: Difference) -> Finding:
    small, large = own.models[at], own.models[at + 1]
    sizes = f"{amount(small.parameters)} to {amount(large.parameters)} parameters"
    head = f"From {one.first} to {one.second} ({sizes})"
    better = f"{percent(one.improved)} of stories improve"
    if math.isnan(one.nats) or math.isinf(one.nats):
        return Finding("steps", family, f"{head} an infinite perplexity leaves no step.")
    way = "falls" if one.nats < 0 else "rises"
    if one.clusters < FEW:
        by = f"{way} by {_change(one)}" if one.nats else _STAYS
        said = f"{head} perplexity {by} on these stories; {better}."
    elif one.way:
        said = f"{head} perplexity {way} by {_change(one)}; {better}."
        if one.nats < 0 and large.parameters > small.parameters > 0:
            doubling = -one.nats / math.log2(large.parameters / small.parameters)
            said = f"{said[:-1]}, and a doubling of parameters saves "
            said += f"{nats_text(doubling)} nats per token."
    else:
        said = (
            f"{head} it cannot be told whether perplexity falls: it changes by "
            f"{_change(one, signed=True)}, an interval that holds 0; {better}."
        )
    return Finding("steps", family, said)


def _agreement(own: Sheet, family: str, clusters: int) -> list[Finding]:
    logs = log_perplexities(own, range(len(own.models)))
    if clusters < FEW or not np.isfinite(logs).all():
        return []
    table = rank_agreement(logs)
    ends = float(table[0, -1])
    pairs = table[np.triu_indices(len(table), 1)]
    small, large = own.models[0].name, own.models[-1].name
    said = (
        f"How hard stories are to {small} and to {large} agrees with a rank correlation of "
        f"{number(ends, 2)} (Spearman, over {len(own.stories):,} stories)"
    )
    if len(pairs) > 1:
        said += f"; between any two sizes it is {number(float(pairs.min()), 2)} or more"
    return [Finding("stories", family, f"{said}.")]


def _scaling(own: Sheet, family: str, found: FamilyFit, clusters: int) -> list[Finding]:
    fit = found.fit
    if isinstance(fit, Refused):
        said = f"No scaling law is fitted to the sizes of {family}: {fit.reason}."
        return [Finding("scaling", family, said, answers=QUESTIONS[8])]
    said = _fitted(fit, clusters)
    for warning in fit.warnings:
        said += f" Mind that {warning}."
    return [
        Finding("scaling", family, said, answers=QUESTIONS[8]),
        Finding("scaling", family, _expectation(fit)),
    ]


def _fitted(fit: Fit, clusters: int) -> str:
    alpha = f"alpha = {number(fit.alpha, 3)}{spread(fit.alpha_ci95, clusters, 3)}"
    if fit.kind == "line":
        share = 1 - 2**-fit.alpha
        return (
            f"On a straight line in log-log through {fit.sizes} sizes the loss falls as "
            f"N^-alpha with {alpha}: a doubling of parameters takes {percent(share)} off the nats "
            "per token."
        )
    return (
        f"Through {fit.sizes} sizes L = E + A/N^alpha fits with {alpha} and "
        f"E = {nats_text(fit.E)}{spread(fit.E_ci95, clusters, 2)} nats per token. E is the loss "
        "that, if the form holds, no size goes below on these stories, with what the training "
        "data left unlearned in it."
    )


def _expectation(fit: Fit) -> str:
    floors = listed([f"{number(one.alpha, 2)} ({one.source})" for one in EXPECTED if one.E])
    lines = listed([f"{number(one.alpha, 3)} ({one.source})" for one in EXPECTED if not one.E])
    said = f"Published exponents: {floors} of the loss above a floor E; {lines}."
    if fit.kind == "line":
        said += f" Here a line without a floor was fitted: its alpha compares with {lines} alone."
    return said


def _perplexities(own: Sheet) -> list[float]:
    return [
        perplexity(float(nll), int(tokens))
        for nll, tokens in zip(own.nll.sum(axis=1), own.tokens.sum(axis=1), strict=True)
    ]


def _change(one: Difference, *, signed: bool = False) -> str:
    """By how much of the first's perplexity the second's differs: `12.6 % [10.9, 14.2]`."""
    sign = 1 if signed or one.nats > 0 else -1
    value, *ends = (100 * sign * (ratio - 1) for ratio in (one.ratio, *one.ratio_ci95))
    return f"{number(value, 1)} %{spread((min(ends), max(ends)), one.clusters, 1)}"


def _p(value: float) -> str:
    return "p < 0.0001" if value < 1e-4 else f"p = {number(value, 4)}"
