"""What was opened lately, noted between runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from eyebrow.core.recent import KEPT, Recent, recall, remember


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the note."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "eyebrow"


def test_the_newest_stand_first_and_each_once() -> None:
    assert recall() == Recent()
    remember("owner/one", ["pocket"])
    remember("owner/two", ["gpt2", "pocket-1m"])
    remember("owner/one", ["Pocket"])
    remember(None)
    remember("-", ["owner/model#v1"])
    assert recall().stories == ("owner/one", "owner/two")
    assert recall().models == ("owner/model#v1", "Pocket", "gpt2", "pocket-1m", "pocket")


def test_no_more_than_a_page_of_them() -> None:
    for n in range(KEPT + 5):
        remember(f"owner/{n}")
    assert len(recall().stories) == KEPT
    assert recall().stories[0] == f"owner/{KEPT + 4}"


def test_paths_hold_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tales.txt").write_text("Once.", encoding="utf-8")
    (tmp_path / "saved").mkdir()
    (tmp_path / "pocket").mkdir()  # the family goes before a folder of its name
    monkeypatch.chdir(tmp_path)
    remember("tales.txt", ["./saved", "pocket", "ngram:2:tales.txt"])
    assert recall().stories == (str(tmp_path / "tales.txt"),)
    file = (tmp_path / "tales.txt").resolve()
    assert recall().models == (str(tmp_path / "saved"), "pocket", f"ngram:2:{file}:k=0")


@pytest.mark.parametrize("note", ["", "[]", "{", '{"stories": 3}', '{"stories": [3, "a/b"]}', "\0"])
def test_a_spoilt_note_is_no_trouble(state: Path, note: str) -> None:
    state.mkdir(parents=True)
    (state / "recent.json").write_text(note, encoding="utf-8")
    assert recall().models == ()
    remember("owner/name")
    assert recall().stories[0] == "owner/name"


def test_it_is_replaced_whole_or_not_at_all(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember("owner/name")

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    remember("owner/other")
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(state.parent))
    assert recall().stories == ("owner/name",)
    assert [path.name for path in state.iterdir()] == ["recent.json"]


def test_where_nothing_can_be_written_nothing_is_said(state: Path) -> None:
    state.parent.mkdir()
    state.write_text("a file where the folder should be", encoding="utf-8")
    remember("owner/name")
    assert recall() == Recent()
