"""The parts of a model that a variant may be narrowed to one after the other."""

from __future__ import annotations

from ...errors import EyebrowError
from ..configuration import layer_count
from ..spec import ModelSpec

PARTS = ("embeddings", "attention", "mlp")


def each_part(spec: ModelSpec) -> list[str]:
    """Kinds of part, then every layer. Raises `EyebrowError` for a model that is not here."""
    folder = spec.local_path
    if folder is None:
        raise EyebrowError(
            "Not here yet", f"{spec.name}: its layers are not known; score it once, or fetch it"
        )
    return [*PARTS, *(f"layers{number}" for number in range(layer_count(folder)))]
