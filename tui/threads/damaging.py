"""Damage measured in a process of its own, which is ended when it is not wanted any more.

torch has no place in the process that draws, and the worker goes on answering keys meanwhile.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.engine.messages import receive, send
from ...core.errors import last_said

if TYPE_CHECKING:
    from ...core.engine.damage_messages import Measure, Reply


@dataclass(frozen=True, slots=True)
class Answer:
    """What the process says to the question of this number."""

    asked: int
    reply: Reply


class Damaging:
    """`deliver` gets the answers, on a thread; one question at a time."""

    def __init__(self, deliver: Callable[[Answer], object]) -> None:
        self.deliver = deliver
        self.asked = 0  # the newest question; answers to older ones are of no interest
        self._process: subprocess.Popen[bytes] | None = None

    def measure(self, wanted: Measure) -> int:
        """Answered by `Progress`, by a `Row` or `Refused` for each, and by `Ended`."""
        self.stop()
        thread = threading.Thread(target=self._run, args=(self.asked, wanted), daemon=True)
        thread.start()
        return self.asked

    def stop(self) -> None:
        """End the process at once. What it has finished is kept in the store."""
        self.asked += 1
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    # --- on the thread ---------------------------------------------------------------------

    def _run(self, asked: int, wanted: Measure) -> None:
        from ...core.engine.damage_messages import Ended, Refused

        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                # -P: nothing that lies in the current folder is taken for a module.
                [sys.executable, "-P", "-m", "eyebrow.core.engine.damaging"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            if asked != self.asked:
                process.kill()
            else:
                self._process = process
            ended = self._listen(process, asked, wanted)
            process.wait()
            if not ended and asked == self.asked:
                errors.seek(0)
                said = errors.read().decode("utf-8", "replace")
                why = last_said(said) or "it ended without a word"
                self.deliver(Answer(asked, Refused("", "Measuring stopped", why)))
                self.deliver(Answer(asked, Ended()))

    def _listen(self, process: subprocess.Popen[bytes], asked: int, wanted: Measure) -> bool:
        """Hand on what it says; whether it came to its end."""
        from ...core.engine.damage_messages import Ended

        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError, EOFError), process.stdin, process.stdout:
            send(process.stdin, wanted)
            while asked == self.asked:
                reply = receive(process.stdout)
                self.deliver(Answer(asked, reply))
                if isinstance(reply, Ended):
                    return True
        return False
