"""Whatever is thrown at it ends in one clear line and the right exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import BIGRAM, Outcome
from .hostile import FILES, GOOD, MODELS


@pytest.mark.parametrize(("make", "words"), FILES.values(), ids=FILES.keys())
def test_stories_that_are_none(
    make: Callable[[Path], Path], words: str, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    done = cli("score", make(tmp_path), "-m", BIGRAM, "--no-store")
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("eyebrow: ")
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err
    assert words in done.err


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("story.txt", ["--column", "text"], "plain text and has no columns"),
        ("story.jsonl", ["--per-line"], "leave --per-line out"),
        ("story.jsonl", ["--column", "tale"], "text"),
    ],
)
def test_options_that_do_not_fit_the_file(
    name: str, options: list[str], words: str, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(GOOD)
    done = cli("score", tmp_path / name, "-m", BIGRAM, "--no-store", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(("make", "code", "words"), MODELS.values(), ids=MODELS.keys())
def test_models_that_are_none(
    make: Callable[[Path], Path],
    code: int,
    words: str,
    cli: Callable[..., Outcome],
    tmp_path: Path,
) -> None:
    done = cli("score", "--limit", "1", "--no-store", "-m", make(tmp_path))
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("eyebrow: ")
    assert done.err.count("\n") == 1
    assert words in done.err


def test_one_bad_model_stops_no_other(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    broken = MODELS["weights cut short"][0](tmp_path)
    done = cli("score", "--limit", "1", "--no-store", "--json", "-m", broken, "-m", BIGRAM)
    assert done.code == 3
    assert [model["model"] for model in done.json["models"]] == [BIGRAM]
    assert [failure["model"] for failure in done.json["failures"]] == ["broken"]
