"""Other stories or models in the running app: made ready on a thread, then a new session.

The worker stays, and so do the models it has loaded. It tells what it knows of a model once, and
by the model's name; `Heard` keeps that for the sessions to come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from ...core.engine.messages import Failed, Loaded, Loading, Unloaded, Vocabulary, WorkerDied
from ...core.errors import EyebrowError
from ...core.models.catalogue import ModelSpec, find_models
from ...core.recent import BUNDLED, remember
from ...core.scoring.recipe import Recipe
from ...core.stories import Stories, Story, open_stories
from ..threads.store import KeptVocabulary
from .session import Session

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
        if (sliced := _SLICED.fullmatch(source)) is None:
            raise
        return open_stories(sliced["source"], split=f"train[{sliced['slice']}]")


class Heard:
    """What the worker has said of its models, whichever session was open then."""

    def __init__(self, specs: Sequence[ModelSpec]) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._states: dict[str, str] = {}
        self._loaded: dict[str, Loaded] = {}
        self._vocabularies: dict[str, Sequence[str]] = {}

    def hear(self, message: object) -> None:
        """Keep what a later session will want to know."""
        match message:
            case Loading(model=name):
                self._states[name] = "loading"
            case Loaded(model=name):
                self._states[name], self._loaded[name] = "ready", message
            case Unloaded(model=name):
                self._states.pop(name, None)
            case Failed(model=name) if self._states.get(name) == "loading":
                del self._states[name]
            case Vocabulary(model=name, texts=texts) | KeptVocabulary(model=name, texts=texts):
                self._vocabularies[name] = texts
            case WorkerDied():
                self._states.clear()

    def distinct(self, specs: Sequence[ModelSpec]) -> list[ModelSpec]:
        """`specs`, none of them under a name that stood for another model before."""
        found = []
        for spec in specs:
            known = self._specs.setdefault(spec.name, spec)
            if (known.source, known.location, known.revision) != (
                spec.source,
                spec.location,
                spec.revision,
            ):
                spec = replace(spec, name=spec.location)
                self._specs.setdefault(spec.name, spec)
            found.append(spec)
        return found

    def tell(self, session: Session) -> None:
        """What was heard of the models of a new session."""
        loaded = {r.name: self._loaded[r.name] for r in session.rungs if r.name in self._loaded}
        session.learn_parameters({name: said.parameters for name, said in loaded.items()})
        for rung in session.rungs:
            rung.state = self._states.get(rung.name, rung.state)
            rung.vocabulary = self._vocabularies.get(rung.name, ())
            if rung.name in loaded:
                rung.digest = loaded[rung.name].digest


def successor(ready: Ready, old: Session, recipe: Recipe, heard: Heard) -> Session:
    """A session of what is ready and what is kept, on the same worker; the old one is closed.

    recipe: what was asked for at the start; each session narrows it to its models' context.
    """
    old.close()
    keeps_stories, keeps_models = ready.reader is None, not ready.specs
    new = Session(
        old.stories if keeps_stories else ready.first,
        old.name if keeps_stories else ready.name,
        [rung.spec for rung in old.rungs] if keeps_models else heard.distinct(ready.specs),
        recipe,
        old.engine,
        old.background,
        old.announce,
        old.notify,
    )
    new.hello, new.deaths, new.stopped = old.hello, old.deaths, old.stopped
    if new.hello is not None:
        new.recipe = new.asked_recipe.settled(new.hello.device, new.hello.dtype)
    heard.tell(new)
    new.sort = old.sort
    new.shelves.marked |= old.shelves.marked
    if keeps_models:
        new.current = [rung.name for rung in new.rungs].index(old.rung.name)
    if keeps_stories:
        new.filter, new.story, new.reading = old.filter, old.story, old.reading
    else:
        new.reading = len(ready.first) == AT_ONCE
    new.arrange()
    return new
