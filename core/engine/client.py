"""The near end of the worker: starts it, talks to it, notices when it dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from platformdirs import user_cache_path

from ..errors import last_said
from ..files import STALE, is_running
from .messages import Reply, Request, Settings, WorkerDied, receive, send

Outgoing = SimpleQueue[Request | None]  # None: no more


class Engine:
    """One worker process at a time; `deliver` gets its replies, on a thread of the engine's.

    The process is a session of its own: keys and hang-ups of the terminal do not reach it. It
    leaves by itself when the pipe to it closes, however this process ended. What it is asked is
    written on a thread too: a worker that does not read keeps nobody.
    """

    def __init__(
        self, settings: Settings, deliver: Callable[[Reply], None], number: int = 0
    ) -> None:
        """number: of the worker, where this process has several; each has a log of its own."""
        self.settings = settings
        self.deliver = deliver
        name = f"worker-{number}-{os.getpid()}.log" if number else f"worker-{os.getpid()}.log"
        self.log = user_cache_path("eyebrow") / "logs" / name
        self._process: subprocess.Popen[bytes] | None = None
        self._outgoing: Outgoing = SimpleQueue()
        self._closing = False
        self._begun = 0  # where in the log this worker's words begin, behind those before it
        self.started = 0.0

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the worker and read its replies from now on."""
        self.started, self._closing = time.monotonic(), False
        _clear_logs(self.log.parent)
        environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} | os.environ  # numbers as nvidia-smi has
        environment |= {
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "TOKENIZERS_PARALLELISM": "true",
            "TRANSFORMERS_VERBOSITY": "error",
        }
        with _log(self.log, is_first=self._process is None) as errors:
            self._begun = errors.tell()
            self._process = subprocess.Popen(
                # -P: nothing that lies in the current folder is taken for a module.
                [sys.executable, "-P", "-m", "eyebrow.core.engine.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                env=environment,
            )
        self._outgoing = SimpleQueue()
        self.send(self.settings)
        for job in (self._read, _write):
            told = (self._process, self._outgoing)
            threading.Thread(target=job, args=told, daemon=True).start()

    def send(self, request: Request) -> None:
        """Hand a request over; one to a worker that just died is lost and reported as such."""
        self._outgoing.put(request)

    def close(self) -> None:
        """Let go of the worker: it writes what it has finished and leaves. Never waits."""
        self._closing = True
        with suppress(OSError):
            self.log.unlink()
        self._outgoing.put(None)

    def _read(self, process: subprocess.Popen[bytes], outgoing: Outgoing) -> None:
        assert process.stdout is not None
        try:
            while True:
                self.deliver(receive(process.stdout))
        except (EOFError, OSError):
            pass
        except Exception as error:  # a reply that cannot be read: better a new worker than silence
            with suppress(OSError), self.log.open("a", encoding="utf-8") as log:
                log.write(f"\na reply cannot be read: {error}\n")
            process.kill()
        status = process.wait()
        outgoing.put(None)
        if self._closing:
            return
        died = WorkerDied(status, last_words(self.log, self._begun))
        lived = time.monotonic() - self.started
        with suppress(OSError), self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n{_now()} worker {process.pid} is gone after {lived:.0f} s: {died.why}\n")
        self.deliver(died)


def _write(process: subprocess.Popen[bytes], outgoing: Outgoing) -> None:
    assert process.stdin is not None
    # Where the pipe is broken the reader is about to report the death.
    with suppress(OSError, ValueError):
        while (request := outgoing.get()) is not None:
            send(process.stdin, request)
    with suppress(OSError):
        process.stdin.close()


def _clear_logs(folder: Path) -> None:
    """Those of programs that were killed."""
    with suppress(OSError, ValueError):
        for path in folder.glob("worker-*.log"):
            is_old = time.time() - path.stat().st_mtime > STALE
            if is_old and not is_running(int(path.stem.rpartition("-")[2])):
                path.unlink(missing_ok=True)


def _log(path: Path, *, is_first: bool) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_first:  # what is there is of another process that had this number
            path.unlink(missing_ok=True)
        return path.open("ab")
    except OSError:
        return open(os.devnull, "wb")


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def last_words(log: Path, begun: int = 0) -> str:
    """What the worker said last, see `last_said`. begun: bytes of the log before its words."""
    try:
        return last_said(log.read_bytes()[begun:].decode("utf-8", "replace"))
    except OSError:
        return ""
