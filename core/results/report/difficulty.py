"""What is hard: stories, places in them, tokens and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from ...wording import listed, number, percent, visible
from ..statistics.clusters import FEW
from ..statistics.difficulty import helped_stories
from ..tokens.occurrences import top_occurrences
from ..tokens.reading import FamilyTokens, ModelTokens
from ..tokens.types import Type
from . import pictures
from .blocks import Block, Compared, Picture, Prose, Reading, Section, Table
from .excerpts import Excerpt, cut
from .facts import Facts

BIT = math.log(2)  # nats
READ = 3  # hardest and easiest stories whose text is given, and most surprising places in each
_AROUND = 24  # characters told before and behind such a place
WHOLE_TABLE, ENDS = 500, 50  # stories of a table that is given whole; else of each of its ends
_TYPES = 15  # hardest tokens and words
_PLACES = tuple(2**n for n in range(12))
"""Where a bin of token places, counted from 0, begins; each is as wide as all before it."""
_CROWD = 20  # tokens that a bin of positions must hold to be drawn


def stories(facts: Facts) -> Section:
    """The hardest and the easiest ones, with their text."""
    order = facts.order
    several = min(READ, len(order) // 2) or 1
    by_model = Table(
        "The hardest and the easiest story under each model, with their perplexity.",
        ("model", "hardest", "easiest"),
        tuple(_ends(facts, row) for row in range(len(facts.names))),
        words=3,
    )
    how = Prose(
        f"Over {listed([facts.names[row] for row in facts.lead.sizes])}: by the mean of their nats "
        "per token on the story.",
        quiet=True,
    )
    helped = [_helped(facts)] if len(facts.lead.sizes) > 1 and len(order) > 1 else []
    return Section(
        "hard-stories",
        "Hardest and easiest stories",
        (by_model, *helped, how),
        (
            Section("hardest", "Hardest", tuple(_reading(facts, i) for i in order[:several])),
            Section(
                "easiest", "Easiest", tuple(_reading(facts, i) for i in order[: -several - 1 : -1])
            ),
        ),
    )


def places(facts: Facts) -> Section:
    """Surprise by place in the story and the sentence; a chart for each tokenizer."""
    reads = facts.of_models
    five = reads[0].five.stories
    blocks: list[Block] = []
    for n, (families, rows) in enumerate(facts.tokenizers, start=1):
        mark, of = (f"-{n}", f", {families}") if families else ("", "")
        blocks += _by_token(facts, rows, f"token-position{mark}", of)
        if five:
            blocks.append(_by_sentence(facts, rows, f"sentence-position{mark}", of))
    if not five:
        blocks.append(Prose("No story has exactly five sentences, so sentences are not compared."))
        return Section("places", "Hardest places in story and sentence", tuple(blocks))
    sentences = [(read.five.means / BIT).tolist() for read in reads]
    blocks.append(
        Table(
            f"Bits per token in the first to fifth sentence of the {five:,} stories of five.",
            ("model", *(f"sentence {n}" for n in range(1, 6))),
            tuple(
                (name, *(number(value, 2) for value in row))
                for name, row in zip(facts.names, sentences, strict=True)
            ),
        )
    )
    return Section("places", "Hardest places in story and sentence", tuple(blocks))


def _by_token(facts: Facts, rows: Sequence[int], name: str, of: str) -> list[Picture]:
    binned = [_binned(facts.of_models[row]) for row in rows]
    crowded = [i for i in range(len(_PLACES)) if all(counts[i] >= _CROWD for counts, _ in binned)]
    if not crowded:
        return []
    names, labels = [facts.names[row] for row in rows], [f"{_PLACES[i] + 1}" for i in crowded]
    bits = [[means[i] for i in crowded] for _, means in binned]
    told = [
        f"{model} {number(row[0], 1)} at token {labels[0]}, {number(row[-1], 1)} from {labels[-1]}"
        for model, row in zip(names, bits, strict=True)
    ]
    return [
        Picture(
            name,
            f"Mean surprise by the token's place in its story{of}, from each mark to the next.",
            f"Bits per token by place: {listed(told)}.",
            partial(
                pictures.by_place,
                *(names, rows, list(range(len(crowded))), bits),
                xlabel="from this token of the story on",
                labels=labels,
            ),
        )
    ]


def _by_sentence(facts: Facts, rows: Sequence[int], name: str, of: str) -> Picture:
    parts = [facts.of_models[row].five for row in rows]
    nats = [part.intervals(seed=facts.seed) for part in parts]
    bars = "; bars are 95 % intervals" if parts[0].groups > 1 else ""
    return Picture(
        name,
        f"Mean surprise by sentence, over the {parts[0].stories:,} stories of five sentences{of}"
        f"{bars}.",
        "Bits per token by sentence; the numbers are those of the table of sentences.",
        partial(
            pictures.by_place,
            *([facts.names[row] for row in rows], rows, range(1, 6)),
            [(part.means / BIT).tolist() for part in parts],
            xlabel="sentence of the story",
            labels=["1", "2", "3", "4", "5"],
            ends=[[(low / BIT, high / BIT) for low, high in row] for row in nats],
        ),
    )


def types(facts: Facts) -> Section:
    """The hardest tokens and words under the lead's best model, and how good guesses are."""
    best, name = facts.of_models[facts.lead_best], facts.names[facts.lead_best]
    read = next(read for read in facts.tokens if best in read.models)
    charts = []
    for n, (families, rows) in enumerate(facts.tokenizers, start=1):
        mark, of = (f"-{n}", f", {families}") if families else ("", "")
        charts.append(_guesses(facts, rows, f"rank-shares{mark}", of))
    return Section(
        "tokens",
        "Hardest tokens and words",
        (
            _types(read, "token", f"The hardest tokens under {name}", best.hardest_tokens),
            _types(read, "word", f"The hardest words under {name}", best.hardest_words),
            *charts,
            *_improved(facts),
        ),
    )


