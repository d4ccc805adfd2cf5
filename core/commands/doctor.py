"""`eyebrow doctor`: what is here, and what to mend."""

from __future__ import annotations

from ..errors import DONE, FAILED
from . import options as o
from .output import emit, emit_json, size_of, visible, width


def doctor(store: o.StoreFolder = None, json: o.Json = False, quiet: o.Quiet = False) -> int:
    """Device, terminal, versions and caches, and for each problem what to mend.

    Leaves with 0 where all is fine, with 1 where something must be mended. With --quiet only
    the problems are told.

    \b
    Example:
      eyebrow doctor
    """
    folder = o.store_folder(store, no_store=False)
    assert folder is not None
    o.hush(offline=True)
    # The screen's own view of the terminal, told from the environment; it imports no Textual.
    from ...tui.terminal import colour_depth
    from ..doctor import examine

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
            lines.append("All is fine.")
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
        return size_of(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return "-" if value is None else str(value)


def _advice(kind: str, what: str, mend: str) -> str:
    return visible(f"{kind}: {what}; {mend}")
