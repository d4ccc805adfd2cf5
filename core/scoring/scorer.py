"""The hot path: texts in, `StoryScore`s out, as they are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ..errors import FAILED, EyebrowError
from .batches import Batch, build_batch, pieces_of, split_by_piece, take_group
from .encode import Encoding, encode
from .head import Measured
from .not_a_number import not_a_number
from .recipe import Recipe
from .scores import TOP, StoryScore, Summary
from .trunk import Trunk

SLAB = 1024  # texts encoded and scored together


class Scorer:
    """Scores texts with one model under one settled recipe.

    budget: padded tokens in a batch. It is halved, and stays so, where memory runs out.
    Texts are taken `SLAB` at a time, so that the first of a hundred thousand come soon and
    memory holds no more than one slab.
    """

    def __init__(self, model: Any, tokenizer: Any, recipe: Recipe, budget: int = 0) -> None:
        self.tokenizer = tokenizer
        self.recipe = recipe
        self.trunk = Trunk(model)
        self.budget = budget or default_budget(self.trunk)

    @cached_property
    def not_a_number(self) -> EyebrowError:
        """Why scores of this model are NaN, found out once."""
        return not_a_number(self.trunk.model)

    def score(self, texts: Sequence[str]) -> Iterator[tuple[int, StoryScore]]:
        """(index into `texts`, score) as they are finished; of a slab, long texts first."""
        for begin in range(0, len(texts), SLAB):
            for story, score in self._score_slab(texts[begin : begin + SLAB]):
                yield begin + story, score

    def _score_slab(self, texts: Sequence[str]) -> Iterator[tuple[int, StoryScore]]:
        encodings = list(encode(self.tokenizer, texts, self.recipe.first_token))
        drafts = [_Draft(encoding) for encoding in encodings]
        pieces = pieces_of(encodings, self.recipe.context, self.recipe.stride)
        waiting = np.bincount([p.story for p in pieces], minlength=len(texts))
        for story in np.flatnonzero(waiting == 0).tolist():
            yield story, drafts[story].finish(texts[story])
        at = 0
        while at < len(pieces):
            end = take_group(pieces, at, self.budget)
            batch = build_batch(pieces[at:end], encodings)
            measured = self._measure(batch)
            if measured is None:
                self._make_do(end - at, batch.ids.shape[1])
                continue
            at = end
            for piece, span in split_by_piece(batch):
                drafts[piece.story].fill(piece.window.first, measured, span)
                waiting[piece.story] -= 1
                if not waiting[piece.story]:
                    yield piece.story, drafts[piece.story].finish(texts[piece.story])

    def _measure(self, batch: Batch) -> Measured | None:
        """The numbers of a batch; None where it does not fit into memory."""
        try:
            return self.trunk.measure(batch.ids, batch.rows, batch.positions, batch.targets)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        return None  # with the error, and what it held, gone

    def _make_do(self, rows: int, width: int) -> None:
        if rows == 1:
            raise EyebrowError(
                "Out of memory",
                f"one window of {width} tokens does not fit; use a smaller --context or model",
                FAILED,
            )
        self.budget = max(width, rows * width // 2)
        if self.trunk.device.type == "cuda":
            torch.cuda.empty_cache()


class _Draft:
    """A score being filled in, window by window."""

    def __init__(self, encoding: Encoding) -> None:
        size = len(encoding)
        self.encoding = encoding
        self.logprobs = np.full(size, np.nan, dtype=np.float32)
        self.entropies = np.full(size, np.nan, dtype=np.float32)
        self.ranks = np.zeros(size, dtype=np.int32)
        self.top_ids = np.full((size, TOP), -1, dtype=np.int32)
        self.top_logprobs = np.full((size, TOP), np.nan, dtype=np.float32)

    def fill(self, first: int, measured: Measured, span: slice) -> None:
        into = slice(first, first + span.stop - span.start)
        self.logprobs[into] = measured.logprobs[span].numpy()
        self.entropies[into] = measured.entropies[span].numpy()
        self.ranks[into] = measured.ranks[span].numpy()
        self.top_ids[into] = measured.top_ids[span].numpy()
        self.top_logprobs[into] = measured.top_logprobs[span].numpy()

    def finish(self, text: str) -> StoryScore:
        encoding, cut = self.encoding, self.encoding.hidden
        scored = self.ranks > 0
        nll = float(-self.logprobs[scored].sum(dtype=np.float64)) + 0.0  # never -0.0
        begin = int(encoding.starts[scored][0]) if scored.any() else len(text)
        size = len(text[begin:].encode("utf-8", "surrogatepass"))
        return StoryScore(
            encoding.ids[cut:],
            encoding.starts[cut:],
            encoding.ends[cut:],
            self.logprobs[cut:],
            self.entropies[cut:],
            self.ranks[cut:],
            self.top_ids[cut:],
            self.top_logprobs[cut:],
            Summary(int(scored.sum()), size, nll),
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: CUDA has a type for it, the CPU and MPS say it in words."""
    words = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def default_budget(trunk: Trunk) -> int:
    """Padded tokens in a batch: enough to fill the device, little enough to answer soon."""
    if trunk.head is None:  # whole logits are made: keep them under 256 MB
        return max(64, (1 << 26) // trunk.vocabulary)
    return 32768 if trunk.device.type == "cuda" else 2048
