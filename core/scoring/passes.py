"""Forward passes over windows: how many go together, and what is done where memory runs out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from ..errors import FAILED, EyebrowError
from .batches import Batch, Piece, build_batch, take_group
from .encode import Encoding
from .trunk import Trunk, is_out_of_memory

RECOVERY = 16  # passes without trouble after which a budget that was halved is doubled
WHOLE = 1 << 26  # logits made at once where they are made whole: 256 MB in float32
# Multiplications and additions a second that a device gets done at least, to begin with.
PER_THREAD, PER_DEVICE = 2.5e10, {"cuda": 1e13, "mps": 1e12}
MOST_TOKENS = 3_000.0  # a second, as long as nothing is measured: the first batch stays small

clock: Callable[[], float] = time.perf_counter

T = TypeVar("T")


class Passes:
    """Takes windows through a model batch by batch; scorer, corpus and boundaries all do it so.

    budget: padded tokens in a batch (0: what throughput is best at). Where memory runs out
    `make_room` is asked first, which says whether it freed any; then the budget is halved. It
    is doubled again, up to what it was, after passes that went well.
    """

    def __init__(
        self, trunk: Trunk, budget: int = 0, make_room: Callable[[], bool] | None = None
    ) -> None:
        self.trunk = trunk
        self.make_room = make_room
        self.budget = self._most = budget or default_budget(trunk)
        self._pace = _Pace(trunk)
        self._patience, self._good, self._raised = RECOVERY, 0, False

    def over(
        self,
        pieces: Sequence[Piece],
        sequences: Sequence[Encoding],
        measure: Callable[[Batch], T],
        seconds: float | None = None,
    ) -> Iterator[tuple[Batch, T | EyebrowError]]:
        """Each batch with what `measure` makes of it, or why it cannot be had.

        pieces: the longest first. seconds: what a batch should take, at the pace so far; None
        for throughput. A window that does not fit by itself comes with an `EyebrowError`, and
        the other windows of its sequence are left out.
        """
        left = list(pieces)
        at = 0
        while at < len(left):
            end = take_group(left, at, self.size(seconds))
            batch = build_batch(left[at:end], sequences)
            found = self._run(batch, measure)
            if found is not None:
                self._went_well()
                at = end
                yield batch, found
            elif self.make_room is not None and self.make_room():
                continue
            elif end - at > 1:
                self._halve(batch)
            else:
                lost = left[at].story
                left = [piece for piece in left[end:] if piece.story != lost]
                at = 0
                yield batch, _does_not_fit(batch)

    def size(self, seconds: float | None) -> int:
        """Padded tokens in the next batch."""
        if seconds is None:
            return self.budget
        return min(self.budget, max(1, int(self._pace.tokens_per_second * seconds)))

    def _run(self, batch: Batch, measure: Callable[[Batch], T]) -> T | None:
        """What `measure` makes of a batch; None where it does not fit into memory."""
        began = clock()
        try:
            found = measure(batch)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        else:
            self._pace.add(batch.ids.numel(), clock() - began)
            return found
        # The error, and what it held, is gone here.
        if self.trunk.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _went_well(self) -> None:
        self._good += 1
        if self.budget < self._most and self._good >= self._patience:
            self.budget = min(self._most, 2 * self.budget)
            self._good, self._raised = 0, True

    def _halve(self, batch: Batch) -> None:
        rows, width = batch.ids.shape
        if self._raised:  # too soon
            self._patience *= 2
        self.budget = max(width, rows * width // 2)
        self._good, self._raised = 0, False


class _Pace:
    """Padded tokens a second: of the last seconds of work, before them by an estimate."""

    def __init__(self, trunk: Trunk) -> None:
        device = trunk.device.type
        speed = PER_DEVICE.get(device, PER_THREAD * torch.get_num_threads())
        estimate = min(MOST_TOKENS, speed / (2 * max(1, trunk.parameters)))
        self._tokens, self._seconds = estimate * 1e-3, 1e-3  # a millisecond's worth

    def add(self, tokens: int, seconds: float) -> None:
        keep = math.exp(-seconds)  # what was measured fades as seconds of work go by
        self._tokens = self._tokens * keep + tokens
        self._seconds = self._seconds * keep + max(seconds, 1e-6)

    @property
    def tokens_per_second(self) -> float:
        return float(self._tokens / self._seconds)


def default_budget(trunk: Trunk) -> int:
    """Padded tokens in a batch at which most tokens a second come out.

    Measured on two cores: a model of 135M parameters does 500 tokens a second at 512 to 1,024,
    457 at 2,048; one of 3M 15,200 at 1,024, 13,200 at 2,048; one of 50,000, where what a batch
    costs by itself weighs more, 72,000 at 4,096, 46,700 at 2,048.
    """
    best = 32768 if trunk.device.type == "cuda" else 4096 if trunk.parameters < 500_000 else 1024
    if trunk.head is None:  # whole logits are made
        return min(best, max(64, WHOLE // trunk.vocabulary))
    return best


def _does_not_fit(batch: Batch) -> EyebrowError:
    return EyebrowError(
        "Out of memory",
        f"one window of {batch.ids.shape[1]} tokens does not fit; use a smaller --context or model",
        FAILED,
    )
