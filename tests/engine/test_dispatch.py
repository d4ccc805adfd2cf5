"""A run by several workers without Ray: who does what, and what the death of one costs."""

from __future__ import annotations

import builtins
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from eyebrow.core.engine import local
from eyebrow.core.engine.account import Stopped
from eyebrow.core.engine.cluster import blocks as sizes
from eyebrow.core.engine.cluster import score as on_ray
from eyebrow.core.engine.cluster.asked import Asked
from eyebrow.core.engine.cluster.blocks import Block, Blocks, tokens_of
from eyebrow.core.engine.cluster.dispatch import Lost, Reply
from eyebrow.core.engine.cluster.session import Room, connected
from eyebrow.core.engine.cluster.worker import Setup, Task, Worker
from eyebrow.core.errors import DeviceLost, EyebrowError
from eyebrow.core.results.outcome import Results
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.stories import Story, bundled_stories, text_digest

BIGRAM, LARGER = "pocket-bigram", "pocket-50k"


class Pool:
    """Workers in this process, each of which does at once what it is asked.

    fails: asked of every block; what it gives in place of the worker's reply, if anything.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.workers: dict[int, Worker] = {}
        self.replies: deque[tuple[int, Reply]] = deque()
        self.held: list[tuple[int, str]] = []
        self.ended: list[int] = []
        self.fails: Callable[[Worker, Block], Reply | None] = lambda worker, block: None
        self.unfit: dict[int, EyebrowError] = {}
        self.until: int | None = None  # replies, before a signal comes

    def start(self) -> int:
        number = len(self.workers) + 1
        worker = self.workers[number] = Worker(self.setup)
        self.replies.append((number, self.unfit.get(number) or worker.ready()))
        return number

    def hold(self, worker: int, task: Task) -> None:
        self.held.append((worker, task.spec.name))
        self.replies.append((worker, self.workers[worker].hold(task)))

    def score(self, worker: int, block: Block) -> None:
        at = self.workers[worker]
        self.replies.append((worker, self.fails(at, block) or at.score(block)))

    def next(self) -> tuple[int, Reply] | None:
        if self.until is not None:
            self.until -= 1
            if self.until < 0:
                raise KeyboardInterrupt
        if not self.replies:
            return None
        worker, reply = self.replies.popleft()
        if isinstance(reply, Lost):
            self.end(worker)
        return worker, reply

    def end(self, worker: int) -> None:
        self.ended.append(worker)
        self.replies = deque(one for one in self.replies if one[0] != worker)

    def stop(self) -> Iterator[tuple[int, Reply]]:
        while self.replies:
            yield self.replies.popleft()


@pytest.fixture
def stories() -> list[Story]:
    return bundled_stories()[-40:]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each text reached a model."""
    seen: Counter[str] = Counter()
    real = Scorer.batches

    def spy(self: Scorer, texts: Sequence[str], seconds: float | None = None) -> Iterator[Any]:
        for batch in real(self, texts, seconds):
            seen.update(texts[index] for index, _ in batch)
            yield batch

    monkeypatch.setattr(Scorer, "batches", spy)
    return seen


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Results]:
    """`score` by two workers in this process, in small blocks; `change` sees their pool first."""

    def run(
        stories: Sequence[Story],
        models: Sequence[str],
        store: Path | None = None,
        change: Callable[[Pool], object] = lambda pool: None,
    ) -> Results:
        def pool(ray: None, room: Room, setup: Setup) -> Pool:
            made = Pool(setup)
            change(made)
            return made

        @contextmanager
        def nothing(asked: Asked) -> Iterator[None]:
            yield

        monkeypatch.setattr(on_ray, "connected", nothing)
        monkeypatch.setattr(on_ray, "room", lambda ray, asked: Room(2, 0, 1, 0))
        monkeypatch.setattr(on_ray, "RayPool", pool)
        for name in ("FIRST", "LEAST", "MOST"):
            monkeypatch.setattr(sizes, name, 1_000)
        return on_ray.score(stories, models, Asked(), store=store)

    return run


def rows(store: Path) -> Counter[tuple[str, str]]:
    return Counter(
        (path.name.split("-")[0], digest)
        for path in (store / "scores").glob("*.parquet")
        for digest in pq.read_table(path, columns=["text_digest"]).column(0).to_pylist()
    )


