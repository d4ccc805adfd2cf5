"""Several workers as one engine: who is asked, who is told what, and what a death costs.

The workers are made up but for the last test, which kills a real one.
"""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from engine.desk import PATIENCE, digests, stories
from eyebrow.core.engine import pool as pool_module
from eyebrow.core.engine.exploring_messages import Continue, Continued, Diverge, ShowNext
from eyebrow.core.engine.messages import (
    Cancel,
    CancelDownload,
    Downloading,
    Failed,
    Finished,
    Hello,
    Kept,
    Loaded,
    Loading,
    Rescore,
    Score,
    Scored,
    Settings,
    Unloaded,
    WorkerDied,
    WorkerLost,
)
from eyebrow.core.engine.pool import GIVE_UP, Pool
from eyebrow.core.engine.routing import AHEAD
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.exploring import Context
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scores import Summary
from eyebrow.core.stories import Story, text_digest

RECIPE = Recipe("scored", 64, 32)
SUMMARY = Summary(3, 12, 4.5)
KILLED = WorkerDied(-signal.SIGKILL, "")
HELLO = Hello("cpu", "float32")
SMALL, LARGE = (ModelSpec(name, "folder", f"/nowhere/{name}") for name in ("small", "large"))


class MadeEngine:
    """Stands in for `Engine`: what it was sent, and `say` for what the worker answers."""

    def __init__(self, settings: Settings, deliver: Callable[[Any], None], number: int) -> None:
        self.settings, self.say, self.number = settings, deliver, number
        self.log = Path(f"/nowhere/{number}.log")
        self.pid = number
        self.sent: list[Any] = []
        self.starts = 0
        self.is_closed = False

    def start(self) -> None:
        self.starts += 1
        self.sent = []

    def send(self, request: Any) -> None:
        self.sent.append(request)

    def close(self) -> None:
        self.is_closed = True

    def jobs(self) -> list[int]:
        return [request.job for request in self.sent]


class Hall:
    """A pool of made workers, started."""

    def __init__(self, *devices: str) -> None:
        self.told: list[Any] = []
        self.pool = Pool(Settings(), self.told.append, devices)
        self.pool.start()
        self.workers: list[Any] = [member.engine for member in self.pool._members]

    def __getitem__(self, number: int) -> MadeEngine:
        engine = self.workers[number]
        assert isinstance(engine, MadeEngine)
        return engine

    def greet(self) -> Hall:
        for worker in self.workers:
            worker.say(HELLO)
        return self

    def hold(self, number: int, spec: ModelSpec, job: int) -> None:
        """That worker loads the model of a job it has."""
        assert job in self[number].jobs()
        self[number].say(Loading(spec.name))
        self[number].say(Loaded(spec.name, 1000, spec.name))

    def holder(self, job: int) -> int:
        return next(at for at, worker in enumerate(self.workers) if job in worker.jobs())

    def kinds(self) -> list[type]:
        return [type(reply) for reply in self.told]


@pytest.fixture
def hall(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hall]:
    monkeypatch.setattr(pool_module, "Engine", MadeEngine)
    return lambda *devices: Hall(*(devices or ("cpu", "cpu"))).greet()


def score(job: int, spec: ModelSpec, count: int = 3, *, urgent: bool = False) -> Score:
    return Score(job, spec, RECIPE, stories(count), urgent)


def scored(request: Score, told: tuple[Story, ...], seconds: float = 0.1) -> Scored:
    rows = tuple((text_digest(story.text), SUMMARY, None) for story in told)
    return Scored(request.job, request.model.name, rows, RECIPE, seconds)


# --- who is asked ---------------------------------------------------------------------------------


def test_one_greeting_and_the_devices_of_the_workers(hall: Callable[..., Hall]) -> None:
    at = hall("cuda:0", "cuda:2")
    assert at.told == [HELLO]
    assert [worker.settings.device for worker in at.workers] == ["cuda:0", "cuda:2"]
    assert at.pool.workers == 2
    assert hall("").pool.workers == 1


