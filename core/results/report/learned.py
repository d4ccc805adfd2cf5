"""What the larger of two models learned: the gap between them, on what text, and ten places."""

from __future__ import annotations

import math

from ...wording import interval, many, number, percent
from ..compare.gaps import Gap
from ..compare.reading import Found
from ..findings.finding import spread
from .blocks import Prose, Section, Table
from .facts import Facts, Learned

TITLE = "What the larger model learned"


def learned(facts: Facts) -> tuple[Section, ...]:
    """The section; none where the store has one model only, or nothing both have scored."""
    found = facts.learned
    if found is None or not found.compared.gaps.stories:
        return ()
    return (Section("learned", TITLE, (_total(found), _gaps(found), _finds(found))),)


def _total(found: Learned) -> Prose:
    gaps = found.compared.gaps
    small, large = found.compared.reference.name, found.compared.model.name
    total = number(gaps.total.difference, 3)
    return Prose(
        f"{large} against {small}: {total} bits per byte"
        f"{spread(gaps.total.ci95, gaps.clusters, 3)}, less surprised on {percent(gaps.better)} "
        f"of {many(gaps.stories, 'story', 'stories')}. Both are lined up on the smallest "
        "stretches of text that their tokenizers cut at, whose differences add up to that of the "
        "totals."
    )


def _gaps(found: Learned) -> Table:
    gaps = found.compared.gaps
    every = [*gaps.kinds, *(gap for pair in gaps.traits for gap in pair)]
    return Table(
        "The gap by kind of text, in bits per byte; below 0 the larger model is better. The kinds "
        "up to the later pieces of a word are a partition, the others overlap.",
        (
            *("text", "bytes", found.compared.reference.name, found.compared.model.name),
            *("difference", "95 % interval"),
        ),
        tuple(_gap(gap) for gap in every if gap.spans),
    )


def _gap(gap: Gap) -> tuple[str, ...]:
    return (
        *(gap.name, f"{gap.bytes:,}", number(gap.bits_reference, 3), number(gap.bits_model, 3)),
        *(number(gap.difference, 3), interval(gap.ci95, 3)),
    )


def _finds(found: Learned) -> Table:
    return Table(
        "The words on which the larger model saves most, where they stand; in bits.",
        ("word", "where", "story", "smaller", "larger", "saved"),
        tuple(_find(one) for one in found.finds),
        words=3,
    )


def _find(one: Found) -> tuple[str, ...]:
    small, large = (nats / math.log(2) for nats in (one.nats_reference, one.nats_model))
    around = " ".join(f"…{one.before}{one.text}{one.after}…".split())
    return (
        *(" ".join(one.text.split()), around, one.story.title or one.story.id),
        *(number(bits, 1) for bits in (small, large, small - large)),
    )
