"""How often Python looks for circles of objects that nothing else refers to."""

from __future__ import annotations

import gc

NEW_OBJECTS = 10_000  # Python's own: 700


def look_seldom() -> None:
    """For a process of ours: torch and transformers make millions of objects that stay.

    Looking at all of them again and again is a sixth of what importing the two takes (4.7 s of
    processor; 3.9 without looking, 4.0 so).
    """
    gc.set_threshold(NEW_OBJECTS, 10, 10)