def test_sizes_spread_and_the_last_one_is_scored_by_all(hall: Callable[..., Hall]) -> None:
    at = hall()
    for job in (1, 2):
        at.pool.send(score(job, SMALL))
    for job in (3, 4):
        at.pool.send(score(job, LARGE))
    assert (at[0].jobs(), at[1].jobs()) == ([1, 2], [3, 4]), "each has its size, and enough to do"
    at.hold(0, SMALL, 1)
    at.hold(1, LARGE, 3)
    for job in (1, 2):
        at[0].say(Finished(job))
    at.pool.send(score(5, LARGE))
    at.pool.send(score(6, LARGE))
    assert at[0].jobs()[2:] == [5, 6], "whoever has nothing to do helps"
    at[1].say(Finished(3))
    at.pool.send(score(7, LARGE))
    assert at[1].jobs()[-1] == 7


def test_what_is_urgent_goes_to_who_holds_the_model(hall: Callable[..., Hall]) -> None:
    at = hall()
    at.pool.send(score(1, SMALL))
    at.hold(0, SMALL, 1)
    at.pool.send(score(2, SMALL, 1, urgent=True))
    assert at[0].jobs() == [1, 2], "a batch gives way sooner than a model is loaded"
    at.pool.send(score(3, LARGE, 1, urgent=True))
    assert at[1].jobs() == [3], "nobody holds it: who has nothing to do"
    at[0].say(Loading("another"))
    at.pool.send(score(4, SMALL, 1, urgent=True))
    assert at[1].jobs() == [3, 4], "one that is loading answers nobody"


def test_who_only_waits_for_a_download_has_nothing_to_do(hall: Callable[..., Hall]) -> None:
    at = hall()
    for job in (1, 2):
        at.pool.send(score(job, LARGE))
    at[0].say(Downloading("large", 1, 100, 1.0))
    for job in (3, 4):
        at.pool.send(score(job, SMALL))
    at.hold(at.holder(3), SMALL, 3)
    for job in range(5, 5 + AHEAD):
        at.pool.send(score(job, SMALL))
    assert [len([job for job in worker.jobs() if job > 2]) for worker in at.workers] == [AHEAD] * 2
    at[0].say(Loading("large"))
    at[0].say(Loaded("large", 1000, "large"))
    at.pool.send(score(9, SMALL))
    assert 9 in at[1].jobs(), "now it has enough"


def test_of_two_that_hold_it_the_one_with_less_to_do(hall: Callable[..., Hall]) -> None:
    at = hall()
    for job in range(1, AHEAD + 2):
        at.pool.send(score(job, SMALL))
    at.hold(0, SMALL, 1)
    at.hold(1, SMALL, AHEAD + 1)
    at.pool.send(score(11, SMALL, 1, urgent=True))
    at.pool.send(score(12, SMALL, 1, urgent=True))
    at.pool.send(score(13, SMALL, 1, urgent=True))
    assert [11 in worker.jobs() for worker in at.workers] == [False, True]
    assert [12 in worker.jobs() for worker in at.workers] == [True, False]
    assert [13 in worker.jobs() for worker in at.workers] == [False, True]


def test_questions_about_a_place_stay_and_those_of_two_models_go_together(
    hall: Callable[..., Hall],
) -> None:
    at = hall()
    at.pool.send(Rescore(1, SMALL, RECIPE, "a text"))
    at.hold(0, SMALL, 1)
    at.pool.send(Rescore(2, LARGE, RECIPE, "a text"))
    at.hold(1, LARGE, 2)
    for job in (3, 4):
        at.pool.send(replace(Rescore(job, SMALL, RECIPE, "a text."), text=f"a text {job}"))
    assert at[0].jobs() == [1, 3, 4], "the text up to there is remembered there"
    at.pool.send(Diverge(5, SMALL, RECIPE, "a text", LARGE))
    at.pool.send(ShowNext(6, SMALL, RECIPE, Context("a text", 3), reference="large"))
    assert at[1].jobs() == [2, 5, 6], "where the reference is"


