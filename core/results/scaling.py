"""The fits of a sheet: one for each family, from the same resamples of its stories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..models.catalogue import ModelSpec, families
from ..models.member import Member
from .fits import Fit, Refused, fit_sizes
from .sheet import Sheet
from .statistics import SEED, resampled_log_perplexities


@dataclass(frozen=True, slots=True)
class FamilyFit:
    """rows: of the family's models in the sheet, small to large.

    fitted: those that the fit is about. counted: the names of the others, which were counted,
    not trained: they are no sizes of the same kind.
    """

    family: str
    rows: tuple[int, ...]
    fitted: tuple[int, ...]
    counted: tuple[str, ...]
    fit: Fit | Refused


def fit_families(sheet: Sheet, *, seed: int = SEED) -> list[FamilyFit]:
    """A fit, or why there is none, for every family on the stories that all models have scored."""
    common = sheet.common()
    tokens, groups = common.tokens.astype(np.float64), common.by_group()
    drawn = resampled_log_perplexities(groups.nll, groups.tokens.astype(np.float64), seed=seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        losses = common.nll.sum(axis=1) / tokens.sum(axis=1)
    found = []
    for name, rows in common.families():
        specs = {row: _spec(sheet.models[row]) for row in rows}
        fitted = [row for row in rows if not (spec := specs[row]) or not spec.counted]
        fit = fit_sizes(
            [sheet.models[row].parameters for row in fitted],
            losses[fitted],
            drawn[fitted],
            tokenizers=[sheet.models[row].tokenizer for row in fitted],
            seen=[spec.tokens if (spec := specs[row]) else None for row in fitted],
        )
        counted = tuple(sheet.models[row].name for row in rows if row not in fitted)
        found.append(FamilyFit(name, tuple(rows), tuple(fitted), counted, fit))
    return found


def _spec(model: Member) -> ModelSpec | None:
    """What its family's file says of it."""
    known = families().get(model.family, ())
    return next((spec for spec in known if spec.name == model.name), None)


def told(found: FamilyFit) -> str:
    """A fit in one or two sentences of plain text."""
    fit = found.fit
    if isinstance(fit, Refused):
        return f"No fit for {found.family}: {fit.reason}.{without(found)}"
    low, high = fit.alpha_ci95
    if fit.kind == "line":
        form = f"L = {fit.A:.3g} / N^{fit.alpha:.3f}, a line in log-log through {fit.sizes} sizes"
        floor = ""
    else:
        form = f"L = {fit.E:.2f} + {fit.A:.3g} / N^{fit.alpha:.2f} through {fit.sizes} sizes"
        floor = f", E {fit.E:.2f} [{fit.E_ci95[0]:.2f}, {fit.E_ci95[1]:.2f}] nats"
    return (
        f"{found.family}: {form}; alpha {fit.alpha:.3f} [{low:.3f}, {high:.3f}]{floor}, "
        "95 % intervals over resampled stories."
        + "".join(f" Mind that {warning}." for warning in fit.warnings)
        + without(found)
    )


def without(found: FamilyFit) -> str:
    """Which models a fit leaves out, and why; "" where there is none."""
    names = ", ".join(found.counted)
    return f" Without {names}, which was counted, not trained." if names else ""
