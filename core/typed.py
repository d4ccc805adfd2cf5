"""Options as the words of a command that repeats what was asked for."""

from __future__ import annotations

from collections.abc import Mapping


def as_typed(given: Mapping[str, tuple[object, object]]) -> tuple[str, ...]:
    """Those that are not as they are by default: (value, default) by name; True is a flag's."""
    words: list[str] = []
    for name, (value, default) in given.items():
        if value != default:
            words += [name] if value is True else [name, str(value)]
    return tuple(words)


def reading_as_typed(
    *, column: str | None, group: str | None, split: str, limit: int | None, per_line: bool
) -> tuple[str, ...]:
    """The options by which stories are read, see `open_stories`."""
    return as_typed(
        {
            "--column": (column, None),
            "--group": (group, None),
            "--split": (split, "train"),
            "--limit": (limit, None),
            "--per-line": (per_line, False),
        }
    )