def test_a_question_does_not_wait_for_another_model_to_be_loaded(hall: Callable[..., Hall]) -> None:
    at = hall()
    at.pool.send(Rescore(1, SMALL, RECIPE, "a text"))
    at.hold(0, SMALL, 1)
    at[0].say(Finished(1))
    at.pool.send(score(2, SMALL))
    at.pool.send(score(3, SMALL))
    at.pool.send(score(4, SMALL))
    at.hold(1, SMALL, 4)
    at.pool.send(score(5, LARGE))
    at[0].say(Loading("large"))
    at.pool.send(Rescore(6, SMALL, RECIPE, "a text."))
    assert 6 in at[1].jobs(), "it would wait until the large one is loaded"
    at[0].say(Loaded("large", 1000, "large"))
    at.pool.send(Rescore(7, SMALL, RECIPE, "a text.."))
    assert 7 in at[1].jobs(), "the text is remembered there now"


def test_a_job_is_cancelled_where_it_is(hall: Callable[..., Hall]) -> None:
    at = hall()
    at.pool.send(score(1, SMALL))
    at.hold(0, SMALL, 1)
    at.pool.send(score(2, LARGE, 1, urgent=True))
    at.pool.send(Cancel(2))
    at.pool.send(Cancel(99))
    assert (at[0].sent[1:], at[1].sent[1:]) == ([], [Cancel(2)])
    at.pool.send(CancelDownload("large"))
    assert [worker.sent[-1] for worker in at.workers] == [CancelDownload("large")] * 2


def test_what_several_say_of_a_model_is_what_one_would(hall: Callable[..., Hall]) -> None:
    at = hall()
    for job in range(1, AHEAD + 2):
        at.pool.send(score(job, SMALL))
    at.hold(0, SMALL, 1)
    at.told.clear()
    at.hold(1, SMALL, AHEAD + 1)
    assert at.kinds() == [Loaded], "it was ready all the time"
    at[0].say(Unloaded("small"))
    assert at.kinds() == [Loaded]
    at[1].say(Unloaded("small"))
    assert at.kinds() == [Loaded, Unloaded]


def test_a_model_for_which_one_has_no_room_is_asked_of_the_other(hall: Callable[..., Hall]) -> None:
    at = hall()
    at.told.clear()
    at.pool.send(score(1, LARGE))
    refusal = Failed(1, "large", "Not enough memory", "large needs more")
    at[0].say(Loading("large"))
    at[0].say(refusal)
    at[0].say(Finished(1))
    assert at[1].jobs() == [1]
    assert at.kinds() == [Loading], "nothing has failed, nothing is finished"
    at[1].say(refusal)
    at[1].say(Finished(1))
    assert at.told[1:] == [refusal, Finished(1)], "nobody has room"


def test_who_has_no_room_is_not_asked_for_every_job(hall: Callable[..., Hall]) -> None:
    """Loading it would take a minute each time, and put out of memory what is there."""
    at = hall()
    at.pool.send(score(1, LARGE))
    refusal = Failed(1, "large", "Out of memory", "large needs more")
    for number in (0, 1):
        at[number].say(Loading("large"))
        if number == 0:
            at[0].say(refusal)
            at[0].say(Finished(1))
    at[1].say(Loaded("large", 1000, "large"))
    for job in range(2, 2 + AHEAD):
        at.pool.send(score(job, LARGE))
    assert at[0].jobs() == [1]
    at.pool.send(score(9, SMALL))
    assert 9 in at[0].jobs(), "another model is"
    at[0].say(KILLED)
    at.pool.send(score(10, LARGE))
    assert 10 in at[0].jobs(), "a new process may have room"


# --- death ----------------------------------------------------------------------------------------


def test_only_what_the_dead_had_is_asked_again_the_screen_first(
    hall: Callable[..., Hall],
) -> None:
    at, ten = hall(), stories(10)
    some = Score(1, SMALL, RECIPE, ten)
    at.pool.send(some)
    at.hold(0, SMALL, 1)
    at.pool.send(score(2, LARGE))
    at.hold(1, LARGE, 2)
    at.pool.send(score(3, SMALL, 1, urgent=True))
    at[0].say(scored(some, ten[:3]))
    at[0].say(Kept())
    at[0].say(scored(some, ten[3:6]))
    at[0].say(scored(some, ten[6:7], seconds=0.0))  # the store had it
    at.told.clear()
    at[0].say(KILLED)
    urgent, rest = at[1].sent[1:]
    assert urgent == score(3, SMALL, 1, urgent=True)
    assert (rest.job, rest.stories) == (1, (*ten[3:6], *ten[7:])), "what is written is not"
    assert at.kinds() == [Unloaded, WorkerLost]
    lost = at.told[-1]
    assert (lost.worker, lost.again) == ("cpu", True)
    assert "killed" in lost.why
    assert at[0].starts == 2
    at.told.clear()
    at[0].say(HELLO)
    assert at.told == [], "the session has been greeted"


