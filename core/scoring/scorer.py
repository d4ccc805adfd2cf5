"""The hot path: texts in, `StoryScore`s out, as they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import EyebrowError
from . import beginnings
from .batches import Batch, pieces_of, split_by_piece
from .beginnings import Families
from .encode import Encoding, beyond, encode
from .head import Measured
from .not_a_number import not_a_number
from .passes import Passes
from .recipe import Recipe
from .scores import StoryScore, Summary
from .trunk import Trunk

SLAB = 1024  # texts encoded and scored together


class Scorer:
    """Scores texts with one model under one settled recipe.

    budget: padded tokens in a batch (0: what throughput is best at). make_room: asked where
    memory runs out; says whether it freed any. Without it, or then, batches become smaller for
    a while (see `Passes`).
    Texts are taken `SLAB` at a time, so that the first of a hundred thousand come soon and
    memory holds no more than one slab. What texts of a slab begin with together is fed once.
    fed: tokens the model was fed so far, padding not counted.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        recipe: Recipe,
        budget: int = 0,
        make_room: Callable[[], bool] | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.recipe = recipe
        self.trunk = Trunk(model)
        self.passes = Passes(self.trunk, budget, make_room)
        self.fed = 0

    @property
    def budget(self) -> int:
        """Padded tokens in a batch, as memory has it."""
        return self.passes.budget

    @cached_property
    def _can_follow(self) -> bool:
        return beginnings.can_follow(self.trunk)

    @cached_property
    def not_a_number(self) -> EyebrowError:
        """Why scores of this model are NaN, found out once."""
        return not_a_number(self.trunk.model)

    def score(self, texts: Sequence[str]) -> Iterator[tuple[int, StoryScore]]:
        """(index into `texts`, score) as they are finished; of a slab, long texts first.

        Raises the `EyebrowError` of a text that cannot be scored.
        """
        for finished in self.batches(texts):
            for index, outcome in finished:
                if isinstance(outcome, EyebrowError):
                    raise outcome
                yield index, outcome

    def batches(
        self, texts: Sequence[str], seconds: float | None = None
    ) -> Iterator[list[tuple[int, StoryScore | EyebrowError]]]:
        """One list for each forward pass: (index into `texts`, score) of what it finished.

        A list is empty where the pass finished no text. In place of the score of a text that
        cannot be scored stands why: it holds a token that the model has no entry for, or a
        window of it does not fit into memory. Texts that need no pass come first, in a list of
        their own. seconds: what a pass should take, at the pace measured so far; None for
        throughput.
        """
        for begin in range(0, len(texts), SLAB):
            for finished in self._slab(texts[begin : begin + SLAB], seconds):
                yield [(begin + index, outcome) for index, outcome in finished]

    def _slab(
        self, texts: Sequence[str], seconds: float | None
    ) -> Iterator[list[tuple[int, StoryScore | EyebrowError]]]:
        encodings = list(encode(self.tokenizer, texts, self.recipe.first_token))
        drafts = [Draft(encoding, self.recipe.top) for encoding in encodings]
        errors = [
            beyond(encoding, text, self.trunk.rows)
            for encoding, text in zip(encodings, texts, strict=True)
        ]
        pieces = [
            piece
            for piece in pieces_of(encodings, self.recipe.context, self.recipe.stride)
            if errors[piece.story] is None
        ]
        families = self._families(encodings, errors)
        led = {one.story for followers in families.values() for one in followers}
        waiting = np.bincount([p.story for p in pieces], minlength=len(texts))
        at_once = [
            (story, errors[story] or drafts[story].finish(texts[story]))
            for story in np.flatnonzero(waiting == 0).tolist()
        ]
        if at_once:
            yield at_once

        def measure(batch: Batch) -> Measured:
            return beginnings.measure(self.trunk, batch, families, encodings)

        pieces = [piece for piece in pieces if piece.story not in led]
        for batch, measured in self.passes.over(pieces, encodings, measure, seconds):
            finished: list[tuple[int, StoryScore | EyebrowError]] = []
            at = len(batch.targets)
            for piece, span in split_by_piece(batch):
                story = piece.story
                followers = families.get(story, ())
                if isinstance(measured, EyebrowError):
                    lost = (story, *(one.story for one in followers))
                    finished += [(one, measured) for one in lost]
                    continue
                drafts[story].fill(piece.window.first, measured, span)
                self.fed += piece.window.fed
                waiting[story] -= 1
                if not waiting[story]:
                    finished.append((story, drafts[story].finish(texts[story])))
                for one in followers:
                    own, end = drafts[one.story], at + len(encodings[one.story]) - one.shared
                    own.take(drafts[story], one.shared)
                    own.fill(one.shared, measured, slice(at, end))
                    self.fed += beginnings.fed(one, encodings)
                    finished.append((one.story, own.finish(texts[one.story])))
                    at = end
            yield finished

    def _families(
        self, encodings: Sequence[Encoding], errors: Sequence[EyebrowError | None]
    ) -> Families:
        """Those of the texts that are fed whole and in one window."""
        context = self.recipe.context
        fit = [n for n, one in enumerate(encodings) if 1 < len(one) <= context]
        found = beginnings.families(encodings, [n for n in fit if errors[n] is None])
        return found if found and self._can_follow else {}


class Draft:
    """A score being filled in, window by window."""

    def __init__(self, encoding: Encoding, top: int) -> None:
        size = len(encoding)
        self.encoding = encoding
        self.logprobs = np.full(size, np.nan, dtype=np.float32)
        self.entropies = np.full(size, np.nan, dtype=np.float32)
        self.ranks = np.zeros(size, dtype=np.int32)
        self.top_ids = np.full((size, top), -1, dtype=np.int32)
        self.top_logprobs = np.full((size, top), np.nan, dtype=np.float32)

    def take(self, other: Draft, count: int) -> None:
        """The numbers of the first `count` tokens of another draft."""
        self.logprobs[:count] = other.logprobs[:count]
        self.entropies[:count] = other.entropies[:count]
        self.ranks[:count] = other.ranks[:count]
        self.top_ids[:count] = other.top_ids[:count]
        self.top_logprobs[:count] = other.top_logprobs[:count]

    def fill(self, first: int, measured: Measured, span: slice) -> None:
        into = slice(first, first + span.stop - span.start)
        self.logprobs[into] = measured.logprobs[span].numpy()
        self.entropies[into] = measured.entropies[span].numpy()
        self.ranks[into] = measured.ranks[span].numpy()
        top = self.top_ids.shape[1]
        self.top_ids[into] = measured.top_ids[span, :top].numpy()
        self.top_logprobs[into] = measured.top_logprobs[span, :top].numpy()

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
