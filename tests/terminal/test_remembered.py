"""Config and memory in a real terminal: a second run goes on where the first was left."""

from __future__ import annotations

import signal
from pathlib import Path

from .term import Terminal
from .test_terminal import TWO, coloured


def test_a_second_run_goes_on_and_has_the_users_keys(tmp_path: Path) -> None:
    program = [*TWO, "--limit", "30"]
    config = tmp_path / "config" / "eyebrow" / "config.toml"
    with Terminal(program) as terminal:
        terminal.until(coloured)
        terminal.press(":7\rfthe\r")
        terminal.until("n “the”")
        terminal.press(">")
        terminal.until("▸Scale")
        terminal.press("q")
        assert terminal.leave() == 0
    config.parent.mkdir(parents=True)
    config.write_text("ascii = true\n[keys]\nquit = 'Q'\nnext-view = 'B'\n", encoding="utf-8")
    with Terminal(program) as terminal:
        terminal.until(">Scale")
        terminal.until("story 7/30 - pocket-50k")
        assert terminal.text.isascii()
        terminal.press("q")
        terminal.press("B")
        terminal.until(">Compare")
        terminal.press("Q")
        assert terminal.leave() == 0
    config.write_text("mouse = 1\n", encoding="utf-8")
    with Terminal(program) as terminal:
        terminal.until(lambda text: "line 1: mouse: 1 is" in text.replace("\n", ""))
        assert terminal.leave() == 2


def test_a_line_that_breaks_leaves_what_was_seen(tmp_path: Path) -> None:
    with Terminal(TWO) as terminal:
        terminal.until(coloured)
        terminal.press("jjj")
        terminal.until("story 4/120")
        terminal.child.kill(signal.SIGHUP)
        assert terminal.leave() == 129
    with Terminal(TWO) as terminal:
        terminal.until("story 4/120")
        terminal.press("q")
        assert terminal.leave() == 0
