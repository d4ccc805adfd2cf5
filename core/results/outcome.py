"""What a run of scoring gives: rows for models and for stories, and what has failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from ..finite import finite
from ..models.member import Member
from ..scoring.positions import Place, Positions
from ..scoring.recipe import Recipe
from ..scoring.scores import Summary
from ..stories.told import Told
from .statistics import perplexity_intervals, pooled


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be done: a model, or one story (its id) under a model.

    Both are empty where it concerns neither (the store cannot be written).
    """

    model: str
    story: str
    title: str
    message: str

    def __str__(self) -> str:
        where = f"story {self.story} under {self.model}: " if self.story else ""
        return f"{self.title}: {where}{self.message}"


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model over all its stories; nll in nats, `bytes` of the scored spans.

    perplexity is pooled over tokens, perplexity_ci95 its interval over resampled stories
    (nan, nan with fewer than two stories). digest, tokenizer_digest: of its files.
    sentence_positions: surprise at sentence 1 to 5 of the stories of five; () without any.
    """

    model: str
    parameters: int
    revision: str
    stories: int
    tokens: int
    bytes: int
    nll: float
    perplexity: float
    perplexity_ci95: tuple[float, float]
    bits_per_byte: float
    mean_story_perplexity: float
    digest: str
    tokenizer_digest: str
    five_sentence_stories: int
    sentence_positions: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class StoryResult:
    """One story under one model; nan where no token of it was scored."""

    story: str
    model: str
    tokens: int
    bytes: int
    nll: float
    perplexity: float
    bits_per_byte: float


@dataclass(frozen=True, slots=True)
class Results:
    """What `score` gives. Rows follow the order of the models, then of the stories.

    titles: of every story, by its id.
    """

    recipe: Recipe
    models: tuple[ModelResult, ...]
    stories: tuple[StoryResult, ...]
    failures: tuple[Failure, ...]
    titles: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """What `eyebrow score --json` prints; numbers that are not finite are None."""
        return {
            "eyebrow": version("eyebrow"),
            "recipe": self.recipe.to_json(),
            "models": [finite(asdict(row)) for row in self.models],
            "stories": [finite(asdict(row)) for row in self.stories],
            "failures": [finite(asdict(row)) for row in self.failures],
        }


@dataclass(frozen=True, slots=True)
class Column:
    """One model's sums by text digest, and its sentence positions."""

    member: Member
    sums: Mapping[str, Summary]
    positions: Positions


def gather(
    recipe: Recipe,
    told: Told,
    columns: Sequence[Column],
    failures: Sequence[Failure],
    seed: int,
) -> Results:
    """Columns of sums as rows."""
    return Results(
        recipe,
        tuple(_pool(columns, told.digests, seed)),
        tuple(row for column in columns for row in _rows(column, told)),
        tuple(failures),
        dict(zip(told.ids, told.titles, strict=True)),
    )


def _pool(columns: Sequence[Column], digests: Sequence[str], seed: int) -> Iterator[ModelResult]:
    nothing = Summary(0, 0, 0.0)
    # Resamples draw by place: sorted, the same stories have the same interval in any order.
    # Stories of one text are drawn together.
    drawn = sorted(Counter(digests).items())
    table = [[(column.sums.get(d, nothing), copies) for d, copies in drawn] for column in columns]
    intervals = perplexity_intervals(
        [[copies * row.nll for row, copies in rows] for rows in table],
        [[copies * row.tokens for row, copies in rows] for rows in table],
        seed=seed,
    )
    for column, interval in zip(columns, intervals, strict=True):
        whole = pooled(column.sums[digest] for digest in digests if digest in column.sums)
        yield ModelResult(
            model=column.member.name,
            parameters=column.member.parameters,
            revision=column.member.revision,
            stories=whole.stories,
            tokens=whole.tokens,
            bytes=whole.bytes,
            nll=whole.nll,
            perplexity=whole.perplexity,
            perplexity_ci95=interval,
            bits_per_byte=whole.bits_per_byte,
            mean_story_perplexity=whole.mean_story_perplexity,
            digest=column.member.digest,
            tokenizer_digest=column.member.tokenizer,
            five_sentence_stories=column.positions.stories,
            sentence_positions=tuple(column.positions.to_json()),
        )


def _rows(column: Column, told: Told) -> Iterator[StoryResult]:
    for story, digest in zip(told.ids, told.digests, strict=True):
        row = column.sums.get(digest)
        if row is not None:
            yield StoryResult(
                story,
                column.member.name,
                row.tokens,
                row.bytes,
                row.nll,
                row.perplexity,
                row.bits_per_byte,
            )
