"""The fits of a sheet: one for each family, from the same resamples of its stories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..models.catalogue import families
from ..models.member import Member
from .fits import Fit, Refused, fit_sizes
from .sheet import Sheet
from .statistics import SEED, resampled_log_perplexities


@dataclass(frozen=True, slots=True)
class FamilyFit:
    """rows: of the family's models in the sheet, small to large."""

    family: str
    rows: tuple[int, ...]
    fit: Fit | Refused


def fit_families(sheet: Sheet, *, seed: int = SEED) -> list[FamilyFit]:
    """A fit, or why there is none, for every family on the stories that all models have scored."""
    common = sheet.common()
    tokens = common.tokens.astype(np.float64)
    drawn = resampled_log_perplexities(common.nll, tokens, seed=seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        losses = common.nll.sum(axis=1) / tokens.sum(axis=1)
    return [
        FamilyFit(
            name,
            tuple(rows),
            fit_sizes(
                [sheet.models[row].parameters for row in rows],
                losses[rows],
                drawn[rows],
                tokenizers=[sheet.models[row].tokenizer for row in rows],
                seen=[training_tokens(sheet.models[row]) for row in rows],
            ),
        )
        for name, rows in common.families()
    ]


def training_tokens(model: Member) -> int | None:
    """How many tokens a model saw in training, where its family's file says so."""
    for member in families().get(model.family, ()):
        if member.name == model.name:
            return member.tokens
    return None


def told(found: FamilyFit) -> str:
    """A fit in one or two sentences of plain text."""
    fit = found.fit
    if isinstance(fit, Refused):
        return f"No fit for {found.family}: {fit.reason}."
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
    )
