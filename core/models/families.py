"""Families of models as data: the TOML file of the package, and one of the user's own."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from platformdirs import user_config_path

from ..errors import EyebrowError
from .spec import FORMATS, ModelSpec
from .weights import size_of

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(#[\w./-]+)?\Z")

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\Z")
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_BOTH: dict[str, str] = {"dtype": "text", "tokens": "count", "gated": "yes or no", "format": "text"}
_FAMILY = {"title": "text", "members": "list"} | _BOTH
_MEMBER = {
    "name": "text",
    "id": "text",
    "path": "text",
    "parameters": "count",
    "download": "count",
    "counted": "yes or no",
} | _BOTH
_MEANT = {
    "text": "a text in quotes",
    "count": "a whole number above 0",
    "yes or no": "true or false",
    "list": "a list of members, [{ name = ..., id = ... }, ...]",
}

Families = dict[str, tuple[ModelSpec, ...]]


def user_file() -> Path:
    """`$XDG_CONFIG_HOME/eyebrow/families.toml`, which need not be there."""
    return user_config_path("eyebrow") / "families.toml"


def families() -> Families:
    """Every known family by name, its members in the order of the files.

    The user's file replaces families of the same name and adds the others behind.
    Raises `EyebrowError` where that file cannot be used.
    """
    file = user_file()
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        return _packaged()
    return _with_own(file, changed)


@lru_cache(maxsize=1)
def _packaged() -> Families:
    return read_families(Path(__file__).parent / "families.toml", "bundled")


@lru_cache(maxsize=1)
def _with_own(file: Path, changed: int) -> Families:
    own = read_families(file)
    known = _packaged() | own
    taken = {m.name: family for family in known if family not in own for m in known[family]}
    for family, members in own.items():
        for member in members:
            if member.name in taken:
                _refuse(
                    file,
                    f"{member.name} in [{family}] is also a member of {taken[member.name]}; "
                    "give it another name",
                )
    return known


def read_families(file: Path, source: str = "folder") -> Families:
    """The families of one file; members given by `path` are of the kind `source`.

    Raises `EyebrowError`, with the file's name, for what cannot be read or understood.
    """
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"not UTF-8 ({error.reason})"
        _refuse(file, f"cannot be read: {reason}; mend or remove it")
    except tomllib.TOMLDecodeError as error:  # its message ends in the line and the column
        _refuse(file, f"no valid TOML: {error}")
    found: Families = {}
    names: dict[str, str] = {}
    for family, table in raw.items():
        where = f"[{family}]"
        _check_name(file, where, family)
        if not isinstance(table, dict):
            _refuse(file, f"{family} is no family; write [{family}] and its members below it")
        _check(file, where, table, _FAMILY)
        if not table.get("members"):
            _refuse(file, f"{where} has no members; write members = [{{ name = ..., id = ... }}]")
        if family.lower() in found:
            _refuse(file, f"{where} is there twice; give one another name")
        members = table["members"]
        specs = [_member(file, family.lower(), table, entry, source) for entry in members]
        for member in specs:
            if member.name in names:
                _refuse(
                    file,
                    f"{member.name} is named twice, in {names[member.name]} and {where}; "
                    "give one another name",
                )
            names[member.name] = where
        found[family.lower()] = tuple(specs)
    return found


def _member(
    file: Path, family: str, table: Mapping[str, Any], entry: Any, source: str
) -> ModelSpec:
    where = f"a member of [{family}]"
    if not isinstance(entry, dict):
        _refuse(file, f"{where} is {entry!r}; write {{ name = ..., id = ... }}")
    if "name" not in entry:
        _refuse(file, f"{where} has no name; write {{ name = ..., id = ... }}")
    where = f"{entry['name']} in [{family}]"
    _check(file, where, entry, _MEMBER)
    _check_name(file, where, entry["name"])
    if ("id" in entry) == ("path" in entry):
        _refuse(file, f"{where} needs one of id (on the Hub, owner/name) and path (a folder)")
    if not HUB_ID.match(entry.get("id", "owner/name")):
        _refuse(file, f"{where}: {entry['id']!r} is no id; write owner/name or owner/name#revision")
    known = {key: table[key] for key in _BOTH if key in table} | entry
    parameters = _whole(known.get("parameters"))
    if "path" in entry:
        location, revision, download = str(_folder(file, entry["path"])), "", None
        parameters = parameters or size_of(Path(location)).parameters
    else:
        source = "hub"
        location, _, revision = entry["id"].partition("#")
        download = _whole(known.get("download"))
        if download is None and parameters and "dtype" in known:
            download = parameters * _BYTES[known["dtype"]]
    return ModelSpec(
        name=entry["name"].lower(),
        source=source,
        location=location,
        family=family,
        revision=revision,
        parameters=parameters,
        download=download,
        tokens=_whole(known.get("tokens")),
        gated=known.get("gated", False),
        format=known.get("format", "safetensors"),
        counted=known.get("counted", False),
    )


def _folder(file: Path, path: str) -> Path:
    return Path(os.path.abspath(file.parent / os.path.expanduser(path)))


def _check(file: Path, where: str, table: Mapping[str, Any], known: Mapping[str, str]) -> None:
    for key, value in table.items():
        if key not in known:
            _refuse(file, f"{where} has {key!r}, which means nothing; use {', '.join(known)}")
        if not _fits(value, known[key]):
            _refuse(file, f"{where}: {key} must be {_MEANT[known[key]]}, not {value!r}")
    for key, choices in (("dtype", _BYTES), ("format", FORMATS)):
        if key in table and table[key] not in choices:
            _refuse(file, f"{where}: {key} is {table[key]!r}; use {', '.join(choices)}")


def _check_name(file: Path, where: str, name: str) -> None:
    if not _NAME.match(name):
        _refuse(file, f"{where}: {name!r} is no name; use letters, digits, . - and _")


def _fits(value: Any, kind: str) -> bool:
    if kind == "count":  # 2e12 is one as well
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and value > 0 and value % 1 == 0
    return isinstance(value, {"text": str, "yes or no": bool, "list": list}[kind])


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _refuse(file: Path, reason: str) -> NoReturn:
    raise EyebrowError("Bad families file", f"{file}: {reason}")
