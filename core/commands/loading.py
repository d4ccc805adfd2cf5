"""One model for a command that needs one, with its progress on a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..scoring.recipe import Recipe
from .progress import ProgressLine

if TYPE_CHECKING:
    from ..models.load import LoadedModel


def load(
    name: str,
    recipe: Recipe,
    line: ProgressLine,
    *,
    device: str,
    offline: bool,
    allow_pickle: bool,
    trust_remote_code: bool,
) -> LoadedModel:
    """The model of that name in the precision of the recipe, downloaded where it must be."""
    from ..models.catalogue import find_models

    specs = find_models([name])
    from ..engine.progress import Progress
    from ..engine.recipes import settled
    from ..models.load import load_model

    _, device, dtype = settled(recipe, device)
    line.show(Progress(name, "loading" if specs[0].local_path else "fetching"))
    try:
        return load_model(
            name,
            device=device,
            dtype=dtype,
            offline=offline,
            allow_pickle=allow_pickle,
            trust_remote_code=trust_remote_code,
            progress=lambda transfer: line.show(Progress.of_download(specs[0].name, transfer)),
        )
    finally:
        line.clear()
