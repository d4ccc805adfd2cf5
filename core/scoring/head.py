"""From hidden states to numbers: log-probability, rank, entropy and the top of each position.

The full logits of a batch never exist. The head is applied to a chunk of positions and a tile
of the vocabulary at a time; maximum, sum of exponentials and sum of logit-weighted exponentials
run along (the online softmax of Milakov & Gimelshein 2018), float32 whatever the model's dtype.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .scores import TOP

TILE = 8192  # vocabulary entries at a time
CHUNK = 256  # positions at a time


@dataclass(frozen=True, slots=True)
class Measured:
    """Numbers of N scored positions, on the CPU.

    logprobs, entropies: float32 (N,), nats. ranks: int32 (N,), 1 the likeliest.
    top_ids, top_logprobs: int32 and float32 (N, TOP), likeliest first.
    """

    logprobs: Tensor
    entropies: Tensor
    ranks: Tensor
    top_ids: Tensor
    top_logprobs: Tensor


@dataclass(frozen=True, slots=True)
class Finish:
    """What models do to their logits: cap * tanh(scale * logits / cap), without a cap the scale.

    Gemma, RecurrentGemma and xLSTM cap, Cohere, Granite and Falcon-H1 scale.
    """

    scale: float = 1.0
    cap: float | None = None

    def __call__(self, logits: Tensor) -> Tensor:
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.cap is None else torch.tanh(logits / self.cap) * self.cap


@dataclass(frozen=True, slots=True)
class Head:
    """A linear output layer: logits = finish(hidden @ weight.T + bias)."""

    weight: Tensor
    bias: Tensor | None = None
    finish: Finish = Finish()

    def logits(self, hidden: Tensor, first: int, last: int) -> Tensor:
        """float32 logits of the vocabulary entries `first` to `last`, (N, last - first)."""
        bias = None if self.bias is None else self.bias[first:last]
        return self.finish(product(hidden, self.weight[first:last], bias))

    def tiles(self, hidden: Tensor) -> Iterator[tuple[int, Tensor]]:
        """(first entry, float32 logits) for tile after tile of the vocabulary."""
        size = self.weight.shape[0]
        for first in range(0, size, TILE):
            yield first, self.logits(hidden, first, min(first + TILE, size))

    def measure(self, hidden: Tensor, targets: Tensor) -> Measured:
        """Numbers of N positions from their hidden states (N, H) and true tokens (N,)."""
        size = self.weight.shape[0]
        parts = []
        for at in range(0, len(targets), CHUNK):
            rows, wanted = hidden[at : at + CHUNK], targets[at : at + CHUNK]
            if size <= TILE:
                parts.append(_measure_whole(self.logits(rows, 0, size), wanted))
            else:
                parts.append(measure_tiles(self.tiles(rows), wanted, self._logit_of(rows, wanted)))
        return join(parts)

    def _logit_of(self, hidden: Tensor, targets: Tensor) -> Tensor:
        # Summed in float32 and, where the product is rounded, rounded once as it is.
        logit = (hidden.float() * self.weight[targets].float()).sum(-1)
        if self.bias is not None:
            logit = logit + self.bias[targets].float()
        if not keeps_float32(self.weight):
            logit = logit.to(hidden.dtype).float()
        return self.finish(logit)


def keeps_float32(weight: Tensor) -> bool:
    """Whether the sums of a product with `weight` come out as they are made, in float32.

    Rounded to bfloat16, 40 % of all positions have ties among their ten likeliest tokens. CUDA
    multiplies half precision into float32 for nothing; on the CPU only a head in float32 would,
    which takes more than twice as long, so there the logits stay rounded.
    """
    if weight.dtype not in (torch.bfloat16, torch.float16):
        return True
    return weight.is_cuda and torch.version.hip is None


def product(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """float32 (N, V): hidden (N, H) @ weight (V, H).T + bias (V,)."""
    if weight.dtype in (torch.bfloat16, torch.float16) and keeps_float32(weight):
        logits = torch.mm(hidden, weight.T, out_dtype=torch.float32)
        return logits if bias is None else logits + bias.float()
    return torch.nn.functional.linear(hidden, weight, bias).float()


def measure_logits(logits: Tensor, targets: Tensor) -> Measured:
    """Numbers of N positions from their whole logits (N, V) and true tokens (N,)."""
    return join(
        [
            _measure_whole(logits[at : at + CHUNK].float(), targets[at : at + CHUNK])
            for at in range(0, len(targets), CHUNK)
        ]
    )


def target_logprobs(logits: Tensor, targets: Tensor) -> Tensor:
    """float32 (N,) on the CPU: of the targets (N,) alone, from whole logits (N, V)."""
    parts = []
    for at in range(0, len(targets), CHUNK):
        below = logits[at : at + CHUNK].float()
        below = below - below.amax(1, keepdim=True)  # GPT-2's logits lie near -100
        parts.append(below.gather(1, targets[at : at + CHUNK, None])[:, 0] - below.logsumexp(1))
    return torch.cat(parts).cpu()


def _measure_whole(logits: Tensor, targets: Tensor) -> Measured:
    return measure_tiles([(0, logits)], targets, logits.gather(1, targets[:, None])[:, 0])


def measure_tiles(
    tiles: Iterable[tuple[int, Tensor]],
    targets: Tensor,
    target_logits: Tensor,
) -> Measured:
    """One pass over the tiles of a chunk of positions.

    `target_logits` (N,) are only compared with, for the rank; the log-probability is taken from
    the tile the target lies in, so that it agrees with the sum to the last bit. Ranks agree with
    the top table, whatever the rounding of `target_logits`.
    """
    count = len(targets)
    device = targets.device
    peak = torch.full((count,), -torch.inf, device=device)
    total = torch.zeros(count, device=device)
    weighted = torch.zeros(count, device=device)
    own = torch.zeros(count, device=device)
    above = torch.zeros(count, dtype=torch.int64, device=device)
    top_logits = torch.empty((count, 0), device=device)
    top_ids = torch.empty((count, 0), dtype=torch.int64, device=device)
    for first, tile in tiles:
        size = tile.shape[1]
        place = targets - first
        inside = (place >= 0) & (place < size)
        place = place.clamp(0, size - 1)[:, None]
        here = tile.gather(1, place)[:, 0]
        own = torch.where(inside, here, own)
        above += (tile > target_logits[:, None]).sum(1)
        above -= (inside & (here > target_logits)).long()  # a token is never above itself
        best, ids = tile.topk(min(TOP, size), dim=1)
        top_logits = torch.cat([top_logits, best], dim=1)
        top_ids = torch.cat([top_ids, ids + first], dim=1)
        highest = torch.maximum(peak, best[:, 0])
        # Everything is kept relative to the peak: some models' logits lie near -100, where
        # float32 has few digits left behind the point. A logit of -inf (an n-gram never seen)
        # has weight 0 and adds nothing to the entropy.
        drop = (peak - highest).clamp(min=-1e30)
        shrink = torch.exp(drop)
        below = tile - highest[:, None]
        weights = torch.exp(below)
        weighted = (weighted + total * drop) * shrink + (weights * below.clamp(min=-1e30)).sum(1)
        total = total * shrink + weights.sum(1)
        peak = highest
    log_total = total.log()
    best, order = top_logits.topk(min(TOP, top_logits.shape[1]), dim=1)
    ids = top_ids.gather(1, order)
    better = (best > own[:, None]).sum(1)
    above = torch.where((ids == targets[:, None]).any(1), better, torch.maximum(above, better))
    if best.shape[1] < TOP:  # a vocabulary smaller than the table
        lack = TOP - best.shape[1]
        best = torch.nn.functional.pad(best, (0, lack), value=-torch.inf)
        ids = torch.nn.functional.pad(ids, (0, lack), value=-1)
    return Measured(
        (own - peak - log_total).cpu(),
        (log_total - weighted / total).clamp(min=0).cpu(),
        (above + 1).int().cpu(),
        ids.int().cpu(),
        (best - peak[:, None] - log_total[:, None]).cpu(),
    )


def join(parts: list[Measured]) -> Measured:
    """The numbers of several chunks as one."""
    return Measured(
        torch.cat([p.logprobs for p in parts]),
        torch.cat([p.entropies for p in parts]),
        torch.cat([p.ranks for p in parts]),
        torch.cat([p.top_ids for p in parts]),
        torch.cat([p.top_logprobs for p in parts]),
    )
