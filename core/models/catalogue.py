"""Names people type for models, and what they stand for. Nothing here loads a model."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from ..errors import EyebrowError
from ..files import closed_folder
from .families import HUB_ID, families
from .gguf.header import read_gguf
from .gguf.place import SUFFIX
from .headers import Damaged
from .ngrams.counted import PREFIX, parse_counted
from .spec import ModelSpec, has_weights
from .variants.adapters import find_adapter
from .variants.spelling import parse_variant
from .weights import size_of

__all__ = ["POCKET", "ModelSpec", "families", "find_family", "find_models"]

FILES = (SUFFIX, ".safetensors", ".bin", ".pt", ".pth")
POCKET = Path(__file__).parent / "pocket"


def find_models(names: Sequence[str]) -> list[ModelSpec]:
    """The models that `names` stand for, in order, each once.

    A name is a family (all its sizes), a member, a folder with a `config.json`, a folder of such
    folders (a family of checkpoints), a Hub id `owner/name` with `#revision` if need be,
    `ngram:N:FILE` (see `counted`), or a `.gguf` file. `+ADAPTER` behind it merges an adapter into
    the weights, `@VARIANT` changes them (see `spelling`): of a family, those of every size.
    Raises `EyebrowError` for a name that is none.
    """
    found: dict[str, ModelSpec] = {}
    for name in names:
        for spec in _find(name):
            taken = found.get(spec.name, spec)
            if taken != spec:  # .../step-100/model and .../step-200/model
                spec = replace(spec, name=spec.place or spec.location)
            found.setdefault(spec.name, spec)
    return list(found.values())


def find_family(name: str) -> tuple[ModelSpec, ...]:
    """The members of a family. Raises `EyebrowError` for a name that is none."""
    known = families()
    if name.lower() in known:
        return known[name.lower()]
    instead = _close(name, list(known)) or f"use one of {', '.join(known)}"
    raise EyebrowError("No such family", f"{name!r} is none; {instead}")


def _find(name: str) -> Sequence[ModelSpec]:
    base, variant = _split(name, "@")
    base, adapter = _split(base, "+")
    change = "" if variant is None else str(parse_variant(variant))
    folder = "" if adapter is None else str(find_adapter(adapter))
    return [_changed(spec, change, folder) for spec in _find_base(base)]


def _split(name: str, mark: str) -> tuple[str, str | None]:
    """What stands before the last mark and behind it; None without one.

    A path that is there as it stands is not split, nor is what an n-gram is counted from.
    """
    if mark not in name or name.startswith(PREFIX) or os.path.exists(os.path.expanduser(name)):
        return name, None
    base, _, rest = name.rpartition(mark)
    return base, rest


def _changed(spec: ModelSpec, variant: str, adapter: str) -> ModelSpec:
    """The same with an adapter and as a variant, "" for none; a family of its own, so that no
    fit has a part in both."""
    change = (f"+{Path(adapter).name}" if adapter else "") + (f"@{variant}" if variant else "")
    family = spec.family + change if spec.family else ""
    return replace(spec, name=spec.name + change, family=family, variant=variant, adapter=adapter)


def _find_base(name: str) -> Sequence[ModelSpec]:
    known = families()
    if name.lower() in known:
        return known[name.lower()]
    members = {member.name: member for listed in known.values() for member in listed}
    if name.lower() in members:
        return [members[name.lower()]]
    if name.startswith(PREFIX):
        return [ModelSpec(name, "ngram", str(parse_counted(name)))]
    folder = Path(os.path.expanduser(name))  # Path's own raises for ~nobody
    if (closed := closed_folder(folder / "config.json")) is not None:
        raise EyebrowError(
            "No permission",
            f"{closed} may not be searched by this user; change its permissions, or copy the model",
        )
    if folder.is_dir():
        return _in_folder(name, folder.resolve())
    if folder.suffix in FILES:
        return [_file(name, folder)]
    if HUB_ID.match(name) and not name.startswith((".", "/")):
        location, _, revision = name.partition("#")
        for member in members.values():
            if (member.source, member.location, member.revision) == ("hub", location, revision):
                return [member]
        return [ModelSpec(name, "hub", location, revision=revision)]
    close = _close(name, [*known, *members])
    raise EyebrowError(
        "No such model",
        f"{name!r}: {close}"
        if close
        else f"{name!r} is no family ({', '.join(known)}), no member of one, no folder, no "
        "Hugging Face id such as owner/name, no ngram:N:FILE and no .gguf file",
    )


def _file(name: str, file: Path) -> ModelSpec:
    """A GGUF file, named by its quantisation; another file is none, and is said to be."""
    if not file.is_file():
        raise EyebrowError("No such file", f"{name} is not there")
    if file.suffix != SUFFIX:
        raise EyebrowError(
            "No model there",
            f"{name} is a file of weights, or a whole pickled model as torch-pruning saves it; "
            "load it where it was made, save it with `model.save_pretrained(DIR)` and the "
            "tokenizer beside it, and name DIR",
        )
    stem, size, quantisation = file.stem, None, ""
    with suppress(OSError, Damaged):  # loading will say what is wrong
        header = read_gguf(file)
        size, quantisation = header.parameters, header.quantisation
    if quantisation.lower() not in stem.lower():
        stem = f"{stem}.{quantisation}"
    return ModelSpec(stem, "gguf", str(file.resolve()), parameters=size)


def _close(name: str, names: Sequence[str]) -> str:
    """What may have been meant, as a question; "" where nothing is near."""
    close = get_close_matches(name.lower(), names)
    return f"did you mean {' or '.join(close)}?" if close else ""


def _in_folder(name: str, folder: Path) -> list[ModelSpec]:
    """A saved model, or the checkpoints in a folder as a family named after it.

    Checkpoints of one size come in the order of the numbers in their names, others by size.
    """
    if (folder / "config.json").is_file():
        size = size_of(folder).parameters
        return [ModelSpec(folder.name, "folder", str(folder), parameters=size)]
    specs = {
        place.relative_to(folder).as_posix(): ModelSpec(
            f"{folder.name}/{place.relative_to(folder).as_posix()}",
            "folder",
            str(place),
            folder.name,
            parameters=size_of(place).parameters,
        )
        for place in _checkpoints(folder)
    }
    if not specs:
        if files := sorted(path.name for path in folder.glob(f"*{SUFFIX}")):
            raise EyebrowError("No model there", f"{name} holds {files[0]}; name the file itself")
        raise EyebrowError(
            "No model there",
            f"{name} holds no config.json, nor folders with one and its weights; give a saved "
            "model's folder, or one that holds checkpoints such as step1000",
        )
    by_size = len({spec.parameters for spec in specs.values() if spec.parameters}) > 1
    order = sorted(
        specs, key=lambda at: ((specs[at].parameters or 0) if by_size else 0, _natural(at))
    )
    return [specs[at] for at in order]


def _checkpoints(folder: Path, depth: int = 2) -> Iterator[Path]:
    """Saved models inside `folder`: step1000, or one level deeper, step1000/model."""
    try:
        places = [place for place in folder.iterdir() if place.is_dir()]
    except OSError:  # a folder inside that is none of ours
        return
    for place in places:
        if place.name.startswith("."):
            continue
        if (place / "config.json").is_file() and has_weights(place, "pickle"):
            yield place
        elif depth > 1:
            yield from _checkpoints(place, depth - 1)


def _natural(name: str) -> tuple[bool, list[tuple[str, int]]]:
    """step2000 before step10000; names without a number, such as final, last."""
    parts = re.findall(r"([^0-9]*)([0-9]*)", name)
    return not re.search("[0-9]", name), [(text, int(digits or 0)) for text, digits in parts]
