"""The fits of a sheet: one for each family, from the same resamples of its stories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...models.catalogue import families
from ...models.member import Member
from .bootstrap import SEED, resampled_log_perplexities
from .clusters import FEW
from .fits import Fit, Refused, fit_sizes
from .sheet import Sheet


@dataclass(frozen=True, slots=True)
class FamilyFit:
    """rows: of the family's models in the sheet, small to large. sizes: those that the fit is
    about, see `Sheet.sizes`. counted: the names of the others.
    """

    family: str
    tokenizer: str
    rows: tuple[int, ...]
    sizes: tuple[int, ...]
    counted: tuple[str, ...]
    fit: Fit | Refused


def fit_families(sheet: Sheet, *, seed: int = SEED) -> list[FamilyFit]:
    """A fit, or why there is none, for every family on the stories that all models have scored.

    None where fewer than `FEW` clusters are drawn: of one, all resamples are alike.
    """
    common = sheet.common()
    tokens, groups = common.tokens.astype(np.float64), common.by_group()
    drawn = resampled_log_perplexities(groups.nll, groups.tokens.astype(np.float64), seed=seed)
    if len(groups.stories) < FEW:
        drawn[:] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        losses = common.nll.sum(axis=1) / tokens.sum(axis=1)
    found = []
    for name, rows in common.families():
        tokenizer, sizes = common.models[rows[0]].tokenizer, common.sizes(rows)
        fit = fit_sizes(
            [sheet.models[row].parameters for row in sizes],
            losses[sizes],
            drawn[sizes],
            tokenizers=[sheet.models[row].tokenizer for row in sizes],
            seen=[_seen(sheet.models[row]) for row in sizes],
        )
        counted = tuple(sheet.models[row].name for row in rows if row not in sizes)
        found.append(FamilyFit(name, tokenizer, tuple(rows), tuple(sizes), counted, fit))
    return found


def _seen(model: Member) -> int | None:
    """Tokens seen in training, as its family's file says."""
    known = families().get(model.family, ())
    return next((spec.tokens for spec in known if spec.name == model.name), None)
