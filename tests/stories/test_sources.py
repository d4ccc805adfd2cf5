"""What `open_stories` makes of its argument: folders, pipes, limits, passes, size."""

from __future__ import annotations

import gzip
import json
import os
import sys
import threading
import tracemalloc
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from eyebrow.core.errors import USAGE, EyebrowError
from eyebrow.core.stories import Stories, open_stories

from .conftest import Fails, Write, texts

Pipe = Callable[["str | bytes"], None]


def test_names_for_the_screen(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("tales/s.txt", "x")
    assert open_stories(path).name == "s.txt"
    assert open_stories(path.parent).name == "tales"
    monkeypatch.chdir(path.parent)
    assert open_stories(".").name == "tales"
    assert open_stories("-").name == "stdin"
    assert open_stories("owner/name").name == "owner/name"


def test_home_is_expanded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(write("s.txt", "x").parent))
    assert texts(open_stories("~/s.txt")) == ["x"]


def counts(stories: Stories) -> tuple[int | None, int]:
    return stories.expected, stories.skipped


def test_each_pass_reads_anew(write: Write) -> None:
    path = write("s.jsonl", '{"text": "a"}\n{"text": ""}\n')
    opened = open_stories(path)
    assert counts(opened) == (None, 0)
    assert texts(opened) == ["a"]
    assert counts(opened) == (1, 1)
    path.write_text('{"text": "b"}\n{"text": "c"}\n')
    assert texts(opened) == ["b", "c"]
    assert counts(opened) == (2, 0)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(EyebrowError, match=f"limit is {limit}; it takes 1 or more"):
        open_stories(limit=limit)


# --- folders


def test_a_folder_in_order_with_titles_from_file_names(write: Write) -> None:
    write("d/b.jsonl", '{"id": "cat", "text": "from jsonl"}\n')
    write("d/a cat.TXT", "\none\ntext\n")
    write("d/c.txt", "first\n\nsecond")
    write("d/d.csv.gz", gzip.compress(b"id,text\ncat,from csv\n"))
    write("d/e.txt", "")
    write("d/cat.txt.gz", gzip.compress(b"zipped"))
    write("d/.hidden.txt", "hidden")
    write("d/notes.md", "not a story")
    folder = write("d/deeper/x.txt", "deeper").parent.parent
    opened = open_stories(folder)
    assert [(s.id, s.title, s.text) for s in opened] == [
        ("a cat", "a cat", "one\ntext"),
        ("cat", "from jsonl", "from jsonl"),
        ("3", "first", "first"),
        ("4", "second", "second"),
        ("cat-2", "cat", "zipped"),
        ("cat-3", "from csv", "from csv"),
    ]
    assert texts(open_stories(folder, limit=1)) == ["one\ntext"]


def test_an_error_in_a_folder_names_the_file(write: Write, fails: Fails) -> None:
    write("d/a.txt", "fine")
    folder = write("d/b.jsonl", "{broken\n").parent
    assert "b.jsonl, line 1" in fails(folder).message


def test_a_folder_without_stories(write: Write, fails: Fails) -> None:
    folder = write("d/notes.md", "x").parent
    error = fails(folder)
    assert error.title == "No stories"
    assert "the folder d holds no file of stories (.txt, .jsonl," in error.message
    write("d/empty.txt", "\n")
    assert "d holds no stories" in fails(folder).message


# --- pipes


@pytest.mark.parametrize(
    ("content", "stories"),
    [
        ('{"text": "a"}\n{"text": "b"}\n', ["a", "b"]),
        ('\ufeff \n\n{"text": "a"}', ["a"]),
        ("a {\n\nb", ["a {", "b"]),
        ("a<|endoftext|>b", ["a", "b"]),
    ],
)
def test_stdin(pipe: Pipe, content: str, stories: list[str]) -> None:
    pipe(content)
    assert texts(open_stories("-")) == stories


def test_stdin_is_read_once_and_left_open(pipe: Pipe) -> None:
    pipe("one\n\ntwo")
    opened = open_stories("-", per_line=True)
    assert texts(opened) == ["one", "two"]
    assert not sys.stdin.closed
    with pytest.raises(EyebrowError, match="stdin can be read only once"):
        iter(opened)


