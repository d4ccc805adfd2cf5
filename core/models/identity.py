"""What a model is: the numbers it gives follow from what its digest covers, and from nothing else.

Every byte of the weights is in it. They are read once at the speed of SHA-256 (3 GB: about 2 s on
a core with the instructions for it), after which the digest is remembered; in the Hugging Face
cache they are not read at all, since a blob's name is its SHA-256 (see `digests`).
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EyebrowError, reason
from .configuration import no_permission, positions, read_config
from .digests import Stamp, content_digest, file_digest, file_digests, is_settled, stamp
from .tokenizer_files import ends, tokenizer_digest, tokenizer_files
from .weights import Size, size_of, weight_files

_WITHOUT_EFFECT = {"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache"}


@dataclass(frozen=True, slots=True)
class Identity:
    """A saved model, as it lies there now.

    digest: 16 hex digits over the weights, what of the configuration shapes the numbers, the
    model's own code, the tokenizer, and the variant. weights: over the bytes of the weights and
    the variant alone. tokenizer: over what turns text into ids (see `tokenizer_files`).
    bytes: of the weights on the disk. positions: tokens it sees at once; None if it does not say.
    """

    digest: str
    weights: str
    tokenizer: str
    size: Size
    bytes: int
    positions: int | None

    @property
    def parameters(self) -> int | None:
        """None where the files do not say."""
        return self.size.parameters


_known: dict[tuple[Path, str, str], tuple[list[Stamp], Identity]] = {}


def identify(folder: Path, variant: str = "", adapter: str = "") -> Identity:
    """What the model in `folder` is, changed by `variant` as it is loaded ("": as it is).

    adapter: the folder of what is merged into its weights before that, "" for nothing.

    Where no file there has changed since it was asked before, this is a look at their times.
    Raises `EyebrowError` where there is no configuration, or a file cannot be read.
    """
    now, seen, key = time.time_ns(), stamps(folder, adapter), (folder, variant, adapter)
    known = _known.get(key)
    if known is not None and known[0] == seen:
        return known[1]
    identity = _identify(folder, variant, adapter)
    if is_settled(seen, now) and stamps(folder, adapter) == seen:
        _known[key] = (seen, identity)
    return identity


def _identify(folder: Path, variant: str, adapter: str) -> Identity:
    config = read_config(folder)
    files = weight_files(folder)
    try:
        merged = [file_digests(adapter_files(adapter))] if adapter else []
        weights = content_digest([variant, *file_digests(files), *merged])
        tokenizer = tokenizer_digest(folder)
        code = [
            [path.name, file_digest(path)]
            for path in (sorted(folder.glob("*.py")) if "auto_map" in config else ())
        ]
        size = sum(path.stat().st_size for path in files)
    except PermissionError as error:
        raise no_permission(Path(error.filename or folder)) from error
    except OSError as error:
        raise EyebrowError(
            "Damaged model",
            f"{error.filename or folder} cannot be read ({reason(error, named=False)}); "
            "copy it anew",
        ) from error
    return Identity(
        content_digest([weights, _shaping(config), code, tokenizer, ends(folder)]),
        weights,
        tokenizer,
        size_of(folder),
        size,
        positions(folder),
    )


def _shaping(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without what is set on loading, or says who wrote it."""
    return {
        key: _shaping(value)
        if isinstance(value, dict) and key.endswith("_config") and key != "quantization_config"
        else value
        for key, value in config.items()
        if key not in _WITHOUT_EFFECT
    }


def adapter_files(adapter: str) -> list[Path]:
    """What of an adapter's folder has a part in the numbers, by name."""
    return sorted(Path(adapter).glob("adapter_*"))


def stamps(folder: Path, adapter: str = "") -> list[Stamp]:
    """What changes with the files of the model in `folder`, whatever else is written there."""
    found = []
    with suppress(OSError):
        code = sorted(folder.glob("*.py"))
        for path in (
            folder / "config.json",
            *weight_files(folder),
            *code,
            *tokenizer_files(folder),
            *(adapter_files(adapter) if adapter else ()),
        ):
            with suppress(OSError):
                found.append(stamp(path))
    return found


def same_weights(weights: Mapping[str, Hashable]) -> list[tuple[str, ...]]:
    """Names of models whose weights are the same, together; weights: a digest by name.

    It happens on the Hub that branches for different steps of a training hold one checkpoint.
    Digests of whole models do as well; "" is not known, and like nothing.
    """
    groups: dict[Hashable, list[str]] = {}
    for name, digest in weights.items():
        if digest:
            groups.setdefault(digest, []).append(name)
    return [tuple(names) for names in groups.values() if len(names) > 1]


def same_weights_in_words(names: tuple[str, ...]) -> str:
    """What to say of one of these groups."""
    *first, last = names
    return f"{', '.join(first)} and {last} have the same weights, byte for byte: one model twice"
