"""A model too large for one GPU: how it is dealt, and that it computes the same.

There may be no GPU where this runs: memory is made up, and every part of the map is the CPU's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from eyebrow.core.errors import EyebrowError
from eyebrow.core.machine import memory
from eyebrow.core.models import load as loading
from eyebrow.core.models import spread as spreading
from eyebrow.core.models.load import load_model
from eyebrow.core.models.spec import ModelSpec
from eyebrow.core.models.spread import deal, spread
from eyebrow.core.models.weights import Size

ONE, TWO, THREE = (torch.device("cuda", number) for number in range(3))
GB = 10**9


def test_layers_are_dealt_in_order_and_neighbours_stay_together() -> None:
    room = {ONE: 50, TWO: 20, THREE: 100}
    assert deal([10] * 6, 20, room) == [ONE, ONE, ONE, TWO, TWO, THREE]
    assert deal([10] * 6, 45, room) == [TWO, TWO, THREE, THREE, THREE, THREE]
    assert deal([10, 30, 10], 20, room) == [ONE, THREE, THREE], "one that is too small is passed"
    assert deal([10] * 20, 20, room) is None
    assert deal([10], 60, {ONE: 50}) is None


def test_all_but_the_layers_stays_and_nothing_is_left_out(
    tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "rooms", lambda _: {ONE: 0, TWO: GB})
    monkeypatch.setattr(spreading, "deal", lambda sizes, *_: [TWO] * len(sizes))
    for name in ("llama", "gpt2", "neox"):
        empty = loading._empty(tiny(name), name, False)
        found = spread(empty, torch.float32, ONE, name)
        paths = [path for path, _ in (*empty.named_parameters(), *empty.named_buffers())]
        for path in paths:
            owners = {at for key, at in found.items() if path == key or path.startswith(f"{key}.")}
            assert owners == {"cuda:1" if any(c.isdigit() for c in path.split(".")) else "cuda:0"}


def test_it_is_refused_where_its_layers_find_no_room(
    tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "rooms", lambda _: {ONE: 10, TWO: 10})
    empty = loading._empty(tiny("llama"), "llama", False)
    with pytest.raises(EyebrowError, match="do not fit"):
        spread(empty, torch.float32, ONE, "llama")


def test_what_is_short_on_the_cpu_is_not_looked_for_on_gpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where others take it while the weights are identified, behind the check."""
    monkeypatch.setattr(loading, "free_memory", lambda _: 0)
    assert load_model("pocket-bigram", device="cpu").model is not None


def test_memory_of_all_gpus_counts_where_accelerate_is_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec, size = ModelSpec("big", "folder", "/nowhere"), Size.of_floats(3 * GB)
    monkeypatch.setattr(memory, "free_memory", lambda device: 8 * GB if device.index else 4 * GB)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(memory, "can_spread", lambda: True)
    assert memory.rooms(TWO) == {TWO: int(7.2 * GB), ONE: int(3.6 * GB)}
    memory.check_memory(spec, size, ONE, torch.bfloat16)
    with pytest.raises(EyebrowError, match=r"10\.8 GB on all GPUs"):
        memory.check_memory(spec, size, ONE, torch.float32)
    monkeypatch.setattr(memory, "can_spread", lambda: False)
    with pytest.raises(EyebrowError, match=r"2 GPUs together: pip install 'eyebrow\[gpus\]'"):
        memory.check_memory(spec, size, ONE, torch.bfloat16)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(EyebrowError, match="free on cuda:0; "):
        memory.check_memory(spec, size, ONE, torch.bfloat16)


def test_a_model_loaded_by_a_map_computes_the_same(
    tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("accelerate")
    plain = load_model(ModelSpec("llama", "folder", str(tiny("llama"))), device="cpu")
    asked: list[Any] = []

    def on_the_cpu(*of: Any) -> dict[str, str]:
        asked.append(spread(*of))
        return dict.fromkeys(asked[-1], "cpu")

    cpu, other = torch.device("cpu"), torch.device("cpu", 0)
    monkeypatch.setattr(loading, "check_memory", lambda *_: None)
    monkeypatch.setattr(loading, "_is_too_large", lambda *_: True)
    monkeypatch.setattr(spreading, "rooms", lambda _: {cpu: plain.bytes // 2, other: plain.bytes})
    monkeypatch.setattr(loading, "spread", on_the_cpu)
    mapped = load_model(ModelSpec("llama", "folder", str(tiny("llama"))), device="cpu")
    assert len(asked) == 1
    ids = torch.arange(1, 9)[None]
    with torch.inference_mode():
        assert torch.equal(plain.model(ids).logits, mapped.model(ids).logits)
