"""In a real terminal, keys that arrive in one write end where they end one by one."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from .term import PATIENCE, Terminal
from .test_terminal import TWO, ready

MOVES = [*"jjkkgGlhwb{}0$", "\x04", "\x15", "\t", "\x1b[B", "\x1b[6~"]
# Views are turned in tests/tui/test_bursts.py: what they show comes when it comes.
OTHERS = [*"12[]mdcuisv+", "\x07", "/the\r", "/ppl>\r\x07", "/len>40\r", "/\x15\r", ":7\r"]
OTHERS += ["fthe\r", "fzz\x07"]


def burst(chance: random.Random, size: int) -> list[str]:
    return [chance.choice(chance.choice([MOVES, OTHERS])) for _ in range(size)]


# Without enter: in a text it asks for alternatives, which come when they come.
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_burst_ends_where_its_keys_end_one_by_one(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    program = [*TWO, "--limit", "30"]
    with Terminal(program, XDG_STATE_HOME=str(tmp_path)) as single:
        single.until(ready)
        with Terminal(program, XDG_STATE_HOME=str(tmp_path)) as together:
            together.until(ready)
            for size in (1, 2, 6, 12, 25, 50):
                keys = burst(chance, size)
                for key in "".join(keys) if "\x1b" not in "".join(keys) else keys:
                    single.press(key)
                    single.rest(0.15)
                together.press("".join(keys))
                assert same(single, together), f"{keys}\n{single.text}\n{together.text}"


def same(one: Terminal, other: Terminal) -> bool:
    """Whether both come to show the same; toasts go by themselves."""
    end = time.monotonic() + PATIENCE / 3
    while time.monotonic() < end:
        for terminal in (one, other):
            terminal.rest(0.2)
            terminal.press("\x0c")  # a toast that outlived its view stays until then
            terminal.rest(0.2)
        if seen(one.text) == seen(other.text):
            return True
    return False


def seen(text: str) -> object:
    """All of Explore; of Scale, whose numbers come when they come, what keys decide."""
    lines = text.splitlines()
    return (lines[0], lines[-2][:60]) if "▸Scale" in lines[0] else text


def test_what_was_lost_before(tmp_path: Path) -> None:
    with Terminal([*TWO, "--limit", "30"]) as terminal:
        terminal.until(ready)
        terminal.press("jjjjjj")
        terminal.until("story 7/30")
        terminal.press("gjmjmjm")
        terminal.until("3 marked")
        terminal.press("g\rllllll")
        terminal.until("token 7 of")
        terminal.press("\x07" + "j" * 50)
        terminal.until("story 30/30")
