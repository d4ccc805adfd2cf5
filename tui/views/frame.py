"""What frames every view: its name among the others above, its keys below."""

from __future__ import annotations

from ..panes.bars import Part

VIEWS = ("explore", "scale")
"""In the order of `<` and `>`; the names of the app's modes."""


def tabs(current: str) -> tuple[Part, ...]:
    """The names of all views, the current one plain to see."""
    return tuple(
        (f"  ▸{name.capitalize()}", "strong")
        if name == current
        else (f"   {name.capitalize()}", "quiet")
        for name in VIEWS
    )


def hints(keys: tuple[tuple[str, str], ...]) -> tuple[Part, ...]:
    """Keys with what they do."""
    return tuple(
        part for key, what in keys for part in ((f"  {key} ", "strong"), (f"{what} ", "quiet"))
    )
