"""Mouse, signals, pipes and terminals without colour, as a person has them."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .term import Terminal
from .test_terminal import EYEBROW, TWO, coloured

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")

SHORT = [*TWO, "--limit", "20"]
MODES = ("1049", "1000", "1003", "1006", "2004")  # alternate screen, mouse, pasting


def click(terminal: Terminal, text: str, times: int = 1) -> None:
    """On the first cell that shows this."""
    line = next(n for n, line in enumerate(terminal.screen.display) if text in line)
    column = terminal.screen.display[line].index(text)
    at = f"{column + 1};{line + 1}"
    terminal.press(f"\x1b[<0;{at}M\x1b[<0;{at}m" * times)


def modes(said: bytes) -> dict[str, str]:
    """What was last set (h) or reset (l), by the number of the mode."""
    found = {}
    for numbers, last in re.findall(rb"\x1b\[\?([\d;]+)([hl])", said):
        found |= {number.decode(): last.decode() for number in numbers.split(b";")}
    return {mode: found[mode] for mode in MODES}


def status(wanted: str) -> Callable[[str], bool]:
    return lambda text: wanted in text.splitlines()[-2]


def test_the_mouse_takes_what_is_under_it() -> None:
    with Terminal(SHORT) as terminal:
        terminal.until(coloured)
        click(terminal, "Two, please")
        terminal.until(status("story 3/20"))
        click(terminal, "1 pocket-bigram")
        terminal.until(status("pocket-bigram"))
        first = terminal.screen.display[2]
        terminal.press("\t", "\x1b[<65;5;9M" * 3)  # the wheel, over the list; keys go to the text
        terminal.until(lambda _: terminal.screen.display[2] != first)
        assert status("story 3/20")(terminal.text)
        terminal.press("\x10")
        terminal.until("Search")
        terminal.press("\x1b[<0;2;40M\x1b[<0;2;40m" * 2)  # twice beside the palette
        terminal.until(lambda text: "Search" not in text)
        terminal.press("@", "\x07")  # out of whatever the second click led into
        terminal.until("Nobody is afraid")
        click(terminal, "Nobody is afraid")
        terminal.until(status("story 7/20"))
        terminal.press("j")
        terminal.until(status("story 8/20"))


def test_stopped_and_brought_back() -> None:
    with Terminal(["bash", "--norc", "-i"], PS1="prompt$ ") as terminal:
        terminal.until("prompt$")
        terminal.press(f"{' '.join(SHORT)}\r")
        terminal.until(coloured)
        terminal.press("jj")
        terminal.until(status("story 3/20"))
        terminal.press("\x1a")
        terminal.until("Stopped")
        left = modes(terminal.said)
        del left["2004"]  # the shell has it on
        assert {*left.values()} == {"l"}
        terminal.press("fg\r")
        terminal.until(status("story 3/20"))
        terminal.press("j")
        terminal.until(status("story 4/20"))
        assert {*modes(terminal.said).values()} == {"h"}
        terminal.press("q")
        terminal.until("prompt$")  # what is typed before is the program's
        terminal.press("echo le''ft\r")
        terminal.until("left")


def test_a_signal_leaves_the_terminal_as_it_was() -> None:
    with Terminal(SHORT) as terminal:
        terminal.until(coloured)
        assert {*modes(terminal.said).values()} == {"h"}
        os.kill(terminal.child.pid, signal.SIGTERM)
        assert terminal.leave() == 128 + signal.SIGTERM
        assert {*modes(terminal.said).values()} == {"l"}
        assert modes(terminal.said).keys() == {*MODES}


def test_a_slow_pipe_shows_its_stories_as_they_come(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = f"exec {' '.join(EYEBROW)} open - -m pocket-bigram < {pipe}"
    with Terminal(["bash", "-c", command]) as terminal, pipe.open("w") as stories:
        for count in range(1, 8):
            stories.write(f'{{"title": "Tale {count}", "text": "A tale of {count} cats."}}\n')
            if count not in (2, 3, 5, 6):  # some come together
                stories.flush()
                terminal.until(f"Tale {count}")
                terminal.until("and more")
        terminal.press("q")  # in the midst of it
        assert terminal.leave() == 0


def test_a_dialogue_that_reads_keeps_nobody(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    with Terminal(SHORT) as terminal:
        terminal.until(coloured)
        terminal.press("o")
        terminal.until("esc leave")
        terminal.press(f"{pipe}\r")
        terminal.until("opening ")
        terminal.press("\x03")
        terminal.until(lambda text: "opening " not in text)
        terminal.press("q")
        assert terminal.leave() == 0


def test_without_colours_what_is_chosen_can_be_told() -> None:
    with Terminal(["env", "NO_COLOR=1", *SHORT]) as terminal:
        terminal.until(coloured)
        terminal.press("j", "\t")
        terminal.until("▸ Four peaches")  # where the focus is not
        terminal.press(">", "\t")
        terminal.until("▌")  # of the findings
        terminal.until("▸Four peaches")
        shown = {cell.fg for row in terminal.screen.buffer.values() for cell in row.values()}
        assert shown == {"default"}


def test_it_fits_whatever_size_the_terminal_takes() -> None:
    with Terminal([sys.executable, *SHORT[1:]], rows=40, columns=140) as terminal:
        terminal.until(coloured)
        terminal.until("first token context")
        for rows, columns in ((24, 80), (10, 40), (60, 200), (40, 140)):
            terminal.resize(rows, columns)
            if columns < 60:
                terminal.until("eyebrow needs 60x16")
            else:
                terminal.until(lambda text: "q quit" in text.splitlines()[-1])
                wide = columns >= 100
                terminal.until(lambda text, wide=wide: ("first token context" in text) is wide)
