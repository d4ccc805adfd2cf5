"""Which column is the story."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eyebrow.core.stories import open_stories

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
