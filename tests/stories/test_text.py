"""Plain text: where a story ends, and what is kept of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from eyebrow.core.stories import open_stories, rows, stream, text
from eyebrow.core.stories.stream import CHUNK, pieces
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Fails, Write, texts


@pytest.mark.parametrize(
    ("content", "stories"),
    [
        ("One.\nStill one.\n\nTwo.\n", ["One.\nStill one.", "Two."]),
        ("\n\n One. \n \t \n\n\n\tTwo.", [" One. ", "\tTwo."]),
        ("One.\r\nStill.\r\n\r\nTwo.\r\n", ["One.\r\nStill.", "Two."]),
        ("One.\n\nStill.<|endoftext|>\nTwo.\n<|endoftext|>\n", ["One.\n\nStill.", "Two."]),
        ("One.\n\nStill.\0Two.\0", ["One.\n\nStill.", "Two."]),
        ("a\0b<|endoftext|>c", ["a\0b", "c"]),
        (" a \r\n<|endoftext|>\r\n  b\n", [" a ", "  b"]),
        ("  a\nb \0 c\0", ["  a\nb ", " c"]),
        ("No separator at all", ["No separator at all"]),
        ("\ufeffBOM goes\n\nso", ["BOM goes", "so"]),
        ("Ünïcode 🙂\n\nzwei\u2028drei", ["Ünïcode 🙂", "zwei\u2028drei"]),
    ],
)
def test_separators(write: Write, content: str, stories: list[str]) -> None:
    opened = open_stories(write("s.txt", content))
    assert texts(opened) == stories
    assert opened.skipped == 0
    assert [s.id for s in opened] == [str(n) for n in range(1, len(stories) + 1)]


def test_one_story_a_line(write: Write) -> None:
    opened = open_stories(write("s.txt", "one\r\n\n  two \nthree"), per_line=True)
    assert texts(opened) == ["one", "  two ", "three"]
    assert opened.skipped == 1


def test_a_text_is_the_same_from_every_container(write: Write) -> None:
    story = "  Indented and with a tab behind it.\t"
    row = f'{{"text": {json.dumps(story)}}}\n'
    for name, content in (("s.txt", story + "\n"), ("s.jsonl", row), ("s.csv", f"text\n{story}\n")):
        assert texts(open_stories(write(name, content))) == [story]


@pytest.mark.parametrize("name", ["endless.txt", "endless.jsonl", "endless.json", "nul.txt"])
def test_a_story_without_an_end_is_refused(
    write: Write, fails: Fails, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (stream, text, rows):
        monkeypatch.setattr(room, "LONGEST", 2 * CHUNK)
    begin = {"nul.txt": "a\0"}.get(name, '["' if ".json" in name else "")
    line = "y\n" if name == "endless.txt" else "y"
    error = fails(write(name, begin + line * (3 * CHUNK)))
    assert error.title == "Too long"
    assert name in error.message


def test_nothing_between_two_separators_is_counted_as_empty(write: Write) -> None:
    opened = open_stories(write("s.txt", "a<|endoftext|>\n<|endoftext|>b<|endoftext|>\n"))
    assert texts(opened) == ["a", "b"]
    assert opened.skipped == 1


@pytest.mark.parametrize("shift", range(-13, 2))
def test_a_separator_across_two_chunks(write: Write, shift: int) -> None:
    first = "x" * (CHUNK + shift)
    opened = open_stories(write("s.txt", f"a<|endoftext|>{first}<|endoftext|>b"))
    assert texts(opened) == ["a", first, "b"]


def test_a_character_across_two_chunks(write: Write) -> None:
    story = "x" * (CHUNK - 2) + "🙂" + "y" * CHUNK
    assert texts(open_stories(write("s.txt", story))) == [story]


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="ab<|>", max_size=6), min_size=1),
    st.sampled_from(["\n", "<|>", "|||"]),
)
def test_pieces_are_what_split_gives(chunks: list[str], separator: str) -> None:
    assert list(pieces(iter(chunks), separator, "x")) == "".join(chunks).split(separator)


def test_gzip_is_unpacked(write: Write) -> None:
    path = write("s.txt.gz", gzip.compress(b"one\n\ntwo"))
    assert texts(open_stories(path)) == ["one", "two"]


@pytest.mark.parametrize("before", ["", "a\nb\n", "x\n" * CHUNK, "x" * (CHUNK - 1)])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_a_byte_that_is_no_utf8_is_named(
    write: Write, fails: Fails, before: str, bom: bytes
) -> None:
    error = fails(write("s.txt", bom + before.encode() + b"caf\xe9 au lait"))
    offset, line = len(bom) + len(before) + 3, before.count("\n") + 1
    assert error.title == "Bad text"
    assert f"s.txt is not UTF-8: byte 0xe9 at offset {offset}, line {line};" in error.message


def test_a_character_cut_at_the_end_is_named(write: Write, fails: Fails) -> None:
    assert "byte 0xf0 at offset 2, line 2" in fails(write("s.txt", b"a\n\xf0\x9f")).message


def test_utf16_is_named(write: Write, fails: Fails) -> None:
    assert "UTF-16" in fails(write("s.txt", "hello".encode("utf-16"))).message


@pytest.mark.parametrize("content", ["", "\n\n \n", "\ufeff"])
def test_a_text_without_stories(write: Write, fails: Fails, content: str) -> None:
    assert fails(write("s.txt", content)).title == "No stories"


def test_wikitext_has_no_blank_line_and_is_one_story(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "wiki.txt"
    path.write_bytes((shared / "wiki.test.raw").read_bytes())
    whole = path.read_bytes().decode()
    assert texts(open_stories(path)) == [whole.strip("\r\n")]
    lines = [line.strip("\r") for line in whole.split("\n") if line.strip()]
    assert texts(open_stories(path, per_line=True)) == lines


def test_names(shared: Path) -> None:
    opened = open_stories(shared / "names.txt", per_line=True)
    assert texts(opened) == (shared / "names.txt").read_text().split()
    assert opened.expected == 32033
