"""How many tokens go through a model together: by what it can hold, and by how long it takes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core.errors import EyebrowError
from eyebrow.core.scoring import passes as room
from eyebrow.core.scoring.boundaries import log_boundaries
from eyebrow.core.scoring.passes import Passes, default_budget
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.trunk import Trunk

from .plain import STORIES, by_index, same_numbers

RECIPE = Recipe("context", 64, 0, "float32", "cpu")


class Short:
    """Memory for `room` tokens at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self.sizes: list[int] = []
        states = Trunk.states

        def measured(trunk: Trunk, ids: torch.Tensor) -> torch.Tensor:
            self.sizes.append(ids.numel())
            if ids.numel() > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return states(trunk, ids)

        monkeypatch.setattr(Trunk, "states", measured)


def flat(lists: Any) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for finished in lists:
        for index, outcome in finished:
            assert index not in found
            found[index] = outcome
    return found


# --- batches -----------------------------------------------------------------------------------


def test_one_list_for_each_pass(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(*opened("llama"), Recipe("context", 16, 4, "float32", "cpu"), budget=40)
    short = Short(monkeypatch, 10_000)
    lists = []
    passed = []
    for finished in scorer.batches(STORIES):
        lists.append([index for index, _ in finished])
        passed.append(len(short.sizes))
    assert lists[0] == [6], "what needs no pass comes first: the empty text"
    assert passed == list(range(len(short.sizes) + 1))
    assert [] in lists, "a pass over a part of a long text finishes nothing"
    assert sorted(index for indices in lists for index in indices) == list(range(len(STORIES)))
    whole = by_index(Scorer(*opened("llama"), scorer.recipe).score(STORIES))
    for index, score in flat(scorer.batches(STORIES)).items():
        same_numbers(score, whole[index], 1e-5)


# --- memory ------------------------------------------------------------------------------------


def test_the_budget_recovers(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(*opened("llama"), RECIPE, budget=400)
    short = Short(monkeypatch, 100)
    texts = ["The cat sat on the mat."] * 100
    list(scorer.score(texts))
    assert scorer.budget <= 100
    assert max(short.sizes) <= 400
    short.room = 10_000  # others have left
    for _ in range(30):
        list(scorer.score(texts))
    assert scorer.budget == 400
    assert max(short.sizes) <= 400, "not beyond what it was"


def test_a_budget_that_fails_again_is_tried_less_and_less(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = Scorer(*opened("llama"), RECIPE, budget=400)
    short = Short(monkeypatch, 100)
    for _ in range(80):
        list(scorer.score(["The cat sat on the mat."] * 20))
    failed = [at for at, size in enumerate(short.sizes) if size > 100]
    gaps = [gap for gap in np.diff(failed).tolist() if gap > 1]
    assert len(gaps) >= 3
    assert all(later >= 1.5 * earlier for earlier, later in itertools.pairwise(gaps))


def test_room_is_made_before_batches_become_smaller(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = by_index(Scorer(*opened("llama"), RECIPE).score(STORIES))
    short = Short(monkeypatch, 100)
    asked = []

    def make_room() -> bool:
        asked.append(short.room)
        short.room *= 2
        return True

    scorer = Scorer(*opened("llama"), RECIPE, 400, make_room)
    for score, other in zip(by_index(scorer.score(STORIES)), whole, strict=True):
        same_numbers(score, other, 1e-5)
    assert asked[0] == 100
    assert scorer.budget == 400
    assert short.sizes[0] == short.sizes[1], "tried again as it was"


def test_where_no_room_can_be_made_batches_become_smaller(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Short(monkeypatch, 100)
    scorer = Scorer(*opened("llama"), RECIPE, 400, lambda: False)
    assert len(by_index(scorer.score(STORIES))) == len(STORIES)
    assert scorer.budget <= 100


def test_a_window_that_does_not_fit_costs_its_own_text_alone(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = opened("llama")
    short = Short(monkeypatch, 30)
    scorer = Scorer(model, tokenizer, RECIPE, 400)
    found = flat(scorer.batches(STORIES))
    assert sorted(found) == list(range(len(STORIES)))
    lengths = [len(tokenizer(text)["input_ids"]) - 1 for text in STORIES]
    for index, outcome in found.items():
        assert isinstance(outcome, EyebrowError) == (lengths[index] > 30)
    assert max(lengths) > 64, "one that takes several windows is told of once"
    error = found[lengths.index(max(lengths))]
    assert error.title == "Out of memory"
    assert "does not fit" in error.message
    short.room = 10_000
    assert not any(isinstance(found, EyebrowError) for found in flat(scorer.batches(STORIES)))


def test_boundaries_have_the_same_rule(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = log_boundaries(Scorer(*opened("llama"), RECIPE), STORIES)
    short = Short(monkeypatch, 100)
    scorer = Scorer(*opened("llama"), RECIPE, 400)
    for one, other in zip(log_boundaries(scorer, STORIES), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert max(short.sizes) > 100
    short.room = 10
    with pytest.raises(EyebrowError, match="does not fit"):
        log_boundaries(scorer, STORIES)


# --- time --------------------------------------------------------------------------------------


class Clock:
    """Stands still but for what passes are said to take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, takes: Callable[[int], float]) -> None:
        self.now, self.sizes = 0.0, []  # type: tuple[float, list[int]]
        monkeypatch.setattr(room, "clock", lambda: self.now)
        measure = Trunk.of_batch

        def timed(trunk: Trunk, batch: Any) -> Any:
            self.now += takes(batch.ids.numel())
            self.sizes.append(batch.ids.numel())
            return measure(trunk, batch)

        monkeypatch.setattr(Trunk, "of_batch", timed)


TEXTS: Sequence[str] = ["The cat sat on the mat and looked."] * 1000
FINE = pytest.mark.parametrize("pace", [200, 2_000, 15_000])


@FINE
def test_a_batch_takes_as_long_as_is_asked(
    opened: Any, monkeypatch: pytest.MonkeyPatch, pace: int
) -> None:
    model, tokenizer = opened("llama")
    width = len(tokenizer(TEXTS[0])["input_ids"]) - 1
    clock = Clock(monkeypatch, lambda tokens: tokens / pace)
    scorer = Scorer(model, tokenizer, RECIPE)
    assert len(flat(scorer.batches(TEXTS, seconds=0.3))) == len(TEXTS)
    settled = clock.sizes[len(clock.sizes) // 2 : -1] or clock.sizes[-1:]
    wanted = min(scorer.budget, 0.3 * pace)
    assert max(settled) <= max(width, wanted * 1.01)
    assert min(settled) >= wanted * 0.95 - width
    assert clock.sizes[0] <= 1000, "small, before anything is measured"


def test_the_pace_follows_what_is_measured(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    paces = iter([1_000] * 20 + [100] * 10_000)
    clock = Clock(monkeypatch, lambda tokens: tokens / next(paces))
    scorer = Scorer(*opened("llama"), RECIPE)
    list(scorer.batches(TEXTS, seconds=0.3))
    assert 250 <= clock.sizes[19] <= 300
    assert clock.sizes[-2] <= 40


def test_what_a_batch_costs_by_itself_does_not_keep_batches_small(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU takes as long for ten tokens as for a thousand: what is small is no measure."""
    clock = Clock(monkeypatch, lambda tokens: 0.02 + tokens / 100_000)
    scorer = Scorer(*opened("llama"), RECIPE, budget=32768)
    for _ in range(20):
        list(scorer.batches(TEXTS[:1], seconds=0.3))
    assert max(clock.sizes) < 20
    list(scorer.batches(TEXTS, seconds=0.3))
    assert max(clock.sizes[20:]) > 1000


def test_without_seconds_throughput_decides(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, lambda tokens: tokens / 10)
    scorer = Scorer(*opened("llama"), RECIPE, budget=500)
    list(scorer.score(TEXTS))
    assert min(clock.sizes[:-1]) > 450


@pytest.mark.parametrize(
    ("parameters", "device", "tokens"),
    [(50_000, "cpu", 4096), (3_000_000, "cpu", 1024), (135_000_000, "cpu", 1024)],
)
def test_throughput_by_size(opened: Any, parameters: int, device: str, tokens: int) -> None:
    trunk = Trunk(opened("llama")[0])
    trunk.parameters, trunk.device = parameters, torch.device(device)
    assert default_budget(trunk) == Passes(trunk).size(None) == tokens
    assert 1 <= Passes(trunk).size(0.3) * parameters <= 3e10, "0.3 s of two cores at most"
