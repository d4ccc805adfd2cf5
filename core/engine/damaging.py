"""A process that measures damage for the one that draws: one request, rows as they are done.

It leaves when it is through, or when the pipe to it closes; rows that are done are kept by then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ..errors import EyebrowError, as_told
from ..machine.garbage import look_seldom
from ..machine.threads import let_threads_sleep
from ..stories.story_set import StorySet
from .damage_messages import Ended, Measure, Refused, Reply, Row
from .messages import receive, send
from .progress import downloading


def measure(asked: Measure, tell: Callable[[Reply], None]) -> None:
    """Answer a request, also where it cannot be."""
    try:
        _measure(asked, tell)
    except Exception as error:  # whatever ails it is told on the screen
        told = as_told(error, "Measuring failed")
        tell(Refused("", told.title, told.message))
    tell(Ended())


def _measure(asked: Measure, tell: Callable[[Reply], None]) -> None:
    from ..models.load import fetch
    from ..results.store.layout import Layout
    from .damage import Wanted, measure_damage
    from .recipes import settled

    given = asked.settings
    recipe, device, dtype = settled(asked.recipe, given.device)
    options = replace(given, device=device, dtype=dtype)
    kept = Layout(Path(given.store)).comparisons if given.store else None
    wanted = Wanted(asked.reference, asked.variants, recipe, options, kept=kept)
    if asked.reference.local_path is None:
        fetch(asked.reference, options, downloading(asked.reference.name, tell))
    told = StorySet(asked.stories, lambda *_: None)
    for spec, outcome in measure_damage(told, wanted, tell):
        name = spec.name if spec else ""
        if isinstance(outcome, EyebrowError):
            tell(Refused(name, outcome.title, outcome.message))
        else:
            tell(Row(name, outcome))


def main() -> None:
    """Entry of the process: the request on stdin, replies on what was stdout."""
    look_seldom()
    replies: BinaryIO = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the replies
    requests = os.fdopen(os.dup(0), "rb")
    with suppress(OSError, AttributeError):
        os.nice(10)  # the hands on the keyboard go first
    let_threads_sleep()  # the worker has the same cores
    asked = receive(requests)

    def leave() -> None:
        requests.read()  # until nobody is there any more
        os._exit(0)

    threading.Thread(target=leave, daemon=True).start()
    measure(asked, lambda reply: send(replies, reply))
    os._exit(0)  # interpreters with torch take a second to unwind


if __name__ == "__main__":
    main()
