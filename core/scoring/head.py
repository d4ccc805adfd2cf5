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

from ..machine.products import HALF, products_are_slow
from .scores import TOP

# Positions and vocabulary entries at a time. On the CPU they fit its cache and still fill its
# matrix products; a GPU does the whole vocabulary at once, what counts are kernels and waits.
CHUNK, TILE = 1024, 4096
CHUNK_OF_GPU, TILE_OF_GPU = 2048, 1 << 18
GROUPS = 32  # entries of a tile among which the largest is looked for first


@dataclass(frozen=True, slots=True)
class Measured:
    """Numbers of N scored positions.

    logprobs, entropies: float32 (N,), nats. ranks: int32 (N,), 1 the likeliest.
    top_ids, top_logprobs: int32 and float32 (N, TOP), likeliest first.
    """

    logprobs: Tensor
    entropies: Tensor
    ranks: Tensor
    top_ids: Tensor
    top_logprobs: Tensor

    def cpu(self) -> Measured:
        """On the CPU, by one transfer."""
        floats = (self.logprobs[:, None], self.entropies[:, None], self.top_logprobs)
        ints = torch.cat([self.ranks[:, None], self.top_ids], dim=1)
        all_of_it = torch.cat([*floats, ints.view(torch.float32)], dim=1).cpu()
        logprobs, entropies = all_of_it[:, 0], all_of_it[:, 1]
        whole = all_of_it[:, TOP + 2 :].contiguous().view(torch.int32)
        return Measured(logprobs, entropies, whole[:, 0], whole[:, 1:], all_of_it[:, 2 : TOP + 2])


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

    def tiles(self, hidden: Tensor, step: int = 0) -> Iterator[tuple[int, Tensor]]:
        """(first entry, float32 logits) for tile after tile of the vocabulary.

        step: entries in each, 0 for what suits the device.
        """
        size, step = self.weight.shape[0], step or tile_of(hidden.device)
        for first in range(0, size, step):
            yield first, self.logits(hidden, first, min(first + step, size))

    def measure(self, hidden: Tensor, targets: Tensor) -> Measured:
        """Numbers of N positions, on the CPU, from their hidden states (N, H) and tokens (N,)."""
        size = self.weight.shape[0]
        parts = []
        for at in chunks(targets):
            rows, wanted = hidden[at], targets[at]
            if size <= tile_of(hidden.device):
                parts.append(_measure_whole(self.logits(rows, 0, size), wanted))
            else:
                parts.append(measure_tiles(self.tiles(rows), wanted, self._logit_of(rows, wanted)))
        return join(parts).cpu()

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
    multiplies half precision into float32 for nothing, and so does a CPU on which float32 is
    quicker; on others it would take more than twice as long, so there the logits stay rounded.
    """
    if weight.dtype not in HALF:
        return True
    return (weight.is_cuda and torch.version.hip is None) or products_are_slow(weight)


def product(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """float32 (N, V): hidden (N, H) @ weight (V, H).T + bias (V,)."""
    if products_are_slow(weight):
        wide = None if bias is None else bias.float()
        return torch.nn.functional.linear(hidden.float(), weight.float(), wide)
    if weight.dtype in HALF and keeps_float32(weight):
        logits = torch.mm(hidden, weight.T, out_dtype=torch.float32)
        return logits if bias is None else logits + bias.float()
    return torch.nn.functional.linear(hidden, weight, bias).float()


def chunks(positions: Tensor) -> Iterator[slice]:
    """Of so many of a tensor's positions (N, ...) as are measured at a time."""
    step = CHUNK_OF_GPU if positions.is_cuda else CHUNK
    for at in range(0, len(positions), step):
        yield slice(at, at + step)


def tile_of(device: torch.device) -> int:
    """Vocabulary entries at a time."""
    return TILE_OF_GPU if device.type == "cuda" else TILE


