"""How models are fetched and loaded: what every way to a model is given, in one piece."""

from __future__ import annotations

from dataclasses import dataclass


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