def check_same(ours: Results, theirs: Results) -> None:
    assert [row.story for row in ours.stories] == [row.story for row in theirs.stories]
    for one, other in zip(ours.stories, theirs.stories, strict=True):
        assert (one.model, one.tokens) == (other.model, other.tokens)
        assert one.nll == pytest.approx(other.nll, rel=1e-5)
    for model, same in zip(ours.models, theirs.models, strict=True):
        assert model.perplexity_ci95 == pytest.approx(same.perplexity_ci95, rel=1e-5)
        assert (model.common is None) == (same.common is None)
        if model.common and same.common:
            assert model.common.bytes == same.common.bytes
            assert model.common.nll == pytest.approx(same.common.nll, rel=1e-5)
        for place, there in zip(model.sentence_positions, same.sentence_positions, strict=True):
            assert place["tokens"] == there["tokens"]
            assert place["nll"] == pytest.approx(there["nll"], rel=1e-5)


def test_several_workers_give_what_one_process_gives(
    stories: list[Story],
    together: Callable[..., Results],
    tmp_path: Path,
    asked: Counter[str],
    tiny: Callable[[str], Path],
) -> None:
    """Tokenizers differ: what is common to all is found as well."""
    given, models = [*stories, stories[0]], [BIGRAM, str(tiny("llama"))]
    single = local.score(given, models, store=tmp_path / "single")
    asked.clear()
    ours = together(given, models, tmp_path / "ours")
    check_same(ours, single)
    assert rows(tmp_path / "ours") == rows(tmp_path / "single")
    assert set(asked.values()) == {len(models)}
    asked.clear()
    check_same(together(given, models, tmp_path / "ours"), single)
    assert not asked
    check_same(together(given, models), single)


def test_the_largest_first_and_each_is_loaded_once(
    stories: list[Story], together: Callable[..., Results]
) -> None:
    pools: list[Pool] = []
    ours = together(stories, [BIGRAM, LARGER], change=pools.append)
    assert [row.model for row in ours.models] == [BIGRAM, LARGER]
    assert Counter(pools[0].held).most_common(1)[0][1] == 1
    for worker in (1, 2):
        held = [model for number, model in pools[0].held if number == worker]
        assert held == [LARGER, BIGRAM][: len(held)]


