"""Score, keep, tell: what a batch gave is told before the next begins; a device that is lost."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from engine.desk import digests, stories
from eyebrow.core.engine.job import run
from eyebrow.core.engine.keeper import Keeper
from eyebrow.core.engine.local import Stopped, score
from eyebrow.core.engine.messages import Score, Scored, Settings, receive
from eyebrow.core.engine.worker import Inbox, Worker
from eyebrow.core.errors import DeviceLost, EyebrowError
from eyebrow.core.models import load as loading
from eyebrow.core.models.load import LoadedModel, load_model
from eyebrow.core.models.options import LoadOptions
from eyebrow.core.models.spec import ModelSpec
from eyebrow.core.results.store import Row, Store, writer
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.stories import Story, text_digest

RECIPE = Recipe("scored", 64, 32)
Spec = Callable[[str], ModelSpec]


@pytest.fixture(scope="module")
def loaded(spec: Spec) -> LoadedModel:
    return load_model(spec("llama"), device="cpu")


def todo(count: int) -> dict[str, Story]:
    return {text_digest(story.text): story for story in stories(count)}


def scorer(loaded: LoadedModel, budget: int = 0) -> Scorer:
    return Scorer(loaded.model, loaded.tokenizer, loaded.recipe(RECIPE), budget)


def test_each_batch_is_kept_and_told_before_the_next(loaded: LoadedModel, tmp_path: Path) -> None:
    fed: list[int] = []
    one = scorer(loaded, budget=60)
    measure = one.trunk.measure

    def count(ids: Any, *rest: Any) -> Any:
        fed.append(len(ids))
        return measure(ids, *rest)

    one.trunk.measure = count  # type: ignore[method-assign]
    left, keeper = todo(20), Keeper(Store(tmp_path), pytest.fail)
    known = keeper.known(loaded.digest, one.recipe.digest)
    told = 0
    for step in run(loaded, one, left, keeper):
        told += len(step.scores)
        assert told == sum(fed), "all that the passes so far have finished, and no pass ahead"
        assert len(left) == 20 - told
        assert len(known) == told
    assert told == 20
    assert len(fed) > 3


def test_the_worker_holds_nothing_back(spec: Spec) -> None:
    replies = io.BytesIO()
    worker = Worker(Settings(device="cpu", offline=True), Inbox(), replies)
    worker.begin(Score(1, spec("llama"), RECIPE, stories(40)))
    held = worker.shelf.get(spec("llama"))
    finished: list[int] = []
    real = held.scorer(held.loaded.recipe(RECIPE)).batches

    def spy(texts: Sequence[str], seconds: float | None = None) -> Iterator[Any]:
        for batch in real(texts, seconds):
            finished.append(len(batch))
            yield batch

    held.scorer(held.loaded.recipe(RECIPE)).batches = spy  # type: ignore[method-assign]
    while worker.paused:
        worker.go_on()
        replies.seek(0)
        said = []
        while replies.tell() < len(replies.getvalue()):
            said.append(receive(replies))
        rows = [row for reply in said if isinstance(reply, Scored) for row in reply.rows]
        assert len(rows) == sum(finished)
    assert len(rows) == 40


LOST = "CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`"


def test_a_lost_device_ends_the_job(loaded: LoadedModel, tmp_path: Path) -> None:
    one, left = scorer(loaded, budget=60), todo(20)
    measure, calls = one.trunk.measure, []

    def break_down(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError(LOST)
        return measure(*arguments)

    one.trunk.measure = break_down  # type: ignore[method-assign]
    keeper = Keeper(Store(tmp_path), pytest.fail)
    with pytest.raises(DeviceLost, match="device-side assert") as caught:
        list(run(loaded, one, left, keeper))
    assert "\n" not in caught.value.message
    assert len(calls) == 3, "nothing more is asked of it"
    keeper.write()
    there = Store(tmp_path).summaries(loaded.digest, one.recipe.digest)
    assert digests(stories(20)) == set(there) | set(left)
    assert there


def test_memory_that_ran_out_is_no_lost_device(
    loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = scorer(loaded)

    def batches(*_: Any) -> Iterator[Any]:
        raise RuntimeError("CUDA error: out of memory")
        yield

    monkeypatch.setattr(one, "batches", batches)
    (step,) = run(loaded, one, todo(1), Keeper(None, pytest.fail))
    ((_, failure),) = step.failures
    assert "out of memory" in failure.message


def test_a_lost_device_is_told_without_a_screen(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def batches(*_: Any) -> Iterator[Any]:
        raise RuntimeError(LOST)
        yield

    monkeypatch.setattr(Scorer, "batches", batches)
    with pytest.raises(EyebrowError, match="Device failed") as caught:
        score(stories(2), spec("llama"))
    assert caught.value.exit_code == 1


def test_a_device_lost_for_one_model_is_asked_nothing_for_the_next(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    really = loading.load

    def load(model: ModelSpec, options: LoadOptions) -> LoadedModel:
        asked.append(model.name)
        return really(model, replace(options, device="cpu"))

    def batches(*_: Any) -> Iterator[Any]:
        raise RuntimeError(LOST)
        yield

    monkeypatch.setattr(loading, "load", load)
    monkeypatch.setattr(Scorer, "batches", batches)
    with pytest.raises(EyebrowError, match=r"Device failed: .*\(the same for gpt2\)"):
        score(stories(2), [spec("llama"), spec("gpt2")])
    assert asked == ["llama"]


def test_a_device_lost_while_a_model_is_loaded(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    def to(*_: Any) -> None:
        raise RuntimeError(LOST)

    monkeypatch.setattr("transformers.PreTrainedModel.to", to)
    with pytest.raises(DeviceLost, match="device-side assert"):
        load_model(spec("llama"), device="cpu")


class Full(Store):
    """A store on a disk that is full until `room` says otherwise."""

    room = False

    def write(self, rows: Sequence[Row]) -> None:
        if not self.room:
            raise EyebrowError("Cannot write the store", "no space left", 1)
        super().write(rows)


def test_a_store_that_is_full_for_a_while_loses_nothing(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    told: list[EyebrowError] = []
    store = Full(tmp_path)
    keeper = Keeper(store, told.append)
    for _ in run(loaded, scorer(loaded), todo(10), keeper):
        keeper.write()
    keeper.write()
    assert len(told) == 1, "once, not at every try"
    store.room = True
    keeper.write()
    assert not keeper.waiting
    recipe = loaded.recipe(RECIPE).digest
    assert set(store.summaries(loaded.digest, recipe)) == digests(stories(10))


def test_an_interrupted_write_can_be_done_again(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    keeper = Keeper(store, pytest.fail)
    list(run(loaded, scorer(loaded), todo(10), keeper))
    with monkeypatch.context() as broken:

        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        broken.setattr(store, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            keeper.write()
    keeper.write()
    recipe = loaded.recipe(RECIPE).digest
    assert set(store.summaries(loaded.digest, recipe)) == digests(stories(10))


def test_a_write_interrupted_behind_the_rename_doubles_nothing(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into a new part, into one that is there, and while the list of what waits is shortened."""
    keeper = Keeper(Store(tmp_path), pytest.fail)
    some = list(todo(12).items())

    for at, place in ((0, "renamed"), (4, "renamed"), (8, "kept")):
        list(run(loaded, scorer(loaded), dict(some[at : at + 4]), keeper))
        with monkeypatch.context() as broken:
            where, name = (writer, "write_part") if place == "renamed" else (keeper, "_write")
            done = getattr(where, name)

            def and_interrupt(*arguments: Any, done: Callable[..., Any] = done) -> None:
                done(*arguments)
                raise KeyboardInterrupt

            broken.setattr(where, name, and_interrupt)
            with pytest.raises(KeyboardInterrupt):
                keeper.write()
        keeper.write()
        assert not keeper.waiting
        rows = pq.read_table(tmp_path / "scores", columns=["text_digest"]).column(0).to_pylist()
        assert sorted(rows) == sorted(digest for digest, _ in some[: at + 4])
        assert not list((tmp_path / "unfinished").iterdir())


