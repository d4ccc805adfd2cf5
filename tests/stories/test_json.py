"""JSON Lines and JSON documents."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.stories import open_stories
from eyebrow.core.stories.rows import json_values
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Fails, Write, texts

EXACT = "  kept,\r\n as it \tis \u2028 é🙂\0 "


def chunked(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


@pytest.mark.parametrize("name", ["s.jsonl", "s.ndjson", "s.JSONL"])
def test_lines(write: Write, name: str) -> None:
    rows = [
        {"id": 7, "title": "Cat", "text": EXACT, "kind": "five", "pair": "p"},
        "just a string",
        {"text": None},
        {"id": 7, "text": "again"},
    ]
    lines = "\ufeff" + "\r\n\n".join(json.dumps(r, ensure_ascii=False) for r in rows)
    opened = open_stories(write(name, lines))
    first, second, third = opened
    assert (first.id, first.title, first.text, first.kind, first.pair) == (
        "7", "Cat", EXACT, "five", "p",
    )  # fmt: skip
    assert (second.id, second.text) == ("2", "just a string")
    assert (third.id, third.title) == ("7-2", "again")
    assert opened.skipped == 1


def test_gzipped_lines(write: Write) -> None:
    assert texts(open_stories(write("s.jsonl.gz", gzip.compress(b'{"text": "a"}\n')))) == ["a"]


@pytest.mark.parametrize(
    ("content", "stories"),
    [
        ('[{"text": "a"}, {"text": "b"}]', ["a", "b"]),
        (' \n["a" ,\n"b"\n]\n ', ["a", "b"]),
        ('{"text": "a"}', ["a"]),
        ('{"text": "a"}\n{"text": "b"}\n', ["a", "b"]),
        ('{\n "story": "a"\n}\n{\n "story": "b"\n}', ["a", "b"]),
    ],
)
def test_documents(write: Write, content: str, stories: list[str]) -> None:
    assert texts(open_stories(write("s.json", content))) == stories


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.text(), st.fixed_dictionaries({"text": st.text(), "n": st.floats()}))),
    st.integers(1, 40),
    st.sampled_from([None, 2]),
)
def test_values_are_the_same_however_the_text_is_cut(
    rows: list[object], size: int, indent: int | None
) -> None:
    chunks = chunked(json.dumps(rows, indent=indent), size)
    got = [row for _, row in json_values(iter(chunks), "x")]
    wanted = [row if isinstance(row, dict) else {"text": row} for row in rows]
    assert json.dumps(got) == json.dumps(wanted)


@settings(deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"text": st.text(max_size=5)}), min_size=1, max_size=4),
    st.data(),
)
def test_a_list_that_stops_early_is_an_error(rows: list[object], data: st.DataObject) -> None:
    whole = json.dumps(rows)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(EyebrowError):
        list(json_values(iter(chunked(cut, 7)), "x"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("s.jsonl", '{"text": "a"}\n\n{"text": oops}\n', "s.jsonl, line 3 is not valid JSON"),
        ("s.jsonl", '{"text": "a"}\n[1]\n', "s.jsonl, line 2 holds a list"),
        ("s.jsonl", "3\n", "line 1 holds a number"),
        ("s.jsonl", "null\n", "line 1 holds null"),
        ("s.jsonl", "[" * 100_000, "line 1 is not valid JSON (lists or objects lie too deep"),
        ("s.json", "[" * 100_000, "line 1 is not valid JSON (lists or objects lie too deep"),
        ("s.json", '[{"text": "a"},\n\n{"text": oops}, "b"]', "line 3 is not valid JSON"),
        ("s.json", '["a"\n"b"]', "line 2 is not valid JSON (expected , or ]"),
        ("s.json", '["a",]', "line 1 is not valid JSON"),
        ("s.json", '["a"', "line 1 is not valid JSON"),
        ("s.json", '["a"]\nmore', "line 2 is not valid JSON (there is more text"),
        ("s.json", '["a", 2]', "item 2 holds a number"),
        ("s.json", '["a", true]', "item 2 holds true or false"),
        ("s.json", "hello", "line 1 is not valid JSON"),
    ],
)  # fmt: skip
def test_errors_name_the_place(
    write: Write, fails: Fails, name: str, content: str, said: str
) -> None:
    error = fails(write(name, content))
    assert error.title == "Bad JSON"
    assert said in error.message


def test_the_line_is_right_far_into_a_document(write: Write, fails: Fails) -> None:
    rows = ",\n".join(json.dumps({"text": "x" * 1000}) for _ in range(2000))
    error = fails(write("s.json", f"[\n{rows},\nbroken\n]"))
    assert "line 2002 is not valid JSON" in error.message


@pytest.mark.parametrize("content", ["", "[]", " \n"])
def test_no_stories(write: Write, fails: Fails, content: str) -> None:
    assert fails(write("s.json", content)).title == "No stories"


def test_only_empty_stories_say_so(write: Write, fails: Fails) -> None:
    error = fails(write("s.jsonl", '{"text": ""}\n{"text": null}\n{"text": " "}\n'))
    assert "s.jsonl holds no stories, only 3 empty ones" in error.message


def test_bytes_that_are_no_utf8(write: Write, fails: Fails) -> None:
    error = fails(write("s.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n'))
    assert "byte 0xff at offset 24, line 2" in error.message


def test_tinystories(shared: Path) -> None:
    path = shared / "tinystories-valid.jsonl"
    rows = [json.loads(line)["text"] for line in path.open(encoding="utf-8")]
    assert texts(open_stories(path)) == rows
    assert texts(open_stories(str(path), limit=5)) == rows[:5]