def _guesses(facts: Facts, rows: Sequence[int], name: str, of: str) -> Picture:
    ranks = next(
        read.ranks for read in facts.tokens if read.models[0].model == facts.names[rows[0]]
    )
    names = [facts.names[row] for row in rows]
    shares = [list(facts.of_models[row].rank_shares[: len(ranks)]) for row in rows]
    firsts = listed([f"{rank:,}" for rank in ranks])
    told = [
        f"{model} {', '.join(map(percent, row))}" for model, row in zip(names, shares, strict=True)
    ]
    return Picture(
        name,
        f"Share of tokens that are among a model's first {firsts} guesses{of}.",
        f"Share of tokens among the first {firsts} guesses: {listed(told)}.",
        partial(pictures.rank_shares, names, rows, ranks, shares),
    )


def coloured(facts: Facts) -> Section:
    """The hardest story token by token, under the smallest model and the largest."""
    column = facts.order[0]
    rows = dict.fromkeys((facts.lead.sizes[0], facts.lead.sizes[-1]))
    text = facts.texts[facts.sheet.stories[column].digest]
    excerpts = []
    for row in rows:
        score = facts.score(row, column)
        if score is not None:
            about = f"perplexity {number(float(facts.perplexities[row, column]), 1)}"
            pieces = cut(text, score, facts.vocabularies[row])
            excerpts.append(Excerpt(facts.names[row], about, pieces))
    told = (
        f"“{_title(facts, column)}”, the hardest story, under "
        f"{listed([facts.names[row] for row in rows])}."
    )
    return Section(
        "coloured",
        "The hardest story, token by token",
        (Prose(told), Compared(_title(facts, column), tuple(excerpts), facts.sheet.recipe.top > 0)),
    )


