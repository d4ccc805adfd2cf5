"""Where a text stands in another: pure functions."""

from __future__ import annotations

import re


def places(text: str, wanted: str, *, exact: bool) -> list[int]:
    """The characters at which `wanted` begins in `text`, also where one overlaps the next.

    exact: capital letters are told from small ones.
    """
    if exact:
        return _all(text, wanted)
    low = text.lower()
    if len(low) == len(text):  # then every character stands where it stood
        return _all(low, wanted.lower())
    pattern = re.compile(f"(?={re.escape(wanted)})", re.IGNORECASE)
    return [match.start() for match in pattern.finditer(text)]


def _all(text: str, wanted: str) -> list[int]:
    found, at = [], text.find(wanted)
    while at >= 0:
        found.append(at)
        at = text.find(wanted, at + 1)
    return found