def test_stdin_errors(pipe: Pipe, fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe("")
    assert "stdin holds no stories" in fails("-").message
    pipe('{"text": "a"}\n{"text"\n')
    assert "stdin, line 2 is not valid JSON" in fails("-").message
    pipe(b"\n\xff")
    assert "stdin is not UTF-8: byte 0xff at offset 1, line 2" in fails("-").message
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in fails("-").message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_is_read_like_stdin(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=('{"text": "a"}\n',))
    writer.start()
    opened = open_stories(fifo)
    assert texts(opened) == ["a"]
    writer.join()
    with pytest.raises(EyebrowError, match="pipe can be read only once"):
        iter(opened)


# --- what cannot be opened is refused before anything is read


@pytest.mark.parametrize("source", ["nowhere.txt", "no/where.jsonl", "a/b/c", "", "./a/b", "squad"])
def test_no_such_file(source: str) -> None:
    with pytest.raises(EyebrowError, match="there is no file or folder") as caught:
        open_stories(source)
    assert (caught.value.title, caught.value.exit_code) == ("No such file", USAGE)
    assert repr(source) in caught.value.message


def test_an_address_is_read_by_another_engine() -> None:
    with pytest.raises(EyebrowError, match="read by eyebrow score --engine ray") as caught:
        open_stories("s3://bucket/stories")
    assert caught.value.exit_code == USAGE


def test_a_path_is_never_a_dataset() -> None:
    with pytest.raises(EyebrowError, match="there is no file or folder 'owner/name'"):
        open_stories(Path("owner/name"))


@pytest.mark.parametrize("name", ["s.docx", "s", "s.parquet.gz", "s.txt.xz"])
def test_unknown_suffix(write: Write, name: str) -> None:
    with pytest.raises(EyebrowError) as caught:
        open_stories(write(name, "x"))
    assert caught.value.title == "Unknown kind of file"
    assert f"{name} has none of the suffixes .txt, .jsonl, .ndjson, .json, .csv" in (
        caught.value.message
    )


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(EyebrowError, match="cannot be opened: No such file or directory"):
        open_stories(tmp_path / "s.txt")


def test_no_permission(write: Write, fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("d/s.txt", "x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)  # chmod does not keep root out
        for source in (path, path.parent):
            with pytest.raises(EyebrowError, match=r"s\.txt may not be read by this user"):
                open_stories(source)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    opened = open_stories(path)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(EyebrowError, match=r"s\.txt may not be read by this user"):
        list(opened)


def test_a_file_that_is_gone_when_it_is_read(write: Write) -> None:
    path = write("s.txt", "x")
    opened = open_stories(path)
    path.unlink()
    with pytest.raises(EyebrowError, match=r"s\.txt is not there"):
        list(opened)


@pytest.mark.parametrize("damage", [lambda d: d[:-20], lambda d: b"plain text", lambda d: d[:9]])
def test_damaged_gzip(write: Write, fails: Fails, damage: Callable[[bytes], bytes]) -> None:
    packed = gzip.compress(os.urandom(5000).hex().encode())
    error = fails(write("s.txt.gz", damage(packed)))
    assert error.title in ("Damaged file", "Cannot read")
    assert "s.txt.gz" in error.message


# --- size


def big(path: Path, stories: int) -> Path:
    """Some 1 KiB a story, and a last line that no reader accepts."""
    with path.open("w") as out:
        if path.suffix == ".json":
            out.write("[")
        elif path.suffix in (".csv", ".tsv"):
            out.write("text\n")
        for n in range(stories):
            text = f"story {n} " + "word " * 200
            if path.suffix in (".jsonl", ".json"):
                text = json.dumps({"text": text}) + ("," if path.suffix == ".json" else "")
            out.write(text + ("\n\n" if path.suffix == ".txt" else "\n"))
    with path.open("ab") as tail:
        tail.write(b"\xff\n")
    return path


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".json", ".csv", ".tsv"])
def test_limit_stops_reading_and_memory_stays_small(tmp_path: Path, suffix: str) -> None:
    path = big(tmp_path / f"s{suffix}", 20_000)
    size = path.stat().st_size
    assert size > 20_000_000
    assert len(list(open_stories(path, limit=3))) == 3, "the bad end was not reached"

    stories = iter(open_stories(path))
    tracemalloc.start()
    try:
        count = sum(1 for _ in islice(stories, 19_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 19_000
    with pytest.raises(EyebrowError, match="byte 0xff"):
        list(stories)
    assert peak < size / 5
