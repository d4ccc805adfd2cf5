"""Two models of a store compared: the stories of both read side by side, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...errors import EyebrowError
from ...models.member import Member
from ...scoring.sentences import sentence_spans
from ...stories.story import Label
from ..statistics.bootstrap import SEED
from ..store import Store
from ..tokens.side_by_side import read_side_by_side
from .finds import Collector, Finds
from .gaps import Gaps, Sums, gaps, sums_of
from .kinds import Described, describe
from .spans import Spans, align

AROUND = 40  # characters of text told on both sides of a find


@dataclass(frozen=True, slots=True, eq=False)
class Lined:
    """A text under both models; stories: those that tell it, the first of them first."""

    stories: tuple[Label, ...]
    text: str
    spans: Spans
    described: Described


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A model against its reference.

    stories: of each text the first that tells it, in the order of `finds.stories`. finds: all
    spans. words: the types of words, by their place. left_out: stories that one of the models has
    not scored. apart: of those that both have, how many have no stretch in common.
    """

    reference: Member
    model: Member
    stories: tuple[Label, ...]
    gaps: Gaps
    finds: Finds
    words: tuple[str, ...]
    left_out: int
    apart: int


@dataclass(frozen=True, slots=True)
class Found:
    """A find as it is shown: the text around it, and its nats under both models."""

    story: Label
    start: int
    end: int
    before: str
    text: str
    after: str
    nats_reference: float
    nats_model: float
    kind: int


def read_lined(
    store: Store,
    reference: Member,
    model: Member,
    recipe_digest: str,
    stories: Sequence[Label],
) -> Iterator[Lined]:
    """Each text of these stories that both models have scored, lined up, one at a time."""
    told: dict[str, list[Label]] = {}
    for story in stories:
        told.setdefault(story.digest, []).append(story)
    both = read_side_by_side(
        store, (reference, model), recipe_digest, frozenset(told), one_tokenizer=False
    )
    for digest, text, (one, other) in both:
        if one.summary.tokens and other.summary.tokens:
            spans = align(text, one, other)
            sentences = sentence_spans(text, starts=told[digest][0].sentence_starts)
            yield Lined(tuple(told[digest]), text, spans, describe(text, spans, sentences))


def read_compared(
    store: Store,
    reference: Member,
    model: Member,
    recipe_digest: str,
    stories: Sequence[Label],
    *,
    seed: int = SEED,
    each: Callable[[Lined], object] = lambda _: None,
) -> Compared:
    """Compare two models on what the store has of these stories under a recipe.

    Of stories that tell one text each counts in the gaps, and finds tell the first. each: is
    handed every text as it is read. Raises `EyebrowError` where there is no story that both
    models have scored.
    """
    collector, sums = Collector(), list[Sums]()
    first, every = list[Label](), list[Label]()
    for lined in read_lined(store, reference, model, recipe_digest, stories):
        each(lined)
        collector.add(len(first), lined.spans, lined.described)
        first.append(lined.stories[0])
        every += lined.stories
        sums += [sums_of(lined.spans, lined.described)] * len(lined.stories)
    if not first:
        names = f"{reference.name} and {model.name}"
        raise EyebrowError("Nothing to compare", f"{names} have no scored story in common")
    found = gaps(
        sums, [story.group for story in every], [story.digest for story in every], seed=seed
    )
    return Compared(
        reference,
        model,
        tuple(first),
        found,
        collector.finds(),
        tuple(collector.names),
        len(stories) - len(every),
        len(every) - found.stories,
    )


def show(
    compared: Compared,
    finds: Finds,
    rows: Sequence[int],
    count: int,
    texts: Callable[[set[str]], Mapping[str, str]],
) -> list[Found]:
    """The first `count` of these rows of `finds`, with the text around them.

    What several stories say word by word, as the two of a pair do, is told once. texts: those
    of some text digests, as `Store.texts` has them; those it lacks are left out.
    """
    found: dict[tuple[str, str], Found] = {}
    block = 4 * count
    for at in range(0, len(rows), block):
        stories = [(row, compared.stories[finds.stories[row]]) for row in rows[at : at + block]]
        known = texts({story.digest for _, story in stories})
        for row, story in stories:
            if len(found) < count and story.digest in known:
                one = _found(finds, row, story, known[story.digest])
                found.setdefault((one.before, one.text), one)
        if len(found) == count:
            break
    return list(found.values())


def _found(finds: Finds, row: int, story: Label, text: str) -> Found:
    start, end = int(finds.starts[row]), int(finds.ends[row])
    return Found(
        story,
        start,
        end,
        text[max(0, start - AROUND) : start],
        text[start:end],
        text[end : end + AROUND],
        float(finds.nats_reference[row]),
        float(finds.nats_model[row]),
        int(finds.kinds[row]),
    )
