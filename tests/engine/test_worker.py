"""What one story or one model may cost the others, without a process around it."""

from __future__ import annotations

import gc
import io
import json
import random
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine.desk import digests, stories
from eyebrow.core.engine import shelf as shelf_room
from eyebrow.core.engine.messages import (
    Failed,
    Finished,
    Loaded,
    Score,
    Scored,
    Settings,
    Unloaded,
    Vocabulary,
    receive,
)
from eyebrow.core.engine.worker import Inbox, Worker
from eyebrow.core.models import digests as digests_room
from eyebrow.core.models.catalogue import POCKET
from eyebrow.core.models.headers import read_header
from eyebrow.core.models.spec import ModelSpec
from eyebrow.core.results.compare.cuts import cuts_of
from eyebrow.core.results.store import Store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.simple import score_text
from eyebrow.core.stories import text_digest

RECIPE = Recipe("scored", 64, 32)
Spec = Callable[[str], ModelSpec]


@pytest.fixture
def replies() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def worker(replies: io.BytesIO) -> Worker:
    return Worker(Settings(device="cpu", offline=True), Inbox(), replies)


def told(replies: io.BytesIO) -> list[Any]:
    replies.seek(0)
    said = []
    while replies.tell() < len(replies.getvalue()):
        said.append(receive(replies))
    return said


def step(worker: Worker, *, until_done: bool = False) -> None:
    """Take what waits, then one step, or as many as it takes."""
    while request := worker.inbox.get(0.0):
        worker.begin(request)
    worker.go_on()
    while until_done and worker.paused:
        worker.go_on()


def test_cuts_come_where_they_are_asked_for(
    worker: Worker, replies: io.BytesIO, spec: Spec, opened: Callable[[str], Any]
) -> None:
    some = stories(4)
    wanted = {
        text_digest(story.text): cuts_of(
            story.text, score_text(*opened("llama"), story.text, RECIPE)
        )
        for story in some
    }
    for job, cuts in enumerate((False, True)):  # what was scored without them is scored again
        worker.inbox.put(Score(job, spec("llama"), RECIPE, some, cuts=cuts))
        step(worker, until_done=True)
    found = {0: {}, 1: {}}
    for reply in told(replies):
        if isinstance(reply, Scored):
            found[reply.job] |= reply.cuts
    assert found[0] == {}
    assert found[1].keys() == wanted.keys()
    for digest, cuts_ in wanted.items():
        assert found[1][digest]["at"].tolist() == cuts_["at"].tolist()
        assert found[1][digest]["bytes"].tolist() == cuts_["bytes"].tolist()
        assert found[1][digest]["nll"] == pytest.approx(cuts_["nll"], rel=1e-5)


def test_what_is_looked_at_comes_before_its_reference(
    worker: Worker, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = []

    def answer(reply: object) -> None:
        if isinstance(reply, Finished):
            finished.append(reply.job)
        if len(finished) == 3:
            worker.inbox.close()

    monkeypatch.setattr(worker, "answer", answer)
    for job, (name, urgent) in enumerate((("neox", False), ("llama", True), ("gpt2", True))):
        worker.inbox.put(Score(job, spec(name), RECIPE, stories(2), urgent=urgent))
    worker.run()
    assert finished == [1, 2, 0]


def test_a_story_that_breaks_costs_only_itself(
    worker: Worker, replies: io.BytesIO, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = Scorer.batches

    def picky(self: Scorer, texts: Any, seconds: float | None = None) -> Any:
        if any(text.startswith("3 ") for text in texts):
            raise RuntimeError("this one")
        return batches(self, texts, seconds)

    monkeypatch.setattr(Scorer, "batches", picky)
    some = stories(8)
    worker.inbox.put(Score(1, spec("llama"), RECIPE, some))
    step(worker, until_done=True)
    said = told(replies)
    (failed,) = [reply for reply in said if isinstance(reply, Failed)]
    assert {failed.story} == digests(some[3:4])
    assert "this one" in failed.message
    assert digests(said) == digests(some) - {failed.story}
    assert isinstance(said[-1], Finished)


def test_a_paused_job_holds_no_model_that_was_dropped(
    worker: Worker, replies: io.BytesIO, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = stories(600)
    worker.inbox.put(Score(1, spec("llama"), RECIPE, many))
    step(worker)
    model = weakref.ref(worker.shelf.get(spec("llama")).loaded.model)
    assert model() is not None
    monkeypatch.setattr(shelf_room, "free_memory", lambda _: 0)
    worker.inbox.put(Score(2, spec("gpt2"), RECIPE, stories(1), urgent=True))
    step(worker)
    gc.collect()
    assert model() is None
    step(worker, until_done=True)
    said = told(replies)
    rows = [row[0] for r in said if isinstance(r, Scored) and r.job == 1 for row in r.rows]
    assert sorted(rows) == sorted(digests(many)), "each once, though it began anew"
    assert [reply.model for reply in said if isinstance(reply, Unloaded)] == ["llama", "gpt2"]


def test_one_byte_of_the_weights_gives_new_scores(
    replies: io.BytesIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a running program; a changed tokenizer is told as well."""
    monkeypatch.setattr(digests_room, "RACY", 0)
    folder = shutil.copytree(POCKET / "pocket-3m", tmp_path / "own")
    worker = Worker(Settings(device="cpu", store=str(tmp_path / "store")), Inbox(), replies)
    model, some = ModelSpec("own", "folder", str(folder)), stories(3)
    store, pick = Store(tmp_path / "store"), random.Random(7)
    weights = folder / "model.safetensors"
    begin = min(tensor.begin for tensor in read_header(weights).values())

    def score(job: int) -> list[Any]:
        replies.seek(0)
        replies.truncate()
        worker.inbox.put(Score(job, model, RECIPE, some))
        step(worker, until_done=True)
        worker.keeper.write()
        said = told(replies)
        assert digests(said) == digests(some)
        return said

    def loaded(said: list[Any]) -> list[str]:
        return [reply.digest for reply in said if isinstance(reply, Loaded)]

    (first,) = loaded(score(0))
    assert loaded(score(1)) == []
    found = {first}
    for job in range(2, 12):
        raw = bytearray(weights.read_bytes())
        raw[pick.randrange(begin, len(raw))] ^= 1
        weights.write_bytes(raw)
        said = score(job)
        assert [r.model for r in said if isinstance(r, Unloaded)] == ["own"]
        assert not any(isinstance(reply, Vocabulary) for reply in said)
        found |= {*loaded(said)}
    assert len(found) == 11
    raw[begin:] = bytes(len(raw) - begin)
    weights.write_bytes(raw)
    (last,) = loaded(score(12))
    recipe = worker.shelf.get(model).loaded.recipe(RECIPE).digest
    assert all(store.summaries(digest, recipe).keys() == digests(some) for digest in found)
    assert store.summaries(last, recipe) != store.summaries(first, recipe)
    content = json.loads((folder / "tokenizer_config.json").read_text())
    content["additional_special_tokens"] = ["<own>"]
    (folder / "tokenizer_config.json").write_text(json.dumps(content))
    assert any(isinstance(reply, Vocabulary) for reply in score(13))
