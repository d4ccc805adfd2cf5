"""The whole program as a person has it: a terminal, a worker, bundled stories and models."""

from __future__ import annotations

import os
import signal
import statistics
import sys
from pathlib import Path

import pytest

from .term import Terminal, gone

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")

EYEBROW = [sys.executable, "-m", "eyebrow.core.cli"]
TWO = [*EYEBROW, "open", "-m", "pocket-bigram", "-m", "pocket-50k"]
SIGNALS = [
    "SIGINT",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("SIGTERM", "SIGQUIT")),
]


def ready(text: str) -> bool:
    """Every story is scored under every size and nothing runs."""
    rows = [line.split("││")[0] for line in text.splitlines() if " pocket-" in line[:12]]
    return text.splitlines()[-2].endswith("ready") and not any("…" in row for row in rows)


def coloured(text: str) -> bool:
    """The current story has its tokens."""
    return "token 1 of" in text


def test_it_starts_colours_reads_and_quits(tmp_path: Path) -> None:
    with Terminal(EYEBROW) as terminal:
        terminal.until("The cat who kept the lighthouse")
        terminal.until(coloured)
        maps = Path(f"/proc/{terminal.child.pid}/maps").read_text()
        assert "libtorch" not in maps
        (worker,) = terminal.children()
        terminal.press("\r")
        terminal.rest()
        terminal.press("l", "l", "l")
        terminal.until("token 4 of")
        terminal.press("q")
        assert terminal.leave() == 0
        assert gone(worker)


def test_a_token_move_writes_little(tmp_path: Path) -> None:
    with Terminal(TWO) as terminal:
        terminal.until(ready)
        terminal.press("\r")
        terminal.rest()
        sizes = []
        for _ in range(20):
            before = terminal.written
            terminal.press("l")
            terminal.pump(5.0)  # the move; the alternatives follow when the cursor rests
            while terminal.pump(0.08):
                pass
            sizes.append(terminal.written - before)
            terminal.rest(0.3)
        assert 0 < statistics.median(sizes) < 600


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    with Terminal([*TWO, "--limit", "60"]) as terminal:
        terminal.until(lambda text: "scoring pocket-" in text.splitlines()[-2])
        (worker,) = terminal.children()
        os.kill(worker, signal.SIGKILL)
        terminal.until("Worker stopped")
        terminal.until(ready)
        assert "story 1/60" in terminal.text
        assert terminal.children() != [worker]


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_leaves_in_order(tmp_path: Path, name: str) -> None:
    number = getattr(signal, name)
    with Terminal([*TWO, "--limit", "20"]) as terminal:
        terminal.until(coloured)
        (worker,) = terminal.children()
        os.kill(terminal.child.pid, number)
        assert terminal.leave() == 128 + number
        assert gone(worker)
        modes = terminal.screen.mode
        assert 1049 << 5 not in modes, "the alternate screen is left"


def test_a_pipe_that_never_ends_keeps_nobody() -> None:
    command = f"exec {sys.executable} -m eyebrow.core.cli open - -m pocket-bigram"
    with Terminal(["bash", "-c", f"{command} < <(exec sleep 600)"]) as terminal:
        terminal.until("0 stories and more")
        terminal.press("q")
        assert terminal.leave() == 0


def test_when_the_terminal_goes_nothing_stays(tmp_path: Path) -> None:
    with Terminal(TWO) as terminal:
        terminal.until(coloured)
        (worker,) = terminal.children()
        os.kill(terminal.child.pid, signal.SIGHUP)
        assert terminal.leave() != 0
        assert gone(worker)


def test_a_second_start_needs_no_worker(tmp_path: Path) -> None:
    with Terminal([*TWO, "--limit", "30"]) as terminal:
        terminal.until(ready)
        (worker,) = terminal.children()
        terminal.press("q")
        assert terminal.leave() == 0
        assert gone(worker)  # and has written what it finished
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "torch.py").write_text("raise ImportError('no torch here')\n")
    with Terminal([*TWO, "--limit", "30"], PYTHONPATH=str(broken)) as terminal:
        terminal.until(coloured)
        terminal.until("no worker")
        rows = [line.split("││")[0] for line in terminal.text.splitlines()]
        sizes = [row for row in rows if " pocket-" in row[:12]]
        assert len(sizes) == 2
        assert not any("…" in row for row in sizes)
