"""Rows to keep in a store, made here, and what tests of the store ask of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from eyebrow.core.files import machine
from eyebrow.core.models.member import Member
from eyebrow.core.results.store import Row, Store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scores import TOP, StoryScore, Summary
from eyebrow.core.stories import Story, text_digest

RECIPE = Recipe("context", 64, 32, "float32", "cpu")
MODEL = "0123456789abcdef"
MEMBER = Member("pocket", MODEL, "", "", "feedfacefeedface", 12)
KEY = (MODEL, RECIPE.digest)
ARRAYS = (
    *("token_ids", "starts", "ends", "logprobs"),
    *("entropies", "ranks", "top_ids", "top_logprobs"),
)


def score_of(seed: int, length: int, top: int = TOP) -> StoryScore:
    """Arrays with everything that floats can hold; the first token, and some others, unscored."""
    random = np.random.default_rng(seed)
    unscored = random.random(length) < 0.1
    unscored[:1] = True

    def floats(*shape: int) -> Any:
        values = random.standard_normal(shape).astype(np.float32) * 10
        values[random.random(shape) < 0.1] = -np.inf
        values[random.random(shape) < 0.05] = np.float32(1e-42)  # smaller than normal numbers
        values[unscored] = np.nan
        return values

    def ints(*shape: int, least: int = 0) -> Any:
        return random.integers(least, 2**31 - 1, shape, dtype=np.int32)

    ranks, top_ids, top_logprobs = ints(length, least=1), ints(length, top), floats(length, top)
    ranks[unscored], top_ids[unscored] = 0, -1
    top_ids[-1:, -2:], top_logprobs[-1:, -2:] = -1, np.nan  # a vocabulary smaller than the table
    return StoryScore(
        ints(length),
        ints(length),
        ints(length),
        floats(length),
        floats(length),
        ranks,
        top_ids,
        top_logprobs,
        Summary(int((ranks > 0).sum()), 3 * length, float(random.random()) * 1e3),
    )


def row_of(seed: int, length: int = 5, text: str = "") -> Row:
    story = Story(f"s{seed}", "A title", text or f"story {seed} é🦜\u0000\r\n")
    return Row(story, MEMBER, RECIPE, score_of(seed, length))


def rows(first: int, count: int) -> list[Row]:
    return [row_of(seed) for seed in range(first, first + count)]


def digest_of(row: Row) -> str:
    return text_digest(row.story.text)


def assert_same(found: StoryScore | None, wanted: StoryScore) -> None:
    assert found is not None
    for name in ARRAYS:
        one, other = getattr(found, name), getattr(wanted, name)
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        assert one.tobytes() == other.tobytes(), name
    assert found.summary == wanted.summary


def parts_of(store: Store) -> list[Path]:
    return sorted(store.layout.scores.iterdir())


def apart(store: Store, some: list[Row]) -> None:
    """Each row in a part of its own, as machines that share a folder leave them."""
    for n, row in enumerate(some):
        one = Store(store.folder)
        one.write([row])
        (part,) = [path for path in parts_of(store) if machine() in path.name]
        part.rename(part.with_name(part.name.replace(machine(), f"{n:08x}")))
