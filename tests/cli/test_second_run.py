"""A run that was ended in its midst goes on where it was: what is scored is counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import BIGRAM

STORIES = 20_000

# Runs when Python starts: a line for each batch before it is made, one for each write after it.
COUNTING = """
import os, sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec

def note(line):
    with open(os.environ["COUNT_FILE"], "a") as file:
        file.write(line + "\\n")

def count_batches(module):
    run = module.Passes._run
    def counted(self, batch, measure):
        note(f"batch {len(batch.targets)}")
        return run(self, batch, measure)
    module.Passes._run = counted

def count_writes(module):
    write = module.Keeper.write
    def counted(self):
        write(self)
        note("written 0")
    module.Keeper.write = counted

CHANGES = {"eyebrow.core.scoring.passes": count_batches, "eyebrow.core.engine.keeper": count_writes}

class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        change = CHANGES.pop(name, None)
        if change is None:
            return None
        spec = find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (load(module), change(module))
        return spec

sys.meta_path.insert(0, Finder())
"""


def batches(log: Path) -> list[tuple[str, int]]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [(kind, int(count)) for kind, count in map(str.split, lines)]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_was_finished_is_not_scored_again(
    command: Callable[..., list[str]], tmp_path: Path
) -> None:
    """After a signal one batch is made twice at most; after SIGKILL what was not yet written."""
    stories, store, log = tmp_path / "many.jsonl", tmp_path / "store", tmp_path / "count"
    texts = (f"Story {n} of a cat that ran {n % 97} times round a tree." for n in range(STORIES))
    stories.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (tmp_path / "sitecustomize.py").write_text(COUNTING)
    words = command("score", stories, "-m", BIGRAM, "--store", store, "--json", "-q")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "COUNT_FILE": str(log)}
    allowed = 0
    for number in ("SIGHUP", "SIGTERM", "SIGINT", "SIGKILL"):
        before = len(batches(log))
        running = subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while len([kind for kind, _ in batches(log)[before:] if kind == "batch"]) < 4:
            assert running.poll() is None, running.communicate()
            time.sleep(0.01)
        running.send_signal(getattr(signal, number))
        running.communicate(timeout=120)
        done = batches(log)[before:]
        if number == "SIGKILL":
            last = max((n for n, (kind, _) in enumerate(done) if kind == "written"), default=-1)
            allowed += sum(count for _, count in done[last + 1 :])
        else:
            allowed += max(count for _, count in done)
    first = sum(count for _, count in batches(log))
    end = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)
    (model,) = json.loads(end.stdout)["models"]
    assert model["stories"] == STORIES
    total = sum(count for _, count in batches(log))
    assert 0 < first < model["tokens"]
    print(
        f"{first:,} tokens in the first runs, {total - first:,} in the last of {model['tokens']:,}"
    )
    assert model["tokens"] <= total <= model["tokens"] + allowed
