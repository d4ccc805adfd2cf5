"""Kinds of text, gaps between two models, and finds."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from eyebrow.core.results.compare.finds import SORTS, Collector, Finds
from eyebrow.core.results.compare.function_words import FUNCTION_WORDS
from eyebrow.core.results.compare.gaps import gaps, sums_of
from eyebrow.core.results.compare.kinds import KINDS, TRAITS, Described, describe
from eyebrow.core.results.compare.reading import Compared, Lined, read_compared, show
from eyebrow.core.results.compare.spans import Spans
from eyebrow.core.results.compare.table import span_rows, writing
from eyebrow.core.results.statistics.paired import compare
from eyebrow.core.results.statistics.sheet import Sheet, read_sheets
from eyebrow.core.results.store import Store
from eyebrow.core.scoring.sentences import sentence_spans

TALE = (
    "Old Mara said, \"The cat is Tom's, Mr. Smith.\" On 12 May she didn't see the 3rd cat; I saw "
    "Tom again."
)


def cut(text: str, reference: float = 1.0, model: float = 1.0) -> Spans:
    """A span for each word and mark with the space in front of it."""
    starts = np.array([m.start() for m in re.finditer(r" ?[^\s\w]+| ?\w+|\s+", text)], np.int32)
    ends = np.append(starts[1:], len(text)).astype(np.int32)
    one = np.ones(len(starts))
    return Spans(starts, ends, reference * one, model * one, one)


def described(text: str) -> tuple[Spans, Described]:
    spans = cut(text)
    return spans, describe(text, spans, sentence_spans(text))


def kinds_of(text: str) -> dict[str, str]:
    spans, told = described(text)
    pieces = [text[a:b].strip() or text[a:b] for a, b in zip(spans.starts, spans.ends, strict=True)]
    return {piece: KINDS[kind] for piece, kind in zip(pieces, told.kinds, strict=True)}


def having(text: str, trait: str) -> list[str]:
    spans, told = described(text)
    bit = 1 << TRAITS.index(trait)
    rows = zip(spans.starts, spans.ends, told.traits, strict=True)
    return [text[a:b].strip() for a, b, traits in rows if traits & bit]


def test_each_span_has_one_kind() -> None:
    found = kinds_of(TALE)
    wanted = {
        "names": ("Mara", "Tom", "Mr", "Smith", "May"),
        "function words": ("The", "is", "On", "she", "didn", "I", "the"),
        "other words": ("Old", "said", "cat", "see", "3rd", "saw", "again"),
        "later pieces": ("s", "t"),
        "digits": ("12",),
        "punctuation": (",", '."', ";"),
    }
    for kind, pieces in wanted.items():
        assert {piece: found[piece] for piece in pieces} == dict.fromkeys(pieces, kind)
    assert kinds_of("One.\n\nTwo")["\n\n"] == "whitespace"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('She said: "Dogs bark."', "other words"),  # explained by the quotation mark
        ('"We ran. Dogs bark."', "other words"),  # by the stop within the quotation
        ('"We saw Mr. Dogs bark."', "names"),
        ("a line\nDogs bark", "other words"),
        ("Once Dogs bark", "names"),
        ("Dogs bark", "other words"),  # the first of its sentence
    ],
)
def test_a_capital_that_nothing_explains_is_a_name(text: str, kind: str) -> None:
    assert kinds_of(text)["Dogs"] == kind


def test_traits_overlap() -> None:
    assert having(TALE, "first word of a sentence") == ["Old", "On"]
    assert having(TALE, "repeated") == ["cat", "Tom"]
    assert having(TALE, "first mention")[:3] == ["Old", "Mara", "said"]
    quoted = having(TALE, "in quotes")
    assert (quoted[0], quoted[-1]) == ('"', '."')
    assert having("“So «it» is,” he said", "in quotes")[-1] == ",”"
    assert having('"It begins.\n\nIt ends here', "in quotes") == ['"', "It", "begins", ".", ""]


def test_what_words_read_as() -> None:
    spans, told = described('"Well-known," e\u0301a … said')
    assert told.words == ["well-known", "e\u0301a", "", "said"]
    assert len(spans) > 4


def test_function_words_are_in_lower_case_and_with_straight_apostrophes() -> None:
    assert all(word == word.lower() and "’" not in word for word in FUNCTION_WORDS)
    assert {"the", "of", "don't", "she"} <= FUNCTION_WORDS
    assert not {"very", "said", "two"} & FUNCTION_WORDS


@pytest.fixture(scope="module")
def sheet(scored: Path) -> Sheet:
    (found,) = read_sheets(Store(scored))
    return found


@pytest.fixture(scope="module")
def compared(scored: Path, sheet: Sheet) -> Compared:
    return read_compared(Store(scored), *sheet.models, sheet.recipe_digest, sheet.stories)


def test_the_gap_is_that_of_the_paired_comparison(sheet: Sheet, compared: Compared) -> None:
    wanted, found = compare(sheet, 0, 1), compared.gaps
    assert found.total.difference == pytest.approx(wanted.bits_per_byte)
    assert found.total.ci95 == pytest.approx(wanted.bits_per_byte_ci95)
    assert (found.better, found.clusters) == (wanted.improved, wanted.clusters)
    assert found.total.nats_reference == pytest.approx(sheet.nll[0].sum(), abs=1e-6)
    assert found.total.nats_model == pytest.approx(sheet.nll[1].sum(), abs=1e-6)


def test_kinds_are_a_partition_of_the_total(compared: Compared) -> None:
    found = compared.gaps
    for name in ("spans", "bytes", "nats_reference", "nats_model"):
        parts = [getattr(kind, name) for kind in found.kinds]
        assert sum(parts) == pytest.approx(getattr(found.total, name))
    inside, outside = found.traits[0]
    assert inside.bytes + outside.bytes == found.total.bytes
    for kind in found.kinds:
        low, high = kind.ci95
        assert not kind.spans or low <= kind.difference <= high


def test_what_one_story_says_has_no_interval() -> None:
    spans, told = described(TALE)
    found = gaps([sums_of(spans, told)], [""], ["a"])
    assert math.isnan(found.total.ci95[0])
    assert (found.better, found.clusters) == (0.5, 1)  # a tie


def test_finds_are_ordered_and_the_impossible_too() -> None:
    collector = Collector()
    for story, (one, other) in enumerate([(3.0, 1.0), (1.0, 5.0), (math.inf, math.inf)]):
        spans = cut("word", one, other)
        collector.add(story, spans, describe("word", spans, sentence_spans("word")))
    finds = collector.finds()
    orders = {sort: finds.order(sort).tolist() for sort in SORTS}
    assert orders == {
        "gain": [0, 1, 2],  # infinity less infinity is no number, and comes last
        "loss": [1, 0, 2],
        "disagreement": [1, 0, 2],
        "surprise": [2, 1, 0],
        "unexpected": [2, 1, 0],
    }
    assert len(Collector().finds()) == 0


def test_words_and_sentences_add_up_to_the_spans(compared: Compared) -> None:
    finds = compared.finds
    for unit in ("word", "sentence"):
        united = finds.by(unit)
        assert len(united) < len(finds)
        assert united.nats_model.sum() == pytest.approx(finds.nats_model.sum(), rel=1e-5)
        assert united.starts[1:].tolist() != united.starts[:-1].tolist()


def test_finds_that_say_something(scored: Path, compared: Compared) -> None:
    texts = Store(scored).texts({story.digest for story in compared.stories})

    def shown(finds: Finds) -> list[str]:
        rows = zip(finds.stories, finds.starts, finds.ends, strict=True)
        return [texts[compared.stories[story].digest][a:b] for story, a, b in rows]

    words = compared.finds.by("word")
    found = words.saying("THE", lambda story: texts[compared.stories[story].digest])
    assert shown(found) == [word for word in shown(words) if "the" in word.lower()]
    assert len(found) > 20
    assert len(words.saying("no such thing", lambda _: "text")) == 0


def test_words_are_grouped_by_type(compared: Compared) -> None:
    words = compared.finds.by("word")
    found = {one.word: one for one in words.by_word(compared.words)}
    assert min(one.occurrences for one in found.values()) == 5
    at = compared.words.index("the")
    rows = words.at(words.words == at)
    assert found["the"].occurrences == len(rows)
    assert found["the"].stories == len(set(rows.stories.tolist()))
    saved = (rows.nats_reference - rows.nats_model).mean()
    assert found["the"].saved == pytest.approx(saved, abs=1e-5)
    order = [one.saved for one in words.by_word(compared.words)]
    assert order == sorted(order, reverse=True)


def test_what_a_pair_says_twice_is_shown_once(scored: Path, compared: Compared) -> None:
    words = compared.finds.by("word")
    rows = words.order("gain").tolist()
    found = show(compared, words, rows, 30, Store(scored).texts)
    assert len(found) == 30
    assert len({(one.before, one.text) for one in found}) == 30
    saved = [one.nats_reference - one.nats_model for one in found]
    assert saved == sorted(saved, reverse=True)
    text = Store(scored).texts({found[0].story.digest})[found[0].story.digest]
    assert text[found[0].start : found[0].end] == found[0].text


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("unit", ["token", "word", "sentence"])
def test_a_table_has_a_row_for_each_span(
    tmp_path: Path, scored: Path, sheet: Sheet, ending: str, unit: str
) -> None:
    place = tmp_path / f"spans{ending}"
    kept: list[Lined] = []
    with writing(place, unit) as write:

        def take(lined: Lined) -> None:
            write(lined)
            kept.append(lined)

        read_compared(Store(scored), *sheet.models, sheet.recipe_digest, sheet.stories, each=take)
    wanted = [
        {"story": story.id, "title": story.title} | row
        for lined in kept
        for story in lined.stories
        for row in span_rows(lined, unit)
    ]
    if ending == ".parquet":
        assert pq.read_table(place).to_pylist() == [
            {name: row[name] for name in pq.read_schema(place).names} for row in wanted
        ]
    elif ending == ".jsonl":
        assert [json.loads(line) for line in place.read_text().splitlines()] == wanted
    else:
        assert place.read_text().startswith("story,title,start,end,text,kind,traits,nats_reference")
    assert "".join(row["text"] for row in span_rows(kept[0], unit)) in kept[0].text
