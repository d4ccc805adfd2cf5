"""What a report says: facts as sections, the same in every face."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from ...stories.bundled import bundled_stories
from ...stories.story import text_digest
from ...wording import amount, interval, listed, many, number, percent
from ..findings import find
from ..fits import Refused
from ..scaling import FamilyFit, told
from ..trends import trend
from . import difficulty, pictures
from .background import definitions, scaling_laws
from .blocks import Document, Picture, Points, Prose, Section, Table, Terms
from .facts import Facts
from .reproduce import reproduce

Numbers = npt.NDArray[np.float64]


def document(facts: Facts, title: str, command: str) -> Document:
    """The whole report; command: what was typed to write it."""
    recipe = facts.sheet.recipe
    stories = many(len(facts.sheet.stories), "story", "stories")
    return Document(
        title,
        f"{stories}, {many(len(facts.names), 'model')}: {listed(facts.names)}. {recipe.label}.",
        (
            _findings(facts),
            _scored(facts),
            _models(facts),
            _size(facts),
            _consistency(facts),
            difficulty.stories(facts),
            difficulty.places(facts),
            difficulty.kinds(facts),
            difficulty.coloured(facts),
            _every_story(facts),
            scaling_laws(facts.fits),
            reproduce(facts, command, is_bundled(facts)),
            definitions(facts.seed),
        ),
    )


def is_bundled(facts: Facts) -> bool:
    """Whether the stories are those that come with eyebrow, all of them."""
    return {story.digest for story in facts.sheet.stories} == {
        text_digest(story.text) for story in bundled_stories()
    }


def _findings(facts: Facts) -> Section:
    found = find(facts.sheet, facts.tokens, seed=facts.seed)
    return Section("findings", "Findings", (Points(tuple(one.text for one in found)),))


def _monotone(facts: Facts, family: str, rows: list[int]) -> str:
    means = facts.sheet.nll[rows] / facts.sheet.tokens[rows]
    falls = (means[1:] < means[:-1]).all(axis=0)
    return (
        f"Of {many(len(facts.sheet.stories), 'story', 'stories')}, {int(falls.sum()):,} "
        f"({percent(float(falls.mean()))}) become less surprising with every size of {family}."
        f"{_tested(means)}"
    )


def _scored(facts: Facts) -> Section:
    sheet = facts.sheet
    recipe = sheet.recipe
    told = (
        f"{many(len(sheet.stories), 'story', 'stories')} with "
        f"{listed(sorted({f'{count:,}' for count in sheet.tokens.sum(axis=1).tolist()}))} scored "
        "tokens, each story by every model, all under one recipe."
        + (f" They are those of the run {facts.run}, as it calls them." if facts.run else "")
    )
    blocks: list[Prose | Table | Terms] = [Prose(told)]
    if facts.left_out:
        blocks.append(
            Prose(
                f"{many(facts.left_out, 'more story was', 'more stories were')} scored by some of "
                "the models only; nothing here counts them."
            )
        )
    blocks.append(
        Table(
            "The models, by their files.",
            ("model", "family", "revision", "digest", "tokenizer", "entries", "parameters"),
            tuple(
                (
                    *(model.name, model.family or "–", model.revision or "–"),
                    *(model.digest, model.tokenizer),
                    f"{len(entries):,}" if entries is not None else "–",
                    f"{model.parameters:,}",
                )
                for model, entries in zip(sheet.models, facts.vocabularies, strict=True)
            ),
            words=5,
        )
    )
    first = {
        "context": "the first token of a story is context and not scored",
        "scored": "a BOS (else EOS) is put in front and every token is scored",
    }
    blocks.append(
        Terms(
            (
                ("Recipe", f"{sheet.recipe_digest}: {recipe.label}"),
                ("First token", f"{recipe.first_token}: {first[recipe.first_token]}"),
                (
                    "Windows",
                    f"{recipe.context:,} tokens at once; in the later windows of a longer story at "
                    f"least {recipe.stride:,} tokens of context before a scored one",
                ),
                (
                    "Precision",
                    f"weights and activations in {recipe.dtype} on {recipe.device}; log-softmax in "
                    "float32, sums in float64",
                ),
            )
        )
    )
    if facts.others:
        blocks.append(
            Prose(
                "The store holds numbers of other recipes, which do not compare with these: "
                + "; ".join(facts.others)
                + "."
            )
        )
    return Section("scored", "What was scored", tuple(blocks))


def _models(facts: Facts) -> Section:
    rows = tuple(
        (
            model.name,
            amount(model.parameters),
            f"{pool.tokens:,}",
            number(pool.perplexity, 2),
            interval(ends, 2),
            number(bits, 3),
            number(pool.mean_story_perplexity, 2),
        )
        for model, pool, ends, bits in zip(
            facts.sheet.models, facts.pooled, facts.intervals, facts.bits_per_byte, strict=True
        )
    )
    table = Table(
        "Every model over all stories. Perplexity is pooled over tokens; its interval comes from "
        "2,000 resamples of the stories.",
        (
            *("model", "parameters", "tokens", "perplexity", "95 % interval"),
            *("bits per byte", "mean story perplexity"),
        ),
        rows,
    )
    best = facts.best
    told = "No model is best by bits per byte: they have scored no byte in common."
    if not np.isnan(facts.bits_per_byte[best]):
        told = f"The best model is {facts.names[best]}, by bits per byte."
    if facts.sheet.compared:
        told += (
            " The models have different tokenizers: their perplexities per token do not compare, "
            f"their bits per byte do, over {facts.sheet.compared}."
        )
    return Section("models", "Perplexity of each model", (table, Prose(told)))


def _size(facts: Facts) -> Section:
    sheet = facts.sheet
    perplexity = [pool.perplexity for pool in facts.pooled]
    lines = [pictures.Line(found.family, found.rows, _curve(facts, found)) for found in facts.fits]
    points = listed(
        [
            f"{name} ({amount(model.parameters)}) {number(value, 1)} {interval(ends, 1)}"
            for name, model, value, ends in zip(
                facts.names, sheet.models, perplexity, facts.intervals, strict=True
            )
        ]
    )
    picture = Picture(
        "perplexity-size",
        "Perplexity against number of parameters, both axes logarithmic; bars are 95 % intervals "
        "over resampled stories"
        + (", the shade is the fit's." if any(line.curve for line in lines) else "."),
        f"Perplexity against parameters: {points}.",
        partial(
            pictures.against_size,
            facts.names,
            [model.parameters for model in sheet.models],
            perplexity,
            facts.intervals,
            lines,
        ),
    )
    known = [entries for entries in facts.vocabularies if entries is not None]
    blocks: list[Prose | Picture] = [picture]
    if known and len({len(entries) for entries in known}) == 1:
        blocks.append(
            Prose(
                f"For scale: a model that knows nothing and gives each of its {len(known[0]):,} "
                f"tokens the same probability has a perplexity of {len(known[0]):,}; one that "
                "foresaw everything would have 1."
            )
        )
    blocks += [Prose(told(found)) for found in facts.fits]
    return Section("size", "Perplexity against model size", tuple(blocks))


def _curve(facts: Facts, found: FamilyFit) -> pictures.Curve | None:
    """The fit between the smallest and the largest model, as perplexities."""
    if isinstance(found.fit, Refused):
        return None
    smallest, largest = (facts.sheet.models[found.fitted[end]].parameters for end in (0, -1))
    sizes = np.geomspace(float(smallest), float(largest), 60)
    low, high = found.fit.band(sizes)
    return pictures.Curve(sizes, np.exp(found.fit.at(sizes)), np.exp(low), np.exp(high))


def _consistency(facts: Facts) -> Section:
    steps = Table(
        "From each size to the next: the ratio of perplexities on the same resampled stories "
        "(below 1: the larger is better), and the share of stories on which the larger is less "
        "surprised.",
        ("from", "to", "ratio", "95 % interval", "stories improved"),
        tuple(
            (
                *(step.smaller, step.larger, number(step.ratio, 3)),
                *(interval(step.interval, 3), percent(step.improved)),
            )
            for step in facts.steps
        ),
        words=2,
    )
    values = facts.perplexities
    middles = listed(
        [
            f"{name} {number(float(middle), 1)}"
            for name, middle in zip(facts.names, np.median(values, axis=1), strict=True)
        ]
    )
    picture = Picture(
        "distribution",
        "Perplexities of the stories under each model. Ticks are stories, the mark is the median, "
        "the box holds the middle half, the line nine tenths.",
        f"Distribution of story perplexities; medians: {middles}.",
        partial(pictures.distribution, facts.names, list(values)),
    )
    sentences = [
        _monotone(facts, name, rows) for name, rows in facts.sheet.families() if len(rows) > 1
    ]
    blocks = (*((steps,) if facts.steps else ()), *(Prose(line) for line in sentences), picture)
    return Section("consistency", "Is larger better on every story?", blocks)


def _tested(means: Numbers) -> str:
    found = trend(means)
    if np.isnan(found.tau):
        return ""
    tau = f" Kendall's tau between size and falling surprise is {found.tau:.2f}, the mean over them"
    if np.isnan(found.page_p):
        return f"{tau}."
    p = "p < 0.0001" if found.page_p < 1e-4 else f"p = {found.page_p:.3f}"
    return f"{tau}; Page's test for that order gives {p}."


def _every_story(facts: Facts) -> Section:
    sheet, order, values = facts.sheet, facts.order, facts.perplexities
    caption = "Perplexity of every story under every model, the hardest first."
    if len(order) > difficulty.WHOLE_TABLE:
        order = (*order[: difficulty.ENDS], *order[-difficulty.ENDS :])
        caption = (
            f"Perplexity of the {difficulty.ENDS} hardest and the {difficulty.ENDS} easiest of "
            f"{len(sheet.stories):,} stories; eyebrow report --table FILE.csv writes all."
        )
    rows = tuple(
        (
            sheet.stories[i].title or sheet.stories[i].id,
            f"{int(sheet.tokens[facts.best, i]):,}",
            *(number(float(value), 1) for value in values[:, i]),
        )
        for i in order
    )
    table = Table(caption, ("story", "tokens", *facts.names), rows, long=True)
    return Section("stories", "Every story under every model", (table,))
