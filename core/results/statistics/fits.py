"""How the loss of a family falls with its size: a fit with its doubts, or why there is none.

The loss L is the pooled surprise of a set, nats per token, and N the number of parameters. Up to
four sizes a straight line in log-log, `L = A / N^alpha`; from five on `L = E + A / N^alpha`
(Hoffmann et al. 2022, the size term of equation 2, with E the loss that no size removes) by
variable projection (Golub & Pereyra 1973): for a given alpha the best E and A are linear, so
only alpha is searched for. Every resample of the stories is fitted anew.

A fit is refused where its interval of alpha reaches 0 or one of the `ALPHAS`, or its ends are
more than `SPREAD` times apart, and where that of E is wider than `ROOM` times the smallest loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .bootstrap import LEVEL, interval
from .clusters import FEW

Numbers = npt.NDArray[np.float64]

LINE_UP_TO = 4  # sizes; more are fitted with E
ALPHAS = (0.01, 2.0)  # the exponents that are tried
SPREAD = 3.0  # times that the largest believable alpha may be the smallest
ROOM = 0.5  # of the smallest loss that the interval of E may be wide
_GRID = 160


@dataclass(frozen=True, slots=True)
class Expected:
    """A published L = E + A / N^alpha, nats per token of its own tokenizer and text.

    So only alpha compares with the fit of another family.
    """

    alpha: float
    E: float
    A: float
    source: str


EXPECTED = (
    Expected(0.34, 1.69, 406.4, "Hoffmann et al. 2022 (Chinchilla), approach 3"),
    Expected(0.35, 1.82, 482.0, "Besiroglu et al. 2024, the same data fitted again"),
    Expected(0.076, 0.0, 8.8e13**0.076, "Kaplan et al. 2020, a line, embeddings not counted"),
)


@dataclass(frozen=True, slots=True)
class Refused:
    """No fit, and the reason in one sentence."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """L = E + A / N^alpha; E is 0 for a line in log-log.

    kind: "line" or "saturating". alpha_ci95, E_ci95: (low, high) over resampled stories.
    sizes: how many models it rests on. warnings: what weakens it.
    drawn: float64 (R, 3), E, A and alpha of every resample.
    """

    kind: str
    E: float
    A: float
    alpha: float
    alpha_ci95: tuple[float, float]
    E_ci95: tuple[float, float]
    sizes: int
    warnings: tuple[str, ...]
    drawn: Numbers

    def at(self, parameters: npt.ArrayLike) -> Numbers:
        """The fitted loss, nats per token, at these sizes."""
        return _loss(self.E, self.A, self.alpha, np.asarray(parameters, dtype=np.float64))

    def band(self, parameters: npt.ArrayLike) -> tuple[Numbers, Numbers]:
        """The 95 % band of the fit (not of new models) at these sizes: (low, high)."""
        sizes = np.asarray(parameters, dtype=np.float64)
        E, A, alpha = (column[:, None] for column in self.drawn.T)
        ends = np.quantile(_loss(E, A, alpha, sizes[None, :]), _ENDS, axis=0)
        return ends[0], ends[1]


_ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


def fit_sizes(
    parameters: Sequence[int],
    losses: npt.ArrayLike,
    resampled: npt.ArrayLike,
    *,
    tokenizers: Sequence[str] = (),
    seen: Sequence[int | None] = (),
) -> Fit | Refused:
    """The fit over the M sizes of one family.

    losses: (M,), nats per token. resampled: (M, R), the same on resamples of the stories (see
    `statistics.resampled_log_perplexities`), nan where too few are drawn. tokenizers: of
    each size; more than one is refused. seen: training tokens of each size, None where
    unknown.
    """
    order = np.argsort(np.asarray(parameters, dtype=np.float64), kind="stable")
    sizes = np.asarray(parameters, dtype=np.float64)[order]
    loss = np.asarray(losses, dtype=np.float64)[order]
    drawn = np.asarray(resampled, dtype=np.float64)[order]
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]
    reason = _unfit(sizes, loss, drawn, tokenizers)
    if reason:
        return Refused(reason)
    warnings = _warnings(seen, len(sizes))
    if len(sizes) <= LINE_UP_TO:
        return _line(sizes, loss, drawn, warnings)
    return _saturating(sizes, loss, drawn, warnings)


def _unfit(sizes: Numbers, loss: Numbers, drawn: Numbers, tokenizers: Sequence[str]) -> str:
    if len(set(tokenizers)) > 1:
        return "the sizes have different tokenizers, so their tokens are not the same tokens"
    count = len(np.unique(sizes))
    if count < len(sizes):
        return "some of the models are of equal size"
    if count < 3:
        number = "two sizes always lie on a line" if count == 2 else "one size shows no trend"
        return f"{number}; it takes three"
    if not np.isfinite(loss).all():
        return "a perplexity is infinite"
    rises = np.flatnonzero(np.diff(loss) >= 0)
    if len(rises):
        at = int(rises[0])
        return f"the loss does not fall from {sizes[at]:,.0f} to {sizes[at + 1]:,.0f} parameters"
    if drawn.shape[1] < 100:
        return f"it takes {FEW} stories, or groups of them, to draw again"
    return ""


def _warnings(seen: Sequence[int | None], count: int) -> tuple[str, ...]:
    found = []
    known = {tokens for tokens in seen if tokens}
    if len(known) > 1:
        low, high = min(known), max(known)
        found.append(
            f"the sizes saw different amounts of data ({low:.3g} to {high:.3g} tokens), so this "
            "is not the effect of size alone"
        )
    if count == 3:
        found.append("three sizes hardly tell a line from a curve")
    return tuple(found)


def _line(
    sizes: Numbers, loss: Numbers, drawn: Numbers, warnings: tuple[str, ...]
) -> Fit | Refused:
    x = np.log(sizes)
    basis = np.stack([np.ones_like(x), x], axis=1)
    inverse = np.linalg.pinv(basis)  # (2, M)
    a, slope = inverse @ np.log(loss)
    many = inverse @ np.log(drawn)  # (2, R)
    rows = np.stack([np.zeros(many.shape[1]), np.exp(many[0]), -many[1]], axis=1)
    alpha = interval(rows[:, 2])
    if alpha[0] <= 0 or alpha[1] > SPREAD * alpha[0]:
        return Refused(
            f"alpha is not pinned down: drawing the stories again gives {alpha[0]:.2g} to "
            f"{alpha[1]:.2g}"
        )
    return Fit(
        *("line", 0.0, float(np.exp(a)), float(-slope), alpha, (0.0, 0.0)),
        *(len(sizes), warnings, rows),
    )


def _saturating(
    sizes: Numbers, loss: Numbers, drawn: Numbers, warnings: tuple[str, ...]
) -> Fit | Refused:
    E, A, alpha = _polish(sizes, loss, *_project(sizes, loss[:, None])[0, 2:])
    rows = _project(sizes, drawn)
    alphas, floors = interval(rows[:, 2]), interval(rows[:, 0])
    # Stories drawn again say nothing of how well the form fits: each size is left out in turn.
    without = np.array(
        [_project(np.delete(sizes, i), np.delete(loss, i)[:, None])[0] for i in range(len(sizes))]
    )
    low = min(alphas[0], float(without[:, 2].min()))
    high = max(alphas[1], float(without[:, 2].max()))
    if low <= ALPHAS[0] * 1.01 or high >= ALPHAS[1] * 0.99 or high > SPREAD * low:
        return Refused(
            f"alpha is not pinned down: leaving one size out or drawing the stories again gives "
            f"{low:.2g} to {high:.2g}"
        )
    low = min(floors[0], float(without[:, 0].min()))
    high = max(floors[1], float(without[:, 0].max()))
    if high - low > ROOM * float(loss.min()):
        return Refused(
            f"E is not pinned down: leaving one size out or drawing the stories again gives "
            f"{low:.2f} to {high:.2f} nats, and the largest model is at {loss.min():.2f}"
        )
    return Fit(
        *("saturating", float(E), float(A), float(alpha), alphas, floors),
        *(len(sizes), warnings, rows),
    )


def _project(sizes: Numbers, losses: Numbers) -> Numbers:
    """float64 (R, 3): E, A and alpha with the least squares for each column of losses (M, R).

    E and A are not allowed below 0. The best of a grid over alpha is refined by the parabola
    through its neighbours' residuals.
    """
    grid = np.geomspace(*ALPHAS, _GRID)
    squares = np.stack([_linear(sizes, losses, alpha)[2] for alpha in grid])  # (G, R)
    best = squares.argmin(axis=0).clip(1, _GRID - 2)
    columns = np.arange(losses.shape[1])
    left, here, right = (squares[best + step, columns] for step in (-1, 0, 1))
    bend = left - 2 * here + right
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(bend > 0, 0.5 * (left - right) / bend, 0.0).clip(-1, 1)
    ratio = grid[1] / grid[0]
    alphas = grid[best] * ratio**step
    E, A, _ = _linear(sizes, losses, alphas)
    return np.stack([E, A, alphas], axis=1)


def _polish(sizes: Numbers, loss: Numbers, near: float) -> tuple[float, float, float]:
    """E, A and alpha with the least squares, close to a first guess of alpha."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda alpha: float(_linear(sizes, loss[:, None], alpha)[2][0]),
        bounds=(max(ALPHAS[0], near / 1.1), min(ALPHAS[1], near * 1.1)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    E, A, _ = _linear(sizes, loss[:, None], float(found.x))
    return float(E[0]), float(A[0]), float(found.x)


def _linear(
    sizes: Numbers, losses: Numbers, alpha: float | Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """E, A and the sum of squares, (R,) each, of the best fit with this alpha to each of R columns.

    alpha: one for all columns, or (R,).
    """
    power = np.power.outer(sizes, -np.atleast_1d(alpha))  # (M, 1 or R)
    basis = power / power[0]  # 1 and less: like E's column of ones
    away = basis - basis.mean(axis=0)
    A = (away * losses).sum(axis=0) / (away**2).sum(axis=0)
    E = losses.mean(axis=0) - A * basis.mean(axis=0)
    alone = (basis * losses).sum(axis=0) / (basis**2).sum(axis=0)
    E, A = np.where(E < 0, 0.0, E), np.where(E < 0, alone, A)
    flat = A < 0
    E, A = np.where(flat, losses.mean(axis=0), E), np.where(flat, 0.0, A)
    rest = losses - E - basis * A
    return E, A / power[0], np.asarray((rest**2).sum(axis=0))


def _loss(E: Any, A: Any, alpha: Any, sizes: Numbers) -> Numbers:
    return np.asarray(E + A * sizes**-alpha, dtype=np.float64)
