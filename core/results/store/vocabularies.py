"""What the ids of tokenizers read as, for readers that have no tokenizer."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .layout import Layout


def read_vocabulary(layout: Layout, tokenizer_digest: str) -> list[str] | None:
    """None where it was never kept, or is damaged."""
    former = [place / ".vocabularies" for place in layout.older]
    for folder in (layout.vocabularies, *former):
        try:
            raw = (folder / f"{tokenizer_digest}.json").read_text(encoding="utf-8")
            texts = json.loads(raw)
        except (OSError, ValueError):
            continue
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return texts
    return None


def write_vocabulary(layout: Layout, tokenizer_digest: str, texts: Sequence[str]) -> None:
    """Keep it, where it is not kept already. Raises `EyebrowError` and `OSError`."""
    if read_vocabulary(layout, tokenizer_digest) is not None:
        return
    place = layout.vocabularies / f"{tokenizer_digest}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    layout.write(place, json.dumps(list(texts)).encode())
