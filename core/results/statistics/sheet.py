"""All numbers of one recipe side by side: models by stories, as arrays.

Everything that compares models works on a sheet: there is one recipe to a sheet, so numbers
that do not belong together cannot meet in a chart or a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...errors import EyebrowError
from ...models.catalogue import families
from ...models.member import Member
from ...scoring.recipe import Recipe
from ...scoring.scores import Summary
from ...stories.story import Label
from ..compare.common import Counts, Nats, on_common_bytes, told
from ..compare.cuts import Cuts
from ..store import Contents, Store
from .clusters import Drawn, clusters, drawn, summed


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """M models by S stories under one recipe.

    models: family by family, each from small to large. tokens, bytes: int64 (M, S), what was
    scored; nll: float64 (M, S), nats. All three are each model's own, and 0 where it has not
    scored a story. common_bytes, common_nll: (M, S), the same over what all of the models that
    have scored a story have scored of it, which is what compares between tokenizers; with one
    tokenizer they are the models' own. 0 where there is no such part.
    stored: the digest of the recipe in the store where an older version scored, whose recipes
        have others; else "".
    """

    recipe: Recipe
    models: tuple[Member, ...]
    stories: tuple[Label, ...]
    tokens: Counts
    bytes: Counts
    nll: Nats
    common_bytes: Counts
    common_nll: Nats
    stored: str = ""

    @property
    def recipe_digest(self) -> str:
        """Under which the store has these numbers."""
        return self.stored or self.recipe.digest

    @property
    def is_scored(self) -> npt.NDArray[np.bool_]:
        """bool (M, S): which models have scored which stories."""
        return self.tokens > 0

    @property
    def mixes_tokenizers(self) -> bool:
        """Whether there are several, so that only what is counted by the byte compares."""
        return len({model.tokenizer for model in self.models}) > 1

    @property
    def compared(self) -> str:
        """What bits per byte are over, in words; "" with one tokenizer. Of a `common` sheet."""
        if not self.mixes_tokenizers or not self.stories:
            return ""
        left_out = int((self.common_bytes[0] == 0).sum())
        most = int(self.bytes.sum(axis=1).max())
        return told(int(self.common_bytes[0].sum()), most, left_out)

    def common(self) -> Sheet:
        """The stories that every model has scored: the one set on which models compare."""
        return self.of_stories(np.flatnonzero(self.is_scored.all(axis=0)).tolist())

    def of_stories(self, columns: Sequence[int]) -> Sheet:
        """These stories alone, in this order."""
        at = np.asarray(columns, dtype=np.int64)
        return replace(
            self,
            stories=tuple(self.stories[i] for i in columns),
            tokens=self.tokens[:, at],
            bytes=self.bytes[:, at],
            nll=self.nll[:, at],
            common_bytes=self.common_bytes[:, at],
            common_nll=self.common_nll[:, at],
        )

    def of_models(self, rows: Sequence[int]) -> Sheet:
        """These models alone, in this order; what is common stays common to all there were."""
        at = np.asarray(rows, dtype=np.int64)
        return replace(
            self,
            models=tuple(self.models[i] for i in rows),
            tokens=self.tokens[at],
            bytes=self.bytes[at],
            nll=self.nll[at],
            common_bytes=self.common_bytes[at],
            common_nll=self.common_nll[at],
        )

    @property
    def clusters(self) -> Counts:
        """int64 (S,): which stories are resampled together, see `clusters`."""
        return clusters(*self._told)

    @property
    def drawn(self) -> Drawn:
        """What intervals over these stories draw, to be told."""
        return drawn(*self._told)

    @property
    def _told(self) -> tuple[list[str], list[str]]:
        return [story.group for story in self.stories], [story.digest for story in self.stories]

    def by_group(self) -> Sheet:
        """A column for each cluster, the sums of its stories: what resamples draw from."""
        at = self.clusters
        _, first = np.unique(at, return_index=True)
        return replace(
            self,
            stories=tuple(self.stories[i] for i in first),
            tokens=summed(at, self.tokens).astype(np.int64),
            bytes=summed(at, self.bytes).astype(np.int64),
            nll=summed(at, self.nll),
            common_bytes=summed(at, self.common_bytes).astype(np.int64),
            common_nll=summed(at, self.common_nll),
        )

    def families(self) -> list[tuple[str, list[int]]]:
        """(family, rows of its models), in order; a model without a family is one of its own.

        Models of one family with different tokenizers are kept apart: their tokens are not the
        same tokens.
        """
        found: dict[tuple[str, str], list[int]] = {}
        for row, model in enumerate(self.models):
            found.setdefault((model.family or model.name, model.tokenizer), []).append(row)
        return [(name, rows) for (name, _), rows in found.items()]

    def sizes(self, rows: Sequence[int]) -> list[int]:
        """Those of a family's rows that are sizes of it: what was counted, not trained, is none.

        So no step, trend or fit has a part in a counted model, and nothing said "of n sizes"
        counts it. All of the rows where none of them was trained.
        """
        trained = [row for row in rows if not _is_counted(self.models[row])]
        return trained or list(rows)


def _is_counted(model: Member) -> bool:
    known = families().get(model.family.partition("@")[0], ())
    return any(spec.counted for spec in known if spec.name == model.name.partition("@")[0])


def by_size(models: Sequence[Member]) -> list[int]:
    """The order of a sheet's rows: families as they first come, small to large in each."""
    first: dict[str, int] = {}
    for model in models:
        first.setdefault(model.family or model.name, len(first))
    return sorted(
        range(len(models)),
        key=lambda i: (first[models[i].family or models[i].name], models[i].parameters, i),
    )


