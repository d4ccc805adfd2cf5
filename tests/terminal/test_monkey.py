"""Random keys, clicks, pastes and resizes in a real terminal: nothing breaks, memory stays flat.

    make test-monkey

EYEBROW_MONKEY_KEYS says how many keys each seed presses (20,000). What was pressed is in the
folder of the test, in `pressed`, and what the program said when it ended in `said`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase, punctuation

import pexpect
import pytest
from eyebrow.tui.actions import ACTIONS
from eyebrow.tui.views import VIEWS
from textual.keys import _character_to_key

from .term import PATIENCE, Terminal

KEYS = int(os.environ.get("EYEBROW_MONKEY_KEYS", "20000"))
FULL = 5000  # keys after which everything has been imported and every cache is full
GROWTH = 40  # MB that memory may grow after them
SIZES = [(140, 40), (100, 30), (80, 24), (200, 60), (120, 34), (61, 16), (40, 10)]
SEQUENCES = {
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "delete": "\x1b[3~",
    "shift+tab": "\x1b[Z",
    "tab": "\t",
    "enter": "\r",
    "escape": "\x1b",
    "backspace": "\x7f",
    "f1": "\x1bOP",
    **{_character_to_key(mark): mark for mark in f"{punctuation} "},
    **{f"ctrl+{c}": chr(ord(c) - 96) for c in ascii_lowercase},
}
WORDS = ["the", "cat", "ppl>30", "len<200", "marked", '"a b', "ppl>", "7", "999", "-x", "a.csv"]
ODD = ["é", "漢", "🙂", "\u202e", "\u0301", "\x00", "\x1b[I", "\x1b[O"]


def keys_of_actions() -> list[str]:
    """What each key of the program sends."""
    names = {key for action in ACTIONS for key in action.key_list}
    unknown = {name for name in names if len(name) > 1 and name not in SEQUENCES}
    assert not unknown, f"how are these typed: {unknown}"
    return sorted(SEQUENCES.get(name, name) for name in names)


class Monkey:
    """Presses keys until there are enough; `size` is the terminal's, columns and lines."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.size = SIZES[0]
        self.meant = keys_of_actions()

    def some(self) -> Iterator[str]:
        """One to twenty that arrive together."""
        for _ in range(self.chance.randint(1, 20)):
            yield self.one()

    def one(self) -> str:
        chance = self.chance.random()
        if chance < 0.70:
            return self.chance.choice(self.meant)
        if chance < 0.82:
            return self.chance.choice([*SEQUENCES.values()])
        if chance < 0.90:
            return chr(self.chance.randint(32, 126))
        if chance < 0.98:
            return self.mouse()
        if chance < 0.99:
            return f"\x1b[200~{self.chance.choice(WORDS)}\n{self.chance.choice(ODD[:5])}\x1b[201~"
        return self.chance.choice(ODD)

    def line(self) -> list[str]:
        """A dialogue with something in it."""
        opened = self.chance.choice(["/", ":", "x", "X", "o", "\x10", "\x10", "?", "t"])
        titles = [action.words for action in ACTIONS]
        text = self.chance.choice(titles if opened == "\x10" else WORDS)
        return [opened, *text, self.chance.choice(["\r", "\r", "\x07", "\t\r", "\x1b[B\r"])]

    def mouse(self) -> str:
        """A click, a double click or the wheel, somewhere."""
        x, y = (self.chance.randint(1, most) for most in self.size)
        if self.chance.random() < 0.4:
            return f"\x1b[<{self.chance.choice([64, 65])};{x};{y}M" * self.chance.randint(1, 5)
        return f"\x1b[<0;{x};{y}M\x1b[<0;{x};{y}m" * self.chance.choice([1, 1, 2])


def memory(pid: int) -> float:
    """What a process holds of its own, in MB: in memory, and on disk where the system put it."""
    status = Path(f"/proc/{pid}/status").read_text()
    kinds = ("RssAnon:", "VmSwap:")
    return sum(int(status.split(kind)[1].split()[0]) for kind in kinds) / 1000