class Panic(BaseException):
    """As the Rust in tokenizers raises: no `Exception`."""


def test_a_library_that_panics_costs_its_story_alone(loaded: LoadedModel, tmp_path: Path) -> None:
    one = scorer(loaded)
    tokenizer = one.tokenizer

    def panics(text: Any, **given: Any) -> Any:
        texts = [text] if isinstance(text, str) else text
        if any("story 3" in text.lower() for text in texts):
            raise Panic("called `Option::unwrap()` on a `None` value")
        return tokenizer(text, **given)

    class Panicking:
        def __getattr__(self, name: str) -> Any:
            return getattr(tokenizer, name)

        def __call__(self, text: Any, **given: Any) -> Any:
            return panics(text, **given)

    one.tokenizer = Panicking()
    some = {text_digest(text): Story(str(n), "", text) for n in range(6) if (text := f"Story {n}.")}
    steps = list(run(loaded, one, dict(some), Keeper(Store(tmp_path), pytest.fail)))
    failures = [one for step in steps for one in step.failures]
    assert [some[digest].id for digest, _ in failures] == ["3"]
    assert "unwrap" in failures[0][1].message
    assert sum(len(step.scores) for step in steps) == 5


def test_what_could_not_be_looked_up_is_asked_again(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "layout.json").write_text('{"layout": 99}')
    keeper = Keeper(Store(tmp_path), pytest.fail)
    for _ in range(2):
        with pytest.raises(EyebrowError, match="Newer store"):
            keeper.known(loaded.digest, "0" * 16)


def test_a_signal_in_the_last_write_loses_nothing(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = writer.write_part

    def interrupted(*given: Any) -> None:
        monkeypatch.setattr(writer, "write_part", write)
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "write_part", interrupted)
    with pytest.raises(Stopped) as stopped:
        score(stories(10), spec("llama"), recipe=RECIPE, device="cpu", store=tmp_path)
    assert (stopped.value.kept, stopped.value.lost) == (10, 0)
    (part,) = (tmp_path / "scores").iterdir()
    assert pq.read_metadata(part).num_rows == 10


def test_a_signal_tells_of_what_could_not_be_kept(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scores").write_text("no folder")

    def interrupt(self: Keeper) -> None:
        self.write()
        raise KeyboardInterrupt

    monkeypatch.setattr(Keeper, "write_when_due", interrupt)
    with pytest.raises(Stopped) as stopped:
        score(stories(10), spec("llama"), recipe=RECIPE, device="cpu", store=tmp_path)
    assert stopped.value.kept == 0
    assert stopped.value.lost > 0
    assert "Cannot write the store" in [one.title for one in stopped.value.failures]
