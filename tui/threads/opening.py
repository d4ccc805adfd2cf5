"""Other stories or models in the running app, made ready on a thread."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from ...core.errors import EyebrowError
from ...core.models.catalogue import ModelSpec, find_models
from ...core.recent import BUNDLED, remember
from ...core.stories import Stories, Story, open_stories

AT_ONCE = 200  # stories read before they are shown; the others follow on a thread
_SLICED = re.compile(r"(?P<source>[^\[\]]+)\[(?P<slice>\d*:\d*)\]")


@dataclass(frozen=True, slots=True)
class Opened:
    """What is asked for, as typed. stories: None keeps the present ones; so does no model."""

    stories: str | None = None
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """What can be shown. reader: the stories behind the first; None keeps the present ones.

    specs: none keeps the present models.
    """

    asked: Opened
    name: str = ""
    first: tuple[Story, ...] = ()
    reader: Iterator[Story] | None = None
    specs: tuple[ModelSpec, ...] = ()


def prepare(asked: Opened) -> Ready:
    """Find the models and read the first stories; may take as long as the Hub does.

    Raises `EyebrowError` for what cannot be opened. What can is remembered among the recent ones.
    """
    specs = tuple(find_models(asked.models))
    ready = Ready(asked, specs=specs)
    if asked.stories is not None:
        stories = _stories(asked.stories)
        reader = iter(stories)
        first = tuple(islice(reader, AT_ONCE))
        ready = replace(ready, name=stories.name, first=first, reader=reader)
    remember(asked.stories, asked.models)
    return ready


def _stories(source: str) -> Stories:
    """`owner/name[:500]` is a slice of the dataset's training split."""
    if source == BUNDLED:
        return open_stories()
    if source == "-":
        raise EyebrowError("Not from inside", "stdin is read from the start or not at all")
    try:
        return open_stories(source)
    except EyebrowError:
        if (found := sliced(source)) is None:
            raise
        return open_stories(found[0], split=found[1])


def sliced(source: str) -> tuple[str, str] | None:
    """`owner/name[:500]` as a dataset and its split; None where no slice is named."""
    found = _SLICED.fullmatch(source)
    return found and (found["source"], f"train[{found['slice']}]")
