"""A text that is being edited: scored again from its first changed token on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from .encode import Encoding, beyond, encode
from .prefix import Prefix, shared
from .scorer import Draft, Scorer
from .scores import StoryScore


@dataclass(frozen=True, slots=True)
class Edited:
    """The score of an edited text; fed: tokens that the model was fed for it."""

    score: StoryScore
    fed: int


class WhatIf:
    """Scores one version of a text after the other, under one scorer.

    Tokens before the first change keep their numbers; from there on the model goes on behind the
    cache of the shared prefix. A text longer than the context, and one under a model that keeps
    no cache, is scored whole.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.prefix = Prefix(scorer.trunk, scorer.passes.make_room)
        self._last: Draft | None = None

    def score(self, text: str) -> Edited:
        """The whole score of `text`, equal to that of a fresh scoring.

        Raises the `EyebrowError` of a text that cannot be scored.
        """
        recipe, trunk = self.scorer.recipe, self.scorer.trunk
        (encoding,) = encode(self.scorer.tokenizer, [text], recipe.first_token)
        if error := beyond(encoding, text, trunk.rows):
            raise error
        if not 1 < len(encoding) <= recipe.context or not self.prefix.keeps:
            ((_, score),) = self.scorer.score([text])
            edited = Edited(score, max(0, len(encoding) - 1))
        else:
            edited = self._behind_the_prefix(encoding, text)
        if math.isnan(edited.score.summary.nll):
            raise self.scorer.not_a_number
        return edited

    def _behind_the_prefix(self, encoding: Encoding, text: str) -> Edited:
        draft = Draft(encoding, self.scorer.recipe.top)
        ids = encoding.ids.tolist()
        known = 1  # the first token has no numbers
        if self._last is not None:
            known = max(1, shared(self._last.encoding.ids.tolist(), ids))
            draft.take(self._last, known)
        before = self.prefix.fed
        if known < len(ids):
            states = self.prefix.states(ids[:-1], known - 1)
            targets = torch.from_numpy(encoding.ids[known:].astype(np.int64))
            with torch.inference_mode():
                measured = self.scorer.trunk.numbers(states, targets.to(states.device))
            draft.fill(known, measured, slice(0, len(targets)))
        self._last = draft
        return Edited(draft.finish(text), self.prefix.fed - before)
