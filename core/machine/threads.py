"""How torch's threads wait for each other on the CPU."""

from __future__ import annotations

import os


def let_threads_sleep() -> None:
    """Before torch is imported: threads that wait sleep, unless the user says else.

    By default they spin, and on cores that others use too that is most of what they do: on two
    cores with a load of five, seven widths of a model of 3M parameters take 50 s instead of 188.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
