"""What is in the repository reaches the wheel, and nothing else does."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

TOP = {
    *("core", "tui", "tests", "docs", ".ci"),
    *("pyproject.toml", "README.md", "LICENSE", "Makefile", "constraints.txt", "CHANGELOG.md"),
    ".gitignore",
}


@pytest.fixture(scope="module")
def project(repo: Path) -> dict[str, Any]:
    return tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def files(repo: Path) -> list[Path]:
    """Files that git knows or would take, relative to the repository."""
    if not (repo / ".git").exists():
        pytest.skip("needs a git checkout to know which files count")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repo,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = (Path(name) for name in listed.split("\0") if name)
    return [path for path in paths if (repo / path).is_file()]


def inside(files: list[Path]) -> list[Path]:
    return [path for path in files if path.parts[0] in ("core", "tui")]


def package(folder: Path) -> str:
    return ".".join(("eyebrow", *folder.parts))


def test_every_package_on_disk_is_listed(project: dict[str, Any], files: list[Path]) -> None:
    on_disk = {package(path.parent) for path in inside(files) if path.suffix == ".py"}
    listed = project["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(on_disk)
    assert listed == sorted(listed)


def test_every_package_has_a_face(files: list[Path]) -> None:
    folders = {path.parent for path in inside(files) if path.suffix == ".py"}
    assert {folder for folder in folders if folder / "__init__.py" not in files} == set()


def test_data_files_are_covered(project: dict[str, Any], files: list[Path], repo: Path) -> None:
    """Each file that is no Python matches a pattern of the package it lies in or below."""
    patterns = project["tool"]["setuptools"]["package-data"]
    missing = [
        path
        for path in inside(files)
        if path.suffix != ".py"
        and not any(
            repo / path in (repo / folder).glob(pattern)
            for folder in path.parents
            for pattern in patterns.get(package(folder), [])
        )
    ]
    assert missing == []


def test_patterns_name_packages_that_are_there(project: dict[str, Any]) -> None:
    tools = project["tool"]["setuptools"]
    assert set(tools["package-data"]) <= set(tools["packages"])
    assert tools["package-dir"] == {"eyebrow.core": "core", "eyebrow.tui": "tui"}


def test_the_top_level_stays_small(files: list[Path]) -> None:
    assert {path.parts[0] for path in files} <= TOP


def test_the_ranges_are_those_of_the_tested_set(project: dict[str, Any], repo: Path) -> None:
    from packaging.requirements import Requirement

    pinned = {}
    for line in (repo / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if "==" in line and not line.startswith("#"):
            name, _, version = line.partition("==")
            pinned[name.strip().lower()] = version.split(";")[0].strip()
    for text in project["project"]["dependencies"]:
        requirement = Requirement(text)
        assert requirement.name.lower() in pinned, requirement.name
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), text
