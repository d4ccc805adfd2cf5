"""`eyebrow config`, and what the file means for other commands."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import BIGRAM, Outcome

Run = Callable[..., Outcome]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "config" / "eyebrow" / "config.toml"
    place.parent.mkdir(parents=True)
    return place


def test_what_is_in_force_is_printed_with_its_defaults(cli: Run, file: Path) -> None:
    done = cli("config")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"# {file}\n")
    told = tomllib.loads(done.out)
    assert told["eyebrow_bits"] == 8
    assert told["keys"]["quit"] == ["q", "ctrl+q"]
    assert cli("config", "--json").json["keys"]["quit"] == ["q", "ctrl+q"]
    file.write_text("eyebrow_bits = 6.5\n[keys]\nquit = 'Q'\n", encoding="utf-8")
    lines = cli("config").out.splitlines()
    assert "eyebrow_bits = 6.5  # surprise that raises an eyebrow; by default 8" in lines
    assert 'quit = ["Q"]  # quit; by default ["q", "ctrl+q"]' in lines


def test_every_mistake_is_a_line(cli: Run, file: Path) -> None:
    file.write_text("mouse = 3\n\n[keys]\nmark = 'q'\nmarc = 'x'\n", encoding="utf-8")
    done = cli("config")
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert len(lines) == 3
    for line, number in zip(lines, (1, 4, 5), strict=True):
        assert line.startswith(f"eyebrow: Bad config: {file}, line {number}: ")
    file.write_text("mouse = \n", encoding="utf-8")
    assert cli("config").err == f"eyebrow: Bad config: {file}, line 1: invalid value\n"


def test_the_store_is_that_of_all_commands(cli: Run, file: Path, tmp_path: Path) -> None:
    store = tmp_path / "kept"
    file.write_text(f"store = '{store}'\n", encoding="utf-8")
    tale = tmp_path / "tale.txt"
    tale.write_text("Once upon a time there was a cat.", encoding="utf-8")
    assert cli("score", tale, "-m", BIGRAM, "-q").code == 0
    assert list((store / "scores").glob("*.parquet"))
    other = tmp_path / "other"
    assert cli("score", tale, "-m", BIGRAM, "-q", "--store", other).code == 0
    assert (other / "scores").is_dir()
    file.write_text("store = 'kept'\n", encoding="utf-8")
    done = cli("score", tale, "-m", BIGRAM)
    assert done.code == 2
    assert done.err.splitlines()[-1] == (
        f"eyebrow: Bad config: {file}, line 1: store: kept may be anywhere; "
        "give a path from / or ~ on"
    )


def test_the_example_of_the_documentation_has_no_mistake(cli: Run, file: Path, repo: Path) -> None:
    page = (repo / "docs" / "keys-and-config.md").read_text(encoding="utf-8")
    file.write_text(page.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    done = cli("config")
    assert (done.code, done.err) == (0, "")
    assert 'find = ["ctrl+f", "F"]' in done.out
