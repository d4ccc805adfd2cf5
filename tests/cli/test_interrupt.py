"""Signals in a real process: what was finished is kept, one line is said, 128 + n returned."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from .conftest import BIGRAM, Outcome

TEXT = "the cat saw a big red ball and ran to his friend in the park"


def rows(store: Path) -> list[str]:
    return [
        story
        for part in (store / "scores").glob("*.parquet")
        for story in pq.read_table(part, columns=["story"]).column(0).to_pylist()
    ]


SIGNALS = [
    "SIGINT",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("SIGTERM", "SIGHUP", "SIGQUIT")),
]


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_keeps_the_finished_part(
    command: Callable[..., list[str]], cli: Callable[..., Outcome], tmp_path: Path, name: str
) -> None:
    """Sent twice, as impatient hands do: the second must not cut off what the first began."""
    number = getattr(signal, name)
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
        while not rows(store):  # at work, and the first part is written
            assert running.poll() is None, running.communicate()
            time.sleep(0.05)
        first = len(rows(store))
        time.sleep(0.5)  # some more that is not written yet
        running.send_signal(number)
        time.sleep(0.02)
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 128 + number
    assert out == ""
    assert err.count("\n") == 1
    assert "kept in" in err
    finished = rows(store)
    assert first < len(finished) < len(texts)
    assert len(set(finished)) == len(finished)
    assert not list((store / "unfinished").iterdir())  # nothing is left half written
    if name == "SIGINT":
        some = tmp_path / "some.jsonl"
        kept = (json.dumps({"text": texts[int(n) - 1]}) + "\n" for n in finished)
        some.write_text("".join(kept))
        assert cli("score", some, "-m", BIGRAM, "--store", store, "--json").code == 0
        assert rows(store) == finished  # nothing was missing


def test_a_command_that_hang_ups_do_not_concern_stays(
    command: Callable[..., list[str]], tmp_path: Path
) -> None:
    running = subprocess.Popen(
        ["nohup", *command("tokens", "-", "-m", BIGRAM, "--json")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while "cli" not in Path(f"/proc/{running.pid}/cmdline").read_text():
        time.sleep(0.02)
    while b"numpy" not in Path(f"/proc/{running.pid}/maps").read_bytes():  # it is up
        time.sleep(0.02)
        assert running.poll() is None
        break
    running.send_signal(signal.SIGHUP)
    out, _ = running.communicate(b"the cat", timeout=120)
    assert running.returncode == 0
    assert json.loads(out)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["tokens", "the cat"], "text.ask_each"),
        (["next", "the cat"], "text.ask_each"),
        (["corpus", "FILE"], "corpus.ask_each"),
        (["score", "FILE", "--no-store"], "options.hush"),
        (["models"], "models._here"),
        (["doctor"], "doctor._sections"),
    ],
)
def test_a_signal_ends_every_command_with_a_line(
    cli: Callable[..., Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    where: str,
    name: str,
) -> None:
    number = getattr(signal, name)
    place = tmp_path / "some.txt"
    place.write_text(TEXT)

    def signalled(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)

    monkeypatch.setattr(f"eyebrow.core.commands.{where}", signalled)
    models = ["-m", BIGRAM] if arguments[0] not in ("models", "doctor") else []
    given = [place if word == "FILE" else word for word in arguments]
    found = cli(*given, *models)
    assert found.code == 128 + number
    assert found.out == ""
    assert found.err.startswith("eyebrow: Interrupted: ")
    assert found.err.count("\n") == 1


ENDING = """
import atexit, os, sys
from eyebrow.core import cli
from eyebrow.core.commands import line

line.run = lambda _: os.kill(os.getpid(), {number})
atexit.register(os.kill, os.getpid(), {number})  # again, while the interpreter unwinds
sys.argv[1:] = ["models"]
sys.exit(cli.main())
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_signal_sent_again_at_the_very_end_changes_nothing(name: str) -> None:
    number = int(getattr(signal, name))
    words = [sys.executable, "-c", ENDING.format(number=number)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 128 + number
    assert done.stderr == "eyebrow: Interrupted: nothing is left half done\n"


TELLING = """
import os, sys
from eyebrow.core import cli
from eyebrow.core.commands import line

complain = cli.complain

def interrupted(*said):
    cli.complain = complain
    os.kill(os.getpid(), {number})
    complain(*said)

cli.complain = interrupted
sys.argv[1:] = ["score", "-m", "nosuch", "stories"]
sys.exit(cli.main())
"""
DONE = """
import atexit, os, sys
from eyebrow.core import cli
from eyebrow.core.commands import line

line.run = lambda _: print("a result")
atexit.register(os.kill, os.getpid(), {number})
sys.argv[1:] = ["models"]
sys.exit(cli.main())
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_an_error_is_told_is_told_in_one_line(name: str) -> None:
    number = int(getattr(signal, name))
    words = [sys.executable, "-c", TELLING.format(number=number)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 128 + number
    assert done.stderr == "eyebrow: Interrupted: nothing is left half done\n"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_finds_everything_done_changes_nothing(name: str) -> None:
    words = [sys.executable, "-c", DONE.format(number=int(getattr(signal, name)))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a result\n", "")