def _types(read: FamilyTokens, what: str, caption: str, found: Sequence[Type]) -> Table:
    told = read.clusters >= FEW  # of fewer there is no standard error
    over = f"; ± is the standard error over {read.drawn}" if told else ""
    rows = tuple(
        (
            visible(one.text, spaces=True),
            f"{one.occurrences:,}",
            f"{one.stories:,}",
            number(one.nats / BIT, 1)
            + (f" ± {number(one.error / BIT, 1)}" if told and not math.isnan(one.error) else ""),
        )
        for one in found[:_TYPES]
    )
    return Table(
        f"{caption}, of those that come {read.least} times or more in {read.in_stories} stories or "
        f"more{over}.",
        (what, "times", "stories", "mean bits"),
        rows,
    )


def _improved(facts: Facts) -> list[Table]:
    """The words on which the largest model of the best one's family saves most."""
    reads = [read for read in facts.tokens if read.improvement is not None]
    found = []
    for read in reads:
        gain = read.improvement
        if gain is not None and gain.words_most:
            caption = f"The words on which {gain.larger} saves most against {gain.smaller}"
            found.append(_types(read, "word", caption, gain.words_most))
    return found


def _helped(facts: Facts) -> Table:
    """Where the largest of the family gains most over the smallest, and where least."""
    ends = helped_stories(facts.sheet, (facts.lead.sizes[0], facts.lead.sizes[-1]))
    small, large = ends.models
    rows = [
        (
            *(what, visible(one.story.title or one.story.id)),
            *(number(value, 1) for value in one.perplexities),
            number(math.exp(-one.value), 2),
        )
        for what, group in (("most", ends.most), ("least", ends.least[::-1]))
        for one in group
    ]
    return Table(
        f"The stories on which size helps most and least, from {small} to {large}.",
        ("helps", "story", small, large, "ratio"),
        tuple(rows),
        words=2,
    )


def _ends(facts: Facts, row: int) -> tuple[str, ...]:
    values = facts.perplexities[row]
    top, low = int(values.argmax()), int(values.argmin())
    return (
        facts.names[row],
        *(f"{_title(facts, i)} ({number(float(values[i]), 1)})" for i in (top, low)),
    )


def _reading(facts: Facts, column: int) -> Reading:
    story = facts.sheet.stories[column]
    numbers = listed(
        [
            f"{number(float(value), 1)} under {name}"
            for name, value in zip(facts.names, facts.perplexities[:, column], strict=True)
        ]
    )
    text = facts.texts[story.digest]
    return Reading(
        _title(facts, column), f"Perplexity {numbers}.", text, _where(facts, column, text)
    )


def _where(facts: Facts, column: int, text: str) -> str:
    """The most surprising tokens of a story, where they stand."""
    score, row = facts.score(facts.lead_best, column), facts.lead_best
    if score is None:
        return ""
    at = np.flatnonzero(score.ranks > 0)
    nats = -score.logprobs[at].astype(np.float64)
    top = top_occurrences(facts.sheet.stories[column], text, score, at, nats, READ)
    told = [
        f"“{visible(spot.before[-_AROUND:])}[{visible(spot.token)}]"
        f"{visible(spot.after[:_AROUND])}” {number(spot.nats / BIT, 1)} bits, "
        f"rank {spot.rank:,}"
        for spot in top
    ]
    return f"Most surprising to {facts.names[row]}: {'; '.join(told)}." if told else ""


def _title(facts: Facts, column: int) -> str:
    story = facts.sheet.stories[column]
    return visible(story.title or story.id)


def _binned(read: ModelTokens) -> tuple[list[int], list[float]]:
    """Scored tokens and bits per token in each bin of `_PLACES`."""
    bins = np.searchsorted(_PLACES, read.by_token.first - 1, side="right") - 1
    counts, nats = (
        np.bincount(bins.clip(min=0), weights, len(_PLACES))
        for weights in (read.by_token.tokens, read.by_token.nll)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return counts.astype(int).tolist(), (nats / counts / BIT).tolist()