def test_what_was_told_and_not_written_is_scored_again(hall: Callable[..., Hall]) -> None:
    at, request = hall(), score(1, SMALL)
    at.pool.send(request)
    at[0].say(scored(request, request.stories))
    at[0].say(Finished(1))
    at[0].say(KILLED)
    (again,) = at[1].sent
    assert again == request
    at[1].say(scored(request, request.stories))
    at[1].say(Finished(1))
    at[1].say(Kept())
    at[0].say(HELLO)
    at[1].say(KILLED)
    assert at[0].sent == [], "now it is in the store"


def test_what_lacked_only_the_word_that_it_is_done_is_done(hall: Callable[..., Hall]) -> None:
    at, request = hall(), score(1, SMALL)
    at.pool.send(request)
    at[0].say(scored(request, request.stories))
    at[0].say(Kept())
    at.told.clear()
    at[0].say(KILLED)
    assert at[1].sent == []
    assert at.told[0] == Finished(1)
    assert not any(isinstance(reply, Failed) for reply in at.told)


def test_a_cancelled_job_dies_with_its_worker(hall: Callable[..., Hall]) -> None:
    at = hall()
    at.pool.send(score(1, SMALL))
    at.pool.send(Rescore(2, LARGE, RECIPE, "a text"))
    at.pool.send(Cancel(1))
    at.told.clear()
    at[0].say(KILLED)
    assert at[1].jobs() == [2]
    assert at.told[0] == Finished(1)


def test_a_continuation_is_not_begun_twice(hall: Callable[..., Hall]) -> None:
    at = hall()
    begun = Continue(1, SMALL, RECIPE, Context("a text", 3))
    at.pool.send(begun)
    at[0].say(Continued(1, "small", (), " and"))
    at.told.clear()
    at[0].say(KILLED)
    failed, finished, *_ = at.told
    assert (failed.job, failed.title, failed.story) == (1, "Worker stopped", begun.about)
    assert finished == Finished(1)
    assert at[1].sent == []


def test_a_job_that_kills_whoever_has_it_fails(hall: Callable[..., Hall]) -> None:
    at = hall("cpu", "cpu", "cpu", "cpu")
    at.pool.send(score(1, SMALL))
    for _ in range(GIVE_UP):
        (holder,) = (worker for worker in at.workers if worker.jobs())
        holder.say(KILLED)
    assert not any(worker.jobs() for worker in at.workers)
    failed = [reply for reply in at.told if isinstance(reply, Failed | Finished)]
    assert [type(reply) for reply in failed] == [Failed, Finished]
    assert "killed" in failed[0].message


def test_a_story_that_kills_behind_others_is_not_tried_for_ever(hall: Callable[..., Hall]) -> None:
    at, request = hall(), score(1, SMALL)
    at.pool.send(request)
    for _ in range(GIVE_UP):
        (holder,) = (worker for worker in at.workers if worker.jobs())
        holder.say(scored(request, request.stories[:2]))  # and never written
        holder.say(KILLED)
    assert not any(worker.jobs() for worker in at.workers)
    assert [reply.job for reply in at.told if isinstance(reply, Failed)] == [1]


def test_one_that_keeps_dying_is_left_out_until_all_are_dead(hall: Callable[..., Hall]) -> None:
    at = hall()
    for _ in range(GIVE_UP):
        at[0].say(KILLED)
    assert at[0].starts == GIVE_UP
    assert [reply.again for reply in at.told if isinstance(reply, WorkerLost)] == [
        True,
        True,
        False,
    ]
    assert at.pool.workers == 1
    at.told.clear()
    at[1].say(KILLED)
    assert at.told == [KILLED], "none is left: the session decides"
    at.pool.start()
    assert (at[0].starts, at[1].starts) == (GIVE_UP + 1, 2)
    at[0].say(HELLO)
    assert at.told == [KILLED, HELLO]


