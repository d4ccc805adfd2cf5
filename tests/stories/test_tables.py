"""CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eyebrow.core.stories import open_stories
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import Fails, Write, texts


def table(path: Path, columns: dict[str, object], **options: object) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_csv_cells_are_kept_exactly(write: Write) -> None:
    content = '\ufeffid,text\r\nx,"He said ""hi"",\r\n  twice.\n "\r\n\r\ny,"a\0b"\r\n'
    first, second = open_stories(write("s.csv", content))
    assert (first.id, first.text) == ("x", 'He said "hi",\r\n  twice.\n ')
    assert (second.id, second.text) == ("y", "a\0b")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1),
    st.sampled_from([("s.csv", ","), ("s.csv", ";"), ("s.tsv", "\t")]),
)
def test_what_csv_writes_is_read(write: Write, cells: list[str], form: tuple[str, str]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=form[1], quoting=csv.QUOTE_ALL)
    writer.writerows(
        [["n", "text"], ["0", "sentinel"], *([str(i), c] for i, c in enumerate(cells))]
    )
    wanted = [c for c in cells if c and not c.isspace()]
    assert texts(open_stories(write(form[0], out.getvalue()))) == ["sentinel", *wanted]


def test_tsv(write: Write) -> None:
    stories = list(open_stories(write("s.tsv", 'title\ttext\nT, t\tHe said "hi", then left.\n')))
    assert [(s.title, s.text) for s in stories] == [("T, t", 'He said "hi", then left.')]


def test_short_rows_are_skipped_and_counted(write: Write) -> None:
    opened = open_stories(write("s.csv", "id,text\na\nb,yes\n"))
    assert texts(opened) == ["yes"]
    assert opened.skipped == 1


def test_empty_cells_beyond_the_last_column_do_not_matter(write: Write) -> None:
    assert texts(open_stories(write("s.csv", "id,text\na,yes,,\n"))) == ["yes"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("s.csv", "id,text\na,one, two\n", "line 2 has 3 cells where the first line names 2"),
        ("s.csv", 'id,text\na,"one\ntwo"\nb,"open\n\n\n', "s.csv, line 4: unexpected end of data"),
        ("s.tsv", 'id\ttext\na\t"Hi," he said\n', "s.tsv, line 2: '\t' expected after"),
        ("s.csv", "a,b\nx,y\n", "2 columns of text; choose one with --column: a, b"),
        ("s.csv", "id,text\nx,y\rz\n", "s.csv, line 2: new-line character"),
    ],
)  # fmt: skip
def test_csv_errors(write: Write, fails: Fails, name: str, content: str, said: str) -> None:
    assert said in fails(write(name, content)).message


@pytest.mark.parametrize("content", ["", "id,text\n", "id,text\na,\n"])
def test_csv_without_stories(write: Write, fails: Fails, content: str) -> None:
    assert fails(write("s.csv", content)).title == "No stories"


def test_a_cell_longer_than_csv_allows_by_default(write: Write) -> None:
    cell = "word " * 50_000
    assert texts(open_stories(write("s.csv", f'id,text\n1,"{cell}"\n'))) == [cell]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_parquet(tmp_path: Path, kind: pa.DataType) -> None:
    cells = pa.array([" kept\r\n ", None, "b", "c"]).cast(kind)
    path = table(tmp_path / "s.parquet", {"n": [1, 2, 3, 4], "tale": cells, "ID": list("wxyz")})
    opened = open_stories(path)
    assert opened.expected == 4, "the footer counts rows"
    assert [(s.id, s.text) for s in opened] == [("w", " kept\r\n "), ("y", "b"), ("z", "c")]
    assert opened.skipped == 1
    assert opened.expected == 3, "a full pass has counted stories"
    assert texts(open_stories(path, limit=2)) == [" kept\r\n ", "b"]


def test_parquet_reads_only_the_columns_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    read = pq.ParquetFile.iter_batches

    def spy(self: pq.ParquetFile, **options: object) -> object:
        asked.append(options["columns"])  # type: ignore[arg-type]
        return read(self, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    path = table(tmp_path / "s.parquet", {"id": ["a"], "noise": ["x"], "text": ["t"]})
    assert texts(open_stories(path)) == ["t"]
    assert asked == [["text", "id"]]


def test_parquet_cloze_counts_two_a_row(tmp_path: Path) -> None:
    names = [*(f"InputSentence{n}" for n in range(1, 5)), "RandomFifthSentenceQuiz1",
             "RandomFifthSentenceQuiz2"]  # fmt: skip
    columns: dict[str, object] = {n: ["x."] for n in names}
    path = table(tmp_path / "s.parquet", {**columns, "AnswerRightEnding": [2]})
    opened = open_stories(path)
    assert opened.expected == 2
    assert [(s.id, s.pair) for s in opened] == [("1-right", "1"), ("1-wrong", "1")]


def test_parquet_errors(tmp_path: Path, write: Write, fails: Fails) -> None:
    error = fails(write("bad.parquet", "no parquet at all"))
    assert error.title == "Bad table"
    assert "bad.parquet is no readable Parquet file" in error.message
    assert "bad.parquet is no readable" in fails(write("bad.parquet", "")).message
    path = table(tmp_path / "n.parquet", {"text": [1, 2]})
    assert "n.parquet, row 1: column 'text' holds int" in fails(path).message
    path = table(tmp_path / "c.parquet", {"a": ["x"], "b": ["y"]})
    assert "choose one with --column: a, b" in fails(path).message
    assert "no column 'c'; it has a, b" in fails(path, column="c").message
    empty = pa.array([], pa.string())
    assert fails(table(tmp_path / "e.parquet", {"text": empty})).title == "No stories"


def test_damaged_pages_are_an_error(tmp_path: Path, fails: Fails) -> None:
    stories = [f"story {n} " * 20 for n in range(2000)]
    path = table(tmp_path / "s.parquet", {"text": stories}, compression="gzip")
    data = bytearray(path.read_bytes())
    data[100:-2000] = bytes(len(data) - 2100)
    path.write_bytes(data)
    assert fails(path).title in ("Bad table", "Cannot read")
