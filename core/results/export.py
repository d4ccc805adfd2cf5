"""Stories with their numbers as a file to take away."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import EyebrowError
from ..files import write_atomically
from ..scoring.scores import Summary
from ..stories.story import Story
from .finite import finite

SUFFIXES = {
    ".jsonl": "an object a line",
    ".csv": "a row a story",
    ".txt": "the texts, parted by <|endoftext|>",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A story and its sums under each model by name, where it was scored."""

    story: Story
    marked: bool
    sums: Mapping[str, Summary]


def write_stories(rows: Sequence[Exported], path: Path) -> None:
    """Write stories as `.jsonl`, `.csv` or `.txt`; eyebrow opens each of them again.

    The file appears whole or not at all. Raises `EyebrowError` for another suffix and where it
    cannot be written.
    """
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise EyebrowError("No such format", f"{path} ends in none of {', '.join(_FORMS)}")
    write_atomically(path, form(rows).encode("utf-8", "replace"))


def _numbers(summary: Summary) -> dict[str, float]:
    return {
        "tokens": summary.tokens,
        "bytes": summary.bytes,
        "nll": summary.nll,
        "perplexity": summary.perplexity,
        "bits_per_byte": summary.bits_per_byte,
    }


def _jsonl(rows: Sequence[Exported]) -> str:
    lines = [
        {
            "id": row.story.id,
            "title": row.story.title,
            "text": row.story.text,
            "marked": row.marked,
            "scores": {model: finite(_numbers(summary)) for model, summary in row.sums.items()},
        }
        for row in rows
    ]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _csv(rows: Sequence[Exported]) -> str:
    models = list(dict.fromkeys(model for row in rows for model in row.sums))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(
        ["id", "title", "text", "marked"]
        + [f"{what} {model}" for model in models for what in ("perplexity", "bits_per_byte")]
    )
    for row in rows:
        known = [row.sums.get(model) for model in models]
        writer.writerow(
            [row.story.id, row.story.title, row.story.text, int(row.marked)]
            + [n for s in known for n in ((s.perplexity, s.bits_per_byte) if s else ("", ""))]
        )
    return out.getvalue()


def _txt(rows: Sequence[Exported]) -> str:
    return "\n<|endoftext|>\n".join(row.story.text for row in rows) + "\n"


_FORMS: dict[str, Callable[[Sequence[Exported]], str]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".txt": _txt,
}
