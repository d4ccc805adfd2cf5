"""The worker while models come: others are scored meanwhile; downloads are stopped and resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine.desk import Desk, digests, stories
from eyebrow.core.engine.messages import (
    Cancel,
    CancelDownload,
    Downloading,
    Failed,
    Finished,
    Loaded,
    Loading,
    Score,
    Scored,
)
from eyebrow.core.models.catalogue import POCKET
from eyebrow.core.models.spec import ModelSpec
from eyebrow.core.scoring.recipe import Recipe
from hub_server import Hub, serving

RECIPE = Recipe("scored", 64, 32)
WEIGHTS = "model.safetensors"
REMOTE = ModelSpec("tiny", "hub", "owner/tiny")
Spec = Callable[[str], ModelSpec]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub that workers which are started from here know of."""
    with serving() as server:
        server.add("owner/tiny", POCKET / "pocket-50k")
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
        yield server


def test_one_is_scored_while_another_comes(hub: Hub, desk: Callable[..., Desk], spec: Spec) -> None:
    hub.repositories["owner/tiny"].slow = 4.0  # for all of it longer than a reply is waited for
    at, few = desk(offline=False), stories(3)
    at.send(Score(1, spec("llama"), RECIPE, stories(6000)))
    at.send(Score(2, REMOTE, RECIPE, few, urgent=True))
    at.send(Score(3, spec("gpt2"), RECIPE, few, urgent=True))
    replies = at.until(Finished)
    assert replies[-1].job == 3, "not held up by the download that was asked for first"
    assert digests(replies) >= digests(few)
    hub.repositories["owner/tiny"].slow = 0.5
    while hub.sent.get(WEIGHTS, 0) < 9_000 or at.until(Downloading)[-1].done < 9_000:
        time.sleep(0.01)
    at.send(CancelDownload("tiny"))
    replies = at.until(Failed)
    assert (replies[-1].job, replies[-1].title) == (2, "Download stopped")
    assert "kept" in replies[-1].message
    hub.repositories["owner/tiny"].slow = 0.0
    at.send(Score(4, REMOTE, RECIPE, few, urgent=True))
    replies = at.until(Finished, job=4)
    kinds = [type(r) for r in replies if getattr(r, "model", "") == "tiny"]
    assert kinds.index(Downloading) < kinds.index(Loading) < kinds.index(Loaded)
    assert digests([r for r in replies if isinstance(r, Scored) and r.job == 4]) == digests(few)
    twice = sum(hub.sent.values()) - 229_111
    assert twice <= 70_000, "what was there came no more"
    asked = [*hub.ranges(WEIGHTS), *hub.ranges("tokenizer.json")]
    assert any(part.startswith("bytes=") for part in asked)


def test_jobs_that_wait_for_a_download_can_be_taken_back(
    hub: Hub, desk: Callable[..., Desk]
) -> None:
    hub.repositories["owner/tiny"].slow = 0.05
    hub.add("owner/next", POCKET / "pocket-50k")
    following = ModelSpec("next", "hub", "owner/next")
    at = desk(offline=False)
    at.send(Score(1, REMOTE, RECIPE, stories(2)))
    at.send(Score(2, REMOTE, RECIPE, stories(2)))
    at.send(Score(3, following, RECIPE, stories(2)))
    at.until(Downloading)
    at.send(Cancel(1))
    at.until(Finished, job=1)
    at.send(CancelDownload("next"))
    failed = at.until(Failed)[-1]
    assert (failed.job, failed.model, failed.title) == (3, "next", "Download stopped")
    hub.repositories["owner/tiny"].slow = 0.0
    replies = at.until(Finished, job=2)
    assert digests(replies) == digests(stories(2))


def test_a_download_that_fails_stops_no_other(hub: Hub, desk: Callable[..., Desk]) -> None:
    hub.add("owner/gated", POCKET / "pocket-50k", gated=403)
    at = desk(offline=False)
    at.send(Score(1, ModelSpec("gated", "hub", "owner/gated"), RECIPE, stories(2)))
    at.send(Score(2, REMOTE, RECIPE, stories(2)))
    replies = at.until(Finished, job=2)
    (failed,) = [reply for reply in replies if isinstance(reply, Failed)]
    assert (failed.job, failed.title) == (1, "Gated model")
    assert digests(replies) == digests(stories(2))


def test_offline_asks_nobody(hub: Hub, desk: Callable[..., Desk]) -> None:
    at = desk(offline=True)
    at.send(Score(1, REMOTE, RECIPE, stories(2)))
    replies = at.until(Finished)
    assert any(isinstance(r, Failed) and r.title == "Not on this machine" for r in replies)
    assert hub.asked == []


def test_they_leave_in_the_middle_of_a_download(
    hub: Hub, desk: Callable[..., Desk], tmp_path: Path
) -> None:
    hub.repositories["owner/tiny"].slow = 0.2
    at = desk(offline=False)
    at.send(Score(1, REMOTE, RECIPE, stories(2)))
    while not hub.sent.get(WEIGHTS):
        at.until(Downloading)
    at.leave()
    assert at.process.returncode == 0
    assert [*(tmp_path / "hf").rglob("*.incomplete")]
