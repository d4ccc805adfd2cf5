"""The models a worker holds: loaded when first needed, least recently used out first."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import torch

from ..errors import EyebrowError
from ..machine.device import pick_device, pick_dtype
from ..machine.memory import check_memory, free_memory, weights_size
from ..models.hub.download import here
from ..models.identity import identify
from ..models.load import LoadedModel, load
from ..models.options import LoadOptions
from ..models.spec import ModelSpec
from ..scoring.across import first_characters
from ..scoring.prefix import Prefix
from ..scoring.recipe import Recipe
from ..scoring.scorer import Scorer
from ..scoring.trunk import Trunk
from ..scoring.vocabulary import token_texts
from ..scoring.what_if import WhatIf

SPARE = 0.2  # of the free memory is left for activations and for others


@dataclass
class Shelved:
    """A model, and what scores with it; make_room: puts another model out, if there is one.

    It holds two caches of a sequence, neither longer than the context: of what is edited, and of
    what is continued.
    """

    loaded: LoadedModel
    make_room: Callable[[], bool]
    scorers: dict[str, Scorer] = field(default_factory=dict)
    edited: WhatIf | None = None

    def scorer(self, recipe: Recipe) -> Scorer:
        """The scorer for one recipe, made once."""
        if recipe.digest not in self.scorers:
            self.scorers[recipe.digest] = Scorer(
                self.loaded.model, self.loaded.tokenizer, recipe, make_room=self.make_room
            )
        return self.scorers[recipe.digest]

    def what_if(self, recipe: Recipe) -> WhatIf:
        """What scores an edited text under this recipe; the last one's cache is let go."""
        scorer = self.scorer(recipe)
        if self.edited is None or self.edited.scorer is not scorer:
            self.edited = None  # before there is another
            self.edited = WhatIf(scorer)
        return self.edited

    @cached_property
    def prefix(self) -> Prefix:
        """The cache of the context that was asked about or continued last."""
        return Prefix(Trunk(self.loaded.model), self.make_room)

    @cached_property
    def vocabulary(self) -> list[str]:
        """What the ids read as."""
        return token_texts(self.loaded.tokenizer, self.prefix.trunk.vocabulary)

    @cached_property
    def first_characters(self) -> tuple[Any, list[str]]:
        """Which character each token begins with; see the function of that name."""
        special = getattr(self.loaded.tokenizer, "added_tokens_encoder", {})
        return first_characters(self.vocabulary, set(special))


class Shelf:
    """Models by name, in order of use; each as its files are now, or not at all.

    dropped: told of a model that is put out of memory, so that whoever holds it lets go.
    """

    def __init__(self, options: LoadOptions, dropped: Callable[[str], None]) -> None:
        self.options, self.dropped = options, dropped
        self._models: OrderedDict[str, Shelved] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._models

    def get(self, spec: ModelSpec) -> Shelved:
        """The model, loaded if it is not."""
        return self.find(spec) or self.load(spec)

    def find(self, spec: ModelSpec) -> Shelved | None:
        """The model where it is loaded; one whose files have changed since leaves."""
        if spec.name not in self._models:
            return None
        folder = here(spec, self.options.allow_pickle)
        held = self._models[spec.name].loaded.digest
        if folder is not None and identify(folder, *spec.change).digest != held:
            self._drop(spec.name)
            return None
        self._models.move_to_end(spec.name)
        return self._models[spec.name]

    def load(self, spec: ModelSpec) -> Shelved:
        """The model, loaded now; others leave first where memory is short."""
        self._make_room(spec)
        while True:
            try:
                loaded = load(spec, self.options)
                break
            except EyebrowError as error:
                if error.title != "Out of memory" or not self._models:
                    raise
            self._drop_oldest()
        self._models[spec.name] = Shelved(loaded, partial(self._put_another_out, spec.name))
        return self._models[spec.name]

    def held(self) -> int:
        """Bytes of the weights here, all of which would go for a larger model."""
        return sum(shelved.loaded.bytes for shelved in list(self._models.values()))

    def _make_room(self, spec: ModelSpec) -> None:
        """Others leave for a model; none does for one that is too large even then."""
        device = pick_device(self.options.device)
        dtype = pick_dtype(self.options.dtype, device)
        size = weights_size(spec, here(spec, self.options.allow_pickle))
        check_memory(spec, size, device, dtype, self.held())
        while self._models and size.loaded(dtype.itemsize) > (1 - SPARE) * free_memory(device):
            self._drop_oldest()

    def _put_another_out(self, name: str) -> bool:
        """The least recently used but `name` leaves; False where there is no other."""
        other = next((model for model in self._models if model != name), None)
        if other is not None:
            self._drop(other)
        return other is not None

    def _drop_oldest(self) -> None:
        self._drop(next(iter(self._models)))

    def _drop(self, name: str) -> None:
        del self._models[name]  # no name for what it was: it must be gone when memory is counted
        self.dropped(name)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
