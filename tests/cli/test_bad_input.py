"""Whatever is wrong: one clear line on stderr, nothing on stdout, the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import BIGRAM, Outcome

BAD = {
    "no such command": ["frobnicate"],
    "no such option": ["score", "--nope"],
    "an option without its value": ["score", "--limit"],
    "a limit of none": ["score", "--limit", "0"],
    "a limit in words": ["score", "--limit", "ten"],
    "a stride of none": ["score", "--stride", "0"],
    "a stride as long as the context": ["score", "--context", "64", "--stride", "64"],
    "no such first token": ["score", "--first-token", "maybe"],
    "no such dtype": ["score", "--dtype", "int3"],
    "no such device": ["score", "--device", "abacus", "-m", BIGRAM],
    "a device that is not here": ["score", "--device", "cuda:99", "-m", BIGRAM],
    "a context of one": ["tokens", "x", "--context", "1"],
    "a context too long": ["score", "--context", "4000", "--limit", "1", "-m", BIGRAM],
    "no such model": ["score", "-m", "nosuch"],
    "a model not here, offline": ["tokens", "x", "-m", "nobody/nothing", "--offline"],
    "no such file": ["score", "nofile.txt", "-m", BIGRAM],
    "a folder without stories": ["score", ".", "-m", BIGRAM],
    "stdin without stories": ["score", "-", "-m", BIGRAM],
    "a store and none": ["score", "--store", "x", "--no-store"],
    "no text": ["tokens"],
    "an empty text": ["tokens", "", "-m", BIGRAM],
    "a table of no rows": ["next", "x", "-k", "0", "-m", BIGRAM],
    "a screen without a terminal": ["open"],
    "a screen without a terminal, bare": [],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
def test_bad_input(
    arguments: list[str],
    cli: Callable[..., Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    done = cli(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("eyebrow: ")
    assert done.err.count("\n") == 1


def test_the_processs_own_exit_code_and_no_traceback(process: Callable[..., Outcome]) -> None:
    done = process("score", "no\x1b[31m.txt")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err


def test_a_bad_line_of_a_file_is_named(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "Fine."}\n{"text": \n')
    done = cli("score", tmp_path / "bad.jsonl", "-m", BIGRAM)
    assert done.code == 2
    assert "line 2" in done.err


def test_stdin_that_is_no_text_is_named(cli: Callable[..., Outcome]) -> None:
    done = cli("tokens", "-", "-m", BIGRAM, stdin=b"caf\xe9")
    assert done.code == 2
    assert "0xe9 at offset 3" in done.err


def test_some_of_it_failed_is_3_and_the_rest_is_there(
    cli: Callable[..., Outcome], five: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "llama"}')
    done = cli("score", five, "-m", broken, "-m", BIGRAM, "--json")
    assert done.code == 3
    assert [row["model"] for row in done.json["models"]] == [BIGRAM]
    assert [row["model"] for row in done.json["failures"]] == ["broken"]
    assert done.err.count("\n") == 1
    assert "broken" in done.err


def test_a_bug_is_one_line_too_unless_asked(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: Any) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("eyebrow.core.models.catalogue.families", bug)
    done = cli("models")
    assert done.code == 1
    assert "of all things" in done.err
    assert "ZeroDivisionError" not in done.err
    assert done.err.count("\n") == 1
    monkeypatch.setenv("EYEBROW_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli("models")


def test_a_reader_who_leaves_is_no_error(command: Callable[..., list[str]]) -> None:
    end, start = os.pipe()
    os.close(end)
    done = subprocess.run(
        command("models", "--json"), stdout=start, stderr=subprocess.PIPE, check=False
    )
    os.close(start)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_told(command: Callable[..., list[str]]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("models", "-q"), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"eyebrow: ")
    assert b"Traceback" not in done.stderr


def test_asking_costs_no_heavy_import() -> None:
    heavy = ("torch", "transformers", "numpy", "pyarrow", "textual", "rich", "huggingface_hub")
    code = (
        "import sys; from eyebrow.core.cli import main; main(['score', '--help']);"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
