"""Which stories are hard, on which size helps, and whether length does it, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...wording import many, number
from ..statistics.bootstrap import interval, resampled_log_perplexities
from ..statistics.clusters import FEW, Sums, summed
from ..statistics.difficulty import (
    LengthGroup,
    Placed,
    by_length,
    hardest_stories,
    helped_stories,
    log_perplexities,
)
from ..statistics.sheet import Sheet
from .finding import QUESTIONS, Finding, leaves_out_zero, perplexity_text, quoted, spread


def findings_of_stories(sheet: Sheet, family: str, rows: Sequence[int], seed: int) -> list[Finding]:
    """Of the stories that all models of one family, small to large, have scored.

    Models of an infinite perplexity have no part in it.
    """
    rows = [row for row in rows if math.isfinite(sheet.nll[row].sum())]
    if len(sheet.stories) < 2 or not rows:
        return []
    sizes = sheet.sizes(rows)
    found = [*_stories(sheet, family, sizes), *_help(sheet, family, sizes)]
    return [*found, *_length(sheet, family, _best(sheet, rows), seed)]


def _best(sheet: Sheet, rows: Sequence[int]) -> int:
    return min(rows, key=lambda row: float(sheet.nll[row].sum()))


def _stories(sheet: Sheet, family: str, rows: Sequence[int]) -> list[Finding]:
    ends = hardest_stories(sheet, rows, 1)
    if not ends.most or not ends.least:
        return []
    hard, easy = ends.most[0], ends.least[0]
    names = ends.models
    over = f"over the {len(rows)} sizes of {family}" if len(rows) > 1 else f"under {names[0]}"
    logs = log_perplexities(sheet, rows)
    found = []
    for what, one, at, answers in (
        ("hardest", hard, np.argmax(logs, axis=1), QUESTIONS[4]),
        ("easiest", easy, np.argmin(logs, axis=1), QUESTIONS[5]),
    ):
        said = (
            f"The {what} of {ends.stories:,} stories {over} is {quoted(_title(one))}: "
            f"{_under(names, one)}"
        )
        if len(rows) > 1:
            same = at.tolist().count(one.column)
            of = "all" if same == len(rows) else f"{same or 'none'} of the"
            said += f"; it is the {what} under {of} {len(rows)}"
        found.append(Finding("stories", family, f"{said}.", (one.story,), answers))
    return found


def _help(sheet: Sheet, family: str, rows: Sequence[int]) -> list[Finding]:
    if len(rows) < 2:
        return []
    ends = helped_stories(sheet, rows, 1)
    if not ends.most or not ends.least:
        return []
    names = ends.models
    most, least = ends.most[0], ends.least[0]
    logs = log_perplexities(sheet, rows)
    worse = int((logs[-1] > logs[0]).sum())
    said = (
        f"From {names[0]} to {names[-1]} size helps most on {quoted(_title(most))} "
        f"({_from_to(most)}) and least on {quoted(_title(least))} ({_from_to(least)}); "
        f"{many(worse, 'story', 'stories') if worse else 'none'} of {ends.stories:,} "
        f"{'is' if worse < 2 else 'are'} more surprising to the largest."
    )
    return [Finding("help", family, said, (most.story, least.story))]


def _length(sheet: Sheet, family: str, row: int, seed: int) -> list[Finding]:
    groups = by_length(sheet, row)
    if len(groups) < 2 or min(groups[0].clusters, groups[-1].clusters) < FEW:
        return []
    if not math.isfinite(sum(group.nll for group in groups)):
        return []
    name = sheet.models[row].name
    short, long = groups[0], groups[-1]
    drawn = resampled_log_perplexities(*_of_lengths(sheet, row, (short, long)), seed=seed)
    ends = interval(drawn[1] - drawn[0])
    ratio = math.log(long.perplexity / short.perplexity)
    said = (
        f"By length, {name}'s perplexity is {_group(short)} on the shortest stories and "
        f"{_group(long)} on the longest"
    )
    if leaves_out_zero(ends, min(short.clusters, long.clusters)):
        way = "lower" if ratio < 0 else "higher"
        low, high = sorted(abs(math.expm1(end)) for end in ends)
        said += (
            f": {number(100 * abs(math.expm1(ratio)), 1)} % [{number(100 * low, 1)}, "
            f"{number(100 * high, 1)}] {way} on the long ones."
        )
    else:
        said += "; the two are not distinguishable."
    return [Finding("length", family, said)]


def _of_lengths(sheet: Sheet, row: int, lengths: Sequence[LengthGroup]) -> tuple[Sums, Sums]:
    """float64 (L, C) both, nats and tokens of the stories of each length in every cluster.

    A cluster may hold stories of several lengths: all are on the same resamples.
    """
    tokens, nll, at = sheet.tokens[row], sheet.nll[row], sheet.clusters
    of = [(tokens >= length.first) & (tokens <= length.last) for length in lengths]
    return (
        summed(at, [np.where(one, nll, 0) for one in of]),
        summed(at, [np.where(one, tokens, 0) for one in of]),
    )


def _group(group: LengthGroup) -> str:
    value = f"{perplexity_text(group.perplexity)}{spread(group.interval, group.clusters)}"
    return f"{value} ({group.first:,} to {group.last:,} tokens, {group.stories:,} stories)"


def _title(placed: Placed) -> str:
    return placed.story.title or placed.story.id


def _under(names: Sequence[str], placed: Placed) -> str:
    values = [perplexity_text(value) for value in placed.perplexities]
    if len(names) == 1:
        return f"perplexity {values[0]}"
    return f"perplexity {values[0]} under {names[0]}, {values[-1]} under {names[-1]}"


def _from_to(placed: Placed) -> str:
    first, last = (
        perplexity_text(value) for value in placed.perplexities[:: len(placed.perplexities) - 1]
    )
    return f"perplexity {first} to {last}"
