"""What a change of a model has cost: the figures of one variant against its reference.

Of positions: KL divergence (see `divergence`), whether both models have one likeliest token, and
by how much the true token's probability has changed, as llama.cpp's `--kl-divergence` prints it.
Of the set: perplexity and its paired difference, with intervals that resample stories, both
models on the same resamples. By kind of text: bits per byte of either, see `compare.kinds`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..files import write_atomically
from ..scoring.scores import perplexity
from ..scoring.sentences import sentence_spans
from .compare.cuts import cut_tokens
from .compare.gaps import Gap, Sums, gaps, sums_of
from .compare.kinds import Described, describe
from .compare.spans import NONE, Indices, Places, Spans
from .finite import finite
from .statistics.bootstrap import SEED, exp, interval, resampled_log_perplexities
from .statistics.clusters import clusters, summed

Floats = npt.NDArray[np.float32]
PERCENTILES = (0.1, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Of one story, or of a text: arrays over its N scored tokens.

    reference, other: ln p of the true tokens under each model, nats. kl: nats, and same_top;
    both empty where only perplexities were asked for.
    """

    reference: Floats
    other: Floats
    kl: Floats
    same_top: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The tokens of a text as stretches of a kind each; P stretches of its N scored tokens.

    firsts: int64 (P,), the scored token that each begins with. starts, ends: int32 (P,),
    characters.
    """

    firsts: Indices
    starts: Places
    ends: Places
    described: Described

    @classmethod
    def of(
        cls,
        text: str,
        sentence_starts: tuple[int, ...],
        starts: Places,
        ends: Places,
    ) -> Pieces:
        """starts, ends: int32 (T,), the characters of the text's T tokens, of which the first is
        not scored. An added symbol has none."""
        firsts = cut_tokens(starts, ends, 1) if len(starts) > 1 else np.empty(0, np.int64)
        found = starts[firsts]
        until = np.append(found[1:], len(text)).astype(np.int32) if len(found) else found
        nothing = np.zeros(len(found))
        spans = Spans(found, until, nothing, nothing, nothing)
        sentences = sentence_spans(text, sentence_starts)
        described = describe(text, spans if len(found) else NONE, sentences)
        at = np.append(0, firsts[1:] - 1) if len(firsts) else firsts  # what is before, with it
        return cls(at, found, until, described)

    def sums(self, one: Measured) -> Sums:
        """See `sums_of`."""
        return self._sums(-one.reference, -one.other)

    def sums_of_kl(self, one: Measured) -> Sums:
        """The same with KL in the place of the model's nats, and none for the reference."""
        return self._sums(np.zeros_like(one.kl), one.kl)

    def _sums(self, reference: Floats, model: Floats) -> Sums:
        before, after = (
            np.add.reduceat(nats.astype(np.float64), self.firsts)
            if len(self.firsts)
            else np.zeros(0)
            for nats in (reference, model)
        )
        return sums_of(Spans(self.starts, self.ends, before, after, before), self.described)


