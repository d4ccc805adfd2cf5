"""`eyebrow doctor --audit`: whether a model's numbers can be trusted on this machine."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DONE, FAILED
from ..scoring.recipe import Recipe
from .output import emit, emit_json, note, table

if TYPE_CHECKING:
    from ..audit.audit import Audit, Check
    from ..stories import Story

STORIES = 12  # looked at where no number is asked for


def audit(
    stories: list[Story],
    model: str,
    *,
    recipe: Recipe,
    device: str = "auto",
    store: Path | None = None,
    offline: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Check a model over `stories` and print the largest differences; 1 where one is too large.

    store: the folder whose numbers are compared with fresh ones, None for no such check.
    """
    from ..audit.audit import audit as run
    from ..results.store import Store

    found = run(
        model,
        stories,
        recipe=recipe,
        device=device,
        store=Store(store) if store else None,
        offline=offline,
        tell=(lambda _: None) if quiet else (lambda name: note(f"checking: {name}")),
    )
    if json:
        emit_json({"eyebrow": version("eyebrow"), **found.to_json()})
    else:
        emit(shown(found))
    return DONE if found.passed else FAILED


def shown(found: Audit) -> str:
    """The checks as a table, the recipe, and one line that says how it went."""
    rows = [
        (
            check.name,
            "not done" if check.difference is None else f"{check.difference:.1e}",
            "none" if check.limit is None else f"{check.limit:.0e}" if check.limit else "0",
            _verdict(check),
            check.note,
        )
        for check in found.checks
    ]
    heads = ("check", "difference", "limit", "", "of what")
    failed = [check.name for check in found.checks if not check.passed]
    verdict = (
        f"{len(failed)} of {len(rows)} checks failed: {'; '.join(failed)}."
        if failed
        else "All numbers agree."
    )
    return "\n".join(
        [
            table(heads, rows, left=("check", "", "of what")),
            "",
            f"{found.model}, {found.stories} stories, {found.tokens:,} tokens",
            found.recipe.label,
            verdict,
        ]
    )


def _verdict(check: Check) -> str:
    if check.difference is None or check.limit is None:
        return "-"
    return "ok" if check.passed else "TOO FAR"
