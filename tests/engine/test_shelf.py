"""Which models stay in memory, and which leave first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from eyebrow.core.engine import shelf as shelf_room
from eyebrow.core.engine.shelf import Shelf, free_memory, weights_size
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.recipe import Recipe

Spec = Callable[[str], ModelSpec]
NAMES = ("llama", "gpt2", "neox", "opt")


@pytest.fixture
def dropped() -> list[str]:
    return []


@pytest.fixture
def shelf(dropped: list[str]) -> Shelf:
    return Shelf("cpu", "float32", True, dropped.append)


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
    monkeypatch.setattr(shelf_room, "weights_size", lambda *_: 10)
    monkeypatch.setattr(shelf_room, "free_memory", lambda _: 28 - 10 * len(held(shelf)))
    for name in ("llama", "gpt2", "llama"):
        shelf.get(spec(name))
    assert dropped == []
    shelf.get(spec("neox"))
    assert dropped == ["gpt2"]
    shelf.get(spec("opt"))
    assert dropped == ["gpt2", "llama"]
    assert held(shelf) == {"neox", "opt"}


def test_the_last_one_is_tried_however_big(
    shelf: Shelf, spec: Spec, dropped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_room, "free_memory", lambda _: 0)
    for name in ("llama", "gpt2"):
        shelf.get(spec(name))
    assert dropped == ["llama"]
    assert held(shelf) == {"gpt2"}


def test_loading_that_runs_out_of_memory_puts_others_out(
    shelf: Shelf, spec: Spec, dropped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = shelf_room.load_model

    def short(wanted: ModelSpec, **options: Any) -> Any:
        if len(held(shelf)) > 1:
            raise EyebrowError("Out of memory", "too big")
        return load(wanted, **options)

    monkeypatch.setattr(shelf_room, "load_model", short)
    for name in ("llama", "gpt2", "neox"):
        shelf.get(spec(name))
    assert dropped == ["llama"]
    monkeypatch.setattr(shelf_room, "load_model", lambda *_, **__: short_of_all())
    with pytest.raises(EyebrowError, match="Out of memory"):
        shelf.get(spec("opt"))
    assert held(shelf) == set()


def short_of_all() -> Any:
    raise EyebrowError("Out of memory", "too big")


def test_other_errors_put_nobody_out(shelf: Shelf, spec: Spec, tmp_path: Path) -> None:
    shelf.get(spec("llama"))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EyebrowError, match="Cannot load"):
        shelf.get(ModelSpec("broken", "folder", str(tmp_path)))
    assert held(shelf) == {"llama"}


def test_one_scorer_for_each_recipe(shelf: Shelf, spec: Spec) -> None:
    model = shelf.get(spec("llama"))
    one = Recipe("context", 64, 32, "float32", "cpu")
    other = Recipe("scored", 64, 32, "float32", "cpu")
    assert model.scorer(one) is model.scorer(one)
    assert model.scorer(one) is not model.scorer(other)


def test_weights_are_weighed_as_they_will_be_loaded(spec: Spec, tmp_path: Path) -> None:
    model = spec("llama")
    file = (Path(model.location) / "model.safetensors").stat().st_size
    assert weights_size(model, torch.float32) == file
    assert weights_size(model, torch.bfloat16) == file // 2
    half = tmp_path / "half"
    shutil.copytree(model.location, half)
    config = json.loads((half / "config.json").read_text()) | {"dtype": "bfloat16"}
    (half / "config.json").write_text(json.dumps(config))
    assert weights_size(ModelSpec("half", "folder", str(half)), torch.float32) == 2 * file
    assert weights_size(ModelSpec("x", "hub", "owner/not-here")) == 0


def test_there_is_some_memory() -> None:
    assert free_memory("cpu") > 0
