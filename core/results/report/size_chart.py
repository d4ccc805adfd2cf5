"""The chart of a value against the number of parameters, for the report and for Python."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...wording import amount, interval, listed, number
from ..statistics.bootstrap import exp, intervals
from ..statistics.fits import Refused
from ..statistics.scaling import FamilyFit, fit_families
from ..statistics.sheet import Sheet
from . import pictures
from .blocks import Picture
from .palette import LIGHT, inks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def against_size(
    sheet: Sheet,
    rows: Sequence[int],
    values: Sequence[float],
    ends: Sequence[tuple[float, float]],
    fits: Sequence[FamilyFit],
    name: str,
    *,
    bits: bool,
) -> Picture:
    """Of the models in these rows; a line for each family whose models are all among them.

    values, ends: of every model of the sheet, with 95 % intervals: bits per byte on common bytes
    where `bits` says so, else pooled perplexities.
    """
    what, digits = ("Bits per byte", 3) if bits else ("Perplexity", 1)
    models = [sheet.models[row] for row in rows]
    fits = [one for one in fits if set(one.rows) <= set(rows)]
    sizes = {row for one in fits for row in one.sizes}
    lines = [
        pictures.Line(
            tuple(rows.index(row) for row in one.sizes), None if bits else _curve(sheet, one)
        )
        for one in fits
    ]
    points = listed(
        [
            f"{sheet.models[row].name} ({amount(sheet.models[row].parameters)}) "
            f"{number(values[row], digits)} {interval(ends[row], digits)}"
            for row in rows
        ]
    )
    caption = f"{what} against number of parameters, both axes logarithmic"
    caption += "; a line for each family" if len(fits) > 1 else ""
    if any(np.isfinite(ends[row]).all() for row in rows):
        caption += "; bars are 95 % intervals over resampled stories, or groups of them"
    caption += ", the shade is the fit's" if any(line.curve for line in lines) else ""
    caption += "; a hollow mark is a counted model, no size" if len(sizes) < len(rows) else ""
    drawn = pictures.Points(
        tuple(model.name for model in models),
        tuple(rows),
        tuple(model.parameters for model in models),
        tuple(values[row] for row in rows),
        tuple(ends[row] for row in rows),
        tuple(row in sizes for row in rows),
    )
    ylabel = "bits per byte, in common" if bits else "perplexity (pooled)"
    return Picture(
        *(name, f"{caption}.", f"{what} against parameters: {points}."),
        partial(pictures.against_size, drawn, lines, ylabel),
    )


def figure(sheet: Sheet, seed: int) -> Figure:
    """The same by matplotlib, on white, of the stories that all models of a sheet have scored.

    Perplexity; where tokenizers differ bits per byte, on the bytes that all models have scored.
    """
    common = sheet.common()
    groups, bits = common.by_group(), common.mixes_tokenizers
    nll, counts = (
        (common.common_nll, common.common_bytes * math.log(2))
        if bits
        else (common.nll, common.tokens)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (nll.sum(axis=1) / counts.sum(axis=1)).tolist()
    found = intervals(groups.nll, groups.tokens, groups.common_nll, groups.common_bytes, seed=seed)
    picture = against_size(
        common,
        range(len(common.models)),
        means if bits else [exp(mean) for mean in means],
        [one.bits_per_byte if bits else one.perplexity for one in found],
        fit_families(common, seed=seed),
        "size",
        bits=bits,
    )
    return picture.draw(inks(LIGHT, len(common.models)))


def _curve(sheet: Sheet, found: FamilyFit) -> pictures.Curve | None:
    """The fit between the smallest and the largest model, as perplexities."""
    if isinstance(found.fit, Refused):
        return None
    smallest, largest = (sheet.models[found.sizes[end]].parameters for end in (0, -1))
    sizes = np.geomspace(float(smallest), float(largest), 60)
    low, high = found.fit.band(sizes)
    return pictures.Curve(sizes, np.exp(found.fit.at(sizes)), np.exp(low), np.exp(high))
