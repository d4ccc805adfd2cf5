"""The worker as a process: order of replies, urgency, death, and leaving."""

from __future__ import annotations

import itertools
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from engine.desk import PATIENCE, Desk, digests, stories
from eyebrow.core.engine.exploring_messages import ScoreAlone, ScoredAlone
from eyebrow.core.engine.messages import (
    Cancel,
    Failed,
    Finished,
    Hello,
    Kept,
    Loaded,
    Loading,
    Score,
    Scored,
    Vocabulary,
    WorkerDied,
)
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.models.identity import identify
from eyebrow.core.results.store import Store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.stories import Story

RECIPE = Recipe("scored", 64, 32)
Open = Callable[..., Desk]
Spec = Callable[[str], ModelSpec]


def stored(folder: Path, spec: ModelSpec) -> set[str]:
    recipe = RECIPE.settled("cpu", "float32")
    return set(Store(folder).summaries(identify(Path(spec.location)).digest, recipe.digest))


def test_replies_in_order_and_everything_in_the_store(
    desk: Open, spec: Spec, opened: Any, tmp_path: Path
) -> None:
    at, model, some = desk(), spec("llama"), stories(40)
    at.send(Score(1, model, RECIPE, some))
    replies = at.until(Finished)
    kinds = [kind for kind, _ in itertools.groupby(map(type, replies))]
    assert kinds == [Hello, Loading, Loaded, Vocabulary, Scored, Finished]
    hello, loading, loaded, vocabulary = replies[:4]
    assert (hello.device, hello.dtype) == ("cpu", "float32")
    assert (loading.model, loaded.model, vocabulary.model) == ("llama",) * 3
    assert loaded.digest == identify(Path(model.location)).digest
    assert len(vocabulary.texts) == 320
    assert digests(replies) == digests(some)

    recipe = RECIPE.settled("cpu", "float32")
    plain = dict(Scorer(*opened("llama"), recipe, budget=1).score([s.text for s in some]))
    wanted = {next(iter(digests([s]))): plain[n].summary for n, s in enumerate(some)}
    rows = [row for reply in replies if isinstance(reply, Scored) for row in reply.rows]
    assert len(rows) == 40
    for digest, summary, whole in rows:
        assert whole is None
        assert summary.tokens == wanted[digest].tokens
        assert summary.nll == pytest.approx(wanted[digest].nll, rel=1e-5)

    # What is known is told at once; what is urgent comes whole; neither is stored twice.
    at.send(Score(2, model, RECIPE, some))
    again = at.until(Finished)
    assert [type(reply) for reply in again] == [Scored, Finished]
    assert digests(again) == digests(some)
    at.send(Score(3, model, RECIPE, some[:1], urgent=True))
    (whole, _) = at.until(Finished)
    ((_, summary, score),) = whole.rows
    assert score is not None
    assert score.summary == summary
    assert whole.recipe == recipe
    at.leave()
    assert stored(tmp_path / "scores", model) == digests(some)
    assert pq.read_table(tmp_path / "scores" / "scores").num_rows == len(some)


def test_it_says_when_what_it_told_is_in_the_store(desk: Open, spec: Spec, tmp_path: Path) -> None:
    at, model, some = desk(), spec("llama"), stories(40)
    at.send(Score(1, model, RECIPE, some))
    told: list[Any] = []
    while digests(told) < digests(some):
        told += at.until(Kept)
    assert stored(tmp_path / "scores", model) == digests(some)


def test_urgent_goes_first_and_cancelled_jobs_stop(desk: Open, spec: Spec) -> None:
    at, many = desk(), stories(4000)
    at.send(Score(1, spec("llama"), RECIPE, many))
    at.until(Scored)
    at.send(Score(2, spec("gpt2"), RECIPE, stories(3), urgent=True))
    replies = at.until(Finished)
    assert replies[-1].job == 2, "before the thousands that were asked for earlier"
    urgent = [reply for reply in replies if isinstance(reply, Scored) and reply.job == 2]
    assert digests(urgent) == digests(stories(3))
    assert all(score is not None for reply in urgent for _, _, score in reply.rows)
    at.send(Score(3, spec("neox"), RECIPE, many))
    at.send(Cancel(3))
    at.until(Scored, job=1)
    at.send(Cancel(1))
    rest = at.until(Finished, job=3)
    assert [reply.job for reply in rest if isinstance(reply, Finished)] == [1, 3]
    assert not any(isinstance(reply, Loading) for reply in rest), "not loaded to be forgotten"
    assert digests(replies + rest) < digests(many)


def test_killed_while_it_scores_and_started_again(desk: Open, spec: Spec, tmp_path: Path) -> None:
    at, model, many = desk(), spec("llama"), stories(1500)
    at.send(Score(1, model, RECIPE, many))
    at.until(Scored)
    os.kill(at.engine.pid or 0, signal.SIGKILL)
    died = at.until(WorkerDied)[-1]
    assert died.status == -signal.SIGKILL
    assert at.engine.log.read_text().rstrip().endswith(died.why), "what is named is not empty"
    at.send(Score(9, model, RECIPE, many))  # to nobody: lost, and no error
    at.engine.start()
    at.send(Score(2, model, RECIPE, many))
    assert digests(at.until(Finished)) == digests(many)
    at.leave()
    assert stored(tmp_path / "scores", model) == digests(many)