class Game:
    """A monkey at a terminal with eyebrow in it."""

    def __init__(self, terminal: Terminal, monkey: Monkey, folder: Path) -> None:
        self.terminal, self.monkey, self.folder = terminal, monkey, folder
        self.pressed = 0
        self.last = b""

    def drain(self, quiet: float, most: float) -> None:
        """Read what is written, as a terminal does, until nothing comes for a while."""
        end = time.monotonic() + most
        while time.monotonic() < end:
            try:
                self.last += self.terminal.child.read_nonblocking(1 << 16, quiet)
            except pexpect.TIMEOUT:
                break
            except pexpect.EOF:
                (self.folder / "said").write_text(self.said)
                raise AssertionError(f"it has ended:\n{self.said}") from None
            self.last = self.last[-20_000:]
        faults = self.folder / "faults"
        assert not faults.exists(), faults.read_text()

    @property
    def said(self) -> str:
        return self.last.decode("utf-8", "replace")[-6000:]

    @property
    def tasks(self) -> str:
        """What the program's tasks wait for, where it could still say so."""
        file = self.folder / "tasks"
        return file.read_text(encoding="utf-8") if file.exists() else "it does not answer at all"

    def press(self, keys: list[str]) -> None:
        with (self.folder / "pressed").open("a", encoding="utf-8") as record:
            record.write(f"{keys}\n")
        os.write(self.terminal.child.fileno(), "".join(keys).encode())
        self.pressed += len(keys)
        self.drain(0.02, 1.0)

    def play(self, keys: int) -> None:
        """Until so many have been pressed."""
        chance = self.monkey.chance
        while self.pressed < keys:
            if chance.random() < 0.02:
                self.resize(chance.choice(SIZES))
            if chance.random() < 0.2:
                self.catch_up()
            is_line = chance.random() < 0.08
            self.press(self.monkey.line() if is_line else [*self.monkey.some()])

    def resize(self, size: tuple[int, int]) -> None:
        self.monkey.size = size
        self.terminal.child.setwinsize(size[1], size[0])

    def catch_up(self) -> None:
        """Wait until all that was pressed has been taken, or what waits would be all there is."""
        self.until_more("marks", "\x1b[24~")

    def answers(self) -> None:
        """Out of whatever is open, a key is still taken."""
        self.catch_up()
        self.until_more("quits", "\x1b", "\x07", "q")

    def until_more(self, name: str, *keys: str) -> None:
        """Press these until the program has written more into the file with this name."""
        file = self.folder / name
        before, end, again = size_of(file), time.monotonic() + 5 * PATIENCE, 0.0
        while size_of(file) == before:
            if time.monotonic() > end:
                self.terminal.child.kill(signal.SIGUSR2)
                self.drain(1.0, 5.0)
                raise AssertionError(f"no key is taken any more:\n{self.tasks}\n{self.said}")
            if time.monotonic() > again:
                for key in keys:
                    os.write(self.terminal.child.fileno(), key.encode())
                    self.drain(0.1, 0.2)  # what comes behind an escape would be part of it
                again = time.monotonic() + 5
            self.drain(0.02, 0.1)


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@pytest.fixture
def game(request: pytest.FixtureRequest, tmp_path: Path, repo: Path) -> Iterator[Game]:
    """All that the program may write to is below the folder of the test."""
    seed: int = request.param
    tale = tmp_path / "tale.txt"
    tale.write_text("Once there was a cat. It sat on the mat, and the mat was red.\n" * 40)
    models = ["pocket-bigram", "pocket-50k", "pocket-200k"]
    if seed == 3:
        models.append(f"ngram:3:{tale}")  # another tokenizer
    command = [
        sys.executable,
        "-m",
        "tests.terminal.played",
        str(tmp_path),
        "open",
        "--limit",
        "40",
    ]
    command += [word for model in models for word in ("-m", model)]
    columns, lines = SIZES[0]
    environment = {
        "HOME": str(tmp_path),
        "PYTHONPATH": str(repo),
        "PYTHONDONTWRITEBYTECODE": "1",
        "EDITOR": "true",
        "VISUAL": "true",
    }
    for name in ("XDG_DATA_HOME", "XDG_DOWNLOAD_DIR", "TMPDIR"):
        environment[name] = str(tmp_path / name)
        Path(environment[name]).mkdir()
    with Terminal(command, lines, columns, cwd=tmp_path, **environment) as terminal:
        terminal.child.delaybeforesend = None
        while "token 1 of" not in terminal.text:  # the models' first seconds count for nothing
            terminal.pump(0.1)
        yield Game(terminal, Monkey(seed), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("game", [1, 2, 3], indirect=True)
def test_whatever_is_pressed_nothing_breaks(game: Game) -> None:
    held = []
    for part in range(1, 5):
        game.play(part * KEYS // 4)
        game.answers()
        held.append((game.pressed, memory(game.terminal.child.pid)))
        print(f"{game.pressed:,} keys: {held[-1][1]:.0f} MB")
    seen = {line.strip() for line in (game.folder / "seen").read_text().splitlines()}
    print("seen:", *sorted(seen))
    assert {line.split()[1] for line in seen if " " in line} == {*VIEWS}
    later = [own for pressed, own in held if pressed >= FULL]
    assert not later or max(later) < later[0] + GROWTH
