"""A Ray cluster of two nodes on this machine, and what it must give: the rows of one process."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from eyebrow.core.results.store import Store
from eyebrow.core.stories import bundled_stories

MODELS = ("pocket-bigram", "pocket-50k")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def begin(*arguments: object) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    words = [sys.executable, "-m", "eyebrow.core.cli", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def end(running: subprocess.Popen[str]) -> Outcome:
    """What it said, once it is done."""
    out, err = running.communicate()
    return Outcome(running.returncode, out, err)


def command(*arguments: object) -> Outcome:
    return end(begin(*arguments))


def rows(store: Path) -> Counter[tuple[str, str]]:
    """(part's model, text digest) of every row that lies there, however often."""
    return Counter(
        (path.name.split("-")[0], digest)
        for path in (store / "scores").glob("*.parquet")
        for digest in pq.read_table(path, columns=["text_digest"]).column(0).to_pylist()
    )


def check_same(store: Path, single: Path) -> None:
    """Row for row what one process has stored, to 1e-5, and none twice."""
    found, wanted = rows(store), rows(single)
    assert found.keys() == wanted.keys()
    assert set(found.values()) == {1}
    keys = {tuple(path.name.split("-")[:2]) for path in (single / "scores").glob("*.parquet")}
    for model, recipe in keys:
        ours = dict(Store(store).scores(model, recipe, top=True))
        for digest, score in Store(single).scores(model, recipe, top=True):
            other = ours[digest]
            np.testing.assert_array_equal(other.token_ids, score.token_ids)
            np.testing.assert_allclose(other.logprobs, score.logprobs, rtol=1e-5, atol=1e-5)
            assert other.summary.tokens == score.summary.tokens
            assert other.summary.nll == pytest.approx(score.summary.nll, rel=1e-5)


def check_same_json(ours: Any, single: Any) -> None:
    """The same document, numbers to 1e-5."""
    if isinstance(single, dict):
        assert ours.keys() == single.keys()
        for name in single:
            check_same_json(ours[name], single[name])
    elif isinstance(single, list):
        assert len(ours) == len(single)
        for one, other in zip(ours, single, strict=True):
            check_same_json(one, other)
    elif isinstance(single, float):
        assert ours == pytest.approx(single, rel=1e-5)
    else:
        assert ours == single


def write_stories(place: Path, count: int) -> None:
    """The bundled stories over and over, each time with one word from elsewhere."""
    stories, chance = bundled_stories(), random.Random(7)
    words = [word for story in stories for word in story.text.split()]
    with place.open("w", encoding="utf-8") as file:
        for number in range(count):
            story = stories[number % len(stories)]
            text = story.text.split(" ")
            text.insert(chance.randrange(len(text)), f"{chance.choice(words)} {number}")
            file.write(json.dumps({"title": story.title, "text": " ".join(text)}) + "\n")


@dataclass(frozen=True)
class Single:
    """What one process made of the stories."""

    stories: Path
    store: Path
    json: Any


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Single:
    folder = tmp_path_factory.mktemp("single")
    stories, store = folder / "stories.jsonl", folder / "store"
    write_stories(stories, 1200)
    models = [word for model in MODELS for word in ("-m", model)]
    done = command("score", stories, *models, "--store", store, "--json")
    assert done.code == 0, done.err
    return Single(stories, store, json.loads(done.out))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of one CPU each; a test that kills the second puts another in its place."""
    pytest.importorskip("ray", reason="needs Ray: make test-ray")
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 1, "object_store_memory": 100 << 20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        made = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
        made.second = made.add_node(**size)
        made.size = size
        yield made
        made.shutdown()


def workers_of(node: Any) -> list[int]:
    """Numbers of the worker processes on a node."""
    (raylet,) = (info.process.pid for info in node.all_processes["raylet"])
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdecimal():
            continue
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            is_worker = (place / "cmdline").read_bytes().startswith(b"ray::Worker")
        except OSError:
            continue
        if parent == raylet and is_worker:
            found.append(int(place.name))
    return found


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False
