"""What a report says: facts as sections, the same in every face."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from ...stories.bundled import bundled_stories
from ...stories.story import text_digest
from ...wording import amount, interval, listed, many, number, percent
from ..findings.find import summary
from . import difficulty, pictures
from .background import definitions, scaling_laws
from .blocks import Block, Document, Folded, Opening, Picture, Points, Prose, Section, Table, Terms
from .facts import Facts
from .learned import learned
from .reproduce import reproduce
from .size_chart import against_size

Numbers = npt.NDArray[np.float64]


def document(facts: Facts, title: str, command: str) -> Document:
    """The whole report; command: what was typed to write it."""
    recipe = facts.sheet.recipe
    stories = many(len(facts.sheet.stories), "story", "stories")
    return Document(
        title,
        f"{stories}, {many(len(facts.names), 'model')}: {listed(facts.names)}. "
        f"Recipe: {recipe.label}.",
        (
            _short(facts),
            _findings(facts),
            _scored(facts),
            _models(facts),
            _size(facts),
            _consistency(facts),
            *learned(facts),
            difficulty.stories(facts),
            difficulty.places(facts),
            difficulty.types(facts),
            difficulty.coloured(facts),
            _every_story(facts),
            scaling_laws(),
            reproduce(facts, command, is_bundled(facts)),
            definitions(facts.seed),
        ),
    )


def is_bundled(facts: Facts) -> bool:
    """Whether the stories are those that come with eyebrow, all of them."""
    return {story.digest for story in facts.sheet.stories} == {
        text_digest(story.text) for story in bundled_stories()
    }


def _short(facts: Facts) -> Section:
    """The chart, and the questions with their answers beside it."""
    answers = summary(facts.found, facts.lead)
    pairs = tuple((one.answers, one.text) for one in answers)
    return Section("short", "In short", (Opening(tuple(_first(facts)), Terms(pairs)),))


def _first(facts: Facts) -> list[Picture]:
    """The chart that all models share and, where that is not of perplexity, the lead's own."""
    everything = list(range(len(facts.names)))
    if not facts.sheet.mixes_tokenizers:
        return [_chart(facts, everything, "perplexity-size")]
    shared = _chart(facts, everything, "bits-size", bits=True)
    if len(facts.lead.sizes) < 2:
        return [shared]
    return [shared, _chart(facts, list(facts.lead.rows), "perplexity-size")]


def _others(facts: Facts) -> list[Picture]:
    """Perplexity against size of the other families of several sizes: none shares its tokens."""
    if not facts.sheet.mixes_tokenizers:
        return []
    others = [one for one in facts.fits if one is not facts.lead and len(one.sizes) > 1]
    return [
        _chart(facts, list(one.rows), f"perplexity-size-{n}") for n, one in enumerate(others, 2)
    ]


def _findings(facts: Facts) -> Section:
    """All that is said besides, family by family."""
    answers = summary(facts.found, facts.lead)
    own: dict[tuple[str, str], list[str]] = {}
    for one in facts.found:
        if one not in answers:
            own.setdefault((one.family, one.tokenizer), []).append(one.text)
    blocks: list[Points | Folded] = []
    if ("", "") in own:
        blocks.append(Points(tuple(own.pop(("", "")))))
    for (family, _), said in own.items():
        blocks.append(Folded(f"{family}: {many(len(said), 'finding')}", Points(tuple(said))))
    return Section("findings", "Further findings", tuple(blocks))


def _scored(facts: Facts) -> Section:
    sheet = facts.sheet
    recipe = sheet.recipe
    counts = [
        f"{int(sheet.tokens[rows[0]].sum()):,}{f' ({families})' if families else ''}"
        for families, rows in facts.tokenizers
    ]
    told = (
        f"{many(len(sheet.stories), 'story', 'stories')} with {listed(counts)} scored tokens, each "
        "story by every model, all under one recipe."
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
            interval(ends.perplexity, 2),
            number(bits, 3),
            number(pool.mean_story_perplexity, 2),
        )
        for model, pool, ends, bits in zip(
            facts.sheet.models, facts.pooled, facts.intervals, facts.bits_per_byte, strict=True
        )
    )
    table = Table(
        "Every model over all stories. Perplexity is pooled over tokens; its interval comes from "
        "2,000 resamples of the stories, or of the groups of them that belong together.",
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
            f"their bits per byte do, which are over {facts.sheet.compared}."
        )
    return Section("models", "Perplexity of each model", (table, Prose(told)))


