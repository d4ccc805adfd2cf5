"""Which GPUs there are, of a driver that is made up; and what `--gpus` makes of them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.machine import gpus
from eyebrow.core.machine.gpus import Gpu, devices, visible

CARDS = [("GPU-a", "H100", 81, 87), ("GPU-b", "H100", 81, 0), ("GPU-c", "old", 8, None)]


class MadeError(Exception):
    """What the library raises."""


def made(cards: list[tuple[str, str, int, int | None]]) -> Any:
    """As much of pynvml as is used; a handle is a card's row."""

    def by_uuid(name: str) -> Any:
        for card in cards:
            if card[0] == name:
                return card
        raise MadeError

    def rates(card: Any) -> Any:
        if card[3] is None:
            raise MadeError
        return SimpleNamespace(gpu=card[3])

    return SimpleNamespace(
        NVMLError=MadeError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(cards),
        nvmlDeviceGetHandleByIndex=lambda at: cards[at],
        nvmlDeviceGetHandleByUUID=by_uuid,
        nvmlDeviceGetMemoryInfo=lambda card: SimpleNamespace(used=card[2] // 2, total=card[2]),
        nvmlDeviceGetUtilizationRates=rates,
        nvmlDeviceGetName=lambda card: card[1],
    )


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(gpus, "_DRIVERS", (tmp_path / "nvidiactl",))
    monkeypatch.setattr(gpus, "_torch_is_for_cpus", lambda: False)
    library = made(list(CARDS))
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return library


def test_what_a_program_sees_of_them(driver: Any) -> None:
    assert visible({}) == [Gpu("H100", 40, 81, 87), Gpu("H100", 40, 81, 0), Gpu("old", 4, 8, None)]
    named = {
        "": [],
        "-1": [],
        "2,0": ["old", "H100"],
        "1,9,0": ["H100"],
        "GPU-c, 0": ["old", "H100"],
        "0,GPU-unknown,1": ["H100"],
    }
    for value, names in named.items():
        found = [gpu.name for gpu in visible({"CUDA_VISIBLE_DEVICES": value})]
        assert found == names, value


def test_a_worker_for_each_of_several(driver: Any) -> None:
    assert devices("auto", environ={}) == ["cuda:0", "cuda:1", "cuda:2"]
    assert devices("cuda", "2,0,2", {}) == ["cuda:2", "cuda:0"]
    assert devices("auto", environ={"CUDA_VISIBLE_DEVICES": "1"}) == ["auto"]
    assert devices("auto", "0", {"CUDA_VISIBLE_DEVICES": "1"}) == ["cuda:0"]
    assert devices("cuda:1", environ={}) == ["cuda:1"]
    assert devices("cpu", environ={}) == ["cpu"]


def test_what_is_refused(driver: Any) -> None:
    with pytest.raises(EyebrowError, match="there is no GPU 3; this machine has 3 GPUs"):
        devices("auto", "0,3", {})
    with pytest.raises(EyebrowError, match="use all, or numbers as in 0,1"):
        devices("auto", "first", {})
    with pytest.raises(EyebrowError, match="--gpus 0 and --device cpu exclude each other"):
        devices("cpu", "0", {})


@pytest.mark.parametrize("without", ["driver", "cuda", "answer"])
def test_a_machine_without_any(driver: Any, monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    if without == "driver":
        monkeypatch.setattr(gpus, "_DRIVERS", (Path("/nowhere"),))
        monkeypatch.setitem(sys.modules, "pynvml", None)  # it is not even looked for
    elif without == "cuda":
        monkeypatch.setattr(gpus, "_torch_is_for_cpus", lambda: True)
    else:

        def fails() -> None:
            raise MadeError("driver and library differ")

        driver.nvmlInit = fails
    assert devices("auto", environ={}) == ["auto"]
    with pytest.raises(EyebrowError, match="no GPU 0; this machine has none that torch can use"):
        devices("auto", "0", {})