def test_devices_that_refuse(hall: Callable[..., Hall], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "Engine", MadeEngine)
    at, refusal = Hall("cuda:0", "cuda:1"), Failed(0, "", "No such device", "not on this machine")
    at[0].say(refusal)
    at[0].say(WorkerDied(0, ""))
    (lost,) = at.told
    assert (lost.worker, lost.why, lost.again) == ("cuda:0", "not on this machine", False)
    at[1].say(refusal)
    at[1].say(WorkerDied(0, ""))
    assert at.told[1:] == [refusal, WorkerDied(0, "")]


def test_one_that_would_give_other_numbers_is_left_out(hall: Callable[..., Hall]) -> None:
    at = hall("cuda:0", "cuda:1")
    at[1].say(KILLED)
    at.told.clear()
    at[1].say(Hello("cpu", "float16"))
    (lost,) = at.told
    assert "float16" in lost.why
    assert "--dtype" in lost.why
    assert at[1].is_closed
    at.pool.send(score(1, SMALL))
    at.pool.send(score(2, LARGE))
    assert at[0].jobs() == [1, 2]


def test_what_each_is_at(hall: Callable[..., Hall]) -> None:
    at = hall("cuda:0", "cuda:1")
    at.pool.send(score(1, SMALL))
    at.hold(0, SMALL, 1)
    at.pool.send(score(2, LARGE, 1, urgent=True))
    one, other = at.pool.doing()
    assert (one.device, one.state, one.model, one.background) == ("cuda:0", "", "small", 1)
    assert one.held == ("small",)
    assert (other.model, other.urgent, other.held) == ("large", 1, ())
    at[1].say(KILLED)
    assert at.pool.doing()[1].state == "starting"


# --- with real workers ----------------------------------------------------------------------------


@pytest.fixture
def real(tmp_path: Path) -> Iterator[tuple[Pool, queue.Queue[Any]]]:
    replies: queue.Queue[Any] = queue.Queue()
    settings = Settings(device="cpu", store=str(tmp_path / "scores"), offline=True)
    made = Pool(settings, replies.put, ("cpu", "cpu"))
    made.start()
    yield made, replies
    made.close()
    for member in made._members:
        process = member.engine._process
        assert process is not None
        process.wait(PATIENCE)


def test_killing_one_of_two_loses_nothing(
    real: tuple[Pool, queue.Queue[Any]], spec: Callable[[str], ModelSpec], tmp_path: Path
) -> None:
    made, replies = real
    some, seen = stories(600), []
    asked = [Score(n, spec(("llama", "gpt2")[n % 2]), RECIPE, some) for n in (1, 2)]
    for request in asked:
        made.send(request)

    def until(*kinds: type, job: int | None = None) -> Any:
        while True:
            seen.append(replies.get(timeout=PATIENCE))
            if isinstance(seen[-1], kinds) and job in (None, getattr(seen[-1], "job", None)):
                return seen[-1]

    until(Scored, job=1)
    (victim,) = (one for one in made.doing() if one.model == asked[0].model.name)
    made.send(Score(3, asked[0].model, RECIPE, some[:1], urgent=True))
    os.kill(victim.pid or 0, signal.SIGKILL)
    until(WorkerLost)
    whole = until(Scored, job=3)
    assert whole.rows[0][2] is not None
    unfinished = {1, 2} - {reply.job for reply in seen if isinstance(reply, Finished)}
    while unfinished:
        unfinished.discard(until(Finished).job)
    for request in asked:
        told = [r for r in seen if isinstance(r, Scored) and r.job == request.job]
        assert digests(told) == digests(some)
    made.close()
    for member in made._members:
        assert member.engine._process is not None
        member.engine._process.wait(PATIENCE)
    table = pq.read_table(tmp_path / "scores" / "scores", columns=["text_digest", "model"])
    rows = set(zip(*(column.to_pylist() for column in table.columns), strict=True))
    assert len(rows) == 2 * len(some)
    assert len(rows) == table.num_rows, "and nothing is there twice"
