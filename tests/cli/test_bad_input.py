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


def test_a_reader_of_the_help_who_leaves_is_no_error(command: Callable[..., list[str]]) -> None:
    end, start = os.pipe()
    os.close(end)
    done = subprocess.run(command("--help"), stdout=start, stderr=subprocess.PIPE, check=False)
    os.close(start)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_a_stderr_that_takes_nothing_costs_no_result(
    command: Callable[..., list[str]], stderr: str
) -> None:
    words = ["sh", "-c", f'exec "$@" {stderr}', "sh", *command("models")]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith(b"family")


@pytest.mark.parametrize(
    ("stdout", "why"), [(">&-", "is closed"), (">/dev/full", "no space left on device")]
)
def test_a_stdout_that_takes_nothing_is_told(
    command: Callable[..., list[str]], stdout: str, why: str
) -> None:
    words = ["sh", "-c", f'exec "$@" {stdout}', "sh", *command("models", "-q")]
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("eyebrow: Cannot write: standard output")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_too_little_memory_to_begin_with_is_told(command: Callable[..., list[str]]) -> None:
    words = ["sh", "-c", 'ulimit -v 400000; exec "$@"', "sh", *command("tokens", "hi")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("eyebrow: Too little memory: address space is limited to 0.4 GB")
    assert done.stderr.count("\n") == 1


def test_a_folder_of_others_is_told(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.read_text

    def guarded(path: Path, *given: Any, **options: Any) -> str:
        if path.name == "config.json":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *given, **options)

    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "config.json").write_text("{}")
    monkeypatch.setattr(Path, "read_text", guarded)
    for words in (("score", "--no-store", "--limit", 1), ("tokens", "hi")):
        done = cli(*words, "-m", tmp_path / "theirs")
        assert done.code == 2
        assert "theirs/config.json may not be read by this user; change its" in done.err
        assert done.err.count("\n") == 1


def test_asking_costs_no_heavy_import() -> None:
    heavy = ("torch", "transformers", "numpy", "pyarrow", "textual", "rich", "huggingface_hub")
    code = (
        "import sys; from eyebrow.core.cli import main; main(['score', '--help']);"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
