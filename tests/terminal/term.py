"""A program in a real pseudo-terminal, its screen read by a terminal emulator."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pexpect
import pyte

PATIENCE = 120.0  # seconds before a test gives up; nothing is measured by it


class Terminal:
    """said: what the program wrote; `written` counts its bytes."""

    def __init__(
        self,
        command: list[str],
        rows: int = 40,
        columns: int = 140,
        cwd: Path | None = None,
        **environment: str,
    ) -> None:
        env = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        for name in ("NO_COLOR", "COLUMNS", "LINES"):  # of the terminal that the tests run in
            env.pop(name, None)
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.said = b""
        self.child = pexpect.spawn(
            command[0],
            command[1:],
            env=env,
            cwd=cwd,
            dimensions=(rows, columns),
            timeout=PATIENCE,
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.child.close(force=True)

    @property
    def written(self) -> int:
        return len(self.said)

    def resize(self, rows: int, columns: int) -> None:
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def pump(self, seconds: float) -> bool:
        """Read what there is; False where there is nothing for so long."""
        try:
            data = self.child.read_nonblocking(1 << 16, seconds)
        except pexpect.TIMEOUT:
            return False
        except pexpect.EOF:
            return False
        self.said += data
        self.stream.feed(data)
        return True

    def until(self, wanted: str | Callable[[str], bool]) -> None:
        """Read until the screen shows it."""
        shows = wanted if callable(wanted) else lambda text: wanted in text
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if shows(self.text):
                return
            if not self.pump(0.1) and not self.child.isalive():
                break
        raise AssertionError(f"never saw {wanted!r}:\n{self.text}")

    def rest(self, quiet: float = 0.6) -> None:
        """Read until nothing has been written for so long."""
        while self.pump(quiet):
            pass

    def press(self, *keys: str) -> None:
        for key in keys:
            self.child.send(key)

    def leave(self) -> int:
        """Read to the end; the exit status, 128 + n for signal n."""
        end = time.monotonic() + PATIENCE
        while self.child.isalive() and time.monotonic() < end:
            self.pump(0.1)
        self.child.wait()
        if self.child.signalstatus is not None:
            return 128 + int(self.child.signalstatus)
        return int(self.child.exitstatus or 0)

    def children(self) -> list[int]:
        """Processes the program has started."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                except OSError:
                    continue
                if int(parent) == self.child.pid:
                    found.append(int(entry.name))
        return found


def gone(pid: int, patience: float = PATIENCE) -> bool:
    """Whether a process leaves (a zombie has left)."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    return False
