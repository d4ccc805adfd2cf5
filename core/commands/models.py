"""`eyebrow models`: the families, and what is on this machine."""

from __future__ import annotations

import json as json_
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DONE
from ..wording import amount, in_words
from . import options as o
from .output import emit, emit_json, note, table, width

if TYPE_CHECKING:
    from ..models.spec import ModelSpec

HEADS = ("family", "model", "size", "download", "from", "here")
MARKS = {
    "gated": "gated: accept the terms on its page and log in (`hf auth login`) first.",
    "pickle": "pickle: weights in a format that can run code; they are refused unless asked for.",
}

Family = Annotated[
    str | None,
    typer.Argument(
        metavar="FAMILY", show_default=False, help="One family alone. Nothing: all of them."
    ),
]


def models(family: Family = None, json: o.Json = False, quiet: o.Quiet = False) -> int:
    """Every family of models, and what is on this machine.

    Models of the Hugging Face cache that belong to no family are listed behind them. A file
    families.toml in the configuration folder adds families of your own.

    \b
    Example:
      eyebrow models
      eyebrow models pythia --json
    """
    o.hush(offline=True)
    from ..models.catalogue import families, find_family

    listed = [find_family(family)] if family else families().values()
    specs = [spec for members in listed for spec in members]
    rows = [spec.to_json() for spec in specs]
    known = {row["source"] for row in rows}
    others = [] if family else [row for row in cached() if row["source"] not in known]
    if json:
        emit_json([*rows, *others])
        return DONE
    cells = [
        _cells(row, in_words(spec.download) if spec.download else "-", _here(spec, row))
        for spec, row in zip(specs, rows, strict=True)
    ]
    cells += [_cells(row, "-", "yes") for row in others]
    emit(_fitted(cells))
    if not quiet:
        note("What is not here is downloaded when it is first used.")
        for mark, meaning in MARKS.items():
            if any(mark in line[-1] for line in cells):
                note(meaning)
    return DONE


def _here(spec: ModelSpec, row: dict[str, Any]) -> str:
    if row["local_path"]:
        return "yes"
    return "gated" if spec.gated else "pickle" if spec.format == "pickle" else "no"


def _cells(row: dict[str, Any], download: str, here: str) -> tuple[str, ...]:
    size = amount(row["parameters"]) if row["parameters"] else "-"
    return row["family"] or "-", row["name"], size, download, row["source"], here


def _fitted(cells: Sequence[tuple[str, ...]]) -> str:
    """The table. On a terminal too narrow for it without the families, with which the names of
    their members begin, and where that is not enough with the ends of long ids cut off."""
    whole = _table(HEADS, cells)
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    if not on_terminal or (room := shutil.get_terminal_size().columns) >= _width(whole):
        return whole
    heads, cells = HEADS[1:], [row[1:] for row in cells]
    over = _width(_table(heads, cells)) - room
    longest = max(max(width(source) for *_, source, _ in cells) - max(over, 0), 12)
    return _table(
        heads, [(*row, _shortened(source, longest), here) for *row, source, here in cells]
    )


def _table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    return table(heads, cells, left=("family", "model", "from", "here"))


def _width(text: str) -> int:
    return max(width(line) for line in text.splitlines())


def _shortened(text: str, cells: int) -> str:
    return text if width(text) <= cells else text[: cells - 1] + "…"


def cached() -> Iterator[dict[str, Any]]:
    """Causal language models in the Hugging Face cache, as rows of `eyebrow models --json`."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir().repos
    except (CacheNotFound, ValueError, OSError):
        return
    for repo in sorted(repos, key=lambda repo: repo.repo_id):
        current = next((r for r in repo.revisions if "main" in r.refs), None)
        if repo.repo_type == "model" and current and is_causal(current.snapshot_path):
            yield {
                "name": repo.repo_id,
                "family": None,
                "parameters": None,
                "source": repo.repo_id,
                "local_path": str(current.snapshot_path),
            }


def is_causal(folder: Path) -> bool:
    """Whether a folder holds a causal language model that eyebrow can load."""
    try:
        config = json_.loads((folder / "config.json").read_text(encoding="utf-8"))
        kinds = list(config.get("architectures") or [])
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return False
    causal = any(str(kind).endswith(("ForCausalLM", "LMHeadModel")) for kind in kinds)
    return causal and any(folder.glob("*.safetensors"))
