"""`eyebrow doctor`: what is here, and what to mend."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import DONE, FAILED, EyebrowError
from ..wording import in_words, visible
from . import options as o
from .output import emit, emit_json, width
from .text import DEFAULT_MODELS


def doctor(
    stories: o.Stories = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Check a model's numbers by counting them other ways.")
    ] = False,
    model: o.Model = DEFAULT_MODELS[0],
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    first_token: o.FirstToken = "context",
    context: o.Context = None,
    stride: o.Stride = None,
    limit: o.Limit = None,
    store: o.StoreFolder = None,
    offline: o.Offline = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Device, terminal, versions and caches, and for each problem what to mend.

    Leaves with 0 where nothing has to be mended, else with 1. With --quiet only the problems
    are told. --audit scores some stories in several ways that must agree, prints
    the largest differences and leaves with 1 where one is beyond its limit.

    \b
    Example:
      eyebrow doctor
      eyebrow doctor --audit -m pocket-3m
    """
    folder = o.store_folder(store, no_store=False)
    assert folder is not None
    if audit:
        from ..stories import open_stories
        from . import audit as checks

        recipe = o.recipe_from(first_token, context, stride, dtype)
        o.hush(offline)
        read = list(open_stories(stories, limit=limit or checks.STORIES))
        return checks.audit(
            read,
            model,
            recipe=recipe,
            device=device,
            store=folder,
            offline=offline,
            json=json,
            quiet=quiet,
        )
    if stories is not None:
        raise EyebrowError("Bad usage", "stories are for --audit; see `eyebrow doctor --help`")
    o.hush(offline=True)
    # The screen's own view of the terminal, told from the environment; it imports no Textual.
    from ...tui.terminal.colours import colour_depth
    from ..machine.doctor import examine

    report = examine(folder, colours=colour_depth)
    if json:
        emit_json(report.to_json())
    else:
        lines = []
        if not quiet:
            lines += _sections(report.sections)
            lines += [_advice("hint", item.what, item.mend) for item in report.hints]
        lines += [_advice("mend", item.what, item.mend) for item in report.problems]
        if not (report.problems or quiet):
            lines.append("Nothing has to be mended." if report.hints else "All is fine.")
        if lines:
            emit("\n".join(lines))
    return FAILED if report.problems else DONE


def _sections(sections: dict[str, dict[str, object]]) -> list[str]:
    lines = []
    for title, facts in sections.items():
        lines.append(title)
        room = max(width(name) for name in facts) if facts else 0
        for name, value in facts.items():
            lines.append(f"  {name.removesuffix(' bytes'):<{room}}  {visible(_said(name, value))}")
        lines.append("")
    return lines


def _said(name: str, value: object) -> str:
    if name.endswith(" bytes") and isinstance(value, int):
        return in_words(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return "-" if value is None else str(value)


def _advice(kind: str, what: str, mend: str) -> str:
    return visible(f"{kind}: {what}; {mend}")