def build_sheet(
    recipe: Recipe,
    models: Sequence[Member],
    sums: Sequence[Mapping[str, Summary]],
    stories: Sequence[Label],
    cuts: Sequence[Mapping[str, Cuts]] = (),
    stored: str = "",
) -> Sheet:
    """A sheet of these stories; stored: see `Sheet`.

    sums, cuts: for each model, by text digest. Cuts are only needed where the tokenizers differ;
    without its cuts a story has no common part.
    """
    order = by_size(models)
    nothing = Summary(0, 0, 0.0)
    table = [[sums[i].get(story.digest, nothing) for story in stories] for i in order]
    shape = (len(order), len(stories))
    tokens = np.array([[s.tokens for s in row] for row in table], dtype=np.int64).reshape(shape)
    size = np.array([[s.bytes for s in row] for row in table], dtype=np.int64).reshape(shape)
    nll = np.array([[s.nll for s in row] for row in table], dtype=np.float64).reshape(shape)
    common = on_common_bytes(
        [models[i].tokenizer for i in order],
        tokens > 0,
        size,
        nll,
        [cuts[i] if cuts else {} for i in order],
        [story.digest for story in stories],
    )
    ordered = tuple(models[i] for i in order)
    return Sheet(recipe, ordered, tuple(stories), tokens, size, nll, *common, stored)


def read_sheets(store: Store, names: Sequence[str] = (), run: str | None = None) -> list[Sheet]:
    """A sheet for each recipe in the store, the one with the most rows first.

    With several tokenizers nothing is common to their models yet: see `read_common`. Weights that
    several runs named differently stand there once, under the newest name; under those of `names`
    (of models or families) that they ever had, where they had any. run: see `Store.contents`.

    Raises `EyebrowError` for a folder that is no store, has nothing in it, or has no such run.
    """
    recipes: dict[str, list[Contents]] = {}
    for contents in store.contents(run):
        recipes.setdefault(contents.recipe_digest, []).append(contents)
    if not recipes:
        raise EyebrowError(
            "Empty store",
            f"{store.folder} holds no scores; `eyebrow score STORIES -m MODEL --store "
            f"{store.folder}` writes some",
        )
    sheets = [_joined(group, names) for group in recipes.values()]
    return sorted(sheets, key=lambda sheet: -int(sheet.is_scored.sum()))


def read_common(store: Store, sheet: Sheet) -> Sheet:
    """The sheet with what is common to its models, whose tokens are read where it takes them."""
    digests = [story.digest for story in sheet.stories]
    wanted = frozenset(digests) if sheet.mixes_tokenizers else frozenset()
    size, nll = on_common_bytes(
        [model.tokenizer for model in sheet.models],
        sheet.is_scored,
        sheet.bytes,
        sheet.nll,
        [
            store.cuts(model.digest, sheet.recipe_digest, wanted) if wanted else {}
            for model in sheet.models
        ],
        digests,
    )
    return replace(sheet, common_bytes=size, common_nll=nll)


def _joined(group: Sequence[Contents], names: Sequence[str]) -> Sheet:
    labels = {(row.label.digest, row.label.id): row.label for one in group for row in one.rows}
    models = [(member, one) for one in group for member in _called(one.members, names)]
    sums = {id(one): {row.label.digest: row.summary for row in one.rows} for one in group}
    recipe, digest = group[0].recipe, group[0].recipe_digest
    return build_sheet(
        recipe,
        [member for member, _ in models],
        [sums[id(one)] for _, one in models],
        tuple(labels.values()),
        stored=digest if digest != recipe.digest else "",
    )


def _called(members: Sequence[Member], names: Sequence[str]) -> Sequence[Member]:
    wanted = {name.lower() for name in names}
    found = [m for m in members if wanted & {m.name.lower(), m.family.lower()}]
    return found or members[-1:]
