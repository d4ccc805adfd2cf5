"""Everything a report speaks of, read from a store once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import EyebrowError
from ...models.member import Member
from ...scoring.scores import StoryScore, bits_per_byte
from ...wording import listed, many
from ..again import typed
from ..compare.reading import Compared, Found, read_compared, show
from ..findings.find import Finding, find
from ..statistics.bootstrap import Intervals, Pooled, intervals
from ..statistics.difficulty import log_perplexities
from ..statistics.paired import Difference, steps
from ..statistics.scaling import FamilyFit, fit_families
from ..statistics.sheet import Sheet, read_common, read_sheets
from ..store import Store
from ..tokens.reading import FamilyTokens, ModelTokens, read_tokens

Numbers = npt.NDArray[np.float64]
FINDS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """The largest model against the smallest, and the words on which it saves most."""

    compared: Compared
    finds: tuple[Found, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What was found in a store under one recipe.

    sheet: the stories that all its models have scored. left_out: how many others there are.
    others: the other recipes of the store, each with what differs. run: whose stories these are,
    by its name; None for those of all runs. found: what is said of it all.
    bits_per_byte: of each model, on the bytes that all have scored where tokenizers differ.
    steps: from size to size, family by family. best: the row of the model with the fewest bits
    per byte. lead: the family that the questions are answered for: of those with the most sizes
    the one with the best model; lead_best: the row of its best size. order: the columns of the
    sheet from the hardest story to the easiest, by the mean nats per token of the lead's sizes.
    places: what to type for each model, by its name. learned: None with one model.
    """

    store: Store
    sheet: Sheet
    left_out: int
    others: tuple[str, ...]
    seed: int
    found: tuple[Finding, ...]
    pooled: tuple[Pooled, ...]
    intervals: tuple[Intervals, ...]
    bits_per_byte: tuple[float, ...]
    steps: tuple[Difference, ...]
    fits: tuple[FamilyFit, ...]
    texts: dict[str, str]
    tokens: tuple[FamilyTokens, ...]
    vocabularies: tuple[Sequence[str] | None, ...]
    best: int
    lead: FamilyFit
    lead_best: int
    order: tuple[int, ...]
    places: Mapping[str, str]
    run: str | None = None
    learned: Learned | None = None

    @property
    def of_models(self) -> list[ModelTokens]:
        """What the tokens of each model say, in the order of the sheet."""
        by_row = {
            row: read
            for (_, rows), family in zip(self.sheet.families(), self.tokens, strict=True)
            for row, read in zip(rows, family.models, strict=True)
        }
        return [by_row[row] for row in range(len(self.sheet.models))]

    @property
    def tokenizers(self) -> list[tuple[str, list[int]]]:
        """(families, rows) of each tokenizer: what is counted per token shares no axis between
        them. families: their names, "" with one tokenizer."""
        rows: dict[str, list[int]] = {}
        for row, model in enumerate(self.sheet.models):
            rows.setdefault(model.tokenizer, []).append(row)
        if len(rows) == 1:
            return [("", list(range(len(self.sheet.models))))]
        return [(listed(list(dict.fromkeys(map(self._family, at)))), at) for at in rows.values()]

    @property
    def names(self) -> list[str]:
        return [model.name for model in self.sheet.models]

    @property
    def perplexities(self) -> Numbers:
        """float64 (M, S), of every story under every model."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(self.sheet.nll / self.sheet.tokens))

    def score(self, row: int, column: int) -> StoryScore | None:
        """The tokens of one story under one model."""
        model, story = self.sheet.models[row], self.sheet.stories[column]
        return self.store.score(story.digest, model.digest, self.sheet.recipe_digest)

    def _family(self, row: int) -> str:
        return self.sheet.models[row].family or self.names[row]


def pick_sheet(
    store: Store, recipe: str | None, models: Sequence[str], run: str | None = None
) -> tuple[Sheet, tuple[str, ...], int]:
    """The sheet of a recipe (by the beginning of its digest; else the one with the most rows),
    of these models alone, on the stories that all have scored.

    models: names as the store has them, or families; all of them where none is given. run: the
    stories and models of this one alone. Returns with it the other recipes as lines, and how many
    stories were left out. Raises `EyebrowError` where there is no such recipe, model or run, or
    no common story.
    """
    sheets = read_sheets(store, models, run)
    chosen = _chosen(sheets, recipe)
    others = tuple(_told(chosen, sheet) for sheet in sheets if sheet is not chosen)
    rows = _rows(chosen.models, models)
    sheet = chosen.of_models(rows)
    common = read_common(store, sheet.common())
    # By digest: resamples draw by place, and the store's order is that of writing.
    names = [(story.digest, story.id) for story in common.stories]
    common = common.of_stories(sorted(range(len(names)), key=names.__getitem__))
    if not common.stories:
        raise EyebrowError(
            "Nothing in common",
            f"no story was scored by all of {listed([m.name for m in sheet.models])}; score the "
            "same stories with each, or name fewer with -m",
        )
    return common, others, int(sheet.is_scored.any(axis=0).sum()) - len(common.stories)


def gather_facts(
    store: Store,
    sheet: Sheet,
    others: tuple[str, ...],
    left_out: int,
    seed: int,
    run: str | None = None,
) -> Facts:
    """Reads every token of the sheet's stories, model by model."""
    texts = store.texts({story.digest for story in sheet.stories})
    vocabularies = tuple(store.vocabulary(model.tokenizer) for model in sheet.models)
    pools = tuple(_pool(sheet, row) for row in range(len(sheet.models)))
    bits = tuple(
        bits_per_byte(float(nll), int(size))
        for nll, size in zip(
            sheet.common_nll.sum(axis=1), sheet.common_bytes.sum(axis=1), strict=True
        )
    )
    fits = tuple(fit_families(sheet, seed=seed))
    best = min(range(len(bits)), key=bits.__getitem__)
    lead = min(fits, key=lambda one: (-len(one.sizes), min(bits[row] for row in one.sizes)))
    hardness = log_perplexities(sheet, lead.sizes).mean(axis=0)
    groups = sheet.by_group()
    paths = store.labels().paths
    tokens = tuple(read_tokens(store, sheet, rows) for _, rows in sheet.families())
    return Facts(
        store=store,
        sheet=sheet,
        left_out=left_out,
        others=others,
        seed=seed,
        found=tuple(find(sheet, tokens, seed=seed)),
        pooled=pools,
        intervals=tuple(
            intervals(groups.nll, groups.tokens, groups.common_nll, groups.common_bytes, seed=seed)
        ),
        bits_per_byte=bits,
        steps=tuple(step for one in fits for step in steps(sheet, one.sizes, seed=seed)),
        fits=fits,
        texts=texts,
        tokens=tokens,
        vocabularies=vocabularies,
        best=best,
        lead=lead,
        lead_best=min(lead.sizes, key=bits.__getitem__),
        order=tuple(np.argsort(-hardness, kind="stable").tolist()),
        places={one.name: typed(one, paths.get(one.digest, "")) for one in sheet.models},
        run=run,
        learned=_learned(store, sheet, lead, texts, seed),
    )


