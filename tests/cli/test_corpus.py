"""`eyebrow corpus` as people and programs call it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.errors import PARTLY, USAGE

TEXT = "The cat sat on the mat and looked at the moon.\nNaïve 🐻, said Mara.\n\n" * 12
RECIPES = ["gptq", "strided", "rolling", "second-half"]

Cli = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    file = tmp_path / "long.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


@pytest.fixture
def llama(tiny: Callable[[str], Path]) -> Path:
    return tiny("llama")


def test_json_of_one_recipe(cli: Cli, place: Path, llama: Path) -> None:
    done = cli("corpus", place, "-m", llama, "--recipe", "rolling", "--json")
    assert (done.code, done.err) == (0, "")
    row = done.json
    assert list(row)[:7] == [
        *("model", "recipe", "windows", "tokens", "nll", "perplexity", "bits_per_byte")
    ]
    assert (row["model"], row["recipe"], row["dtype"], row["device"]) == (
        *("llama", "rolling", "float32", "cpu"),
    )
    assert row["bytes"] == len(TEXT.encode())
    assert row["byte_perplexity"] == pytest.approx(2 ** row["bits_per_byte"])
    assert row["stride"] is row["uncertainty"] is None


def test_json_of_all_is_a_list(cli: Cli, place: Path, llama: Path) -> None:
    rows = cli("corpus", place, "-m", llama, "--recipe", "all", "--json").json
    assert [row["recipe"] for row in rows] == RECIPES
    assert len({row["perplexity"] for row in rows}) == 4
    assert [row["recipe"] for row in rows if row["uncertainty"]] == ["second-half"]
    for row in rows:
        alone = cli("corpus", place, "-m", llama, "--recipe", row["recipe"], "--json").json
        assert alone == row


def test_several_models_are_a_list_whatever_the_recipe(cli: Cli, place: Path, llama: Path) -> None:
    models = ("-m", "pocket-bigram", "-m", llama)
    rows = cli("corpus", place, *models, "--recipe", "rolling", "--json").json
    assert [row["model"] for row in rows] == ["pocket-bigram", "llama"]
    assert rows[1] == cli("corpus", place, "-m", llama, "--recipe", "rolling", "--json").json
    rows = cli("corpus", place, *models, "--recipe", "all", "--context", 64, "--json").json
    assert [row["recipe"] for row in rows] == RECIPES * 2
    shown = cli("corpus", place, *models).out
    assert shown.startswith("pocket-bigram\n")
    assert "\n\nllama\n" in shown
    assert shown.count("strided (") == 1


def test_the_default_is_strided(cli: Cli, place: Path, llama: Path) -> None:
    row = cli("corpus", place, "-m", llama, "--json").json
    assert (row["recipe"], row["context"], row["stride"]) == ("strided", 64, 32)
    chosen = cli("corpus", place, "-m", llama, "--context", 20, "--stride", 5, "--json").json
    assert (chosen["context"], chosen["stride"]) == (20, 5)
    assert chosen["tokens"] == row["tokens"]
    assert chosen["windows"] > row["windows"]


def test_all_side_by_side(cli: Cli, place: Path, llama: Path) -> None:
    done = cli("corpus", place, "-m", llama, "--recipe", "all")
    assert done.code == 0
    heads, *rows = done.out.split("\n\n")[0].splitlines()
    assert [row.split()[0] for row in rows] == RECIPES
    assert "perplexity" in heads
    assert "±" in heads
    assert "They differ" in done.out
    for recipe in RECIPES:  # and why
        assert any(line.startswith(f"{recipe} (") for line in done.out.splitlines())
    one = cli("corpus", place, "-m", llama, "--recipe", "gptq").out
    assert "±" not in one
    assert "They differ" not in one


def test_stdin_and_limit(cli: Cli, place: Path, llama: Path) -> None:
    piped = cli("corpus", "-", "-m", llama, "--json", stdin=TEXT.encode()).json
    assert piped == cli("corpus", place, "-m", llama, "--json").json
    cut = cli("corpus", place, "-m", llama, "--limit", 50, "--recipe", "rolling", "--json").json
    assert (cut["tokens"], cut["skipped"]) == (50, 0)


def test_an_infinite_perplexity_is_shown_and_is_null(cli: Cli, place: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("anna\nada\n")
    model = f"ngram:2:{names}"
    row = cli("corpus", place, "-m", model, "--json").json
    assert row["nll"] is row["perplexity"] is row["bits_per_byte"] is None
    done = cli("corpus", place, "-m", model, "--recipe", "all", "--context", 16)
    assert done.code == 0
    assert done.out.count("∞") == 10
    smooth = cli("corpus", place, "-m", f"{model}:k=1", "--json").json
    assert smooth["perplexity"] > 1


def test_what_fits_no_window_stops_no_other(cli: Cli, place: Path, llama: Path) -> None:
    arguments = ["corpus", place, "-m", llama, "--limit", 40]
    done = cli(*arguments, "--recipe", "all", "--json")
    assert done.code == PARTLY
    assert [row["recipe"] for row in done.json] == ["strided", "rolling"]
    assert done.err.count("Text too short") == 2
    alone = cli(*arguments, "--recipe", "gptq")
    assert (alone.code, alone.out) == (USAGE, "")
    assert alone.err.startswith("eyebrow: Text too short: llama: gptq needs 64 tokens")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recipe", "best"], "No such recipe"),
        (["--context", "65"], "Context too long"),
        (["--context", "1"], "Context too short"),
        (["--stride", "65"], "Bad stride"),
        (["--stride", "0"], "Bad usage"),
        (["--dtype", "int3"], "Bad recipe"),
        (["--device", "tpu"], "No such device"),
        (["-m", "no-such-model"], "No such model"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: list[str], said: str, cli: Cli, place: Path, llama: Path
) -> None:
    done = cli("corpus", place, "-m", llama, *arguments)
    assert (done.code, done.out) == (USAGE, "")
    assert done.err.startswith(f"eyebrow: {said}: ")
    assert done.err.count("\n") == 1


def test_bad_files(cli: Cli, tmp_path: Path, llama: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "latin").write_bytes("naïve".encode("latin-1"))
    for name, said in (("gone", "No such file"), ("empty", "No text"), ("latin", "Bad text")):
        done = cli("corpus", tmp_path / name, "-m", llama)
        assert (done.code, done.out) == (USAGE, "")
        assert done.err.startswith(f"eyebrow: {said}: ")


def test_help_has_an_example(cli: Cli) -> None:
    done = cli("corpus", "--help")
    assert done.code == 0
    assert "eyebrow corpus wiki.test.raw" in done.out
