"""The self-audit: a model's numbers computed in other ways, and the largest differences."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..errors import EyebrowError
from ..models.catalogue import ModelSpec
from ..models.load import LoadedModel, load_model
from ..results.store import Row, Store
from ..scoring.differences import (
    all_logprobs,
    between_arrays,
    number,
    read_off,
    relative,
    share_moved,
    totals,
)
from ..scoring.encode import encode
from ..scoring.recipe import Recipe
from ..scoring.scorer import Scorer
from ..scoring.scores import StoryScore
from ..scoring.trunk import is_out_of_memory
from ..scoring.windows import windows
from ..stories.story import Story, text_digest

SAMPLED = 24  # positions at which the whole vocabulary is looked at
PRECISE = 1 << 31  # parameters up to which the model is loaded once more, more precisely
ENOUGH = 10  # stories over which the rounding of half precision evens out

# Of a story's total, relative: how far two computations in the same precision may be apart.
SAME = {"float64": 1e-5, "float32": 1e-5, "float16": 2e-3, "bfloat16": 1e-2}
# Of single tokens: the share whose probability may move by more than `MUCH`. In half precision
# tokens do, and no limit is set: what is read off single tokens has to be read with that in mind.
MUCH = 0.1
MOVED = {"float64": 0.0, "float32": 0.0, "float16": None, "bfloat16": None}
# Of the total of all stories, relative: how far a precision may be from the next better one.
# Half precision is a little off in every story, and that is no mistake: it has to even out.
COARSE = {"float64": 1e-5, "float32": 1e-5, "float16": 5e-4, "bfloat16": 5e-4}
ONE = 5e-5  # the sum of all probabilities, from one; and nats, of what is read off them

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One way of checking: the largest difference found and the limit it has to stay under.

    difference: None where the check could not be done, for the reason in `note`. limit: None
        where what is found is told and not judged.
    """

    name: str
    difference: float | None
    limit: float | None
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.difference is None or self.limit is None or self.difference <= self.limit

    def to_json(self) -> dict[str, Any]:
        return {
            "check": self.name,
            "difference": self.difference,
            "limit": self.limit,
            "passed": self.passed,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """All checks of one model under one recipe; `tokens` are the scored ones."""

    model: str
    recipe: Recipe
    stories: int
    tokens: int
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "recipe": self.recipe.to_json(),
            "stories": self.stories,
            "tokens": self.tokens,
            "passed": self.passed,
            "checks": [check.to_json() for check in self.checks],
        }


def audit(
    model: str | ModelSpec,
    stories: Sequence[Story],
    *,
    recipe: Recipe | None = None,
    device: str = "auto",
    dtype: str = "auto",
    store: Store | None = None,
    offline: bool = False,
    tell: Tell | None = None,
) -> Audit:
    """Score `stories` with `model` and check every number that can be had in another way.

    device, dtype: "auto" stands for the recipe's.
    store: whose numbers for these stories are compared with fresh ones, where it has any.
    tell: is handed the name of each check as it begins.

    Raises `EyebrowError` where the model cannot be loaded or nothing can be scored.
    """
    tell = tell or (lambda _: None)
    recipe = recipe or Recipe()
    device = recipe.device if device == "auto" else device
    dtype = recipe.dtype if dtype == "auto" else dtype
    loaded = load_model(model, device=device, dtype=dtype, offline=offline)
    # The recipe says what was loaded, not what was asked for.
    run = _Run(loaded, stories, loaded.recipe(replace(recipe, device="auto", dtype="auto")))
    checks = []
    for name, check in run.checks(model, device, offline, store):
        tell(name)
        difference, limit, note = check()
        checks.append(Check(name, difference, limit, note))
    tokens = sum(score.summary.tokens for score in run.scores)
    return Audit(loaded.name, run.recipe, len(run.stories), tokens, tuple(checks))


_Doubles = npt.NDArray[np.float64]
_Found = tuple[float | None, float | None, str]


