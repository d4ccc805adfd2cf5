"""Whether models find the expected ending less surprising, in sentences that say no more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from ...stories.pairs import Pair
from ...stories.story import text_digest
from ...wording import interval, listed, many, percent
from ..endings import Accuracy, Endings
from ..statistics.proportions import sign_test
from .finding import Finding

CHANCE = 0.5
SURE = 0.05  # how likely a split by chance may be for the two to be told apart


def findings_of_endings(found: Sequence[Endings], pairs: Sequence[Pair]) -> list[Finding]:
    """By the total, family by family; found: of these pairs, models of a family side by side."""
    told = [one for one in found if (total := one.accuracy("total")) and total.pairs]
    return [
        _of_family(family, list(own), pairs)
        for (family, _), own in groupby(told, lambda one: (one.model.family, one.model.tokenizer))
    ]


def _of_family(family: str, own: list[Endings], pairs: Sequence[Pair]) -> Finding:
    own = sorted(own, key=lambda one: one.model.parameters)
    totals = [_total(one) for one in own]
    largest, total = own[-1], totals[-1]
    wrong = _wrong(largest, pairs)
    said = (
        f"{largest.model.name} finds the expected one of two endings less surprising in "
        f"{percent(total.accuracy)} {interval(_percents(total.ci95), 0)} of "
        f"{many(total.pairs, 'pair')}. {_against_chance(own, totals)}"
    )
    if len(own) > 1:
        said = f"{said} {_by_size(own[0], largest)}"
    labels = tuple(pair.right.label(text_digest(pair.right.text)) for pair in wrong)
    return Finding("endings", family, said, labels, tokenizer=largest.model.tokenizer)


def _total(one: Endings) -> Accuracy:
    found = one.accuracy("total")
    assert found is not None
    return found


def _percents(ends: tuple[float, float]) -> tuple[float, float]:
    return 100 * ends[0], 100 * ends[1]


def _against_chance(own: Sequence[Endings], totals: Sequence[Accuracy]) -> str:
    """Which have more or fewer right than chance would give: by their intervals, and since
    Wilson's leave it out too soon where pairs are few, by the sign test as well."""
    above, below, neither = list[str](), list[str](), list[str]()
    for one, total in zip(own, totals, strict=True):
        low, high = total.ci95
        is_sure = sign_test(total.right, total.pairs - total.right) < SURE
        side = neither
        if is_sure and not low <= CHANCE <= high:
            side = above if low > CHANCE else below
        side.append(one.model.name)
    if not (above or below):
        who = "it" if len(own) == 1 else f"any of the {len(own)} sizes"
        return f"That does not tell {who} from chance, 50 %."
    said = []
    if above:
        said.append(f"{_who(above, own)} better than chance, 50 %")
    if below:
        said.append(f"{_who(below, own)} worse than chance, 50 %")
    if neither:
        verb = "is" if len(neither) == 1 else "are"
        said.append(f"{listed(neither)} {verb} not told from it")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}." if text.startswith(("all ", "that ")) else f"{text}."


def _who(names: Sequence[str], own: Sequence[Endings]) -> str:
    if len(names) == len(own):
        return "that is" if len(own) == 1 else f"all {len(own)} sizes are"
    return f"{listed(list(names))} {'is' if len(names) == 1 else 'are'}"


def _by_size(smallest: Endings, largest: Endings) -> str:
    """Whether size matters: of the pairs that only one of the two has right."""
    known = ~np.isnan(smallest.nats + largest.nats).any(axis=1)
    before, after = ((one.nats[:, 0] < one.nats[:, 1])[known] for one in (smallest, largest))
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    p = sign_test(gained, lost)
    said = f"Against {smallest.model.name} it gains {many(gained, 'pair')} and loses {lost:,}"
    if p < SURE:
        more = "more" if gained > lost else "fewer"
        how = "p < 0.001" if p < 0.001 else f"p {p:.3f}"
        return f"{said}: it has {more} right (sign test, {how})."
    return f"{said}: which has more right is not told (sign test, p {p:.2f})."


def _wrong(one: Endings, pairs: Sequence[Pair]) -> list[Pair]:
    """Those whose expected ending costs more, the most apart first."""
    apart = one.nats[:, 0] - one.nats[:, 1]
    return [pairs[row] for row in (-apart).argsort(kind="stable") if apart[row] > 0]
