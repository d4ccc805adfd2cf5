"""The sizes: what is known of each model, and which one is looked through.

What is known of a model outlives what is open: the worker keeps it loaded, under its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from ...core.engine.messages import (
    Downloading,
    Failed,
    Loaded,
    Loading,
    Unloaded,
    Vocabulary,
    WorkerDied,
)
from ...core.errors import STOPPED, EyebrowError
from ...core.models.catalogue import ModelSpec
from ...core.models.configuration import positions
from ...core.models.identity import same_weights, same_weights_in_words
from ..threads.answers import KeptTokenizers, KeptVocabulary
from .change import Change, Notice
from .size import Size

QUICK = 200_000_000  # parameters of a model that a CPU runs while one waits


class Models:
    """sizes: by parameters, whatever order they were asked for in. current: an index in them.

    mixes_tokenizers: then perplexities do not compare, common bits per byte do.
    chosen: the reference, where it is not to be the next smaller size.
    """

    def __init__(
        self,
        specs: Sequence[ModelSpec],
        announce: Callable[[Change], None],
        notify: Callable[[Notice], None],
    ) -> None:
        self.announce = announce
        self.notify = notify
        self._known: dict[str, Size] = {}
        self._twins: set[tuple[str, ...]] = set()  # models of which it was said that they are one
        self.chosen: Size | None = None
        self.open(specs)

    def open(self, specs: Sequence[ModelSpec]) -> None:
        """These are the sizes now; what the worker has said of others is still known."""
        self.sizes = by_size(self._size_of(spec) for spec in specs)
        for size in self._known.values():
            if size in self.sizes:
                size.is_open = True
            elif size.is_open:
                size.close()
        self.current = _first_look(self.sizes)
        if self.chosen not in self.sizes:
            self.chosen = None
        self.tokenizers: dict[str, str] | None = None  # digests by model, "" while not here
        self.mixes_tokenizers = False

    def _size_of(self, spec: ModelSpec) -> Size:
        """No two models have one name: the worker keeps them by it."""
        known = self._known.setdefault(spec.name, Size(spec, spec.parameters))
        place = (spec.source, spec.location, spec.revision)
        if (known.spec.source, known.spec.location, known.spec.revision) == place:
            known.spec = spec
            return known
        renamed = replace(spec, name=spec.location)
        return self._known.setdefault(renamed.name, Size(renamed, renamed.parameters))

    @property
    def size(self) -> Size:
        """The current one."""
        return self.sizes[self.current]

    @property
    def reference(self) -> Size | None:
        """What the current size is compared with: the chosen one, which may be itself, else the
        next smaller size, if there is one with its tokenizer."""
        if self.chosen is not None:
            return self.chosen
        below = [size for size in reversed(self.sizes[: self.current]) if not size.is_out]
        same = (size for size in below if size.tokenizer == self.size.tokenizer)
        return next(same, below[0] if below else None)

    def named(self, name: str) -> Size | None:
        return next((size for size in self.sizes if size.name == name), None)

    def learn_parameters(self, name: str, parameters: int) -> None:
        """Once they are known; the current size stays, wherever it is listed now."""
        current = self.size
        if (size := self._known.get(name)) is not None:
            size.parameters = parameters
        self.sizes = by_size(self.sizes)
        self.current = next(at for at, size in enumerate(self.sizes) if size is current)

    def tell_twins(self) -> None:
        """Say once of each group of models that they are the same."""
        for names in same_weights({size.name: size.digest for size in self.sizes}):
            if names not in self._twins:
                self._twins.add(names)
                self.notify(Notice("Same weights", same_weights_in_words(names)))

    # --- what comes in ---------------------------------------------------------------------

    def receive(self, message: object) -> None:
        match message:
            case Downloading(model=name, done=done, total=total, bytes_per_second=speed):
                self._set(name, state="downloading", arrival=(done, total, speed))
            case Loading(model=name):
                self._set(name, state="loading")
            case Loaded(model=name, parameters=parameters):
                self.learn_parameters(name, parameters)
                self._set(name, state="ready")
            case Unloaded(model=name):
                self._set(name, state="waiting")
            case Vocabulary(model=name, texts=texts) | KeptVocabulary(model=name, texts=texts):
                known = (size.vocabulary for size in self._known.values())
                same = next((one for one in known if one == texts), texts)
                self._set(name, vocabulary=same)
                self.announce(Change.TOKEN)
            case KeptTokenizers(digests=digests) if {s.name for s in self.sizes} <= digests.keys():
                self._take_tokenizers(dict(digests))
            case Failed(model=name, story="") if name:
                self._fail(name, message)
            case Failed(story="", title=title, message=words):
                self.notify(Notice(title, words, severe=True))
            case WorkerDied():
                for size in self._known.values():
                    if size.state in ("downloading", "loading", "ready"):
                        size.state = "waiting"
                self.announce(Change.SIZES | Change.STATUS)

    def _set(self, name: str, **values: object) -> None:
        if (size := self._known.get(name)) is not None:
            for key, value in values.items():
                setattr(size, key, value)
        self.announce(Change.SIZES | Change.STATUS)

    def _fail(self, name: str, failed: Failed) -> None:
        size = self._known.get(name)
        if size is None:
            self.notify(Notice(failed.title, failed.message, severe=True))
        elif not size.is_out:
            size.state = "stopped" if failed.title == STOPPED else "failed"
            size.trouble = f"{failed.title}: {failed.message}"
            if size in self.sizes:
                self.notify(Notice(failed.title, failed.message, severe=True))
        self.announce(Change.SIZES | Change.STATUS)

    def _take_tokenizers(self, digests: dict[str, str]) -> None:
        """A size that is not here yet is taken to have the tokenizer of its family."""
        self.tokenizers = digests
        of_family = {s.spec.family: digests[s.name] for s in self.sizes if digests[s.name]}
        for size in self.sizes:
            family = size.spec.family
            known = digests[size.name] or (of_family.get(family) if family else "")
            size.tokenizer = known or family or size.name
        self.mixes_tokenizers = len({size.tokenizer for size in self.sizes}) > 1
        self.announce(Change.SIZES | Change.SUMS)


def by_size(sizes: Iterable[Size]) -> list[Size]:
    """By parameters, whatever order they were asked for in; those not known yet come last."""
    return sorted(sizes, key=lambda size: size.parameters or math.inf)


def _first_look(sizes: Sequence[Size]) -> int:
    """The size one starts with: the largest known to answer within seconds on any machine."""
    quick = [at for at, size in enumerate(sizes) if size.parameters and size.parameters <= QUICK]
    return quick[-1] if quick else 0


def smallest_positions(specs: Sequence[ModelSpec]) -> int | None:
    """The context every model of the ladder can see; None where none says."""
    found = []
    for spec in specs:
        if (folder := spec.local_path) is not None:
            with suppress(EyebrowError, OSError):  # loading it will say what is wrong
                found.append(positions(folder))
    return min((count for count in found if count is not None), default=None)
