"""How models are fetched and loaded: what every way to a model is given, in one piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .hub.transfer import Transfer
    from .load import LoadedModel
    from .spec import ModelSpec


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """device, dtype: as people name them, "auto" where they are open.

    allow_pickle: take weights that are saved as pickles where there are no others.
    trust_remote_code: run Python code that comes with a model.
    """

    device: str = "auto"
    dtype: str = "auto"
    offline: bool = False
    allow_pickle: bool = False
    trust_remote_code: bool = False

    def here(self, spec: ModelSpec) -> Path | None:
        """The folder of a model that is on this machine, else None."""
        from .hub.download import here

        return here(spec, self.allow_pickle)

    def fetch(
        self,
        spec: ModelSpec,
        progress: Callable[[Transfer], None],
        *,
        stopped: Callable[[], bool] | None = None,
        held: int = 0,
    ) -> Path:
        """The folder of a model that is not here yet; one too large for the memory is not fetched.

        held: bytes that would be let go of for it. progress, stopped: see `download`.
        """
        from ..machine.device import pick_device, pick_dtype
        from ..machine.memory import check_memory
        from .load import fetch

        device = pick_device(self.device)
        dtype = pick_dtype(self.dtype, device)
        fits = partial(check_memory, spec, device=device, dtype=dtype, held=held)
        return fetch(spec, self, progress, stopped, fits)

    def load(self, spec: ModelSpec) -> LoadedModel:
        """The model itself; see `load_model`."""
        from .load import load

        return load(spec, self)
