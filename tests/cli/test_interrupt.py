"""Ctrl-C in a real process keeps what was finished."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from .conftest import BIGRAM, Outcome

TEXT = "the cat saw a big red ball and ran to his friend in the park"


def rows(store: Path) -> list[str]:
    return [
        story
        for part in (store / "scores").glob("*.parquet")
        for story in pq.read_table(part, columns=["story"]).column(0).to_pylist()
    ]


def test_sigint_keeps_the_finished_part(
    command: Callable[..., list[str]], cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    words = TEXT.split()
    texts = [f"Story {n}. " + " ".join(words[n % 14 :] + words) * 8 + "." for n in range(20_000)]
    place, store = tmp_path / "many.jsonl", tmp_path / "store"
    place.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    running = subprocess.Popen(
        command("score", place, "-m", BIGRAM, "--store", store, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not list((store / "scores").glob("*.parquet")):  # at work, a part is written
            assert running.poll() is None, running.communicate()
            time.sleep(0.05)
        time.sleep(1.0)  # some more that is not written yet
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert out == ""
    assert err.count("\n") == 1
    assert "kept in" in err
    finished = rows(store)
    assert 0 < len(finished) < len(texts)
    assert len(set(finished)) == len(finished)
    assert not list((store / "unfinished").iterdir())  # nothing is left half written
    some = tmp_path / "some.jsonl"
    some.write_text("".join(json.dumps({"text": texts[int(n) - 1]}) + "\n" for n in finished))
    assert cli("score", some, "-m", BIGRAM, "--store", store, "--json").code == 0
    assert rows(store) == finished  # nothing was missing
