"""The one run loop: score, keep, tell. Whoever runs it tells in its own way.

A job is texts under one model and recipe. It goes on batch by batch and says what each batch
gave before the next begins, so whoever runs it may pause, stop or leave between any two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import USAGE, DeviceLost, EyebrowError, as_told, contained
from ..stories.story import Story
from .keeper import Keeper

if TYPE_CHECKING:
    from ..models.load import LoadedModel
    from ..scoring.scorer import Scorer
    from ..scoring.scores import StoryScore

TOGETHER = 1024  # texts handed to the scorer at a time: all that one that breaks can hold up

Batch = list[tuple[int, "StoryScore | EyebrowError"]]
Outcomes = list[tuple[str, "StoryScore | EyebrowError"]]


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch gave, by text digest: whole scores, and why single texts have none."""

    scores: tuple[tuple[str, StoryScore], ...]
    failures: tuple[tuple[str, EyebrowError], ...]


def run(
    loaded: LoadedModel,
    scorer: Scorer,
    left: dict[str, Story],
    keeper: Keeper,
    seconds: float | None = None,
) -> Iterator[Step]:
    """Score the texts in `left`, by digest, long ones first; each leaves `left` when it is done.

    What a batch gave is with the keeper when it is told. seconds: see `Scorer.batches`.
    Raises `EyebrowError` where it is not one story's fault, and `DeviceLost`.
    """
    for outcomes in _outcomes(scorer, left, seconds):
        scores, failures = [], []
        for digest, outcome in outcomes:
            story = left.pop(digest)
            if isinstance(outcome, EyebrowError):
                failures.append((digest, outcome))
                continue
            keeper.add(story, loaded.member, scorer.recipe, outcome)
            scores.append((digest, outcome))
        keeper.write_when_due()
        yield Step(tuple(scores), tuple(failures))


def keep_vocabulary(loaded: LoadedModel, keeper: Keeper) -> list[str]:
    """What the ids of a model read as; with the keeper as well."""
    from ..scoring.vocabulary import token_texts

    size = loaded.model.config.get_text_config().vocab_size
    texts = token_texts(loaded.tokenizer, size)
    keeper.keep_vocabulary(loaded.tokenizer_digest, texts)
    return texts


def _outcomes(
    scorer: Scorer, todo: Mapping[str, Story], seconds: float | None
) -> Iterator[Outcomes]:
    """Batch by batch. One that breaks is done again story by story: a bad story costs itself."""
    texts = {digest: story.text for digest, story in todo.items()}
    order = sorted(texts, key=lambda digest: -len(texts[digest]))
    for at in range(0, len(order), TOGETHER):
        group = order[at : at + TOGETHER]
        waiting = dict.fromkeys(group)
        try:
            batches = scorer.batches([texts[digest] for digest in group], seconds)
            while (batch := _next(batches)) is not None:
                for index, _ in batch:
                    del waiting[group[index]]
                yield [(group[index], _checked(outcome, scorer)) for index, outcome in batch]
        except Exception as error:
            _raise_if_it_is_no_storys(error)
            for digest in waiting:
                yield [(digest, _alone(scorer, texts[digest]))]


def _next(batches: Iterator[Batch]) -> Batch | None:
    with contained():
        return next(batches, None)


def _alone(scorer: Scorer, text: str) -> StoryScore | EyebrowError:
    try:
        with contained():
            ((_, outcome),) = scorer.score([text])
    except Exception as error:
        _raise_if_it_is_no_storys(error)
        return as_told(error, "Scoring failed")
    return _checked(outcome, scorer)


def _raise_if_it_is_no_storys(error: Exception) -> None:
    from ..scoring.trunk import is_device_error

    if isinstance(error, DeviceLost) or (
        isinstance(error, EyebrowError) and error.exit_code == USAGE
    ):
        raise error
    if is_device_error(error):
        raise DeviceLost.by(error) from error


def _checked(outcome: StoryScore | EyebrowError, scorer: Scorer) -> StoryScore | EyebrowError:
    if isinstance(outcome, EyebrowError) or not math.isnan(outcome.summary.nll):
        return outcome
    return scorer.not_a_number
