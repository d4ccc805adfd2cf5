"""How far a model is from a reference, position by position, on the same tokens.

Both models run over the same batch; their heads are applied to a chunk of positions and a tile
of the vocabulary at a time, side by side, so that neither's logits ever exist whole. With p the
reference's distribution and q the other's,

    KL(p || q) = sum over v of p_v (ln p_v - ln q_v),

in nats, over the whole vocabulary. Everything is kept relative to the running peaks, as in
`head`; sums are float64.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import EyebrowError
from .batches import Batch
from .head import chunks, tile_of
from .trunk import Trunk

LOWEST = -1e30  # a peak before there is any; of n-grams never seen a whole tile is -inf


@dataclass(frozen=True, slots=True)
class Divergence:
    """Numbers of N positions, on the CPU.

    kl: float32 (N,), nats, of the other from the reference; 0 or more. reference, other: float32
    (N,), ln p of the true token under each. same_top: bool (N,), whether both have the same
    likeliest token.
    """

    kl: Tensor
    reference: Tensor
    other: Tensor
    same_top: Tensor

    @property
    def change(self) -> Tensor:
        """float32 (N,): by how much the true token's probability has changed, q - p."""
        return self.other.exp() - self.reference.exp()


class Pair:
    """A reference and another model with the same tokenizer, on one device or on two.

    Raises `EyebrowError` where their vocabularies are not equally long.
    """

    def __init__(self, reference: Trunk, other: Trunk) -> None:
        if _entries(reference) != _entries(other):
            raise EyebrowError(
                "Vocabularies differ",
                f"the reference has {_entries(reference):,} entries, the other "
                f"{_entries(other):,}; they cannot be compared entry by entry",
            )
        self.reference, self.other = reference, other
        self._tokens, self._seconds = 0, 0.0

    @property
    def tokens_per_second(self) -> float | None:
        """Padded tokens that the other model's layers did in a second; None before any."""
        return self._tokens / self._seconds if self._seconds else None

    def of_batch(self, batch: Batch) -> Divergence:
        """Of the targets of a batch."""
        with torch.inference_mode():
            ours = self.reference.at_targets(batch)
            began = _now(self.other)
            theirs = self.other.at_targets(batch)
            self._seconds += _now(self.other) - began
            self._tokens += batch.ids.numel()
            targets = batch.targets
            parts = [
                self._of_chunk(ours[at], theirs[at], targets[at].to(ours.device))
                for at in chunks(ours)
            ]
        return join(parts)

    def _of_chunk(self, ours: Tensor, theirs: Tensor, targets: Tensor) -> Divergence:
        device = ours.device
        p, q = _Running(len(targets), device), _Running(len(targets), device)
        crossed = torch.zeros(len(targets), dtype=torch.float64, device=device)
        step = tile_of(device)  # for both: each device alone would have another
        sides = _tiles(self.reference, ours, step), _tiles(self.other, theirs, step)
        for (first, one), (_, other) in zip(*sides, strict=True):
            other = other.to(device)
            p_before, q_before = p.peak, q.peak
            shrink, weights = p.add(first, one, targets)
            q.add(first, other, targets)
            # sum of exp(a - peak_p) ((a - peak_p) - (b - peak_q)), moved along with both peaks
            moved = _drop(p_before, p.peak) - _drop(q_before, q.peak)
            apart = _apart(weights, one - p.peak[:, None], other - q.peak[:, None])
            here = (weights * apart).sum(1, dtype=torch.float64)
            crossed = (crossed + p.before * moved) * shrink + here
        kl = crossed / p.total - p.total.log() + q.total.log()
        return Divergence(
            kl.clamp(min=0).float().cpu(),
            p.logprob().cpu(),
            q.logprob().cpu(),
            (p.top == q.top).cpu(),
        )


class _Running:
    """Peak, sum of exponentials, likeliest entry and the target's logit of one model so far."""

    def __init__(self, count: int, device: torch.device) -> None:
        self.peak = torch.full((count,), LOWEST, device=device)
        self.total = torch.zeros(count, dtype=torch.float64, device=device)
        self.before = self.total
        self.top = torch.zeros(count, dtype=torch.int64, device=device)
        self.own = torch.full((count,), -torch.inf, device=device)

    def add(self, first: int, tile: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Take a tile (N, V) in; how what was summed before shrinks (N,), the weights (N, V)."""
        best, ids = tile.max(1)
        self.top = torch.where(best > self.peak, ids + first, self.top)
        highest = torch.maximum(self.peak, best)
        shrink = _drop(self.peak, highest).exp()
        weights = (tile - highest[:, None]).exp()
        self.before = self.total
        self.total = self.total * shrink + weights.sum(1, dtype=torch.float64)
        self.peak = highest
        place = targets - first
        inside = (place >= 0) & (place < tile.shape[1])
        here = tile.gather(1, place.clamp(0, tile.shape[1] - 1)[:, None])[:, 0]
        self.own = torch.where(inside, here, self.own)
        return shrink, weights

    def logprob(self) -> Tensor:
        """float32 (N,): of the targets."""
        return ((self.own - self.peak).double() - self.total.log()).float()


def join(parts: Sequence[Divergence]) -> Divergence:
    """The numbers of several chunks as one."""
    return Divergence(
        torch.cat([part.kl for part in parts]),
        torch.cat([part.reference for part in parts]),
        torch.cat([part.other for part in parts]),
        torch.cat([part.same_top for part in parts]),
    )


def _drop(before: Tensor, after: Tensor) -> Tensor:
    """float64 (N,): by how much a peak has moved, 0 or less."""
    return before.double() - after.double()


def _apart(weights: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Difference of two logits below their peaks; of an entry that the reference never gives, 0,
    whether the other can give it or not."""
    return torch.where(weights == 0, 0.0, one - other)


def _now(trunk: Trunk) -> float:
    """Seconds, once the device has done what it was asked."""
    if trunk.device.type == "cuda":
        torch.cuda.synchronize(trunk.device)
    return time.perf_counter()


def _tiles(trunk: Trunk, states: Tensor, step: int) -> Iterator[tuple[int, Tensor]]:
    """(first entry, float32 logits of `step` entries) of a chunk; `states` are its logits without
    a head."""
    if trunk.head is not None:
        yield from trunk.head.tiles(states, step)
        return
    for first in range(0, states.shape[1], step):
        yield first, states[:, first : first + step].float()


def _entries(trunk: Trunk) -> int:
    return trunk.vocabulary if trunk.head is None else len(trunk.head.weight)