def test_it_leaves_in_the_middle_of_work_and_writes_what_it_has(
    desk: Open, spec: Spec, tmp_path: Path
) -> None:
    at, model, many = desk(), spec("llama"), stories(20_000)
    at.send(Score(1, model, RECIPE, many))
    told = at.until(Scored) + at.until(Scored)
    at.leave()
    assert at.process.returncode == 0
    there = stored(tmp_path / "scores", model)
    assert digests(told) <= there < digests(many)
    while not at.replies.empty():
        assert not isinstance(at.replies.get(), WorkerDied), "it was let go, it did not die"


def test_a_request_that_cannot_be_read_is_its_end(desk: Open, spec: Spec, tmp_path: Path) -> None:
    at, some = desk(), stories(3)
    at.send(Score(1, spec("llama"), RECIPE, some))
    at.until(Finished)
    at.process.stdin.write(struct.pack("<Q", 4) + b"junk")
    at.process.stdin.flush()
    (*_, died) = at.until(WorkerDied)
    assert died.status == 1
    assert "cannot be read" in died.last_words
    assert stored(tmp_path / "scores", spec("llama")) == digests(some)


@pytest.mark.timeout(120)  # else it would wait for ever
def test_one_that_does_not_read_keeps_nobody(desk: Open, spec: Spec) -> None:
    at, model = desk(), spec("llama")
    at.until(Hello)
    os.kill(at.process.pid, signal.SIGSTOP)
    more = (Story("long", "Long", "a moon " * 200_000),)  # more than a pipe holds
    at.send(Score(1, model, RECIPE, more))
    at.send(Cancel(1))
    at.send(Score(2, model, RECIPE, stories(2)))
    os.kill(at.process.pid, signal.SIGCONT)
    at.until(Finished, job=2)


def test_it_leaves_before_it_is_up(desk: Open) -> None:
    at = desk()
    at.leave()
    assert at.process.returncode == 0


def test_a_model_that_cannot_be_loaded(desk: Open, spec: Spec, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "llama"}')
    at = desk(store=None)
    at.send(Score(1, ModelSpec("broken", "folder", str(broken)), RECIPE, stories(2)))
    replies = at.until(Finished)
    assert [type(reply) for reply in replies] == [Hello, Loading, Failed, Finished]
    failed = replies[2]
    assert (failed.job, failed.model, failed.title) == (1, "broken", "No weights")
    assert "\n" not in failed.message
    at.send(Score(2, spec("gpt2"), RECIPE, stories(2)))
    assert digests(at.until(Finished)) == digests(stories(2))


def test_a_device_that_is_not_there(desk: Open) -> None:
    at = desk(device="cuda:99")
    failed, died = at.until(WorkerDied)
    assert isinstance(failed, Failed)
    assert failed.title == "No such device"
    assert died.status == 0


def test_a_store_that_cannot_be_written(desk: Open, spec: Spec, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    at = desk(store=str(tmp_path / "file" / "scores"))
    at.send(Score(1, spec("llama"), RECIPE, stories(2)))
    replies = at.until(Finished)
    assert digests(replies) == digests(stories(2)), "scores are delivered all the same"
    failed = [reply for reply in replies if isinstance(reply, Failed)] or at.until(Failed)
    assert failed[-1].title == "Cannot write the store"
    at.send(Score(2, spec("llama"), RECIPE, stories(2), urgent=True))
    assert digests(at.until(Finished, job=2)) == digests(stories(2))


PARENT = """
import sys, time
from engine.desk import Desk, stories
from eyebrow.core.engine.messages import Score, Scored, Settings
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.recipe import Recipe
desk = Desk(Settings(device="cpu", store=sys.argv[2], offline=True))
model = ModelSpec("llama", "folder", sys.argv[1])
desk.send(Score(1, model, Recipe("scored", 64, 32), stories(20_000)))
desk.until(Scored)
print(desk.engine.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
def test_no_worker_outlives_its_parent(
    spec: Spec, repo: Path, tmp_path: Path, how: signal.Signals
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, spec("llama").location, str(tmp_path / "scores")],
        cwd=repo / "tests",
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert is_running(worker)
    parent.send_signal(how)
    parent.wait()
    deadline = time.monotonic() + PATIENCE
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(worker)
    assert stored(tmp_path / "scores", spec("llama"))


BUSY = """
import sys, time
from eyebrow.core.engine import worker
from eyebrow.core.scoring.scorer import Scorer
batches = Scorer.batches

def busy(self, texts, seconds=None):
    for n, batch in enumerate(batches(self, texts, 1e-9)):
        if n == 2:
            time.sleep(600)
        yield batch

Scorer.batches = busy
worker.main()
"""


def test_it_leaves_in_the_midst_of_a_batch_with_what_is_finished(
    desk: Open, spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        return real([sys.executable, "-c", BUSY], **options)

    monkeypatch.setattr("eyebrow.core.engine.client.subprocess.Popen", start)
    at, model, some = desk(), spec("llama"), stories(20)
    at.send(Score(1, model, RECIPE, some))
    told = at.until(Scored) + at.until(Scored)
    at.leave()
    assert at.process.returncode == 0
    assert stored(tmp_path / "scores", model) == digests(told)


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that only waits to be reaped is not running."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_it_scored_alone_is_written_too_when_it_leaves(
    desk: Open, spec: Spec, tmp_path: Path
) -> None:
    at, model = desk(), spec("llama")
    at.send(ScoreAlone(1, model, RECIPE, stories(20_000)))
    told = [at.until(ScoredAlone)[-1] for _ in range(3)]
    at.leave()
    alone = Store(tmp_path / "scores" / "endings")
    parts = list(alone.layout.scores.glob("*.parquet"))
    written = {
        digest for part in parts for digest in pq.read_table(part)["text_digest"].to_pylist()
    }
    assert {digest for reply in told for digest in reply.nats} <= written
    assert len(written) < 20_000