def measure_logits(logits: Tensor, targets: Tensor) -> Measured:
    """Numbers of N positions, on the CPU, from their whole logits (N, V) and tokens (N,)."""
    parts = [_measure_whole(logits[at].float(), targets[at]) for at in chunks(targets)]
    return join(parts).cpu()


def target_logprobs(logits: Tensor, targets: Tensor) -> Tensor:
    """float32 (N,) on the CPU: of the targets (N,) alone, from whole logits (N, V)."""
    parts = []
    for at in chunks(targets):
        below = logits[at].float()
        below = below - below.amax(1, keepdim=True)  # GPT-2's logits lie near -100
        parts.append(below.gather(1, targets[at, None])[:, 0] - below.logsumexp(1))
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
    above = torch.zeros(count, device=device)
    top_logits = torch.empty((count, 0), device=device)
    top_ids = torch.empty((count, 0), dtype=torch.int64, device=device)
    scratch: Tensor | None = None
    for first, tile in tiles:
        size = tile.shape[1]
        if scratch is None or scratch.shape[1] != size:
            scratch = torch.empty_like(tile)
        place = targets - first
        inside = (place >= 0) & (place < size)
        place = place.clamp(0, size - 1)[:, None]
        here = tile.gather(1, place)[:, 0]
        own = torch.where(inside, here, own)
        above += torch.gt(tile, target_logits[:, None], out=scratch).sum(1)  # float32 is exact
        above -= (inside & (here > target_logits)).float()  # a token is never above itself
        best, ids = top_of(tile)
        top_logits = torch.cat([top_logits, best], dim=1)
        top_ids = torch.cat([top_ids, ids + first], dim=1)
        highest = torch.maximum(peak, best[:, 0])
        # Everything is kept relative to the peak: some models' logits lie near -100, where
        # float32 has few digits left behind the point. A logit of -inf (an n-gram never seen)
        # has weight 0 and adds nothing to the entropy.
        drop = (peak - highest).clamp(min=-1e30)
        shrink = torch.exp(drop)
        below = torch.sub(tile, highest[:, None], out=scratch)
        weights = torch.exp(below)
        here_total = weights.sum(1)
        here_weighted = weights.mul_(below.clamp_(min=-1e30)).sum(1)
        weighted = (weighted + total * drop) * shrink + here_weighted
        total = total * shrink + here_total
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
        own - peak - log_total,
        (log_total - weighted / total).clamp(min=0),
        (above + 1).int(),
        ids.int(),
        best - peak[:, None] - log_total[:, None],
    )


def top_of(tile: Tensor) -> tuple[Tensor, Tensor]:
    """The `TOP` largest of each row of a tile (N, V) and where they stand, the largest first.

    Every 32 entries are looked through for their largest; the ten largest of all are among
    those of the ten groups whose largest are largest. That takes half as long as `topk` of all.
    """
    count, size = tile.shape
    width = size // GROUPS
    if width < 2 * TOP:
        return tile.topk(min(TOP, size), dim=1)
    whole = tile[:, : width * GROUPS].unflatten(1, (GROUPS, width))
    groups = whole.amax(1).topk(TOP, dim=1, sorted=False).indices[:, None, :]
    values = whole.gather(2, groups.expand(count, GROUPS, TOP)).flatten(1)
    rows = torch.arange(GROUPS, device=tile.device)[None, :, None]
    ids = (rows * width + groups).flatten(1)
    if width * GROUPS < size:
        rest = torch.arange(width * GROUPS, size, device=tile.device)
        values = torch.cat([values, tile[:, width * GROUPS :]], dim=1)
        ids = torch.cat([ids, rest.expand(count, -1)], dim=1)
    best, order = values.topk(TOP, dim=1)
    return best, ids.gather(1, order)


def join(parts: list[Measured]) -> Measured:
    """The numbers of several chunks as one."""
    return Measured(
        torch.cat([p.logprobs for p in parts]),
        torch.cat([p.entropies for p in parts]),
        torch.cat([p.ranks for p in parts]),
        torch.cat([p.top_ids for p in parts]),
        torch.cat([p.top_logprobs for p in parts]),
    )