def _chart(facts: Facts, rows: list[int], name: str, *, bits: bool = False) -> Picture:
    if bits:
        values, ends = facts.bits_per_byte, [one.bits_per_byte for one in facts.intervals]
    else:
        values = tuple(one.perplexity for one in facts.pooled)
        ends = [one.perplexity for one in facts.intervals]
    return against_size(facts.sheet, rows, values, ends, facts.fits, name, bits=bits)


def _size(facts: Facts) -> Section:
    blocks: list[Block] = list(_others(facts))
    if facts.steps:
        blocks.append(
            Table(
                "From each size to the next: the ratio of perplexities on the same resamples "
                "(below 1: the larger is better), and the share of stories on which the "
                "larger is less surprised.",
                ("from", "to", "ratio", "95 % interval", "perplexity", "stories improved"),
                tuple(
                    (
                        *(step.first, step.second, number(step.ratio, 3)),
                        *(interval(step.ratio_ci95, 3), step.way or "cannot be told"),
                        percent(step.improved),
                    )
                    for step in facts.steps
                ),
                words=2,
            )
        )
    for families, rows in facts.tokenizers:
        known = facts.vocabularies[rows[0]]
        if known is not None:
            of = f" of {families}" if families else ""
            blocks.append(
                Prose(
                    f"For scale: a model that knows nothing and gives each of the {len(known):,} "
                    f"tokens{of} the same probability has a perplexity of {len(known):,}; one that "
                    "foresaw everything would have 1."
                )
            )
    blocks += _said(facts, "scaling")
    return Section("size", "Perplexity against model size", tuple(blocks))


def _said(facts: Facts, topic: str) -> list[Prose]:
    """The findings of a topic, word by word."""
    return [Prose(one.text) for one in facts.found if one.topic == topic]


def _consistency(facts: Facts) -> Section:
    sheet, blocks = facts.sheet, list[Block](_said(facts, "size"))
    values, what, digits = facts.perplexities, "Perplexities", 1
    if sheet.mixes_tokenizers:
        with np.errstate(invalid="ignore", divide="ignore"):
            values = sheet.common_nll / sheet.common_bytes / np.log(2)
        what, digits = "Bits per byte, in common,", 2
    medians = np.nanmedian(values, axis=1).tolist()
    middles = listed(
        [f"{n} {number(m, digits)}" for n, m in zip(facts.names, medians, strict=True)]
    )
    blocks.append(
        Picture(
            "distribution",
            f"{what} of the stories under each model. Ticks are stories, the mark is the median, "
            "the box holds the middle half, the line nine tenths.",
            f"{what} of the stories; medians: {middles}.",
            partial(
                pictures.distribution,
                facts.names,
                range(len(facts.names)),
                list(values),
                "bits per byte of a story" if sheet.mixes_tokenizers else "perplexity of a story",
            ),
        )
    )
    return Section("consistency", "Is larger better on every story?", tuple(blocks))


def _every_story(facts: Facts) -> Section:
    sheet, order, values = facts.sheet, facts.order, facts.perplexities
    caption = "Perplexity of every story under every model, the hardest first."
    if len(order) > difficulty.WHOLE_TABLE:
        order = (*order[: difficulty.ENDS], *order[-difficulty.ENDS :])
        caption = (
            f"Perplexity of the {difficulty.ENDS} hardest and the {difficulty.ENDS} easiest of "
            f"{len(sheet.stories):,} stories; eyebrow report --table FILE.csv writes all."
        )
    if sheet.mixes_tokenizers:
        caption += " Perplexities of different tokenizers do not compare."
    groups = facts.tokenizers
    rows = tuple(
        (
            sheet.stories[i].title or sheet.stories[i].id,
            *(f"{int(sheet.tokens[at[0], i]):,}" for _, at in groups),
            *(number(float(value), 1) for value in values[:, i]),
        )
        for i in order
    )
    tokens = [f"tokens, {families}" if families else "tokens" for families, _ in groups]
    table = Table(caption, ("story", *tokens, *facts.names), rows, long=True)
    return Section("stories", "Every story under every model", (table,))
