"""Texts that begin alike, as the two of a pair of endings do: what they share is fed once.

One text of such a family leads: it is fed as every text. The others follow it: they are fed from
where they part from it, behind the cache of what they share. Whether a model does that as it does
the text itself is looked at while it runs, and texts under one that does not are fed whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from .batches import Batch
from .encode import Encoding
from .head import Measured
from .prefix import is_close, shared
from .trunk import Trunk, is_device_error, is_out_of_memory

LEAST = 16  # shared tokens below which a second pass costs more than it spares
HALF = 2  # and at least one in so many tokens of a follower is shared
MOST = 3  # followers of one text: each takes the memory of one cache

PROBE = ((3, 1, 4, 1, 5, 2), (2, 7, 1))  # two beginnings, of different lengths
BEHIND = ((6, 1), (4,), (5, 3, 2))  # what follows them
OF = (0, 1, 0)  # which of the two


@dataclass(frozen=True, slots=True)
class Follower:
    """A text, by its index, that shares its first `shared` tokens with the one it follows."""

    story: int
    shared: int


Families = Mapping[int, Sequence[Follower]]  # by the index of the text that leads


def families(encodings: Sequence[Encoding], whole: Sequence[int]) -> dict[int, list[Follower]]:
    """Which of the texts `whole` follow which other of them, and by how much."""
    order = sorted(whole, key=lambda story: encodings[story].ids.tobytes())
    found: dict[int, list[Follower]] = {}
    lead, led = -1, list[int]()
    for story in order:
        ids = encodings[story].ids.tolist()
        same = min(shared(led, ids), len(led) - 1, len(ids) - 1)
        if same < LEAST or same * HALF < len(ids) or len(found.get(lead, ())) == MOST:
            lead, led = story, ids
        else:
            found.setdefault(lead, []).append(Follower(story, same))
    return found


def measure(
    trunk: Trunk, batch: Batch, families: Families, encodings: Sequence[Encoding]
) -> Measured:
    """Numbers for the targets of a batch, and behind them for those of the texts that follow one
    of it, text after text, from the first token that is not shared on."""
    led = [
        (row, follower)
        for row, piece in enumerate(batch.pieces)
        for follower in families.get(piece.story, ())
    ]
    if not led:
        return trunk.of_batch(batch)
    with torch.inference_mode():
        states, cache = trunk.go_on(batch.ids.to(trunk.device), None)
        wanted = [states[batch.rows.to(trunk.device), batch.positions.to(trunk.device)]]
        targets = [batch.targets]
        behind = [encodings[one.story].ids[one.shared :].tolist() for _, one in led]
        rows, kept = [row for row, _ in led], [one.shared for _, one in led]
        made = states
        if any(len(ids) > 1 for ids in behind):
            width, last = batch.ids.shape[1], [ids[:-1] for ids in behind]
            made = _go_on(trunk, cache, width, rows, kept, last)
        for at, (row, one) in enumerate(led):
            wanted.append(states[row, one.shared - 1 : one.shared])
            if len(behind[at]) > 1:
                wanted.append(made[at, : len(behind[at]) - 1])
            targets.append(torch.tensor(behind[at]))
        return trunk.numbers(torch.cat(wanted), torch.cat(targets).to(trunk.device))


def fed(follower: Follower, encodings: Sequence[Encoding]) -> int:
    """Tokens that the model is fed for a text that follows."""
    return len(encodings[follower.story]) - follower.shared - 1


def _go_on(
    trunk: Trunk,
    cache: Any,
    width: int,
    rows: Sequence[int],
    kept: Sequence[int],
    behind: Sequence[Sequence[int]],
) -> Tensor:
    """What the head is given at `behind` (F sequences), each behind the first `kept` of the `width`
    tokens that the cache holds in its row of `rows`: (F, longest of `behind`, H)."""
    device, longest = trunk.device, max(map(len, behind))
    cache.batch_select_indices(torch.tensor(rows, device=device))
    ids = torch.zeros(len(behind), longest, dtype=torch.long)
    mask = torch.zeros(len(behind), width + longest, dtype=torch.long)
    places = torch.zeros(len(behind), longest, dtype=torch.long)
    for row, (own, size) in enumerate(zip(behind, kept, strict=True)):
        ids[row, : len(own)] = torch.tensor(own)
        mask[row, :size] = 1
        mask[row, width : width + len(own)] = 1
        places[row] = size + torch.arange(longest).clamp(max=max(0, len(own) - 1))
    made, _ = trunk.go_on(ids.to(device), cache, mask.to(device), places.to(device))
    return made


def can_follow(trunk: Trunk) -> bool:
    """Whether the model gives the same behind a part of the cache of another text."""
    width = max(map(len, PROBE))
    ids = torch.zeros(len(PROBE), width, dtype=torch.long)
    for row, begun in enumerate(PROBE):
        ids[row, : len(begun)] = torch.tensor(begun)
    kept = [len(PROBE[row]) - 1 for row in OF]
    try:
        if trunk.rows <= int(ids.max()):
            return False
        with torch.inference_mode():
            _, cache = trunk.go_on(ids.to(trunk.device), None)
            if not isinstance(cache, DynamicCache) or any(
                type(layer) is not DynamicLayer for layer in cache.layers
            ):
                return False  # a sliding window would count what is masked
            made = _go_on(trunk, cache, width, OF, kept, BEHIND)
            for at, (row, own) in enumerate(zip(OF, BEHIND, strict=True)):
                text = torch.tensor([[*PROBE[row][: kept[at]], *own]], device=trunk.device)
                whole = trunk.states(text)[0, kept[at] :]
                if not is_close(made[at, : len(own)], whole):
                    return False
    except (TypeError, AttributeError, RuntimeError, ValueError, IndexError, KeyError) as error:
        if is_out_of_memory(error) or is_device_error(error):
            raise
        return False
    return True