def _learned(
    store: Store, sheet: Sheet, lead: FamilyFit, texts: dict[str, str], seed: int
) -> Learned | None:
    """Of the lead's sizes, where it has several; else of all models, by parameters."""
    rows: Sequence[int] = lead.sizes
    if len(rows) < 2:
        models = sheet.models
        rows = sorted(range(len(models)), key=lambda row: models[row].parameters)
    if len(rows) < 2:
        return None
    small, large = sheet.models[rows[0]], sheet.models[rows[-1]]
    compared = read_compared(store, small, large, sheet.recipe_digest, sheet.stories, seed=seed)
    words = compared.finds.by("word")
    order = words.order("gain")[: 10 * FINDS].tolist()
    found = show(compared, words, order, FINDS, lambda wanted: {d: texts[d] for d in wanted})
    return Learned(compared, tuple(found))


def _chosen(sheets: Sequence[Sheet], recipe: str | None) -> Sheet:
    if recipe is None:
        return sheets[0]
    found = [sheet for sheet in sheets if sheet.recipe_digest.startswith(recipe.lower())]
    if len(found) == 1:
        return found[0]
    known = listed([f"{sheet.recipe_digest} ({sheet.recipe.label})" for sheet in sheets])
    raise EyebrowError(
        "No such recipe" if not found else "Which recipe",
        f"{recipe!r} names {len(found)} of the store's; it has {known}",
    )


def _told(chosen: Sheet, other: Sheet) -> str:
    differ = listed(chosen.recipe.differences(other.recipe)) or "an older way of scoring"
    rows = many(int(other.is_scored.sum()), "score")
    return f"{other.recipe_digest} ({rows}): {differ}"


def _rows(members: Sequence[Member], wanted: Sequence[str]) -> list[int]:
    if not wanted:
        return list(range(len(members)))
    found: list[int] = []
    for name in wanted:
        rows = [
            i
            for i, member in enumerate(members)
            if name.lower() in (member.name.lower(), member.family.lower())
        ]
        if not rows:
            raise EyebrowError(
                "No such model",
                f"{name!r} has no scores in this store under this recipe; it has "
                f"{listed([member.name for member in members])}",
            )
        found += rows
    return sorted(set(found))


def _pool(sheet: Sheet, row: int) -> Pooled:
    means = np.exp(sheet.nll[row] / sheet.tokens[row])
    return Pooled(
        int(sheet.tokens[row].sum()),
        int(sheet.bytes[row].sum()),
        float(sheet.nll[row].sum()),
        len(sheet.stories),
        float(means.mean()),
    )
