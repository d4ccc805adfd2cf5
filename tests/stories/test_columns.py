"""Which column is the story."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eyebrow.core.models.member import Member
from eyebrow.core.results.statistics.sheet import build_sheet
from eyebrow.core.results.table import write_table
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scores import Summary
from eyebrow.core.stories import open_stories
from eyebrow.core.stories.story import Label

from .conftest import Fails, Write, by_id, texts

CLOZE = [
    "InputStoryid", "InputSentence1", "InputSentence2", "InputSentence3", "InputSentence4",
    "RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2", "AnswerRightEnding",
]  # fmt: skip
XCLOZE = [
    "story_id", "input_sentence_1", "input_sentence_2", "input_sentence_3", "input_sentence_4",
    "sentence_quiz1", "sentence_quiz2", "answer_right_ending",
]  # fmt: skip


def jsonl(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("row", "options", "text"),
    [
        ({"label": "x", "text": "yes"}, {}, "yes"),
        ({"label": "x", "Story": "yes"}, {}, "yes"),
        ({"STORY": "no", "TEXT": "yes"}, {}, "yes"),
        ({"id": "a", "title": "t", "label": 1, "content": "yes"}, {}, "yes"),
        ({"text": "no", "other": "yes"}, {"column": "other"}, "yes"),
        ({"text": "no", "Other_One": "yes"}, {"column": "otherone"}, "yes"),
        ({"a": "no", "A": "yes"}, {"column": "A"}, "yes"),
        ({"title": "yes"}, {"column": "title"}, "yes"),
        ({"sentence1": "yes", "sentence2": "no"}, {"column": "sentence1"}, "yes"),
    ],
)
def test_one_column(
    write: Write, row: dict[str, object], options: dict[str, Any], text: str
) -> None:
    assert texts(open_stories(write("s.jsonl", jsonl(row)), **options)) == [text]


@pytest.mark.parametrize(
    ("row", "options", "said"),
    [
        ({"a": "x", "b": "y", "n": 1}, {}, "2 columns of text; choose one with --column: a, b, n"),
        ({"id": "x", "n": 1}, {}, "no other column of text; choose one with --column: id, n"),
        ({"a": "x"}, {"column": "text"}, "has no column 'text'; it has a"),
        ({}, {}, "no columns"),
    ],
)
def test_errors_list_the_columns(
    write: Write, fails: Fails, row: dict[str, object], options: dict[str, Any], said: str
) -> None:
    error = fails(write("s.jsonl", jsonl(row)), **options)
    assert "s.jsonl" in error.message
    assert said in error.message


def test_a_first_row_of_nulls_does_not_decide(write: Write) -> None:
    opened = open_stories(write("s.jsonl", jsonl({"a": None, "n": 1}, {"a": "yes", "n": 1})))
    assert texts(opened) == ["yes"]
    assert opened.skipped == 1


def test_a_cell_that_is_no_text_is_named(write: Write, fails: Fails) -> None:
    error = fails(write("s.jsonl", jsonl({"text": "a"}, {"text": ["b"]})))
    assert "s.jsonl, line 2: column 'text' holds list, not text" in error.message


def test_ids_of_all_kinds(write: Write) -> None:
    rows = [{"story_id": i, "text": "x"} for i in (3, "three", None, {"no": 1}, " ", 3)]
    stories = open_stories(write("s.jsonl", jsonl(*rows)))
    assert [s.id for s in stories] == ["3", "three", "3-2", "4", "5", "3-3"]


def test_roc_stories(write: Write) -> None:
    lines = [
        "storyid,storytitle,sentence1,sentence2,sentence3,sentence4,sentence5",
        'ab-1,The Cat,One.,"Two, too.",Three. ,Four.,Five.',
        "ab-2,Broken,One.,Two.,Three.,,Five.",
    ]
    opened = open_stories(write("roc.csv", "\r\n".join(lines)))
    (story,) = opened
    assert (story.id, story.title) == ("ab-1", "The Cat")
    assert story.text == "One. Two, too. Three. Four. Five."
    assert opened.skipped == 1, "a row without its fourth sentence is no whole story"


@pytest.mark.parametrize("names", [CLOZE, XCLOZE])
@pytest.mark.parametrize("name", ["c.csv", "c.jsonl"])
def test_story_cloze(write: Write, names: list[str], name: str) -> None:
    rows: list[list[Any]] = [
        ["s1", "A.", "B.", "C.", "D.", "First.", "Second.", 1],
        ["s2", "A.", "B.", "C.", "D.", "First.", "Second.", 2],
    ]
    if name.endswith(".csv"):
        content = "\n".join(",".join(str(cell) for cell in row) for row in (names, *rows))
    else:
        content = jsonl(*(dict(zip(names, row, strict=True)) for row in rows))
    stories = by_id(open_stories(write(name, content)))
    assert {(s.id, s.text, s.kind, s.pair) for s in stories.values()} == {
        ("s1-right", "A. B. C. D. First.", "cloze-right", "s1"),
        ("s1-wrong", "A. B. C. D. Second.", "cloze-wrong", "s1"),
        ("s2-right", "A. B. C. D. Second.", "cloze-right", "s2"),
        ("s2-wrong", "A. B. C. D. First.", "cloze-wrong", "s2"),
    }
    assert list(stories) == ["s1-right", "s1-wrong", "s2-right", "s2-wrong"]


def test_a_cloze_without_an_answer_is_named(write: Write, fails: Fails) -> None:
    row = dict(zip(CLOZE, ["s1", "A.", "B.", "C.", "D.", "E.", "F.", 3], strict=True))
    error = fails(write("c.jsonl", jsonl(row)))
    assert "c.jsonl, line 1: AnswerRightEnding is 3; it must be 1 or 2" in error.message


SENTENCES = [" once there was a cat", "it sat ", "it saw a dog", "it ran", "the end"]


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.jsonl", "r.json"])
def test_sentences_of_the_source_stay_sentences(write: Write, name: str) -> None:
    names = [f"sentence{n}" for n in range(1, 6)]
    mark = "\t" if name.endswith(".tsv") else ","
    row = dict(zip(names, SENTENCES, strict=True))
    lined = f"{mark.join(names)}\n{mark.join(SENTENCES)}\n"
    content = {"r.jsonl": jsonl(row), "r.json": json.dumps([row])}.get(name, lined)
    (story,) = open_stories(write(name, content))
    assert story.text == "once there was a cat it sat it saw a dog it ran the end"
    ends = [*story.sentence_starts[1:], len(story.text)]
    cut = [story.text[a:b].strip() for a, b in zip(story.sentence_starts, ends, strict=True)]
    assert cut == [sentence.strip() for sentence in SENTENCES]


def test_a_column_of_text_tells_no_sentences(write: Write) -> None:
    (story,) = open_stories(write("t.jsonl", jsonl({"text": "one. two."})))
    assert (story.sentence_starts, story.group) == ((), "")


@pytest.mark.parametrize("names", [CLOZE, XCLOZE])
def test_endings_are_a_group_of_five_sentences_each(write: Write, names: list[str]) -> None:
    row = dict(zip(names, ["s1", "a", "b", "c", "d", "first", "second", 1], strict=True))
    one, other = open_stories(write("c.jsonl", jsonl(row)))
    assert one.group == other.group == "pair: s1"
    assert one.sentence_starts == other.sentence_starts == (0, 2, 4, 6, 8)


def test_a_column_joins_stories(write: Write, fails: Fails) -> None:
    place = write("g.csv", "text,Author,pair\none,Ann,p\ntwo,Ann,q\nthree,,q\n")
    assert [s.group for s in open_stories(place, group="author")] == [
        *("Author: Ann", "Author: Ann"),
        "pair: q",
    ]
    assert [s.group for s in open_stories(place)] == ["pair: p", "pair: q", "pair: q"]
    error = fails(place, group="writer")
    assert "g.csv has no column 'writer'; it has text, Author, pair" in error.message
    error = fails(write("g.txt", "one\n\ntwo"), group="author")
    assert error.message == "g.txt is plain text and has no columns; leave --group out"
    # A group is no candidate for the text.
    (story,) = open_stories(write("h.csv", "words,by\none,Ann\n"), group="by")
    assert (story.text, story.group) == ("one", "by: Ann")


def test_every_value_that_can_be_a_group_is_one(write: Write, tmp_path: Path) -> None:
    rows = [1, 1.0, 1.5, "1", " x ", True, "", None, math.nan, 1e300, math.inf]
    place = write("g.jsonl", jsonl(*({"text": f"t {i}", "g": g} for i, g in enumerate(rows))))
    assert [story.group for story in open_stories(place, group="g")] == [
        *("g: 1", "g: 1", "g: 1.5", "g: 1", "g: x", "g: True", "", "", "", f"g: {int(1e300)}"),
        "g: inf",
    ]
    columns: dict[str, tuple[list[object], list[str]]] = {
        "day": ([date(2024, 5, 1), None], ["day: 2024-05-01", ""]),
        "at": ([datetime(2024, 5, 1, 12), None], ["at: 2024-05-01 12:00:00", ""]),
        "price": ([Decimal("2.50"), Decimal("2.00")], ["price: 2.5", "price: 2"]),
        "year": ([2024.0, math.nan], ["year: 2024", ""]),
    }
    table = {"text": ["one", "two"], **{name: cells for name, (cells, _) in columns.items()}}
    path = tmp_path / "g.parquet"
    pq.write_table(pa.table(table), path)
    for name, (_, wanted) in columns.items():
        assert [story.group for story in open_stories(path, group=name)] == wanted


@pytest.mark.parametrize(("cell", "named"), [(["a"], "list"), ({"a": 1}, "dict"), (b"a", "bytes")])
def test_what_is_no_single_value_is_no_group(
    fails: Fails, tmp_path: Path, cell: object, named: str
) -> None:
    path = tmp_path / "g.parquet"
    pq.write_table(pa.table({"text": ["one"], "g": [cell]}), path)
    assert fails(path, group="g").message == (
        f"{path.name}, row 1: column 'g' holds {named}, which is no single value; name a column of "
        "text, numbers or dates with --group"
    )


def test_the_bundled_stories_have_no_columns(fails: Fails) -> None:
    assert "bundled stories have no columns" in fails(None, group="author").message
    pairs = [story for story in open_stories(None) if story.pair]
    assert {story.group for story in pairs} == {f"pair: {story.pair}" for story in pairs}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_scores_is_known(tmp_path: Path, fails: Fails, suffix: str) -> None:
    member = Member("made", "d", "", "", "t", 3)
    told = [Label("a", "1", "First"), Label("b", "2", "Second")]
    sums = {"a": Summary(3, 12, 4.0), "b": Summary(2, 9, 3.0)}
    place = tmp_path / f"table{suffix}"
    write_table(build_sheet(Recipe(), [member], [sums], told), place)
    error = fails(place)
    assert error.title == "A table of scores"
    assert "open the stories it was made from" in error.message
    assert len(list(open_stories(place, column="title"))) == 2
