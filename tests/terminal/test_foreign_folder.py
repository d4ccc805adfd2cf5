"""In a folder of files that are called like modules nothing of them runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .term import Terminal

MODULES = ("numpy", "random", "torch", "tokenize", "nbformat")


@pytest.fixture
def eyebrow(tmp_path: Path) -> list[str]:
    """The words that start the program as its installed script does."""
    script = tmp_path / "bin" / "eyebrow"
    script.parent.mkdir()
    script.write_text("import sys\nfrom eyebrow.core.cli import main\nsys.exit(main())\n")
    return [sys.executable, str(script)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Modules in it say by a file that they ran."""
    place = tmp_path / "downloaded"
    place.mkdir()
    for name in MODULES:
        (place / f"{name}.py").write_text(f"open({str(place / f'{name} ran')!r}, 'w').close()\n")
    (place / "stories.txt").write_text("Tom had a red ball.\n\nThe cat sat on the mat.\n")
    return place


def run(eyebrow: list[str], folder: Path, *words: str) -> None:
    done = subprocess.run([*eyebrow, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def ran(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(" ran")]


@pytest.mark.slow
def test_no_module_of_the_folder_runs(eyebrow: list[str], folder: Path) -> None:
    run(eyebrow, folder, "score", "stories.txt", "-m", "pocket-bigram", "--store", "kept")
    run(eyebrow, folder, "report", "kept", "--out", "report.ipynb")
    assert (folder / "report.ipynb").exists()
    assert ran(folder) == []


def test_no_module_of_the_folder_runs_in_the_worker(eyebrow: list[str], folder: Path) -> None:
    words = ["open", "stories.txt", "-m", "pocket-bigram", "--no-store"]
    with Terminal([*eyebrow, *words], cwd=folder) as terminal:
        terminal.until("token 1 of")  # the worker has scored it
        terminal.press("q")
        assert terminal.leave() == 0
    assert ran(folder) == []
