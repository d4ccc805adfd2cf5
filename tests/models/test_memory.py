"""What fits into memory, and what is said of what does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from eyebrow.core import EyebrowError
from eyebrow.core.machine import memory
from eyebrow.core.machine.memory import check_memory, free_memory, weights_size
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.models.load import load_model
from eyebrow.core.models.spec import ModelSpec
from eyebrow.core.models.weights import Size

CPU = torch.device("cpu")
GIB = 1 << 30


def test_the_figures_and_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    (large,) = find_models(["pythia-12b"])
    assert large.parameters is not None
    size = Size.of_floats(large.parameters)
    monkeypatch.setattr(memory, "free_memory", lambda _: 23_100_000_000)
    with pytest.raises(EyebrowError) as caught:
        check_memory(large, size, CPU, torch.float32)
    assert caught.value.message == (
        "pythia-12b needs 47.4 GB as float32, 23.1 GB are free; as bfloat16 it needs 23.7 GB; "
        "the largest of pythia that fits: pythia-2.8b"
    )
    assert caught.value.exit_code == 2
    check_memory(large, size, CPU, torch.bfloat16, held=GIB)
    with pytest.raises(EyebrowError, match="which fits: --dtype bfloat16"):
        check_memory(large, size, CPU, torch.float32, held=GIB)


def test_loading_looks_first(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda _: 1000)
    monkeypatch.setattr("eyebrow.core.models.load._open", lambda *_: pytest.fail("loaded"))
    with pytest.raises(EyebrowError, match="Not enough memory: llama needs"):
        load_model(str(tiny("llama")), device="cpu")


def test_weights_are_weighed_as_they_will_be_loaded(tiny: Callable[[str], Path]) -> None:
    folder = tiny("llama")
    model = ModelSpec("llama", "folder", str(folder))
    count = load_model(str(folder), device="cpu").parameters
    assert weights_size(model, folder).loaded(4) == 4 * count
    assert weights_size(model, folder).loaded(2) == 2 * count
    assert weights_size(ModelSpec("x", "hub", "o/x", parameters=7), None).loaded(4) == 28
    assert weights_size(ModelSpec("x", "hub", "o/x"), None).loaded(4) == 0


@pytest.mark.parametrize(
    ("line", "files"),
    [
        (
            "0::/box/inner",
            {
                "box/inner/memory.max": "max",
                "box/memory.max": 8 * GIB,
                "box/memory.current": 7 * GIB,
                "box/memory.stat": f"anon 1\ninactive_file {3 * GIB}\n",
            },
        ),
        (
            "4:memory:/box",
            {
                "memory/box/memory.limit_in_bytes": 8 * GIB,
                "memory/box/memory.usage_in_bytes": 7 * GIB,
                "memory/box/memory.stat": f"inactive_file 5\ntotal_inactive_file {3 * GIB}\n",
            },
        ),
    ],
)
def test_control_groups_allow_less(tmp_path: Path, line: str, files: dict[str, object]) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{content}\n".replace("\n\n", "\n"))
    (tmp_path / "self").write_text(f"9:cpu:/box\n{line}\n")
    assert [*memory._allowed(tmp_path, tmp_path / "self")] == [4 * GIB]
    assert [*memory._allowed(tmp_path, tmp_path / "missing")] == []


def test_there_is_some_memory() -> None:
    assert 0 < free_memory(CPU) < 1 << 62


def test_packed_weights_are_weighed_by_their_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    save_file({"w_blocks": torch.zeros(5000, dtype=torch.uint8)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"quantization_config": {"quant_method": "mxfp4"}}')
    (spec,) = find_models([str(tmp_path)])
    assert spec.parameters == 10_000
    monkeypatch.setattr(memory, "free_memory", lambda _: 4000)
    with pytest.raises(EyebrowError, match="needs 5 kB as bfloat16, 4 kB are free"):
        check_memory(spec, weights_size(spec, tmp_path), CPU, torch.bfloat16)


def test_pickles_are_weighed_by_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(bytes(1000))
    unknown = ModelSpec("x", "folder", str(tmp_path))
    assert weights_size(unknown, tmp_path).loaded(4) == 1000
    known = ModelSpec("x", "folder", str(tmp_path), parameters=500)
    assert weights_size(known, tmp_path).loaded(4) == 2000


def test_what_the_hub_lists_of_packed_weights() -> None:
    size = Size.of_counts({"BF16": 10, "F32": 5, "U8": 100, "I32": 3})
    assert (size.loaded(2), size.loaded(4)) == (30 + 112, 60 + 112)


def test_what_torch_could_give_back_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (5 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 30 * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 10 * GIB)
    assert free_memory(torch.device("cuda")) == 25 * GIB
