"""Stories for a run over several models: in memory while short, read again when long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eyebrow.core.engine.local import score
from eyebrow.core.stories import open_stories, story_set
from eyebrow.core.stories.story_set import StorySet


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    place = tmp_path / "long.jsonl"
    texts = [f"A cat number {n % 7} sat down." for n in range(20)]
    place.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return place


def blocks_of(read: StorySet, *, without: str = "") -> list[list[str]]:
    return [list(block) for block in read.blocks(lambda digest: digest != without)]


def test_a_long_source_is_read_again_in_blocks(
    long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    kept = StorySet(open_stories(long_file), lambda story, digest: noted.append(digest))
    assert len(kept) == 20
    assert len(noted) == 7
    assert sum(kept.copies.values()) == 20
    assert blocks_of(kept) == [noted]

    monkeypatch.setattr(story_set, "KEPT", 60)
    monkeypatch.setattr(story_set, "BLOCK", 3)
    again = StorySet(open_stories(long_file), lambda *_: None)
    assert again._kept is None
    assert blocks_of(again) == [noted[:3], noted[3:6], noted[6:]]
    rest = [digest for block in blocks_of(again, without=noted[0]) for digest in block]
    assert rest == noted[1:]


def test_what_cannot_be_read_again_is_kept(
    long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story_set, "KEPT", 60)
    stories = list(open_stories(long_file))
    assert len(blocks_of(StorySet(iter(stories), lambda *_: None))[0]) == 7


def test_numbers_do_not_depend_on_what_is_kept(
    long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = score(open_stories(long_file), "pocket-bigram")
    monkeypatch.setattr(story_set, "KEPT", 60)
    monkeypatch.setattr(story_set, "BLOCK", 4)
    pieces = score(open_stories(long_file), "pocket-bigram")
    assert [row.story for row in pieces.stories] == [row.story for row in whole.stories]
    assert pieces.models[0].nll == pytest.approx(whole.models[0].nll, rel=1e-6)
    assert pieces.titles == whole.titles
