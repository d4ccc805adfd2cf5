"""Where a GGUF file's configuration and tokenizer lie once they were taken out. No torch here."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path

from ..digests import content_digest

SUFFIX = ".gguf"
WEIGHTS = "model.gguf"  # what the file is called in that folder: a link to it
LAYOUT = 1  # of the folder; a new one is made anew


def gguf_folder(file: Path) -> Path:
    """The folder that stands for `file` as it is now, whether it is there or will be."""
    try:
        state = file.stat()
        seen = [str(file), state.st_size, state.st_mtime_ns]
    except OSError:
        seen = [str(file), 0, 0]
    return user_cache_path("eyebrow") / "gguf" / f"{file.stem}-{content_digest([LAYOUT, *seen])}"
