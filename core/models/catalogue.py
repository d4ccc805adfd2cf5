"""Names people type for models, and what they stand for. Nothing here loads a model."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import EyebrowError
from .counted import PREFIX, parse_counted
from .fingerprint import count_parameters

POCKET = Path(__file__).parent / "pocket"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(#[\w./-]+)?\Z")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model by name: where it comes from, before anything is loaded.

    source: "bundled", "hub", "folder" or "ngram". location: a folder's path, the Hub id, or the
    n-gram's full name (see `counted`).
    parameters: where known before loading.
    """

    name: str
    source: str
    location: str
    family: str = ""
    revision: str = ""
    parameters: int | None = None

    @property
    def local_path(self) -> Path | None:
        """Its folder on this machine, the Hugging Face cache included; None if it is not here.

        An n-gram is here once it is counted; `load.fetch` counts it.
        """
        if self.source != "hub":
            ngram = self.source == "ngram"
            folder = parse_counted(self.location).folder if ngram else Path(self.location)
            return folder if (folder / "config.json").is_file() else None
        return _in_hub_cache(self.location, self.revision or "main")

    def to_json(self) -> dict[str, Any]:
        """A row of `eyebrow models --json`."""
        path = self.local_path
        return {
            "name": self.name,
            "family": self.family or None,
            "parameters": self.parameters,
            "source": self.location if self.source == "hub" else self.source,
            "local_path": str(path) if path else None,
        }


@lru_cache(maxsize=1)
def families() -> dict[str, tuple[ModelSpec, ...]]:
    """Every known family by name, its members from small to large."""
    raw = tomllib.loads((Path(__file__).parent / "families.toml").read_text(encoding="utf-8"))
    return {
        family: tuple(_member(family, entry) for entry in table["members"])
        for family, table in raw.items()
    }


def _member(family: str, entry: dict[str, Any]) -> ModelSpec:
    bundled = "id" not in entry
    return ModelSpec(
        name=entry["name"],
        source="bundled" if bundled else "hub",
        location=str(POCKET / entry["name"]) if bundled else entry["id"],
        family=family,
        parameters=entry["parameters"],
    )


def find_models(names: Sequence[str]) -> list[ModelSpec]:
    """The models that `names` stand for, in order, each once.

    A name is a family (all its sizes), a member, a folder with a `config.json`, a Hub id
    `owner/name` with `#revision` if need be, or `ngram:N:FILE` (see `counted`). Raises
    `EyebrowError` for a name that is none.
    """
    found: dict[str, ModelSpec] = {}
    for name in names:
        for spec in _find(name):
            taken = found.get(spec.name, spec)
            if taken != spec:  # .../step-100/model and .../step-200/model
                spec = replace(spec, name=spec.location)
            found.setdefault(spec.name, spec)
    return list(found.values())


def _find(name: str) -> Sequence[ModelSpec]:
    known = families()
    if name.lower() in known:
        return known[name.lower()]
    for members in known.values():
        for member in members:
            if member.name == name.lower():
                return [member]
    if name.startswith(PREFIX):
        return [ModelSpec(name, "ngram", str(parse_counted(name)))]
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise EyebrowError(
                "No model there", f"{name} holds no config.json; give a saved model's folder"
            )
        folder = folder.resolve()
        size = count_parameters(folder)
        return [ModelSpec(folder.name, "folder", str(folder), parameters=size)]
    if _HUB_ID.match(name) and not name.startswith((".", "/")):
        location, _, revision = name.partition("#")
        for members in known.values():
            for member in members:
                if member.location == location and not revision:
                    return [member]
        return [ModelSpec(name, "hub", location, revision=revision)]
    raise EyebrowError(
        "No such model",
        f"{name!r} is no family ({', '.join(known)}), no member of one, no folder, no "
        "Hugging Face id such as owner/name and no ngram:N:FILE",
    )


def _in_hub_cache(location: str, revision: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(location, "config.json", revision=revision)
    if not isinstance(found, str):
        return None
    return Path(found).parent if _has_weights(Path(found).parent) else None


def _has_weights(folder: Path) -> bool:
    """Whether all of them are there: a download may have broken off, or fetched the rest alone."""
    files = [path.stem for path in folder.glob("*.safetensors")]
    shards = [name.rpartition("-of-")[2] for name in files if "-of-" in name]
    return bool(files) and (not shards or len(shards) == int(shards[0]))
