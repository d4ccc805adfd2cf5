"""One model by name, before anything is loaded: where it comes from and what is known of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .gguf.place import gguf_folder
from .ngrams.counted import parse_counted

FORMATS = {"safetensors": "*.safetensors", "pickle": "pytorch_model*.bin"}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model by name: where it comes from, before anything is loaded.

    source: "bundled", "hub", "folder", "ngram" or "gguf". location: a folder's path, the Hub id,
    the n-gram's full name (see `counted`), or the GGUF file's path.
    parameters: where known before loading. download: bytes the Hub is expected to send. tokens:
    seen in training. gated: the Hub asks for consent and a login first. format: "safetensors",
    or "pickle" where the Hub is known to have nothing else. counted: no trained network, so it is
    not a size among the others. variant: what is done to its weights once they are loaded, as
    `Variant` spells it. adapter: the folder of what is merged into them before, or "".
    """

    name: str
    source: str
    location: str
    family: str = ""
    revision: str = ""
    parameters: int | None = None
    download: int | None = None
    tokens: int | None = None
    gated: bool = False
    format: str = "safetensors"
    counted: bool = False
    variant: str = ""
    adapter: str = ""

    @property
    def change(self) -> tuple[str, str]:
        """Variant and adapter, as `identify` wants them."""
        return self.variant, self.adapter

    def with_variant(self, variant: str) -> ModelSpec:
        """This model changed so; a family of its own, so that no fit has a part in both."""
        family = f"{self.family}@{variant}" if self.family else ""
        return replace(self, name=f"{self.name}@{variant}", family=family, variant=variant)

    @property
    def place(self) -> str:
        """What to type for it on this machine, wherever one is; "" where it is not here."""
        path = self.location if self.source == "gguf" else self.local_path
        adapter = f"+{self.adapter}" if self.adapter else ""
        return f"{path}{adapter}{self.variant and '@' + self.variant}" if path else ""

    @property
    def local_path(self) -> Path | None:
        """Its folder on this machine, the Hugging Face cache included; None if it is not here.

        An n-gram is here once it is counted, a GGUF file once its tokenizer was taken out of it;
        `load.fetch` does both.
        """
        if self.source != "hub":
            folder = self._folder
            return folder if (folder / "config.json").is_file() else None
        cached = _in_hub_cache(self.location, self.revision or "main")
        return cached if cached and has_weights(cached, self.format) else None

    @property
    def _folder(self) -> Path:
        if self.source == "ngram":
            return parse_counted(self.location).folder
        if self.source == "gguf":
            return gguf_folder(Path(self.location))
        return Path(self.location)

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


def has_weights(folder: Path, format: str = "safetensors") -> bool:
    """Whether all of them are there: a download may have broken off, or fetched the rest alone.

    format: "pickle" takes those too where there are no safetensors.
    """
    for kind in dict.fromkeys(("safetensors", format)):
        files = [path.stem for path in folder.glob(FORMATS[kind])]
        shards = [int(found[1]) for name in files if (found := re.search(r"-of-(\d+)\Z", name))]
        if files and (not shards or len(shards) == shards[0]):
            return True
    return False


def _in_hub_cache(location: str, revision: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(location, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None
