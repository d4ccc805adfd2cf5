"""Which places, tokens and words are hard, and where in them size helps, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...wording import listed, many, number, percent, visible
from ..statistics.bootstrap import resampled_log_perplexities
from ..statistics.clusters import FEW
from ..tokens.occurrences import Occurrence
from ..tokens.positions import Parts, between, interval_of
from ..tokens.reading import FamilyTokens, ModelTokens
from ..tokens.types import Type
from .finding import QUESTIONS, Finding, leaves_out_zero, nats_text, quoted, spread, token_text

_TOLD = 3  # types of each sort that are named


def findings_of_tokens(read: FamilyTokens, seed: int) -> list[Finding]:
    """Of the places, tokens and words of one family; most under its best model alone."""
    if not read.models or not read.models[0].tokens:
        return []
    sizes = read.sizes
    best = min(sizes, key=lambda model: model.nll)
    if math.isinf(best.nll):  # where all is impossible, nothing is harder than the rest
        return [_guesses(read, best)]
    at_least = f"with {read.least} places or more in {read.in_stories} stories or more"
    return [
        *_sentences(read, best, seed),
        *_contrast(read.family, best, best.opening, "Within stories", seed),
        *_contrast(
            read.family, best, best.sentence_start, "From the second sentence of stories on", seed
        ),
        *_types(read, best, at_least),
        *_occurrence(read.family, best),
        *_saved(read, at_least),
        _guesses(read, best),
        *_belief(read.family, best),
    ]


def _sentences(read: FamilyTokens, best: ModelTokens, seed: int) -> list[Finding]:
    five = best.five
    if not five.stories:
        said = "No story has exactly five sentences, so their positions are not compared."
        return [Finding("positions", read.family, said, answers=QUESTIONS[6])]
    if not np.isfinite(five.means).all():
        return []
    means = five.means.tolist()
    hard, easy = int(np.argmax(means)), int(np.argmin(means))
    change, ends = between(five, 0, 4, seed=seed)
    told = listed([nats_text(mean) for mean in means])
    said = (
        f"In the {many(five.stories, 'story', 'stories')} of five sentences {best.model}'s nats "
        f"per token are {told}, sentence by sentence: the {_ORDER[hard]} is the hardest, the "
        f"{_ORDER[easy]} the easiest."
    )
    way = "falls" if change < 0 else "rises"
    if five.groups < FEW:
        said += f" On these few stories it {way} by {nats_text(abs(change))} from first to last."
    elif leaves_out_zero(ends, five.groups):
        said += f" From first to last it {way} by {_apart(change, ends, five.groups)}."
    else:
        said += (
            f" First and last are not distinguishable: {nats_text(change)}"
            f"{spread(ends, five.groups, 2)}."
        )
    if len(read.sizes) > 1:
        same = sum(int(np.argmax(model.five.means)) == hard for model in read.sizes)
        said += f" The {_ORDER[hard]} is the hardest under {same} of {len(read.sizes)} sizes."
    found = Finding("positions", read.family, said, answers=QUESTIONS[6])
    return [found, *_sentences_helped(read, seed)]


def _sentences_helped(read: FamilyTokens, seed: int) -> list[Finding]:
    """Does size help the last sentence more than the first?"""
    small, large = read.sizes[0].five, read.sizes[-1].five
    if len(read.sizes) < 2 or small.groups < FEW or not np.isfinite(small.means).all():
        return []
    rows = [0, 4]
    drawn = resampled_log_perplexities(
        np.concatenate([small.nll[rows], large.nll[rows]]),
        np.concatenate([small.tokens[rows], large.tokens[rows]]).astype(np.float64),
        seed=seed,
    )
    first, last = (small.means - large.means)[rows].tolist()
    ends = interval_of((drawn[1] - drawn[3]) - (drawn[0] - drawn[2]), small.groups)
    said = (
        f"From {read.sizes[0].model} to {read.sizes[-1].model} size saves {nats_text(first)} "
        f"nats per token in the first sentence and {nats_text(last)} in the last"
    )
    if leaves_out_zero(ends, small.groups):
        said += (
            f": {_apart(last - first, ends, small.groups)} {'more' if last > first else 'less'}."
        )
    else:
        said += (
            f", a difference that is not distinguishable from none ({nats_text(last - first)}"
            f"{spread(ends, small.groups, 2)})."
        )
    return [Finding("positions", read.family, said)]


def _contrast(family: str, best: ModelTokens, parts: Parts, where: str, seed: int) -> list[Finding]:
    if parts.groups < FEW or not np.isfinite(parts.means).all():
        return []
    change, ends = between(parts, 1, 0, seed=seed)
    means = parts.means.tolist()
    first, other = parts.names
    said = (
        f"{where} the {first} cost {best.model} {nats_text(means[0])} nats per token and the "
        f"{other} {nats_text(means[1])}"
    )
    if leaves_out_zero(ends, parts.groups):
        said += f": {_apart(change, ends, parts.groups)} {'more' if change > 0 else 'less'}."
    else:
        said += (
            f", which is not distinguishable ({nats_text(change)}{spread(ends, parts.groups, 2)})."
        )
    return [Finding("positions", family, said)]


def _types(read: FamilyTokens, best: ModelTokens, at_least: str) -> list[Finding]:
    found = []
    for topic, hard, easy, unit in (
        ("tokens", best.hardest_tokens, best.easiest_tokens, "token"),
        ("words", best.hardest_words, best.easiest_words, "word"),
    ):
        if not hard or not easy:
            continue
        said = (
            f"The {topic} hardest to {best.model} are {_named(read, hard)}; the easiest are "
            f"{_named(read, easy)} (mean nats per {unit}{_over(read)}, of {topic} {at_least})."
        )
        answers = QUESTIONS[7] if topic == "tokens" else ""
        found.append(Finding(topic, read.family, said, answers=answers))
    return found


def _occurrence(family: str, best: ModelTokens) -> list[Finding]:
    spot = best.most_surprising
    if spot is None:
        return []
    said = (
        f"The single most surprising token to {best.model} is {token_text(spot.token)} in "
        f"{_context(spot)} ({quoted(spot.story.title or spot.story.id)}): "
        f"{number(spot.nats, 1)} nats, its rank is {spot.rank:,}."
    )
    return [Finding("tokens", family, said, (spot.story,))]


def _saved(read: FamilyTokens, at_least: str) -> list[Finding]:
    family, gain = read.family, read.improvement
    if gain is None or not math.isfinite(read.sizes[0].nll - read.sizes[-1].nll):
        return []
    said = (
        f"{percent(gain.improved)} of {gain.tokens:,} tokens are less surprising to "
        f"{gain.larger} than to {gain.smaller}."
    )
    found = [Finding("help", family, said)]
    for topic, most, least, unit in (
        ("tokens", gain.tokens_most, gain.tokens_least, "token"),
        ("words", gain.words_most, gain.words_least, "word"),
    ):
        if not most or not least:
            continue
        said = (
            f"Of the {topic}, {gain.larger} saves most over {gain.smaller} on "
            f"{_named(read, most)}, and least on {_named(read, least)} (mean nats per {unit}"
            f"{_over(read)}, below 0 where the larger is worse, of {topic} {at_least})."
        )
        found.append(Finding(topic, family, said))
    return found


def _guesses(read: FamilyTokens, best: ModelTokens) -> Finding:
    ranks = read.ranks
    shares = [percent(share) for share in best.rank_shares[: len(ranks)]]
    within = [
        f"{share} among its first {rank:,}" for share, rank in zip(shares, ranks, strict=True)
    ]
    said = f"{best.model}'s first guess is right for {shares[0]} of {best.tokens:,} tokens"
    said += f"; {listed(within[1:])}" if within[1:] else ""
    small = read.sizes[0]
    if small is not best:
        of_small = listed([percent(share) for share in small.rank_shares[: len(ranks)]])
        said += f" ({small.model}: {of_small})"
    said += "."
    return Finding("guesses", read.family, said)


def _belief(family: str, best: ModelTokens) -> list[Finding]:
    nll, entropy = best.nll / best.tokens, best.entropy / best.tokens
    if not math.isfinite(nll - entropy):
        return []
    said = (
        f"{best.model} expects {nats_text(entropy)} nats per token (its mean entropy) and meets "
        f"{nats_text(nll)}: on these stories it is "
        f"{'surer' if nll > entropy else 'less sure'} than it has reason to be."
    )
    return [Finding("guesses", family, said)]


_ORDER = ("first", "second", "third", "fourth", "fifth")


def _apart(change: float, ends: tuple[float, float], stories: int) -> str:
    """The size of a difference, whatever its sign."""
    low, high = sorted(abs(end) for end in ends)
    return f"{nats_text(abs(change))}{spread((low, high), stories, 2)}"


def _named(read: FamilyTokens, types: Sequence[Type]) -> str:
    return listed(
        [
            f"{token_text(one.text)} {number(one.nats, 1)}{_error(read, one)}"
            for one in types[:_TOLD]
        ]
    )


def _error(read: FamilyTokens, one: Type) -> str:
    """Nothing where too few clusters are drawn, or all of its places are in one."""
    told = read.clusters >= FEW and not math.isnan(one.error)
    return f" ± {number(one.error, 1)}" if told else ""


def _over(read: FamilyTokens) -> str:
    return f" ± standard error over {read.drawn}" if read.clusters >= FEW else ""


def _context(spot: Occurrence) -> str:
    return f"“…{visible(spot.before)}[{visible(spot.token)}]{visible(spot.after)}…”"
