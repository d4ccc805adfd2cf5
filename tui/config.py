"""What the user sets: `config.toml` in the user's config folder; a line for each mistake in it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from ..core.errors import EyebrowError, reason
from ..core.results.default_store import default_store
from . import actions
from .actions import Action
from .text.reading import EYEBROW_BITS


@dataclass(frozen=True)
class Config:
    """keys: by action, in Textual's names. theme: "" where none is set, then the last one holds.

    mouse: clicks and wheel are the program's. ascii: nothing is drawn that is not ASCII.
    eyebrow_bits: surprise from which a token raises one. store: None where the cache folder is it.
    """

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    theme: str = ""
    mouse: bool = True
    ascii: bool = False
    eyebrow_bits: float = EYEBROW_BITS
    store: Path | None = None

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """All of them, with the keys in force."""
        return actions.with_keys(self.keys)

    def action(self, id: str) -> Action:
        return next(action for action in self.actions if action.id == id)


DEFAULTS = Config()


class BadConfig(EyebrowError):
    """mistakes: one line each."""

    def __init__(self, place: Path, mistakes: list[str]) -> None:
        more = f" (and {len(mistakes) - 1} more, see `eyebrow config`)" if mistakes[1:] else ""
        super().__init__("Bad config", f"{place}, {mistakes[0]}{more}")
        self.place = place
        self.mistakes = mistakes

    def __reduce__(self) -> Any:
        return type(self), (self.place, self.mistakes)


def config_file() -> Path:
    """`$XDG_CONFIG_HOME/eyebrow/config.toml`."""
    return user_config_path("eyebrow") / "config.toml"


def read_config() -> Config:
    """What is set; the defaults where there is no file. Raises `BadConfig`."""
    place = config_file()
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        return DEFAULTS
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(place, [f"it cannot be read: {reason(error, named=False)}"]) from error
    config, mistakes = parse_config(text)
    if mistakes:
        raise BadConfig(place, mistakes)
    return config


def store_in_force() -> Path:
    """Where scores are kept when nobody says. Raises `BadConfig`."""
    return read_config().store or default_store()


def parse_config(text: str) -> tuple[Config, list[str]]:
    """What a file sets, and what is wrong with it: a line for each mistake."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return DEFAULTS, [_syntax(error)]
    except ValueError:  # Python reads no number of more than 4,300 digits
        return DEFAULTS, ["a number in it has too many digits"]
    except RecursionError:
        return DEFAULTS, ["lists and tables in it are nested too deep"]
    lines = _lines(text)
    mistakes: list[tuple[int, str]] = []
    found: dict[str, Any] = {}

    def wrong(name: str, said: str) -> None:
        mistakes.append((lines.get(name, 0), f"{name}: {said}"))

    for name, value in told.items():
        if name == "keys":
            continue
        if name not in _CHECKS:
            wrong(name, f"there is no such setting; there are {', '.join([*_CHECKS, 'keys'])}")
            continue
        try:
            found[name] = _CHECKS[name](value)
        except ValueError as error:
            wrong(name, str(error))
    found["keys"] = _keys(told.get("keys", {}), wrong)
    said = [f"line {line}: {words}" if line else words for line, words in sorted(mistakes)]
    return Config(**found), said


def _syntax(error: tomllib.TOMLDecodeError) -> str:
    """`line 3: expected '=' after a key`."""
    said = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", str(error))
    if said is None:
        return f"the end: {str(error).removesuffix(' (at end of document)')}"
    return f"line {said[2]}: {said[1][:1].lower()}{said[1][1:]}"


def _lines(text: str) -> dict[str, int]:
    """Where each setting stands, `keys.NAME` those of the keys."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if opened := re.match(r"\s*\[\s*([^\]]+?)\s*\]", line):
            table = opened[1] + "."
            found.setdefault(opened[1], number)
        elif named := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            name = re.sub(r"[\"']", "", named[1])
            found.setdefault(f"{table}{name}", number)
    return found


# --- what a setting may be -------------------------------------------------------------------


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{_shown(value)} is neither true nor false")
    return value


def _bits(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 100:
        raise ValueError(f"{_shown(value)} is no number of bits; give one above 0, as 8")
    return float(value)


def _folder(value: object) -> Path:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{_shown(value)} is no folder; give a path in quotes")
    if "\0" in value:
        raise ValueError(f"{_shown(value)} is no folder; a path has no NUL in it")
    path = Path(os.path.expanduser(value))  # unlike Path's own it leaves ~nobody as it is
    if not path.is_absolute():
        raise ValueError(f"{value} may be anywhere; give a path from / or ~ on")
    return path


def _theme(value: object) -> str:
    from textual.theme import BUILTIN_THEMES

    if not isinstance(value, str) or value not in BUILTIN_THEMES:
        names = ", ".join(sorted(BUILTIN_THEMES))
        raise ValueError(f"there is no theme {_shown(value)}; there are {names}")
    return value


_CHECKS: dict[str, Callable[[object], object]] = {
    "theme": _theme,
    "mouse": _flag,
    "ascii": _flag,
    "eyebrow_bits": _bits,
    "store": _folder,
}


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


# --- keys ------------------------------------------------------------------------------------


def _keys(told: object, wrong: Callable[[str, str], None]) -> dict[str, tuple[str, ...]]:
    if not isinstance(told, dict):
        wrong("keys", "give keys in a table, [keys]")
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for id, value in told.items():
        name = f"keys.{id}"
        if id not in actions.BY_ID:
            near = _nearest(id)
            wrong(name, "there is no such action" + (f"; {near} is meant?" if near else ""))
            continue
        try:
            found[id] = _key_names(id, value)
        except ValueError as error:
            wrong(name, str(error))
    for id, said in _clashes(found):
        wrong(f"keys.{id}", said)
    return found


def _key_names(id: str, value: object) -> tuple[str, ...]:
    """Keys as Textual calls them, of one key or a list; a list of none takes them away."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise ValueError(f'{_shown(value)} is no key; give "x" or ["x", "ctrl+x"]')
    keys = tuple(_key_name(one) for one in listed)
    if "{n}" in actions.BY_ID[id].run and len(keys) not in (0, 9):
        raise ValueError(f"give nine keys, for the sizes 1 to 9, not {len(keys)}")
    if "ctrl+g" in keys and "ctrl+g" not in actions.ALWAYS.get(id, ()):
        raise ValueError("ctrl+g always leads out of what one is in")
    return keys


