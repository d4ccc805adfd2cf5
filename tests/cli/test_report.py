"""`eyebrow report` on the command line."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from eyebrow.core import Recipe, Story, score
from eyebrow.core.results.store import Store, list_runs
from eyebrow.core.stories import bundled_stories

from .conftest import Outcome


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four stories under two sizes, a fifth under one, and two under another recipe."""
    folder = tmp_path_factory.mktemp("scores")
    stories = list(bundled_stories())[-5:]
    recipe = Recipe(device="cpu")
    score(stories[:4], ["pocket-50k", "pocket-200k"], recipe=recipe, store=folder)
    score(stories, ["pocket-50k"], recipe=recipe, store=folder)
    score(stories[:2], ["pocket-50k"], recipe=Recipe("scored", device="cpu"), store=folder)
    return folder


def test_it_writes_where_it_says_and_tells_what_it_leaves_out(
    cli: Callable[..., Outcome], scores: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r.html"
    done = cli("report", scores, "--out", out, "--title", "Mine & <yours>")
    assert (done.code, done.out) == (0, f"{out}\n")
    assert "first token context / scored" in done.err
    assert "1 stories are left out" in done.err
    page = out.read_text(encoding="utf-8")
    assert "<h1>Mine &amp; &lt;yours&gt;</h1>" in page
    assert "first token context / scored" in page
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_one_model_and_the_other_recipe(
    cli: Callable[..., Outcome], scores: Path, tmp_path: Path
) -> None:
    digest = Recipe("scored", 512, 256, "float32", "cpu").digest
    done = cli(
        *("report", scores, "--out", tmp_path / "r.md", "-m", "pocket-50k"),
        *("--recipe", digest[:6], "-q", "--table", tmp_path / "t.csv"),
    )
    assert len((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()) == 3
    assert (done.code, done.err) == (0, "")
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "2 stories, 1 model: pocket-50k" in text
    assert (tmp_path / "r-files" / "perplexity-size.png").exists()


def test_the_table_alone(cli: Callable[..., Outcome], scores: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    done = cli("report", scores, "--table", table, "-q")
    assert (done.code, done.out, done.err) == (0, f"{table}\n", "")
    assert len(table.read_text(encoding="utf-8").splitlines()) == 9
    assert list(tmp_path.iterdir()) == [table]


def test_what_is_there_stays_without_force(
    cli: Callable[..., Outcome], scores: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r.html"
    out.write_text("mine")
    done = cli("report", scores, "--out", out)
    assert done.code == 2
    assert "--force" in done.err
    assert out.read_text() == "mine"
    assert cli("report", scores, "--out", out, "--force", "-q").code == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_of_one_run_by_its_names(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    folder = tmp_path / "store"
    texts = [story.text for story in list(bundled_stories())[-3:]]
    for prefix, some in (("old", texts), ("new", texts[:2])):
        stories = [Story(f"{prefix}{n}", "", text) for n, text in enumerate(some)]
        score(stories, ["pocket-bigram"], recipe=Recipe(device="cpu"), store=folder)
    first, second = (run.name for run in list_runs(Store(folder).layout))
    apart = next(n for n, (a, b) in enumerate(zip(first, second, strict=True), 1) if a != b)
    wanted = {first: ["old0", "old1", "old2"], second: ["new0", "new1"]}
    for run, names in wanted.items():
        table, out = tmp_path / f"{names[0]}.csv", tmp_path / f"{names[0]}.md"
        done = cli("report", folder, "--out", out, "--table", table, "--run", run[:apart])
        assert done.code == 0
        with table.open(encoding="utf-8", newline="") as file:
            assert sorted(row["story"] for row in csv.DictReader(file)) == names
        said = out.read_text(encoding="utf-8")
        assert f"those of the run {run}" in said
        assert f"--run {run}" in said
        assert f".labels({run!r})" in said
    for asked, title in (("never", "No such run"), ("2", "Which run")):
        done = cli("report", folder, "--out", tmp_path / "no.md", "--run", asked)
        assert (done.code, done.out) == (2, "")
        assert title in done.err
        assert second in done.err  # what there is
    assert not (tmp_path / "no.md").exists()


BAD = {
    "no out": (["{scores}"], 2, "--out"),
    "a wrong suffix": (["{scores}", "--out", "r.pdf"], 2, ".ipynb"),
    "a table of no kind": (["{scores}", "--out", "r.html", "--table", "t.xls"], 2, ".parquet"),
    "an assignment nowhere": (["{scores}", "--table", "t.csv", "--assignment"], 2, ".ipynb"),
    "no folder to write in": (["{scores}", "--out", "no/r.html"], 2, "no folder"),
    "out is a folder": (["{scores}", "--out", "folder.html"], 2, "is a folder"),
    "an unknown model": (["{scores}", "--out", "r.html", "-m", "gpt9"], 2, "pocket-200k"),
    "a model without scores": (["{scores}", "--out", "r.html", "-m", "pocket-3m"], 2, "no scores"),
    "an unknown recipe": (["{scores}", "--out", "r.html", "--recipe", "ffff"], 2, "first token"),
    "no store": (["nowhere", "--out", "r.html"], 2, "eyebrow score"),
    "an empty default store": (["--out", "r.html"], 2, "eyebrow score"),
    "a store that is a file": (["file", "--out", "r.html"], 2, "not a folder"),
}


@pytest.mark.parametrize(("arguments", "code", "told"), BAD.values(), ids=BAD.keys())
def test_bad_input(
    arguments: list[str],
    code: int,
    told: str,
    cli: Callable[..., Outcome],
    scores: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "file").write_text("no store")
    done = cli("report", *(word.format(scores=scores) for word in arguments))
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("eyebrow: ")
    assert told in done.err
    assert not (tmp_path / "r.html").exists()
    assert done.err.splitlines()[-1].startswith("eyebrow: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written(
    cli: Callable[..., Outcome], scores: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    done = cli("report", scores, "--out", tmp_path / "r.html")
    assert done.code == 1
    assert done.err.count("\n") == 1


def test_a_missing_extra_is_named(
    cli: Callable[..., Outcome], scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eyebrow.core.commands.report.find_spec", lambda name: None)
    done = cli("report", scores, "--out", tmp_path / "r.html")
    assert done.code == 2
    assert "pip install 'eyebrow[report]'" in done.err
    assert done.err.count("\n") == 1
