"""The models a worker holds: loaded when first needed, least recently used out first."""

from __future__ import annotations

import gc
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import EyebrowError
from ..models.catalogue import ModelSpec
from ..models.device import pick_device, pick_dtype
from ..models.load import LoadedModel, load_model
from ..scoring.recipe import Recipe
from ..scoring.scorer import Scorer

SPARE = 0.2  # of the free memory is left for activations and for others


@dataclass(slots=True)
class Shelved:
    loaded: LoadedModel
    scorers: dict[str, Scorer]

    def scorer(self, recipe: Recipe) -> Scorer:
        """The scorer for one recipe, made once."""
        if recipe.digest not in self.scorers:
            self.scorers[recipe.digest] = Scorer(self.loaded.model, self.loaded.tokenizer, recipe)
        return self.scorers[recipe.digest]


class Shelf:
    """Models by name, in order of use."""

    def __init__(
        self, device: str, dtype: str, offline: bool, dropped: Callable[[str], None]
    ) -> None:
        self.device, self.dtype, self.offline = device, dtype, offline
        self.dropped = dropped
        self._models: OrderedDict[str, Shelved] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._models

    def get(self, spec: ModelSpec) -> Shelved:
        """The model, loaded if it is not; others leave first where memory is short."""
        if spec.name in self._models:
            self._models.move_to_end(spec.name)
            return self._models[spec.name]
        self._make_room(weights_size(spec, pick_dtype(self.dtype, pick_device(self.device))))
        while True:
            try:
                loaded = load_model(
                    spec, device=self.device, dtype=self.dtype, offline=self.offline
                )
                break
            except EyebrowError as error:
                if error.title != "Out of memory" or not self._models:
                    raise
                self._drop_oldest()
        self._models[spec.name] = Shelved(loaded, {})
        return self._models[spec.name]

    def _make_room(self, size: int) -> None:
        while self._models and size > (1 - SPARE) * free_memory(self.device):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        name, _ = self._models.popitem(last=False)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.dropped(name)


def weights_size(spec: ModelSpec, dtype: torch.dtype = torch.float32) -> int:
    """Bytes the weights take once loaded as `dtype`, 0 where they are not on this machine yet."""
    folder: Path | None = spec.local_path
    if folder is None:
        return 0
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    stored = str(config.get("dtype") or config.get("torch_dtype"))
    return size * dtype.itemsize // (2 if stored in ("bfloat16", "float16") else 4)


def free_memory(device: str) -> int:
    """Bytes free on the device models go to."""
    if device != "cpu" and torch.cuda.is_available():
        return int(torch.cuda.mem_get_info(None if device == "auto" else device)[0])
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 1 << 62