def _key_name(key: object) -> str:
    """`/` and `slash` are `slash`; `ctrl+x`, `f5` and `up` are what they are."""
    from textual.keys import KEY_NAME_REPLACEMENTS, Keys, _character_to_key

    if not isinstance(key, str) or not key:
        raise ValueError(f"{_shown(key)} is no key")
    if len(key) == 1:
        return _character_to_key(key)
    known = {one.value for one in Keys} | set(KEY_NAME_REPLACEMENTS.values())
    known |= {name for name in actions.SHOWN_KEYS if len(name) > 1} | {"space", "escape"}
    spelled = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "return": "enter"}
    name = spelled.get(key.lower(), key.lower())
    *modifiers, last = name.split("+") if not name.endswith("+") else [name]
    if name in known or (len(last) == 1 and set(modifiers) <= {"ctrl", "shift", "alt"}):
        return name
    raise ValueError(f'there is no key {_shown(key)}; keys are "x", "ctrl+x", "f5", "up", "space"')


def _clashes(found: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Keys that two actions have where both apply; told of the one that was given it."""
    now = actions.with_keys(found)
    told: set[tuple[str, str]] = set()
    for one in now:
        for other in now:
            if one.id not in found or one is other or not _meet(one, other):
                continue
            for key in {*one.key_list} & {*other.key_list}:
                if (other.id, key) not in told:
                    told.add((one.id, key))
                    shown = actions.shown_key(key)
                    yield one.id, f'"{shown}" is also that of {other.id} ({other.words})'


def _meet(one: Action, other: Action) -> bool:
    """Whether there is a pane where both apply."""
    views = {*one.views} & {*other.views} or {*one.views, *other.views} or {""}
    pane = one.pane or other.pane
    return any(one.applies(view, pane) and other.applies(view, pane) for view in views)


def _nearest(id: str) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(id, [*actions.BY_ID])), "")


# --- the file as it is in force --------------------------------------------------------------


def in_force(config: Config) -> str:
    """All settings as a file that could be read; a line that is set says what it was by default.

    Without a theme the last one chosen holds: then there is only a comment.
    """
    store, theme = str(default_store()), _line("theme", config.theme, "", "else the last chosen")
    lines = [
        f"# {config_file()}",
        "",
        theme if config.theme else f"# {theme}",
        _line("mouse", config.mouse, True, "false leaves clicks to the terminal"),
        _line("ascii", config.ascii, False, "true draws nothing that is not ASCII"),
        _line("eyebrow_bits", config.eyebrow_bits, EYEBROW_BITS, "surprise that raises an eyebrow"),
        _line("store", str(config.store or store), store, "where scores are kept"),
        "",
        "[keys]",
    ]
    for action, default in zip(config.actions, actions.ACTIONS, strict=True):
        lines.append(_line(action.id, _told(action), _told(default), action.words))
    return "\n".join(lines)


def to_json(config: Config) -> dict[str, object]:
    """All settings in force, and the file that they are set in."""
    return {
        "file": str(config_file()),
        "theme": config.theme or None,
        "mouse": config.mouse,
        "ascii": config.ascii,
        "eyebrow_bits": config.eyebrow_bits,
        "store": str(config.store or default_store()),
        "keys": {action.id: action.key_list for action in config.actions},
    }


def _told(action: Action) -> list[str]:
    """Its keys as they may be written in the file."""
    shown = ((key, actions.shown_key(key)) for key in action.key_list)
    return [said if len(said) == 1 and said.isascii() else key for key, said in shown]


def _line(name: str, value: object, default: object, about: str) -> str:
    said = f"{about}; by default {_toml(default)}" if value != default else about
    return f"{name} = {_toml(value)}  # {said}"


def _toml(value: object) -> str:
    import json

    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False)
