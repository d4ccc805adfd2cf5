"""Whatever is thrown at it ends in one clear line and the right exit code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import BIGRAM, Outcome
from .faults import FAULTS, MODELS, Fault

# Neither a class nor a number of the system: neither says what to do.
INTERNALS = re.compile(
    r"\w(Error|Exception|Warning)\b|\berrno\b|Traceback|0x[0-9a-f]{6}", re.IGNORECASE
)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_it_is_told_in_one_line(
    fault: Fault, cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    done = cli(*fault.command(folder), stdin=fault.stdin)
    assert done.out == ""
    assert done.err.startswith("eyebrow: ")
    assert done.err.count("\n") == 1
    assert fault.words in done.err
    assert done.code == fault.code
    assert "\x1b" not in done.err
    assert not INTERNALS.search(done.err)


@pytest.mark.parametrize(
    "fault", ["weights cut short", "weights that are a folder", "a tokenizer that is a circle"]
)
def test_one_bad_model_stops_no_other(
    fault: str, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    broken = MODELS[fault][0](tmp_path)
    done = cli("score", "--limit", "1", "--no-store", "--json", "-m", broken, "-m", BIGRAM)
    assert done.code == 3
    assert [model["model"] for model in done.json["models"]] == [BIGRAM]
    assert [failure["model"] for failure in done.json["failures"]] == ["broken"]
