"""What a run of scoring gives: rows for models and for stories, and what has failed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ..errors import EyebrowError
from ..models.member import Member
from ..scoring.positions import Place, Positions
from ..scoring.recipe import Recipe
from ..scoring.scores import Summary, bits_per_byte
from ..stories.story import Label
from ..stories.story_set import StorySet
from .compare.cuts import Cuts
from .finite import finite
from .statistics.bootstrap import SEED, perplexity_intervals, pooled
from .statistics.sheet import Sheet, build_sheet
from .store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from .findings.finding import Finding
    from .statistics.scaling import FamilyFit


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
class Common:
    """One model over the `bytes` that all models of the run have scored; nll in nats.

    stories: those that all of them have scored, as far as they have such bytes.
    """

    stories: int
    bytes: int
    nll: float
    bits_per_byte: float


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model over all its stories; nll in nats, `bytes` of the scored spans.

    perplexity is pooled over tokens, perplexity_ci95 its interval over resampled stories
    (nan, nan with fewer than two stories). digest, tokenizer_digest: of its files.
    sentence_positions: surprise at sentence 1 to 5 of the stories of five; () without any.
    common: what compares with the other models, whatever their tokenizers; None without others.
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
    common: Common | None


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

    titles: of every story, by its id. sheet: the same numbers as arrays, models by size. warnings:
    what the numbers alone do not tell, a line each. store: where the tokens are, None for nowhere.
    seed: of the resampling.
    """

    recipe: Recipe
    models: tuple[ModelResult, ...]
    stories: tuple[StoryResult, ...]
    failures: tuple[Failure, ...]
    titles: Mapping[str, str]
    sheet: Sheet = field(compare=False, repr=False)
    warnings: tuple[str, ...] = ()
    store: Store | None = field(default=None, compare=False, repr=False)
    seed: int = SEED

    def to_frame(self) -> DataFrame:
        """A pandas DataFrame with a row for each story and model that has scored it.

        Its columns are those of `eyebrow report --table`: `story`, `title`, `model`, `parameters`,
        `tokens`, `bytes`, `nll` (nats), `perplexity`, `bits_per_byte`, and `common_bytes` and
        `common_nll`, which compare between tokenizers.
        """
        from pandas import DataFrame

        from .table import COLUMNS, story_table

        return DataFrame([astuple(cell) for cell in story_table(self.sheet)], columns=COLUMNS)

    def findings(self) -> list[Finding]:
        """What the numbers say, in sentences that carry their numbers.

        Of tokens, words and sentence positions something is said where a store keeps the tokens.
        """
        from .findings.find import find
        from .tokens.reading import read_tokens

        sheet, store = self.sheet.common(), self.store
        families = sheet.families() if store and sheet.stories else []
        tokens = [read_tokens(store, sheet, rows) for _, rows in families if store]
        return find(self.sheet, tokens, seed=self.seed)

    def fits(self) -> list[FamilyFit]:
        """Loss against parameters for each family, on the stories that all models have scored."""
        from .statistics.scaling import fit_families

        return fit_families(self.sheet, seed=self.seed)

    def plot(self) -> Figure:
        """A matplotlib figure: perplexity against parameters, with the fits and 95 % intervals.

        Bits per byte where tokenizers differ. Raises `EyebrowError` without the extra `report`.
        """
        try:
            from .report.size_chart import figure
        except ImportError as error:
            raise EyebrowError(
                "Not installed", "plots take matplotlib: pip install 'eyebrow[report]'"
            ) from error
        return figure(self.sheet, self.seed)

    def to_json(self) -> dict[str, Any]:
        """What `eyebrow score --json` prints; numbers that are not finite are None."""
        return {
            "eyebrow": version("eyebrow"),
            "recipe": self.recipe.to_json(),
            "models": [_model_json(row) for row in self.models],
            "stories": [finite(asdict(row)) for row in self.stories],
            "failures": [finite(asdict(row)) for row in self.failures],
            "drawn": asdict(self.sheet.drawn),
        }


@dataclass(frozen=True, slots=True)
class Column:
    """One model's sums by text digest, and its sentence positions.

    cuts: by text digest; needed where the tokenizers of the columns differ.
    """

    member: Member
    sums: Mapping[str, Summary]
    positions: Positions
    cuts: Mapping[str, Cuts]


def gather(
    recipe: Recipe,
    told: StorySet,
    columns: Sequence[Column],
    failures: Sequence[Failure],
    seed: int,
) -> Results:
    """Columns of sums as rows."""
    rows = zip(told.digests, told.ids, told.titles, told.groups, strict=True)
    sheet = build_sheet(
        recipe,
        [column.member for column in columns],
        [column.sums for column in columns],
        [Label(*row, told.sentence_starts.get(row[0], ())) for row in rows],
        [column.cuts for column in columns],
    )
    return Results(
        recipe,
        tuple(_pool(columns, sheet, _common(columns, sheet, failures), seed)),
        tuple(row for column in columns for row in _rows(column, told)),
        tuple(failures),
        dict(zip(told.ids, told.titles, strict=True)),
        sheet,
        seed=seed,
    )


def _model_json(row: ModelResult) -> dict[str, Any]:
    """Without `common` where there is no other model."""
    found: dict[str, Any] = finite(asdict(row))
    if row.common is None:
        del found["common"]
    return found


def _common(
    columns: Sequence[Column], sheet: Sheet, failures: Sequence[Failure]
) -> list[Common | None]:
    """Of each column; None where one model was asked for."""
    if len({*(one.model for one in failures if one.model), *(c.member.name for c in columns)}) < 2:
        return [None] * len(columns)
    by_all = sheet.common()
    found: dict[Member, Common] = {}
    for member, sizes, nats in zip(
        by_all.models, by_all.common_bytes, by_all.common_nll, strict=True
    ):
        stories, whole, sums = int((sizes > 0).sum()), int(sizes.sum()), math.fsum(nats.tolist())
        found[member] = Common(stories, whole, sums, bits_per_byte(sums, whole))
    return [found[column.member] for column in columns]


def _pool(
    columns: Sequence[Column], sheet: Sheet, commons: Sequence[Common | None], seed: int
) -> Iterator[ModelResult]:
    groups = sheet.by_group()
    found = perplexity_intervals(groups.nll, groups.tokens, seed=seed)
    by_member = dict(zip(sheet.models, found, strict=True))
    digests = [story.digest for story in sheet.stories]
    intervals = [by_member[column.member] for column in columns]
    for column, interval, common in zip(columns, intervals, commons, strict=True):
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
            common=common,
        )


def _rows(column: Column, told: StorySet) -> Iterator[StoryResult]:
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
