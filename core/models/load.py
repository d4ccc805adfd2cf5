"""Load a model with its tokenizer onto a device."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import FAILED, EyebrowError
from ..scoring.recipe import Recipe
from .catalogue import ModelSpec, find_models
from .counted import parse_counted
from .device import dtype_name, pick_device, pick_dtype
from .fingerprint import model_digest, positions, tokenizer_digest
from .member import Member


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that is ready: `model, tokenizer, device, dtype = load_model(...)` also works.

    positions: tokens it sees at once (None: no limit known). digest: of its files.
    """

    model: Any
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    name: str
    parameters: int
    digest: str
    revision: str
    positions: int | None
    family: str
    tokenizer_digest: str

    def __iter__(self) -> Iterator[Any]:
        return iter((self.model, self.tokenizer, self.device, self.dtype))

    @property
    def member(self) -> Member:
        """Its name in the store."""
        return Member(
            self.name,
            self.digest,
            self.family,
            self.revision,
            self.tokenizer_digest,
            self.parameters,
        )

    def recipe(self, wanted: Recipe) -> Recipe:
        """`wanted` with this model's device, dtype and number of positions."""
        return wanted.settled(self.device.type, dtype_name(self.dtype)).within(self.positions)


def load_model(
    name: str | ModelSpec,
    *,
    device: str = "auto",
    dtype: str = "auto",
    offline: bool = False,
) -> LoadedModel:
    """The model called `name`, in eval mode, on `device`.

    name: a member ("pocket-3m"), a folder, a Hugging Face id, an n-gram (`ngram:2:FILE`), or a
    `ModelSpec`.
    Raises `EyebrowError` where there is no such model or it cannot be loaded.
    """
    spec = name if isinstance(name, ModelSpec) else _only(name)
    where, precision = pick_device(device), pick_dtype(dtype, pick_device(device))
    folder = spec.local_path or fetch(spec, offline=offline)
    try:
        tokenizer, model = _open(folder, precision)
        model.to(where).eval()
    except Exception as error:  # loaders raise what they like: ImportError, SafetensorError, ...
        if isinstance(error, torch.OutOfMemoryError):
            raise EyebrowError(
                "Out of memory", f"{spec.name} does not fit on {where}; use a smaller model", FAILED
            ) from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise EyebrowError("Cannot load", f"{spec.name}: {reason}", FAILED) from error
    return LoadedModel(
        model,
        tokenizer,
        where,
        precision,
        spec.name,
        sum(p.numel() for p in model.parameters()),
        model_digest(folder),
        revision_of(spec, folder),
        positions(folder),
        spec.family,
        tokenizer_digest(folder),
    )


def _only(name: str) -> ModelSpec:
    found = find_models([name])
    if len(found) > 1:
        members = ", ".join(spec.name for spec in found)
        raise EyebrowError("A whole family", f"{name} is {len(found)} models: {members}; pick one")
    return found[0]


def _open(folder: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if '"eyebrow-' in (folder / "config.json").read_text(encoding="utf-8"):
        from . import bigram, ngram  # noqa: F401  registers their model types

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, local_files_only=True, use_safetensors=True
    )
    return tokenizer, model


def fetch(spec: ModelSpec, *, offline: bool = False) -> Path:
    """Download what loading needs from the Hub, or count an n-gram; returns the cached folder."""
    if spec.source == "ngram":
        from .count import counted_folder

        return counted_folder(parse_counted(spec.location))
    if spec.source != "hub":
        raise EyebrowError("No model there", f"{spec.name}: {spec.location} holds no saved model")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(
            snapshot_download(
                spec.location,
                revision=spec.revision or None,
                local_files_only=offline or os.environ.get("HF_HUB_OFFLINE") == "1",
                allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"],
            )
        )
    except GatedRepoError as error:
        raise EyebrowError(
            "Gated model",
            f"{spec.location} asks you to accept its terms on its page and to log in "
            "(`hf auth login`)",
        ) from error
    except RevisionNotFoundError as error:
        raise EyebrowError(
            "No such revision", f"{spec.location} has no revision {spec.revision!r}"
        ) from error
    except RepositoryNotFoundError as error:
        raise EyebrowError(
            "No such model", f"the Hub knows no {spec.location}, or it is private: log in"
        ) from error
    except LocalEntryNotFoundError as error:
        raise EyebrowError(
            "Not on this machine",
            f"{spec.location} is not in the cache and the Hub cannot be reached; "
            "download it where there is a network, or name a local folder",
        ) from error
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise EyebrowError("Download failed", f"{spec.location}: {reason}", FAILED) from error


def revision_of(spec: ModelSpec, folder: Path) -> str:
    """The commit of a Hub snapshot (its folder's name); what was asked for elsewhere."""
    return folder.name if folder.parent.name == "snapshots" else spec.revision
