"""How many workers a cluster has room for, and what each of them gets."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from eyebrow.core.engine.cluster.asked import Asked
from eyebrow.core.engine.cluster.session import Room, connected, room
from eyebrow.core.errors import EyebrowError


def ray(*nodes: tuple[float, float]) -> Any:
    """A cluster whose nodes have so many CPUs and GPUs, and one that is dead."""
    alive = [{"Alive": True, "Resources": {"CPU": cpus, "GPU": gpus}} for cpus, gpus in nodes]
    dead = {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}
    return SimpleNamespace(nodes=lambda: [*alive, dead])


CPUS, GPUS = ray((4, 0), (1, 0)), ray((8, 0), (32, 8), (32, 8))


@pytest.mark.parametrize(
    ("cluster", "asked", "found"),
    [
        (CPUS, Asked(), Room(3, 0, 5 / 6, 1)),
        (CPUS, Asked(workers=1), Room(1, 0, 1.0, 4)),
        (CPUS, Asked(workers=5), Room(5, 0, 0.5, 1)),
        (GPUS, Asked(), Room(16, 1, 1.0, 0)),
        (GPUS, Asked(gpus=0.5), Room(32, 0.5, 1.0, 0)),
        (GPUS, Asked(gpus=3, workers=4), Room(4, 3, 1.0, 0)),
        (GPUS, Asked(gpus=0, workers=8), Room(8, 0, 1.0, 9)),
    ],
)
def test_what_each_worker_gets(cluster: Any, asked: Asked, found: Room) -> None:
    assert room(cluster, asked) == found


@pytest.mark.parametrize(
    ("cluster", "asked", "said"),
    [
        (CPUS, Asked(workers=6), "--workers 6: the cluster has room for 5 of them"),
        (CPUS, Asked(gpus=1), "most of them has 0; 0 scores on CPUs"),
        (GPUS, Asked(gpus=16), "--gpus-per-worker 16: the node with most of them has 8"),
        (GPUS, Asked(gpus=3, workers=5), "--workers 5: the cluster has room for 4 of them"),
        (ray((0, 0)), Asked(), "no node of the cluster has a CPU for a worker"),
    ],
)
def test_what_there_is_no_room_for(cluster: Any, asked: Asked, said: str) -> None:
    with pytest.raises(EyebrowError, match=said) as caught:
        room(cluster, asked)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1:1", "connection refused"),
        ("somewhere", "it is written host:port, or auto"),
        ("ray://somewhere:10001", "it is written host:port, or auto"),
    ],
)
def test_a_cluster_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    nothing = SimpleNamespace(init=pytest.fail, shutdown=lambda: None)
    monkeypatch.setitem(sys.modules, "ray", nothing)
    with pytest.raises(EyebrowError) as caught, connected(Asked(address)):
        pytest.fail("it is there")
    assert caught.value.message == (
        f"there is no Ray at {address} ({why}); start one with ray start --head, or leave "
        "--address out to use this machine"
    )
