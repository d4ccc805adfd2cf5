"""The stories that come along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from eyebrow.core.stories import bundled, bundled_stories, open_stories
from eyebrow.core.stories.bundled import FOLDER


def test_longer_stories_come_first_and_every_line_is_there() -> None:
    lines = [
        json.loads(line)
        for name in ("longer.jsonl", "five.jsonl")
        for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()
    ]
    stories = bundled_stories()
    assert [(s.id, s.title, s.text, s.kind) for s in stories] == [
        (r["id"], r["title"], r["text"], r.get("kind", "")) for r in lines
    ]
    assert [s.pair for s in stories] == [r.get("pair", "") for r in lines]


def test_bundled_ids_are_unique_so_opening_changes_nothing() -> None:
    opened = open_stories()
    assert opened.name == "bundled"
    assert opened.expected == len(bundled_stories())
    assert list(opened) == bundled_stories()
    assert list(opened) == bundled_stories(), "a second pass gives the same"


def test_other_files_follow_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("zebra", "five", "apple", "longer"):
        line = json.dumps({"id": name, "title": name, "text": name})
        (tmp_path / f"{name}.jsonl").write_text(line + "\n\n")
    monkeypatch.setattr(bundled, "FOLDER", tmp_path)
    assert [s.id for s in bundled_stories()] == ["longer", "five", "apple", "zebra"]


def test_limit_counts_for_the_bundled_stories_too() -> None:
    opened = open_stories(limit=2)
    assert opened.expected == 2
    assert list(opened) == bundled_stories()[:2]


def test_the_face_imports_nothing_heavy() -> None:
    program = (
        "import sys; from eyebrow.core.stories import open_stories; list(open_stories());"
        "print([m for m in ('torch', 'transformers', 'datasets', 'pyarrow', 'numpy', 'textual',"
        " 'csv', 'eyebrow.core.stories.hub', 'eyebrow.core.stories.files')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
