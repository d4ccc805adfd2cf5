"""The table: what is taken away reads back as what is there."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from eyebrow.core import EyebrowError
from eyebrow.core.models.member import Member
from eyebrow.core.results.statistics.sheet import Sheet
from eyebrow.core.results.table import COLUMNS, story_table, write_table
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories.story import Label

TITLES = ("The | pipe", 'A "quote", comma\nand line', "\\*naïve* 日本")


@pytest.fixture
def sheet() -> Sheet:
    """Two models by three stories; the second has not scored the last and fails on the first."""
    size, nll = np.array([[8, 16, 32], [8, 16, 0]]), [[2.0, 12.0, 16.0], [math.inf, 4.0, 0.0]]
    return Sheet(
        Recipe("context", 64, 32, "float32", "cpu"),
        (Member("small", "a", "f", "", "t", 10), Member("large", "b", "f", "", "t", 200)),
        tuple(Label(f"d{i}", f"s{i}", title) for i, title in enumerate(TITLES)),
        np.array([[2, 4, 8], [2, 4, 0]]),
        *(size, np.array(nll)),
        *(size, np.array(nll)),
    )


def test_long_forms_hold_the_same(sheet: Sheet, tmp_path: Path) -> None:
    cells = story_table(sheet)
    assert [(c.story, c.model) for c in cells] == [
        *(("s0", "small"), ("s0", "large"), ("s1", "small"), ("s1", "large"), ("s2", "small"))
    ]
    assert cells[2].perplexity == pytest.approx(math.exp(3))
    assert cells[2].bits_per_byte == pytest.approx(12 / math.log(2) / 16)
    write_table(sheet, tmp_path / "t.csv")
    write_table(sheet, tmp_path / "t.parquet")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "t.parquet")
    assert tuple(read[0]) == tuple(table.column_names) == COLUMNS
    for cell, row, other in zip(cells, read, table.to_pylist(), strict=True):
        for name in COLUMNS:
            value = getattr(cell, name)
            assert type(value)(row[name]) == value == other[name]


def test_markdown_is_one_table_whatever_the_titles(sheet: Sheet, tmp_path: Path) -> None:
    write_table(sheet, tmp_path / "t.md")
    lines = (tmp_path / "t.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| story | small | large |"
    assert lines[2].startswith("| **the 2 stories that all have scored")
    assert lines[2].endswith(f"| **{math.exp(14 / 6):.2f}** | **∞** |")
    assert lines[3] == "| The \\| pipe | 2.72 | ∞ |"
    assert lines[4] == '| A "quote", comma and line | 20.09 | 2.72 |'
    assert lines[5] == "| \\\\\\*naïve\\* 日本 | 7.39 | – |"
    assert len(lines) == 6


def test_what_cannot_be_written_says_so(sheet: Sheet, tmp_path: Path) -> None:
    with pytest.raises(EyebrowError, match="neither"):
        write_table(sheet, tmp_path / "t.xlsx")
    with pytest.raises(EyebrowError, match="Cannot write"):
        write_table(sheet, tmp_path / "nowhere" / "t.csv")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_sheet_is_an_empty_table(sheet: Sheet, tmp_path: Path) -> None:
    nothing = sheet.of_stories([])
    for suffix in (".csv", ".parquet", ".md"):
        write_table(nothing, tmp_path / f"t{suffix}")
    assert pq.read_table(tmp_path / "t.parquet").num_rows == 0
    assert (tmp_path / "t.csv").read_text().strip() == ",".join(COLUMNS)
