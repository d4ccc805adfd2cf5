"""Stories of a Hugging Face dataset, streamed.

A plain split and a slice by numbers (`train[:5000]`, `train[100:200]`) are streamed: nothing is
downloaded but what is read. Streaming knows no other slices, so `train[:10%]`, `train[-100:]`
and sums of slices load the dataset through the cache. `owner/name:config` picks a configuration.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .columns import Asked, Columns, row_drafts
from .drafts import Draft
from .hub_errors import explained

if TYPE_CHECKING:
    from .plans import Plan

_ID = re.compile(r"[\w.-]+/[\w.-]+(:[\w.+-]+)?", re.ASCII)
_SLICE = re.compile(r"([\w.-]+)\[\s*(\d*)\s*:\s*(\d*)\s*\]", re.ASCII)
_STREAMED = re.compile(r"[^\[\]]+")


def looks_like_dataset(source: str) -> bool:
    """True for `owner/name` and `owner/name:config`."""
    return _ID.fullmatch(source) is not None and not source.startswith(("./", "../"))


@dataclass(frozen=True, slots=True)
class Part:
    """What of a dataset is read: a split, and the rows of it where that can be streamed."""

    split: str
    begin: int = 0
    end: int | None = None
    streamed: bool = True


def part_of(split: str) -> Part:
    """Reads `train`, `train[:5000]`, `train[10:20]`, `train[:10%]`, `train+test`."""
    split = split.strip()
    if match := _SLICE.fullmatch(split):
        name, begin, end = match.groups()
        return Part(name, int(begin or 0), int(end) if end else None)
    return Part(split, streamed=_STREAMED.fullmatch(split) is not None)


def hub_drafts(source: str, split: str, asked: Asked) -> Iterator[Draft]:
    """The stories of a split of `owner/name` or `owner/name:config`."""
    part = part_of(split)
    with explained(source, part.split):
        with _aside():
            rows = _load(source, part)
            plan = _plan(rows, source, asked)
            if plan:
                rows = rows.select_columns(plan.needed)
        if plan is None:
            yield from row_drafts(_numbered(rows, part), asked, source)
            return
        for where, row in _numbered(rows, part):
            yield from plan.drafts(where, row)


def _load(source: str, part: Part) -> Any:
    """A streamed dataset, or one that lies in the cache; cut to the part."""
    import datasets

    name, _, config = source.partition(":")
    rows = datasets.load_dataset(name, config or None, split=part.split, streaming=part.streamed)
    if part.begin:
        rows = rows.skip(part.begin)
    if part.end is not None:
        rows = rows.take(max(0, part.end - part.begin))
    return rows


def _plan(rows: Any, source: str, asked: Asked) -> Plan | None:
    """How to read a row; None where the dataset does not name its columns beforehand."""
    if rows.features is None:
        return None
    is_text = {name: _is_text(kind) for name, kind in rows.features.items()}
    return Columns(source, is_text, asked).plan()


def _numbered(rows: Any, part: Part) -> Iterator[tuple[str, dict[str, object]]]:
    for number, row in enumerate(rows, start=part.begin + 1):
        yield f"row {number}", row


def _is_text(feature: Any) -> bool:
    return getattr(feature, "dtype", None) in ("string", "large_string", "string_view")


@contextmanager
def _aside() -> Iterator[None]:
    """Keeps datasets away from the screen and from torch meanwhile.

    The app draws on stderr, so no progress bars and notes go there. And a streamed dataset makes
    itself a torch dataset wherever torch is installed, which takes seconds and has no place in
    the process that draws; it is told that there is none, unless torch is there already.
    """
    import datasets
    from datasets import config
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    bars = datasets.is_progress_bar_enabled(), not are_progress_bars_disabled()
    levels = datasets.logging.get_verbosity(), hub_logging.get_verbosity()
    has_torch = config.TORCH_AVAILABLE
    config.TORCH_AVAILABLE = has_torch and "torch" in sys.modules
    datasets.disable_progress_bars()
    disable_progress_bars()
    datasets.logging.set_verbosity(logging.ERROR)
    hub_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        config.TORCH_AVAILABLE = has_torch
        datasets.logging.set_verbosity(levels[0])
        hub_logging.set_verbosity(levels[1])
        if bars[0]:
            datasets.enable_progress_bars()
        if bars[1]:
            enable_progress_bars()
