"""Count the character n-grams of a text file and keep them as a saved model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ...errors import FAILED, EyebrowError
from ...files import atomic_folder
from ...stories.stream import file_opener, text_chunks
from ...stories.text import text_drafts
from .characters import END, START, SYMBOLS, character_tokenizer
from .counted import Counted
from .ngram import NgramConfig, NgramForCausalLM

Ints = npt.NDArray[np.int64]


def counted_folder(model: Counted) -> Path:
    """The folder of the counted model, counted now if it was not before.

    Raises `EyebrowError` where FILE cannot be read, holds no text, or the cache is not writable.
    """
    folder = model.folder
    if (folder / "config.json").is_file():
        return folder
    counted, alphabet = count_ngrams(read_lines(model.file), model.order, model.k, model.source)
    try:
        with atomic_folder(folder) as draft:
            counted.save_pretrained(draft)
            character_tokenizer(alphabet).save_pretrained(draft)
    except OSError as error:
        raise EyebrowError(
            "Cannot keep the counts", f"{folder}: {error.strerror or error}", FAILED
        ) from error
    return folder


def read_lines(file: Path) -> list[str]:
    """The file's texts, as `eyebrow score FILE --per-line` reads them, none empty."""
    chunks = text_chunks(file_opener(file), str(file))
    drafts = text_drafts(chunks, str(file), per_line=True)
    lines = [draft.text for draft in drafts if draft.text.strip()]
    if not lines:
        raise EyebrowError("No text", f"{file} holds nothing to count")
    return lines


def count_ngrams(
    texts: Sequence[str], order: int, k: float = 0.0, source: str = ""
) -> tuple[NgramForCausalLM, str]:
    """The n-gram model of `texts`, and its alphabet: their characters by code point."""
    codes = np.frombuffer("\0".join(texts).encode("utf-32-le"), dtype=np.uint32)
    ends = np.cumsum([len(text) for text in texts]) + np.arange(len(texts))
    inside = np.ones(len(codes) + 1, dtype=bool)
    inside[ends] = False
    letters, places = np.unique(codes[inside[:-1]], return_inverse=True)
    alphabet = "".join(map(chr, letters.tolist()))
    symbols = np.full(len(inside), END, dtype=np.int64)
    symbols[inside] = places + len(SYMBOLS)
    sizes, contexts, grams, counts = _count(symbols, order, len(letters) + len(SYMBOLS))
    model = NgramForCausalLM(
        NgramConfig(order, k, len(letters) + len(SYMBOLS), sizes=sizes, source=source)
    )
    model.contexts.copy_(torch.from_numpy(contexts))
    model.grams.copy_(torch.from_numpy(grams))
    model.counts.copy_(torch.from_numpy(counts))
    return model.eval(), alphabet


def _count(symbols: Ints, order: int, vocabulary: int) -> tuple[tuple[int, ...], Ints, Ints, Ints]:
    """Sizes of the levels, context codes, n-gram codes and counts of texts that end with END.

    Start symbols are put in front of every text, so that each of its symbols has a context.
    """
    starts = order - 1
    room = np.where(symbols == END, order, 1)  # behind an end: the next text's start symbols
    places = starts + np.cumsum(room) - room
    stream = np.full(starts + room.sum(), START)
    stream[places] = symbols
    nodes = np.zeros(len(symbols), dtype=np.int64)
    levels: list[Ints] = []
    for back in range(starts, 0, -1):
        level, nodes = np.unique(nodes * vocabulary + stream[places - back], return_inverse=True)
        levels.append(level)
    grams, counts = np.unique(nodes * vocabulary + symbols, return_counts=True)
    contexts = np.concatenate([*levels, np.zeros(0, dtype=np.int64)])
    sizes = (*(len(level) for level in levels), len(grams))
    return sizes, contexts, grams, counts.astype(np.int64)
