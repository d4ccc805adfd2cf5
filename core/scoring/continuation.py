"""A context goes on, token by token, behind the key-value cache of what is there already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .cycles import find_cycle
from .dials import Dials
from .draws import Wheel, numbers
from .exploring import ContinuedToken, Cycle
from .head import measure_logits
from .not_a_number import not_a_number
from .place import Place, cut_left
from .prefix import Prefix
from .recipe import Recipe
from .sampling import probabilities, reshape

BEFORE = 8  # ids in front of a continuation that it is read with, so that its spaces are right
END, STOP, LENGTH = "end", "stop", "length"  # why it ended


class Continuation:
    """What follows a place; iterate for its tokens as they are made.

    prefix: of the model; what it holds of the place is not fed again, so a branch costs its own
    tokens. dials: temperature 0 is greedy, the same as `model.generate(do_sample=False)`. seed:
    the same one draws the same tokens. drawn: ids of the place that were drawn with this seed
    before, whose random numbers are passed over, so that what was stopped can go on. stops: texts
    that end it; what the last token has from there on is not in `text`. vocabulary: what ids read
    as. The end-of-text token ends it, and is its last token.

    Once the context is full it is cut to the recipe's stride, behind the place's lead.

    text: so far. tokens: so far. ended: "" until it has: "end" (the model ended it), "stop",
    "length".
    """

    def __init__(
        self,
        prefix: Prefix,
        tokenizer: Any,
        vocabulary: Sequence[str],
        place: Place,
        dials: Dials,
        recipe: Recipe,
        *,
        max_tokens: int,
        seed: int = 0,
        drawn: int = 0,
        stops: Sequence[str] = (),
    ) -> None:
        self.prefix, self.tokenizer, self.vocabulary = prefix, tokenizer, vocabulary
        self.place, self.dials, self.recipe = place, dials, recipe
        self.stops = [stop for stop in stops if stop]
        self.ended = ""
        self.tokens: list[ContinuedToken] = []
        self.max_tokens, self._chance = max_tokens, numbers(seed, drawn)
        self._stopped: str | None = None  # the text up to the stop that came
        self._fed = list(place.within(recipe.context))  # what the model has before it
        self._ids = list(place.ids)
        self._ends = ends_of(prefix.trunk.model, tokenizer)

    @property
    def cycle(self) -> Cycle | None:
        """The loop it has fallen into, if it has."""
        return find_cycle([token.token_id for token in self.tokens])

    @property
    def text(self) -> str:
        """The continuation as the tokenizer reads it behind what is before it."""
        if self._stopped is not None:
            return self._stopped
        start = len(self.place.ids)
        before = self._ids[max(0, start - BEFORE) : start]
        return read_behind(self.tokenizer, before, self._ids[start:])

    def __iter__(self) -> Iterator[ContinuedToken]:
        for _ in range(self.max_tokens):
            token = self._next(float(self._chance.random()))
            self.tokens.append(token)
            if token.token_id in self._ends:
                self.ended = END
            else:
                self._ids.append(token.token_id)
                self.ended = self._stop()
            yield token
            if self.ended:
                return
            self._feed(token.token_id)
        self.ended = LENGTH

    def _next(self, u: float) -> ContinuedToken:
        logits = self.prefix.logits_after(self._fed)
        if logits.isnan().any():
            raise not_a_number(self.prefix.trunk.model)
        shaped = reshape(logits, self.dials, self._ids)
        if self.dials.temperature == 0:
            chosen, chance = int(shaped.argmax()), 1.0
        else:
            draw = Wheel(probabilities(shaped)).draw(u)
            chosen, chance = draw.token_id, draw.high - draw.low
        return self._measured(logits, chosen, chance)

    def _measured(self, logits: Tensor, chosen: int, chance: float) -> ContinuedToken:
        found = measure_logits(logits[None], torch.tensor([chosen], device=logits.device))
        top = zip(found.top_ids[0].tolist(), found.top_logprobs[0].tolist(), strict=True)
        return ContinuedToken(
            self.vocabulary[chosen],
            chosen,
            float(found.logprobs[0]),
            int(found.ranks[0]),
            float(found.entropies[0]),
            chance,
            tuple((i, p) for i, p in top if i >= 0),
        )

    def _feed(self, token: int) -> None:
        self._fed.append(token)
        if len(self._fed) > self.recipe.context:
            room = self.place.lead + self.recipe.stride
            self._fed = list(cut_left(self._fed, self.place.lead, room))

    def _stop(self) -> str:
        if not self.stops:
            return ""
        text = self.text
        found = [at for stop in self.stops if (at := text.find(stop)) >= 0]
        if not found:
            return ""
        self._stopped = text[: min(found)]
        return STOP


def read_behind(tokenizer: Any, before: Sequence[int], ids: Sequence[int]) -> str:
    """The text of `ids` behind the ids `before`: decoders drop a space in front of a text."""
    read = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
    front = tokenizer.decode(list(before), **read)
    whole = tokenizer.decode([*before, *ids], **read)
    if whole.startswith(front):
        return str(whole[len(front) :])
    return str(tokenizer.decode(list(ids), **read))  # a character was cut in two


def ends_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a text: the model's own, as `generate` has them, else the EOS."""
    ends = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    if ends is None:
        ends = tokenizer.eos_token_id
    if ends is None:
        return frozenset()
    return frozenset(ends if isinstance(ends, (list, tuple)) else [ends])
