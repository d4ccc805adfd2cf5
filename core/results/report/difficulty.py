"""What is hard: stories, places in them, tokens and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from ...wording import listed, number, percent, visible
from ..hard import helped_stories
from ..kinds import Kind
from ..tokens import LEAST, RANKS, ModelTokens
from . import pictures
from .blocks import Block, Compared, Picture, Prose, Reading, Section, Table
from .excerpts import Excerpt, cut
from .facts import Facts

READ = 3  # hardest and easiest stories whose text is given
WHOLE_TABLE, ENDS = 500, 50  # stories of a table that is given whole; else of each of its ends
_KINDS = 15  # hardest tokens and words
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
        f"Over {listed([facts.names[row] for row in facts.family])}: by the mean of their nats per "
        "token on the story.",
        quiet=True,
    )
    helped = [_helped(facts)] if len(facts.family) > 1 and len(order) > 1 else []
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
    """Surprise by place in the story and the sentence."""
    blocks: list[Block] = []
    binned = [_binned(read) for read in facts.of_models]
    crowded = [i for i in range(len(_PLACES)) if all(counts[i] >= _CROWD for counts, _ in binned)]
    if crowded:
        labels = [_bin(i) for i in crowded]
        bits = [[means[i] for i in crowded] for _, means in binned]
        blocks.append(
            Picture(
                "token-position",
                "Mean surprise by the token's place in its story.",
                "Bits per token by place: "
                + listed(
                    [
                        f"{name} from {number(row[0], 1)} (tokens {labels[0]}) to "
                        f"{number(row[-1], 1)} (tokens {labels[-1]})"
                        for name, row in zip(facts.names, bits, strict=True)
                    ]
                )
                + ".",
                partial(
                    pictures.by_place,
                    facts.names,
                    list(range(len(crowded))),
                    bits,
                    xlabel="token of the story",
                    labels=labels,
                ),
            )
        )
    five = facts.of_models[0].five.stories
    if not five:
        blocks.append(Prose("No story has exactly five sentences, so sentences are not compared."))
        return Section("places", "Hardest places in story and sentence", tuple(blocks))
    sentences = [(read.five.means / math.log(2)).tolist() for read in facts.of_models]
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
    blocks.append(
        Picture(
            "sentence-position",
            f"Mean surprise by sentence, over the {five:,} stories of five sentences.",
            "Bits per token by sentence; the numbers are those of the table above.",
            partial(
                pictures.by_place,
                facts.names,
                [1, 2, 3, 4, 5],
                sentences,
                xlabel="sentence of the story",
                labels=["1", "2", "3", "4", "5"],
            ),
        )
    )
    return Section("places", "Hardest places in story and sentence", tuple(blocks))


def kinds(facts: Facts) -> Section:
    """The hardest tokens and words under the best model, and how good its guesses are."""
    best = facts.of_models[facts.best]
    name = facts.names[facts.best]
    shares = [list(read.rank_shares) for read in facts.of_models]
    picture = Picture(
        "rank-shares",
        "Share of tokens that are among a model's first 1, 10, 100 and 1,000 guesses.",
        "Share of tokens among the first guesses: "
        + listed(
            [
                f"{model} " + ", ".join(percent(value) for value in row)
                for model, row in zip(facts.names, shares, strict=True)
            ]
        )
        + f", for the first {listed([f'{rank:,}' for rank in RANKS])}.",
        partial(pictures.rank_shares, facts.names, RANKS, shares),
    )
    return Section(
        "tokens",
        "Hardest tokens and words",
        (
            _kinds("token", f"The hardest tokens under {name}", best.hardest_tokens),
            _kinds("word", f"The hardest words under {name}", best.hardest_words),
            picture,
            *_improved(facts),
        ),
    )


def coloured(facts: Facts) -> Section:
    """The hardest story token by token, under the smallest model and the largest."""
    column = facts.order[0]
    sizes = [model.parameters for model in facts.sheet.models]
    rows = dict.fromkeys((sizes.index(min(sizes)), sizes.index(max(sizes))))
    text = facts.texts[facts.sheet.stories[column].digest]
    excerpts = []
    for row in rows:
        score = facts.score(row, column)
        if score is not None:
            about = f"perplexity {number(float(facts.perplexities[row, column]), 1)}"
            pieces = cut(text, score, facts.vocabularies[row])
            excerpts.append(Excerpt(facts.names[row], about, pieces))
    told = (
        f"“{_title(facts, column)}”, the hardest story, under the smallest model and the largest. "
        "The same steps of bits for both; pointing at a token tells its probability "
        + ("and its rank, and what was likelier." if facts.sheet.recipe.top else "and its rank.")
    )
    return Section(
        "coloured",
        "The hardest story, token by token",
        (Prose(told), Compared(_title(facts, column), tuple(excerpts))),
    )


def _kinds(what: str, caption: str, found: Sequence[Kind]) -> Table:
    rows = tuple(
        (
            visible(kind.text, spaces=True),
            f"{kind.places:,}",
            f"{kind.stories:,}",
            f"{number(kind.nats / math.log(2), 1)} ± {number(kind.error / math.log(2), 1)}",
        )
        for kind in found[:_KINDS]
    )
    return Table(
        f"{caption}, of those that come {LEAST} times or more; ± is the standard error over "
        "stories.",
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
            found.append(_kinds("word", caption, gain.words_most))
    return found


def _helped(facts: Facts) -> Table:
    """Where the largest of the family gains most over the smallest, and where least."""
    ends = helped_stories(facts.sheet, (facts.family[0], facts.family[-1]))
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
    return Reading(_title(facts, column), f"Perplexity {numbers}.", facts.texts[story.digest])


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
        return counts.astype(int).tolist(), (nats / counts / math.log(2)).tolist()


def _bin(i: int) -> str:
    """What a bin of token places is called, counted from 1."""
    first, last = _PLACES[i] + 1, 2 * _PLACES[i]
    return f"{first}" if first == last else f"{first}–{last}"
