"""The stories of several models read together, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...models.member import Member
from ...scoring.scores import StoryScore
from ..store import Store

Stream = Iterator[tuple[str, str | None, StoryScore]]


def read_side_by_side(
    store: Store,
    models: Sequence[Member],
    recipe_digest: str,
    digests: frozenset[str],
    *,
    one_tokenizer: bool = True,
) -> Iterator[tuple[str, str, list[StoryScore]]]:
    """(text digest, text, a score for each model) of those of `digests` that all have scored.

    one_tokenizer: a story that they have taken apart differently all the same is left out. Parts
    are mostly in the same order, so few stories wait for the slowest model.
    """
    streams = _streams(store, models, recipe_digest)
    texts: dict[str, str] = {}
    waiting: dict[str, dict[int, StoryScore]] = {}
    while streams:
        for row, stream in list(streams.items()):
            digest, text, score = next(stream, (None, None, None))
            if digest is None or score is None:
                del streams[row]
                continue
            if digest not in digests:
                continue
            if text is not None:
                texts[digest] = text
            scores = waiting.setdefault(digest, {})
            scores[row] = score
            if len(scores) == len(models):
                del waiting[digest]
                ordered = [scores[i] for i in range(len(models))]
                text = texts.pop(digest)
                if not one_tokenizer or all(map(ordered[0].is_of_tokens, ordered[1:])):
                    yield digest, text, ordered


def _streams(store: Store, models: Sequence[Member], recipe_digest: str) -> dict[int, Stream]:
    """The first model's stories come with their text."""
    first: Stream = store.scored_texts(models[0].digest, recipe_digest)
    streams: dict[int, Stream] = {0: first}
    for row, model in enumerate(models[1:], start=1):
        scores = store.scores(model.digest, recipe_digest)
        streams[row] = ((digest, None, score) for digest, score in scores)
    return streams
