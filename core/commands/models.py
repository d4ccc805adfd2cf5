"""`eyebrow models`: the families, and what is on this machine."""

from __future__ import annotations

import json as json_
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import DONE
from . import options as o
from .output import amount, emit, emit_json, note, table


def models(json: o.Json = False, quiet: o.Quiet = False) -> int:
    """Every family of models, and what is on this machine.

    Models of the Hugging Face cache that belong to no family are listed behind them.

    \b
    Example:
      eyebrow models --json
    """
    o.hush(offline=True)
    from ..models.catalogue import families

    rows = [spec.to_json() for members in families().values() for spec in members]
    known = {row["source"] for row in rows}
    rows += [row for row in cached() if row["source"] not in known]
    if json:
        emit_json(rows)
        return DONE
    cells = [
        (
            row["family"] or "-",
            row["name"],
            amount(row["parameters"] or None),
            row["source"],
            "yes" if row["local_path"] else "no",
        )
        for row in rows
    ]
    heads = ("family", "model", "size", "from", "here")
    emit(table(heads, cells, left=("family", "model", "from", "here")))
    if not quiet:
        note("What is not here is downloaded when it is first used.")
    return DONE


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
        kinds = config.get("architectures") or []
    except (OSError, ValueError, AttributeError):
        return False
    causal = any(str(kind).endswith(("ForCausalLM", "LMHeadModel")) for kind in kinds)
    return causal and any(folder.glob("*.safetensors"))
