"""How long until the first picture: eyebrow beside an empty Textual app and its neighbours.

    python -m bench.start                  from tests/: eyebrow with the bundled stories
    python -m bench.start --bin DIR        and harlequin and posting, where DIR has them

Every program runs in a pseudo-terminal of 140x40, in turns. Seconds are from exec until a text of
its own is written, CPU is what the process itself has used by then, its children's not: where
others use the machine it is the steadier one. The ratio is to the empty app of the same turn.
eyebrow starts as on any other day, its scores kept and nothing remembered; its worker starts too.
Bytecode has to be there: an editable install under PYTHONDONTWRITEBYTECODE compiles at each start.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import resource
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from pathlib import Path

EMPTY = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("an empty app")

Empty().run()
"""
CODES = re.compile(rb"\x1b(\[[0-9;?<>=]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\))")
NEIGHBOURS = {("harlequin", "-a", "sqlite"): b"Query Editor", ("posting",): b"Collection"}
PATIENCE = 60  # seconds
Run = tuple[float, float]  # seconds, CPU seconds


def start(command: list[str], text: bytes, home: Path) -> Run:
    """Until `text` is written; ends the program then."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    with tempfile.TemporaryDirectory() as state:
        environment = os.environ | {
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "XDG_CACHE_HOME": str(home),
            "XDG_CONFIG_HOME": state,
            "XDG_STATE_HOME": state,
        }
        began, said = time.monotonic(), b""
        process = subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True
        )
        os.close(its)
        while text not in CODES.sub(b"", said):
            came = b""
            if select.select([ours], [], [], PATIENCE)[0]:
                with suppress(OSError):  # it has ended
                    came = os.read(ours, 1 << 16)
            if not came:
                last = said[-300:].decode(errors="replace")
                raise SystemExit(f"{command[0]} never wrote {text.decode()!r} but {last}")
            said += came
        run = time.monotonic() - began, _cpu(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(ours)
        return run


def _cpu(pid: int) -> float:
    """Seconds, of all threads; Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def command_line(command: list[str]) -> float:
    """CPU seconds of a command that ends by itself."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench.start", description=__doc__.splitlines()[0])
    asked.add_argument("--turns", type=int, default=7)
    asked.add_argument("--bin", type=Path, help="where harlequin and posting are installed")
    asked.add_argument("--cache", type=Path, help="with a store; else one is made")
    options = asked.parse_args()
    eyebrow = str(Path(sys.executable).with_name("eyebrow"))
    programs = {
        "empty Textual app": ([sys.executable, "-c", EMPTY], b"an empty app"),
        "eyebrow": ([eyebrow], b"The cat who kept"),
    }
    for (name, *more), text in NEIGHBOURS.items():
        if options.bin is not None and (options.bin / name).exists():
            programs[name] = ([str(options.bin / name), *more], text)
    with tempfile.TemporaryDirectory() as made:
        home = options.cache or Path(made)
        if options.cache is None:
            kept = os.environ | {"XDG_CACHE_HOME": made}
            subprocess.run([eyebrow, "score", "--quiet"], env=kept, stdout=subprocess.DEVNULL)
        turns = [
            {name: start(*program, home) for name, program in programs.items()}
            for _ in range(options.turns + 1)
        ][1:]  # the first fills the caches of the disk
    print("| program | seconds | ratio | CPU seconds | ratio |\n|---|---|---|---|---|")
    for name in programs:
        cells = [name]
        for which in (0, 1):
            cells.append(f"{statistics.median(turn[name][which] for turn in turns):.2f}")
            ratios = [turn[name][which] / turn["empty Textual app"][which] for turn in turns]
            cells.append(f"{statistics.median(ratios):.2f}")
        print("| " + " | ".join(cells) + " |")
    for said in ("--version", "--help"):
        seconds = min(command_line([eyebrow, said]) for _ in range(options.turns))
        print(f"\n`eyebrow {said}`: {seconds:.2f} s of CPU at best", end="")
    print()


if __name__ == "__main__":
    main()
