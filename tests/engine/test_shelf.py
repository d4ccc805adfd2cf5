"""Which models stay in memory, and which leave first."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.engine import shelf as shelf_room
from eyebrow.core.engine.shelf import Shelf
from eyebrow.core.errors import EyebrowError
from eyebrow.core.machine import memory
from eyebrow.core.models.options import LoadOptions
from eyebrow.core.models.spec import ModelSpec
from eyebrow.core.models.weights import Size
from eyebrow.core.scoring.recipe import Recipe

Spec = Callable[[str], ModelSpec]
NAMES = ("llama", "gpt2", "neox", "opt")


@pytest.fixture
def dropped() -> list[str]:
    return []


@pytest.fixture
def shelf(dropped: list[str]) -> Shelf:
    return Shelf(LoadOptions("cpu", "float32", offline=True), dropped.append)


def held(shelf: Shelf) -> set[str]:
    return {name for name in NAMES if name in shelf}


def test_with_memory_enough_all_stay(shelf: Shelf, spec: Spec, dropped: list[str]) -> None:
    first = shelf.get(spec("llama"))
    shelf.get(spec("gpt2"))
    assert shelf.get(spec("llama")) is first
    assert held(shelf) == {"llama", "gpt2"}
    assert dropped == []


def test_the_least_recently_used_leaves_first(
    shelf: Shelf, spec: Spec, dropped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_room, "weights_size", lambda *_: Size(None, 0, 10))
    monkeypatch.setattr(shelf_room, "free_memory", lambda _: 28 - 10 * len(held(shelf)))
    for name in ("llama", "gpt2", "llama"):
        shelf.get(spec(name))
    assert dropped == []
    shelf.get(spec("neox"))
    assert dropped == ["gpt2"]
    shelf.get(spec("opt"))
    assert dropped == ["gpt2", "llama"]
    assert held(shelf) == {"neox", "opt"}


def test_a_model_too_large_even_alone_puts_nobody_out(
    shelf: Shelf, spec: Spec, dropped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.get(spec("llama"))
    monkeypatch.setattr(memory, "free_memory", lambda _: 0)
    with pytest.raises(EyebrowError, match="Not enough memory: wide needs"):
        shelf.get(spec("wide"))
    assert (dropped, held(shelf)) == ([], {"llama"})


def test_what_was_dropped_is_gone_when_memory_is_counted(
    shelf: Shelf, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = weakref.ref(shelf.get(spec("llama")).loaded.model)
    seen: list[bool] = []
    monkeypatch.setattr(shelf_room.torch.cuda, "is_available", lambda: seen.append(gone() is None))
    monkeypatch.setattr(shelf_room, "free_memory", lambda _: 0)
    shelf.get(spec("gpt2"))
    assert True in seen


def test_loading_that_runs_out_of_memory_puts_others_out(
    shelf: Shelf, spec: Spec, dropped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = shelf_room.load

    def short(wanted: ModelSpec, options: LoadOptions) -> Any:
        if len(held(shelf)) > 1:
            raise EyebrowError("Out of memory", "too big")
        return load(wanted, options)

    monkeypatch.setattr(shelf_room, "load", short)
    for name in ("llama", "gpt2", "neox"):
        shelf.get(spec(name))
    assert dropped == ["llama"]
    monkeypatch.setattr(shelf_room, "load", lambda *_: short_of_all())
    with pytest.raises(EyebrowError, match="Out of memory"):
        shelf.get(spec("opt"))
    assert held(shelf) == set()


def short_of_all() -> Any:
    raise EyebrowError("Out of memory", "too big")


def test_other_errors_put_nobody_out(shelf: Shelf, spec: Spec, tmp_path: Path) -> None:
    shelf.get(spec("llama"))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EyebrowError, match="No model there"):
        shelf.get(ModelSpec("broken", "folder", str(tmp_path)))
    assert held(shelf) == {"llama"}


def test_one_scorer_for_each_recipe(shelf: Shelf, spec: Spec) -> None:
    model = shelf.get(spec("llama"))
    one = Recipe("context", 64, 32, "float32", "cpu")
    other = Recipe("scored", 64, 32, "float32", "cpu")
    assert model.scorer(one) is model.scorer(one)
    assert model.scorer(one) is not model.scorer(other)


def test_a_model_whose_files_have_changed_is_loaded_anew(
    shelf: Shelf, spec: Spec, dropped: list[str], tmp_path: Path
) -> None:
    own = ModelSpec("own", "folder", str(shutil.copytree(spec("llama").location, tmp_path / "own")))
    first, other = shelf.get(own), shelf.get(spec("gpt2"))
    assert shelf.find(own) is not None
    assert shelf.get(own) is first
    weights = tmp_path / "own" / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-2] ^= 1
    weights.write_bytes(raw)
    assert shelf.find(own) is None
    assert (dropped, shelf.get(spec("gpt2"))) == (["own"], other)
    again = shelf.get(own)
    assert again.loaded.digest != first.loaded.digest
    shutil.rmtree(tmp_path / "own")
    assert shelf.get(own) is again, "what is loaded needs no files"


def test_others_leave_before_batches_become_smaller(
    shelf: Shelf, spec: Spec, dropped: list[str]
) -> None:
    shelf.get(spec("gpt2"))
    scorer = shelf.get(spec("llama")).scorer(Recipe("context", 64, 32, "float32", "cpu"))
    budget, measure = scorer.budget, scorer.trunk.measure

    def tight(*batch: Any) -> Any:
        if len(held(shelf)) > 1:
            raise RuntimeError("CUDA out of memory")
        return measure(*batch)

    scorer.trunk.measure = tight  # type: ignore[method-assign]
    assert len(list(scorer.score(["the cat sat", "on the mat"]))) == 2
    assert dropped == ["gpt2"]
    assert scorer.budget == budget