@dataclass(frozen=True, slots=True)
class Damage:
    """One row. delta: perplexity less the reference's; intervals are 95 %.

    kl_mean, kl_median, kl_p999 (99.9th percentile): nats. same_top: the share of positions with
    the reference's top token. delta_p_rms, delta_p: root mean square and percentiles of the
    change of the true token's probability. These are None where only perplexities were asked
    for. bytes: that the weights take, or would. tokens_per_second: of the layers, without the
    head; None where it was not measured. kinds: bits per byte by kind of text, of this model and
    of the reference, with the interval of their difference. kinds_kl: KL by kind of text, in the
    place of the model's nats, and so in bits per byte; none where there is no KL.
    """

    model: str
    stories: int
    tokens: int
    nll: float
    perplexity: float
    perplexity_ci95: tuple[float, float]
    delta: float
    delta_ci95: tuple[float, float]
    kl_mean: float | None
    kl_mean_ci95: tuple[float, float] | None
    kl_median: float | None
    kl_p999: float | None
    same_top: float | None
    delta_p_rms: float | None
    delta_p: dict[str, float] | None
    bytes: int
    tokens_per_second: float | None = None
    noise_floor: bool = False
    kinds: tuple[Gap, ...] = ()
    kinds_kl: tuple[Gap, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """An entry of `eyebrow damage --json`; numbers that are not finite are None."""
        found: dict[str, Any] = finite(asdict(self))
        kl = {kind["name"]: kind["nats_model"] for kind in found.pop("kinds_kl")}
        for kind in found["kinds"]:
            kind["kind"] = kind.pop("name")
            kind["nats_kl"] = kl.get(kind["kind"])
        return found


def sum_up(
    model: str,
    stories: Sequence[Measured],
    groups: Sequence[str],
    digests: Sequence[str],
    size: int,
    *,
    pieces: Sequence[Pieces],
    seed: int = SEED,
    speed: float | None = None,
    noise_floor: bool = False,
) -> Damage:
    """The row of one model. stories: what was measured of each; groups, digests: see `clusters`.

    size: bytes of the weights. pieces: of each story. speed: tokens a second.
    """
    tokens = np.array([len(one.other) for one in stories], dtype=np.float64)
    nll = np.array([_nll(one.other) for one in stories])
    before = np.array([_nll(one.reference) for one in stories])
    kl = np.array([one.kl.sum(dtype=np.float64) for one in stories])
    at = clusters(groups, digests)
    counts = summed(at, [tokens] * 3)
    drawn = resampled_log_perplexities(summed(at, [before, nll, kl]), counts, seed=seed)
    if (counts[0] > 0).sum() < 2:
        drawn[:] = np.nan
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.exp(drawn[1]) - np.exp(drawn[0])
    low, high = interval(drawn[1])
    sums = [cut.sums(one) for cut, one in zip(pieces, stories, strict=True)]

    def by_kind(sums: Sequence[Sums]) -> tuple[Gap, ...]:
        return tuple(kind for kind in gaps(sums, groups, digests, seed=seed).kinds if kind.bytes)

    total, whole = int(tokens.sum()), perplexity(float(nll.sum()), int(tokens.sum()))
    row = Damage(
        model=model,
        stories=len(stories),
        tokens=total,
        nll=float(nll.sum()),
        perplexity=whole,
        perplexity_ci95=(exp(low), exp(high)),
        delta=whole - perplexity(float(before.sum()), total),
        delta_ci95=interval(apart),
        kl_mean=None,
        kl_mean_ci95=None,
        kl_median=None,
        kl_p999=None,
        same_top=None,
        delta_p_rms=None,
        delta_p=None,
        bytes=size,
        tokens_per_second=speed,
        noise_floor=noise_floor,
        kinds=by_kind(sums),
    )
    every = np.concatenate([one.kl for one in stories])
    if not len(every):
        return row
    changes = np.concatenate(
        [np.exp(one.other.astype(np.float64)) - np.exp(one.reference) for one in stories]
    )
    same = np.concatenate([one.same_top for one in stories])
    found = np.percentile(changes, PERCENTILES)
    kl_sums = [cut.sums_of_kl(one) for cut, one in zip(pieces, stories, strict=True)]
    return replace(
        row,
        kinds_kl=by_kind(kl_sums),
        kl_mean=float(every.mean(dtype=np.float64)),
        kl_mean_ci95=interval(drawn[2]),
        kl_median=float(np.median(every)),
        kl_p999=float(np.percentile(every, 99.9)),
        same_top=float(same.mean()),
        delta_p_rms=float(np.sqrt(np.square(changes).mean())),
        delta_p={f"{p:g}": float(v) for p, v in zip(PERCENTILES, found, strict=True)},
    )


def recall(folder: Path, key: str) -> Damage | None:
    """A row that was kept; None where there is none that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        row = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        pairs = {
            name: tuple(value)
            for name, value in row.items()
            if name.endswith("_ci95") and value is not None
        }
        kinds = {
            name: tuple(Gap(**kind | {"ci95": tuple(kind["ci95"])}) for kind in row[name])
            for name in ("kinds", "kinds_kl")
        }
        return Damage(**row | pairs | kinds)
    return None


def keep(folder: Path, key: str, row: Damage) -> None:
    """Keep a row. Raises `EyebrowError` where it cannot be written."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{key}.json", json.dumps(asdict(row)).encode())


def _nll(logprobs: Floats) -> float:
    return float(-logprobs.sum(dtype=np.float64)) + 0.0
