"""`score --engine ray` on two nodes: what one process gives, whoever is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import (
    MODELS,
    Single,
    begin,
    check_same,
    check_same_json,
    command,
    end,
    is_gone,
    rows,
    workers_of,
)

pytestmark = pytest.mark.slow


def words(single: Single, cluster: Any, store: Path) -> list[object]:
    models = [word for model in MODELS for word in ("-m", model)]
    where = ("--engine", "ray", "--address", cluster.address)
    return ["score", single.stories, *models, *where, "--store", store, "--json", "-q"]


def wait_for(running: subprocess.Popen[str], is_so: Callable[[], bool]) -> None:
    while not is_so():
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)


def test_two_nodes_give_what_one_process_gives(
    single: Single, cluster: Any, tmp_path: Path
) -> None:
    running = begin(*words(single, cluster, tmp_path))
    wait_for(running, lambda: bool(workers_of(cluster.head_node) and workers_of(cluster.second)))
    done = end(running)
    assert (done.code, done.err) == (0, "")
    check_same(tmp_path, single.store)
    check_same_json(json.loads(done.out), single.json)
    again = command(*words(single, cluster, tmp_path))
    check_same_json(json.loads(again.out), single.json)
    check_same(tmp_path, single.store)


def test_a_killed_node_costs_nothing(single: Single, cluster: Any, tmp_path: Path) -> None:
    running = begin(*words(single, cluster, tmp_path))
    wait_for(running, lambda: bool(rows(tmp_path)) and bool(workers_of(cluster.second)))
    cluster.remove_node(cluster.second, allow_graceful=False)
    half = len(rows(tmp_path))
    done = end(running)
    cluster.second = cluster.add_node(**cluster.size)
    assert (done.code, done.err) == (0, "")
    assert half < len(rows(single.store)), "there was something left to do"
    check_same(tmp_path, single.store)
    check_same_json(json.loads(done.out), single.json)


def test_a_killed_worker_costs_nothing(single: Single, cluster: Any, tmp_path: Path) -> None:
    running = begin(*words(single, cluster, tmp_path))
    wait_for(running, lambda: bool(rows(tmp_path)) and bool(workers_of(cluster.head_node)))
    os.kill(workers_of(cluster.head_node)[0], signal.SIGKILL)
    done = end(running)
    assert (done.code, done.err) == (0, "")
    check_same(tmp_path, single.store)


def test_a_killed_driver_goes_on_where_it_was(single: Single, cluster: Any, tmp_path: Path) -> None:
    running = begin(*words(single, cluster, tmp_path))
    wait_for(running, lambda: bool(rows(tmp_path)))
    running.kill()
    running.communicate()
    half = rows(tmp_path)
    assert 0 < len(half) < len(rows(single.store))
    done = command(*words(single, cluster, tmp_path))
    assert (done.code, done.err) == (0, "")
    check_same(tmp_path, single.store)
    check_same_json(json.loads(done.out), single.json)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_keeps_what_is_finished(
    single: Single, cluster: Any, tmp_path: Path, name: str
) -> None:
    number = getattr(signal, name)
    running = begin(*words(single, cluster, tmp_path))
    wait_for(running, lambda: bool(rows(tmp_path)) and bool(workers_of(cluster.head_node)))
    workers = workers_of(cluster.head_node) + workers_of(cluster.second)
    running.send_signal(number)
    done = end(running)
    assert (done.code, done.out) == (128 + number, "")
    assert done.err.count("\n") == 1
    assert f"kept in {tmp_path}" in done.err
    while not all(map(is_gone, workers)):
        time.sleep(0.05)
    assert set(rows(tmp_path).values()) == {1}


def test_bad_stories_and_models_are_listed_as_by_one_process(cluster: Any, tmp_path: Path) -> None:
    stories, broken = tmp_path / "two.jsonl", tmp_path / "broken"
    stories.write_text('{"text": "The cat sat."}\n{"text": "The dog ran off."}\n')
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "llama"}')
    same = ("score", stories, "-m", MODELS[0], "-m", broken, "--json", "-q", "--store")
    one = command(*same, tmp_path / "one")
    ours = command(*same, tmp_path / "ray", "--engine", "ray", "--address", cluster.address)
    assert (ours.code, ours.err) == (one.code, one.err) == (3, one.err)
    check_same_json(json.loads(ours.out), json.loads(one.out))


def test_a_folder_and_its_address_as_by_one_process(cluster: Any, tmp_path: Path) -> None:
    folder = tmp_path / "stories"
    folder.mkdir()
    for name in "ab":
        lines = [json.dumps({"id": n, "text": f"Story {name} {n}.", "by": name}) for n in range(9)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    same = ("-m", MODELS[0], "--no-store", "--json", "-q")
    where = ("--engine", "ray", "--address", cluster.address)
    one = command("score", folder, "--group", "by", *same)
    for place in (folder, folder.as_uri()):
        ours = command("score", place, "--group", "by", *same, *where)
        assert (ours.code, ours.err) == (one.code, one.err) == (0, "")
        check_same_json(json.loads(ours.out), json.loads(one.out))
    with (folder / "b.jsonl").open("a") as file:
        file.write('\n{"text": ')
    one, ours = command("score", folder, *same), command("score", folder, *same, *where)
    assert (ours.code, ours.out, ours.err) == (one.code, one.out, one.err)
    assert "b.jsonl, line 10 is not valid JSON" in ours.err


def test_a_ray_of_its_own_and_no_store(single: Single, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: make test-ray")
    same = ("score", single.stories, "-m", MODELS[0], "--limit", "40", "--no-store", "--json", "-q")
    ours = command(*same, "--engine", "ray", "--workers", "1")
    assert (ours.code, ours.err) == (0, "")
    check_same_json(json.loads(ours.out), json.loads(command(*same).out))


def test_what_there_is_no_room_for(single: Single, cluster: Any, tmp_path: Path) -> None:
    same = words(single, cluster, tmp_path)
    for option, number, said in (
        ("--workers", 3, "the cluster has room for 2"),
        ("--gpus-per-worker", 1, "the node with most of them has 0"),
    ):
        done = command(*same, option, number)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