class _Run:
    """The stories that can be scored, their scores, and one method for each check."""

    def __init__(self, loaded: LoadedModel, stories: Sequence[Story], recipe: Recipe) -> None:
        self.loaded, self.recipe = loaded, recipe
        self.scorer = Scorer(loaded.model, loaded.tokenizer, recipe)
        self.same = SAME[recipe.dtype]
        self._precise: tuple[_Found, _Found] | None = None
        scores: dict[int, StoryScore] = {}
        for finished in self.scorer.batches([story.text for story in stories]):
            scores |= {i: out for i, out in finished if isinstance(out, StoryScore)}
        kept = sorted(i for i, score in scores.items() if score.summary.tokens)
        if not kept:
            raise EyebrowError("Nothing to check", "no story has a token that is scored")
        self.stories = [stories[i] for i in kept]
        self.scores = [scores[i] for i in kept]
        texts = [story.text for story in self.stories]
        self.encodings = list(encode(loaded.tokenizer, texts, recipe.first_token))

    def checks(
        self, model: str | ModelSpec, device: str, offline: bool, store: Store | None
    ) -> Iterator[tuple[str, Callable[[], _Found]]]:
        """(name, what to do) in the order in which they are shown."""
        dtype = self.recipe.dtype
        better = "float64" if dtype == "float32" else "float32"
        yield "alone against batched", self.alone
        yield "in parts against whole", self.whole
        yield f"{dtype} against {better}", lambda: self.precise(model, device, offline)[0]
        yield "tokens, alone against batched", self.tokens_alone
        yield (
            f"tokens, {dtype} against {better}",
            lambda: self.precise(model, device, offline)[1],
        )
        yield "probabilities against one", lambda: self.vocabulary[0]
        yield "top, rank, entropy", lambda: self.vocabulary[1]
        yield "context as long as the text", self.long_context
        yield "windows against their contexts", self.windowed
        yield "written and read again", self.round_trip
        yield "kept against fresh", lambda: self.kept(store)

    @cached_property
    def ones(self) -> list[StoryScore]:
        """The scores of every story in a batch of its own."""
        return [next(iter(self.scorer.score([story.text])))[1] for story in self.stories]

    def alone(self) -> _Found:
        """Every story in a batch of its own."""
        return totals(self.ones, self.scores), self.same, "a story's total, relative"

    def tokens_alone(self) -> _Found:
        """The same token by token."""
        ones, others = (
            [score.logprobs[score.ranks > 0] for score in scores]
            for scores in (self.ones, self.scores)
        )
        return self._moved(ones, others)

    def _moved(
        self, ones: Sequence[npt.NDArray[Any]], others: Sequence[npt.NDArray[Any]]
    ) -> _Found:
        """The share of tokens that moved much, from the ln p of each story's tokens."""
        share, largest = share_moved(np.concatenate(ones), np.concatenate(others), MUCH)
        limit = MOVED[self.recipe.dtype]
        note = f"tokens whose probability moves by more than {MUCH:.0%}; most: {largest:.1e} nats"
        if limit is None:
            note += f"; {self.recipe.dtype} does that to single tokens, totals hold"
        return share, limit, note

    def whole(self) -> _Found:
        """The model's own logits, all of them, and a plain log-softmax."""
        note = "a story's total, relative"
        if self.scorer.trunk.head is None:
            note += "; this model is never taken apart"
        ours, theirs = self._against(self.loaded.model, torch.float32)
        return _largest(ours, theirs), self.same, note

    def precise(self, model: str | ModelSpec, device: str, offline: bool) -> tuple[_Found, _Found]:
        """The same model in better precision, by totals and by tokens.

        float32 is checked against float64.
        """
        if self._precise is None:
            self._precise = self._more_precise(model, device, offline)
        return self._precise

    def _more_precise(
        self, model: str | ModelSpec, device: str, offline: bool
    ) -> tuple[_Found, _Found]:
        single = self.recipe.dtype == "float32"
        limit, tokens = COARSE[self.recipe.dtype], MOVED[self.recipe.dtype]
        if self.loaded.parameters > PRECISE:
            note = "the model is too large to be loaded twice"
            return (None, limit, note), (None, tokens, note)
        if single:  # there is no float64 on mps
            device = "cpu" if self.recipe.device == "mps" else device
        try:
            other = load_model(model, device=device, dtype="float32", offline=offline).model
            ours, theirs = self._against(
                other.double() if single else other, torch.float64 if single else torch.float32
            )
        except (EyebrowError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not is_out_of_memory(error):
                raise
            note = "memory does not hold the model twice"
            return (None, limit, note), (None, tokens, note)
        moved = self._moved(ours, theirs)
        story = _largest(ours, theirs)
        if single:
            return (story, limit, "a story's total, relative"), moved
        if len(self.stories) < ENOUGH:
            note = f"a story's total, relative; {ENOUGH} stories tell more"
            return (story, self.same, note), moved
        total = relative(-sum(a.sum() for a in ours), -sum(b.sum() for b in theirs))
        return (total, limit, f"the total, relative; a single story: {story:.1e}"), moved

    def _against(self, model: Any, dtype: torch.dtype) -> tuple[list[_Doubles], list[_Doubles]]:
        """ln p of every token but the first, here and by another model's logits.

        Stories longer than the context are compared in their first window.
        """
        device = next(iter(model.state_dict().values())).device
        ours, theirs = [], []
        for encoding, score in zip(self.encodings, self.scores, strict=True):
            ids = torch.from_numpy(encoding.ids[: self.recipe.context]).long().to(device)
            with torch.inference_mode():
                logits = model(input_ids=ids[None, :-1]).logits[0].to(dtype)
            logprobs = logits.log_softmax(-1).gather(1, ids[1:, None])[:, 0].double()
            theirs.append(logprobs.cpu().numpy())
            ours.append(all_logprobs(encoding, score)[1 : len(ids)])
        return ours, theirs

    @cached_property
    def vocabulary(self) -> tuple[_Found, _Found]:
        """At sampled positions all probabilities: their sum, and what is read off them."""
        trunk = self.scorer.trunk
        chance = np.random.default_rng(0)
        one, read = 0.0, 0.0
        for _ in range(SAMPLED):
            ids = torch.from_numpy(self.encodings[chance.integers(len(self.encodings))].ids).long()
            at = int(chance.integers(1, min(len(ids), self.recipe.context)))
            zeros, target = torch.zeros(1, dtype=torch.long), ids[at : at + 1]
            got = trunk.measure(ids[None, :at], zeros, zeros + at - 1, target)
            logits = trunk.logits_after(ids[:at]).double()
            # What the hot path divided by, from its likeliest token.
            divisor = logits[got.top_ids[0, 0]] - got.top_logprobs[0, 0].double()
            one = max(one, number(abs(float((logits - divisor).exp().sum()) - 1.0)))
            read = max(read, read_off(logits.log_softmax(-1), got, int(target)))
        return (
            (one, ONE, f"the sum over the vocabulary at {SAMPLED} positions"),
            (read, 10 * ONE, f"nats, against the whole vocabulary at {SAMPLED} positions"),
        )

    def long_context(self) -> _Found:
        """A context just long enough, one that is longer: the same single window."""
        note = "a story's total, relative"
        size = self.recipe.context
        fitting = [i for i, e in enumerate(self.encodings) if 2 < len(e) < size]
        if not fitting:
            return None, self.same, "every story is longer than the context"
        differences = []
        for i in fitting[:ENOUGH]:
            text, length = self.stories[i].text, len(self.encodings[i])
            exact = self._scorer(length, length // 2)
            differences.append(totals([next(iter(exact.score([text])))[1]], [self.scores[i]]))
        return max(differences), self.same, note

    def windowed(self) -> _Found:
        """Tokens of later windows, given just what their window lets them see."""
        longest = max(range(len(self.encodings)), key=lambda i: len(self.encodings[i]))
        encoding = self.encodings[longest]
        context = min(self.recipe.context, max(encoding.lead + 2, len(encoding) // 3))
        scorer = self._scorer(context, max(1, (context - encoding.lead) // 2))
        ((_, score),) = scorer.score([self.stories[longest].text])
        logprobs = all_logprobs(encoding, score)
        ids = torch.from_numpy(encoding.ids).long()
        ours, theirs = 0.0, 0.0
        every = list(windows(len(ids), context, scorer.recipe.stride, encoding.lead))
        for window in every[:: max(1, len(every) // ENOUGH)]:
            for at in {window.first, (window.first + window.stop) // 2, window.stop - 1}:
                seen = torch.cat([ids[: window.lead], ids[window.start : at]])
                logits = scorer.trunk.logits_after(seen).double()
                theirs -= float(logits.log_softmax(-1)[ids[at]])
                ours -= float(logprobs[at])
        note = f"nats of sampled tokens, relative; windows of {context}"
        return relative(ours, theirs), self.same, note

    def _scorer(self, context: int, stride: int) -> Scorer:
        recipe = replace(self.recipe, context=context, stride=stride)
        return Scorer(self.loaded.model, self.loaded.tokenizer, recipe, self.scorer.budget)

    def round_trip(self) -> _Found:
        """Through a store of its own, every array, to the last bit."""
        loaded = self.loaded
        rows = [
            Row(story, loaded.member, self.recipe, score)
            for story, score in zip(self.stories, self.scores, strict=True)
        ]
        with tempfile.TemporaryDirectory(prefix="eyebrow-audit-") as folder:
            store = Store(Path(folder))
            store.write(rows)
            differences = [
                between_arrays(self._stored(store, story), score)
                for story, score in zip(self.stories, self.scores, strict=True)
            ]
        return max(differences), 0.0, "every number of every token"

    def kept(self, store: Store | None) -> _Found:
        """What the user's store holds for these stories, model and recipe."""
        pairs = [
            (old, score)
            for story, score in zip(self.stories, self.scores, strict=True)
            if store and (old := self._stored(store, story))
        ]
        if not pairs:
            return None, self.same, "no score of these stories is kept"
        olds, news = zip(*pairs, strict=True)
        return totals(olds, news), self.same, f"a story's total, relative; {len(pairs)} stories"

    def _stored(self, store: Store, story: Story) -> StoryScore | None:
        return store.score(text_digest(story.text), self.loaded.digest, self.recipe.digest)


def _largest(ours: Sequence[_Doubles], theirs: Sequence[_Doubles]) -> float:
    """Of all stories, the largest relative difference of their totals."""
    return max(
        relative(-float(a.sum()), -float(b.sum())) for a, b in zip(ours, theirs, strict=True)
    )
