"""What is hard: stories, places in them, tokens and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from ..hard import helped_stories
from . import pictures
from .blocks import Block, Compared, Picture, Prose, Reading, Section, Table
from .excerpts import Excerpt, cut
from .facts import Facts
from .tally import PLACES, RANKS, Kind, hardest
from .wording import listed, number, on_one_line, percent

READ = 3  # hardest and easiest stories whose text is given
WHOLE_TABLE, ENDS = 500, 50  # stories of a table that is given whole; else of each of its ends
_KINDS = 15  # hardest tokens and words
_LEAST = 5  # places that a token or word must have
_CROWD = 20  # tokens that a bin of positions must hold to be drawn


def findings(facts: Facts) -> list[str]:
    """One line each on stories, places and tokens, under the best model."""
    sheet, best = facts.sheet, facts.best
    values = facts.perplexities
    first, last = facts.order[0], facts.order[-1]
    found = [
        f"The hardest story is “{_title(facts, first)}” (perplexity "
        f"{number(float(values[best, first]), 1)} under {facts.names[best]}), the easiest "
        f"“{_title(facts, last)}” ({number(float(values[best, last]), 1)})."
    ]
    places = facts.tallies[best].sentences
    if places.stories:
        bits = [mean / math.log(2) for mean in places.means]
        top, low = max(range(5), key=bits.__getitem__), min(range(5), key=bits.__getitem__)
        found.append(
            f"In the {places.stories:,} stories of five sentences, sentence {top + 1} is the most "
            f"surprising under {facts.names[best]} ({number(bits[top], 2)} bits per token) and "
            f"sentence {low + 1} the least ({number(bits[low], 2)})."
        )
    shares = facts.tallies[best].shares
    found.append(
        f"{facts.names[best]}'s first guess is right for {percent(shares[0])} of "
        f"{int(sheet.tokens[best].sum()):,} tokens; {percent(shares[1])} are among its first ten."
    )
    return found


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
    crowded = [
        i for i in range(len(PLACES)) if all(tally.counts[i] >= _CROWD for tally in facts.tallies)
    ]
    if crowded:
        tallies = facts.tallies
        labels = [_bin(i) for i in crowded]
        bits = [[tally.places[i] for i in crowded] for tally in tallies]
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
    five = facts.tallies[0].sentences.stories
    if not five:
        blocks.append(Prose("No story has exactly five sentences, so sentences are not compared."))
        return Section("places", "Hardest places in story and sentence", tuple(blocks))
    sentences = [[mean / math.log(2) for mean in t.sentences.means] for t in facts.tallies]
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
    tally = facts.tallies[facts.best]
    name = facts.names[facts.best]
    shares = [list(one.shares) for one in facts.tallies]
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
            _kinds("token", f"The hardest tokens under {name}", tally.tokens),
            _kinds("word", f"The hardest words under {name}", tally.words),
            picture,
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
        "The same steps of bits for both; pointing at a token tells its probability, its rank, and "
        "what was likelier."
    )
    return Section(
        "coloured",
        "The hardest story, token by token",
        (Prose(told), Compared(_title(facts, column), tuple(excerpts))),
    )


def _kinds(what: str, caption: str, found: Sequence[Kind]) -> Table:
    rows = tuple(
        (on_one_line(kind.text, spaces=True), f"{kind.count:,}", number(kind.bits, 1))
        for kind in hardest(found, _LEAST, _KINDS)
    )
    return Table(
        f"{caption}, of those that come {_LEAST} times or more.", (what, "times", "mean bits"), rows
    )


def _helped(facts: Facts) -> Table:
    """Where the largest of the family gains most over the smallest, and where least."""
    ends = helped_stories(facts.sheet, (facts.family[0], facts.family[-1]))
    small, large = ends.models
    rows = [
        (
            *(what, on_one_line(one.story.title or one.story.id)),
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
    return on_one_line(story.title or story.id)


def _bin(i: int) -> str:
    """What a bin of token places is called, counted from 1."""
    first, last = PLACES[i] + 1, 2 * PLACES[i]
    return f"{first}" if first == last else f"{first}–{last}"