def test_what_a_dead_worker_has_written_is_not_scored_again(
    stories: list[Story], together: Callable[..., Results], tmp_path: Path, asked: Counter[str]
) -> None:
    single = local.score(stories, BIGRAM, store=tmp_path / "single")
    asked.clear()
    died: list[Block] = []

    def half_way(worker: Worker, block: Block) -> Reply | None:
        if len(died) >= 2 or len(block.stories) < 4:
            return None
        died.append(block)
        items = list(block.stories.items())
        worker.score(Block(dict(items[: len(items) // 2])))
        return Lost("killed")

    ours = together(
        stories, [BIGRAM], tmp_path / "ours", lambda pool: setattr(pool, "fails", half_way)
    )
    assert len(died) == 2
    check_same(ours, single)
    assert rows(tmp_path / "ours") == rows(tmp_path / "single")
    assert set(asked.values()) == {1}


def test_a_story_that_kills_its_workers_costs_itself(
    stories: list[Story], together: Callable[..., Results], tmp_path: Path
) -> None:
    bad = stories[7]
    digest = text_digest(bad.text)

    def deadly(worker: Worker, block: Block) -> Reply | None:
        return Lost("killed") if digest in block.stories else None

    ours = together(stories, [BIGRAM], tmp_path, lambda pool: setattr(pool, "fails", deadly))
    (failure,) = ours.failures
    assert (failure.model, failure.story, failure.title) == (BIGRAM, bad.id, "Worker lost")
    assert "workers died over it (killed)" in failure.message
    assert [row.story for row in ours.stories] == [s.id for s in stories if s is not bad]


def test_a_device_that_fails_is_given_up_and_its_work_is_not(
    stories: list[Story], together: Callable[..., Results]
) -> None:
    pools: list[Pool] = []

    def once(worker: Worker, block: Block) -> Reply | None:
        return DeviceLost.by(RuntimeError("unspecified launch failure")) if fails.pop() else None

    fails = [False] * 1000 + [True]

    def change(pool: Pool) -> None:
        pools.append(pool)
        pool.fails = once

    ours = together(stories, [BIGRAM], change=change)
    assert not ours.failures
    assert len(ours.stories) == len(stories)
    assert (len(pools[0].ended), len(pools[0].workers)) == (1, 3)


def test_a_model_that_no_worker_can_hold_is_listed(
    stories: list[Story],
    together: Callable[..., Results],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Worker.hold

    def hold(self: Worker, task: Task) -> Any:
        if task.spec.name == LARGER:
            return EyebrowError("Out of memory", f"{LARGER} does not fit on cuda:0")
        return real(self, task)

    monkeypatch.setattr(Worker, "hold", hold)
    ours = together(stories, [LARGER, BIGRAM])
    (failure,) = ours.failures
    assert (failure.model, failure.title) == (LARGER, "Out of memory")
    assert [row.model for row in ours.models] == [BIGRAM]
    with pytest.raises(EyebrowError, match=r"Out of memory: pocket-50k does not fit on cuda:0"):
        together(stories, [LARGER])


def test_a_worker_that_cannot_hold_a_model_is_told_where_others_can(
    stories: list[Story], together: Callable[..., Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, pools = Worker.hold, []

    def hold(self: Worker, task: Task) -> Any:
        if self is pools[0].workers[1] and task.spec.name == LARGER:
            return EyebrowError("No such model", "node7 has no folder of it")
        return real(self, task)

    monkeypatch.setattr(Worker, "hold", hold)
    ours = together(stories, [LARGER, BIGRAM], change=pools.append)
    assert not ours.failures
    assert ours.warnings == (f"a worker did nothing of {LARGER} (node7 has no folder of it)",)


def test_a_model_whose_loading_kills_workers_is_listed(
    stories: list[Story], together: Callable[..., Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Worker.hold

    def hold(self: Worker, task: Task) -> Any:
        return Lost("out of memory") if task.spec.name == LARGER else real(self, task)

    monkeypatch.setattr(Worker, "hold", hold)
    ours = together(stories, [LARGER, BIGRAM])
    (failure,) = ours.failures
    assert failure.model == LARGER
    assert "workers died while they loaded it" in failure.message
    assert len(ours.stories) == len(stories)


def test_a_model_waits_for_workers_that_are_about_to_start(
    stories: list[Story], together: Callable[..., Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one has no room for it, and answers before the second is up."""
    real, refused = Worker.hold, []

    def hold(self: Worker, task: Task) -> Any:
        if self is pools[0].workers[1]:
            refused.append(task.spec.name)
            return EyebrowError("Out of memory", "it does not fit on cuda:0")
        return real(self, task)

    pools: list[Pool] = []
    late: list[tuple[int, Reply]] = []

    def slow(pool: Pool) -> None:
        pools.append(pool)
        start, following = pool.start, pool.next

        def start_late() -> int:
            number = start()
            if number == 2:
                late.append(pool.replies.pop())
            return number

        def after_the_first() -> tuple[int, Reply] | None:
            if refused and not pool.replies and late:
                pool.replies.append(late.pop())
                return None
            return following()

        pool.start, pool.next = start_late, after_the_first  # type: ignore[method-assign]

    monkeypatch.setattr(Worker, "hold", hold)
    ours = together(stories, [BIGRAM], change=slow)
    assert refused == [BIGRAM]
    assert not ours.failures
    assert len(ours.stories) == len(stories)


def test_a_model_that_fails_half_way_is_told_once(
    stories: list[Story], together: Callable[..., Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Block] = []

    def fails(worker: Worker, block: Block) -> Reply | None:
        done.append(block)
        return EyebrowError("Bad usage", "no") if len(done) > 1 else None

    ours = together(stories, [BIGRAM], change=lambda pool: setattr(pool, "fails", fails))
    assert [(one.model, one.message) for one in ours.failures] == [(BIGRAM, "no")]
    assert {row.story for row in ours.stories} == {one.id for one in done[0].stories.values()}


def test_what_is_done_is_there_where_no_worker_is_left(
    stories: list[Story], together: Callable[..., Results], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster goes away behind the first model."""
    pools: list[Pool] = []

    def gone(*_: Any) -> Any:
        pools[0].unfit = dict.fromkeys(range(100), Lost("no node is left"))  # type: ignore[arg-type]
        return Lost("its node died")

    real = Worker.hold
    monkeypatch.setattr(
        Worker, "hold", lambda self, task: (gone if task.spec.name == BIGRAM else real)(self, task)
    )
    ours = together(stories, [LARGER, BIGRAM], change=pools.append)
    assert [row.model for row in ours.models] == [LARGER]
    assert len(ours.stories) == len(stories)
    assert [(one.model, one.message) for one in ours.failures] == [
        (BIGRAM, "Ray cannot start one: no node is left")
    ]


def test_a_worker_that_cannot_work_where_it_is(
    stories: list[Story], together: Callable[..., Results], tmp_path: Path
) -> None:
    why = EyebrowError("Store not shared", "node7 does not see it")

    def one(pool: Pool) -> None:
        pool.unfit = {1: why}

    def both(pool: Pool) -> None:
        pool.unfit = {1: why, 2: why}

    ours = together(stories, [BIGRAM], tmp_path, one)
    assert ours.warnings == ("a worker was not used (node7 does not see it)",)
    assert len(ours.stories) == len(stories)
    with pytest.raises(EyebrowError, match="node7 does not see it"):
        together(stories, [BIGRAM], tmp_path, both)


def test_a_worker_sees_whether_the_store_is_shared(tmp_path: Path) -> None:
    from importlib.metadata import version

    from eyebrow.core.models.options import LoadOptions
    from eyebrow.core.scoring.recipe import Recipe

    def setup(told: str, store: Path | None) -> Setup:
        return Setup(told, str(tmp_path), store, 0, Recipe(), LoadOptions())

    elsewhere = Worker(setup(version("eyebrow"), tmp_path / "store")).ready()
    assert isinstance(elsewhere, EyebrowError)
    assert elsewhere.message.endswith("name a folder that all nodes see with --store")
    older = Worker(setup("0.0.1", None)).ready()
    assert isinstance(older, EyebrowError)
    assert older.message.endswith("this machine 0.0.1; install one on all")


def test_a_signal_keeps_what_is_finished(
    stories: list[Story], together: Callable[..., Results], tmp_path: Path
) -> None:
    with pytest.raises(Stopped) as stopped:
        together(stories, [BIGRAM], tmp_path, lambda pool: setattr(pool, "until", 4))
    found = rows(tmp_path)
    assert 0 < len(found) < len(stories)
    assert (stopped.value.kept, stopped.value.lost) == (len(found), 0)


def test_blocks_follow_the_pace_and_end_small(stories: list[Story]) -> None:
    characters = sum(len(story.text) for story in stories)
    named = {text_digest(story.text): story for story in stories}

    def taken(pace: float, least: int) -> list[Block]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sizes, "LEAST", least)
            patch.setattr(sizes, "FIRST", least)
            blocks = Blocks([named], characters)
            found = []
            while blocks:
                found.append(blocks.take(2))
                blocks.note(pace, 1.0)
            return found

    few, many = taken(1e6, 400), taken(1.0, 400)
    assert len(few) < len(many)
    for found in (few, many):
        assert [d for block in found for d in block.stories] == sorted(
            named, key=lambda digest: -len(named[digest].text)
        )
    assert few[1].tokens > 2 * few[-1].tokens
    assert all(block.tokens >= 200 for block in many[:-1])
    assert few[0].tokens == sum(tokens_of(story) for story in few[0].stories.values())


def test_a_block_is_halved_after_a_death(stories: list[Story]) -> None:
    block = Block({story.id: story for story in stories[:3]}, 1)
    first, second = block.after_death()
    assert [len(first.stories), len(second.stories)] == [2, 1]
    assert first.deaths == second.deaths == 2
    assert second.after_death()[0].stories == second.stories
    assert block.without(first.stories).stories == second.stories


def test_ray_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EyebrowError, match=r"pip install 'eyebrow\[ray\]'"), connected(Asked()):
        builtins.print("never")
