"""The command line, in this process where that will do and in one of its own where it matters."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.cli import main

BIGRAM = "pocket-bigram"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=pytest.fail)


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Run a command in this process; `stdin` is bytes."""

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return run


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., list[str]]:
    """The words that start a command in a process of its own."""

    def words(*arguments: object) -> list[str]:
        return [sys.executable, "-m", "eyebrow.core.cli", *map(str, arguments)]

    return words


@pytest.fixture
def process(command: Callable[..., list[str]], tmp_path: Path) -> Callable[..., Outcome]:
    """Run a command in a process of its own, far from any terminal."""

    def run(*arguments: object, stdin: bytes = b"", **environment: str) -> Outcome:
        done = subprocess.run(
            command(*arguments),
            input=stdin,
            capture_output=True,
            env=os.environ | environment,
            cwd=tmp_path,
            timeout=240,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def five(tmp_path: Path) -> Path:
    """Five stories in a file."""
    texts = [
        "The cat sat on the mat. Then it saw a big dog and ran away.",
        "Once upon a time there was a little girl who liked to play in the park.",
        "Xylophone quartz ventilates the ombudsman.",
        "Tom had a red ball. He was very happy.",
        "“Where is it?” asked the naïve bear.",
    ]
    place = tmp_path / "five.jsonl"
    place.write_text(
        "".join(
            json.dumps({"id": f"s{n}", "title": f"Story {n}", "text": text}) + "\n"
            for n, text in enumerate(texts)
        )
    )
    return place
