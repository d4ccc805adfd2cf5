"""The key-value cache of a prefix: what two sequences begin with is fed to a model once.

Caches differ: some can be cropped, some only go on (recurrent states, sliding windows that are
full), some models keep none (counted n-grams). Nothing is assumed: whether a model goes on from
a cache as from the text itself is looked at while it runs, and one that does not is fed whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from ..errors import FAILED, EyebrowError
from .trunk import Trunk, is_device_error, is_out_of_memory

PROBE = 8  # tokens that are looked at
CLOSE = 1e-3  # relative; in half precision two ways of summing differ by more
CLOSE_IN_HALF = 0.05


class Prefix:
    """The tokens a model was fed last, and its cache of them; one sequence at a time.

    It holds no more than the longest sequence it was asked about. fed: tokens the model was fed
    so far. make_room: asked where memory runs out; says whether it freed any.
    """

    def __init__(self, trunk: Trunk, make_room: Callable[[], bool] | None = None) -> None:
        self.trunk, self.make_room = trunk, make_room
        self.fed = 0
        self._held: list[int] = []
        self._cache: Any = None
        self._is_kept: bool | None = None  # whether the model has a cache; None: not looked at

    @property
    def keeps(self) -> bool:
        """Whether the model can go on from a cache; looked at once."""
        if self._is_kept is None:
            self._is_kept = goes_on(self.trunk)
        return self._is_kept

    def forget(self) -> None:
        """Let go of the cache."""
        self._held, self._cache = [], None

    def states(self, ids: Sequence[int], first: int) -> Tensor:
        """What the head is given at the positions of `ids` (L,) from `first` on: (L - first, H).

        Only what is not held, and what is asked for, is fed. 0 <= first < L. Raises
        `EyebrowError` where memory runs out even without a cache held before.
        """
        try:
            return self._states(list(ids), first)
        except RuntimeError as error:
            self.forget()  # layers that were reached hold more than others
            if not is_out_of_memory(error):
                raise
        except BaseException:
            self.forget()
            raise
        if self.trunk.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.make_room is not None:
            self.make_room()
        try:
            return self._states(list(ids), first)
        except RuntimeError as error:
            self.forget()
            if not is_out_of_memory(error):
                raise
            raise EyebrowError(
                "Out of memory",
                f"{len(ids):,} tokens do not fit; use a smaller --context or model",
                FAILED,
            ) from error

    def logits_after(self, ids: Sequence[int]) -> Tensor:
        """float32 logits (V,) of the token that follows `ids` (L,), on the model's device."""
        states = self.states(ids, len(ids) - 1)
        head = self.trunk.head
        with torch.inference_mode():
            logits = states if head is None else head.logits(states, 0, len(head.weight))
            return logits[0].float()

    def _states(self, ids: list[int], first: int) -> Tensor:
        with torch.inference_mode():
            if not self.keeps:
                self.fed += len(ids)
                return self.trunk.states(self._row(ids))[0, first:]
            kept = self._keep(ids, first)
            made, self._cache = self.trunk.go_on(self._row(ids[kept:]), self._cache)
            self.fed += len(ids) - kept
            self._held = ids
            return made[0, first - kept :]

    def _row(self, ids: list[int]) -> Tensor:
        return torch.tensor([ids], device=self.trunk.device)

    def _keep(self, ids: list[int], most: int) -> int:
        """How many of `ids` the cache holds now, `most` at most; it holds no others."""
        kept = min(shared(self._held, ids), most)
        if 0 < kept < len(self._held) and _can_crop(self._cache, len(self._held)):
            self._cache.crop(kept - len(self._held))
        elif kept < len(self._held):
            kept = 0
        if not kept:
            self.forget()
        return kept


def shared(some: Sequence[int], others: Sequence[int]) -> int:
    """How many ids both begin with."""
    size = min(len(some), len(others))
    if some[:size] == others[:size]:
        return size
    return next(i for i in range(size) if some[i] != others[i])


def _can_crop(cache: Any, size: int) -> bool:
    """Whether each layer holds all `size` tokens, by themselves: the last can be taken off."""
    if not isinstance(cache, DynamicCache):
        return False
    for layer in cache.layers:
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
            return False
        keys: Any = getattr(layer, "keys", None)
        if keys is not None and keys.numel() and keys.shape[-2] != size:
            return False  # a window that was full has let go of the first
    return True


def goes_on(trunk: Trunk) -> bool:
    """Whether the model gives the same after a cache as after the tokens themselves."""
    size = min(PROBE, trunk.rows - 1)
    config = trunk.model.config.get_text_config()
    size = min(size, getattr(config, "max_position_embeddings", None) or size)
    if size < 2:
        return False
    ids = torch.arange(1, size + 1, device=trunk.device)[None]
    half = size // 2
    try:
        with torch.inference_mode():
            whole = trunk.states(ids)[0, half:]
            _, cache = trunk.go_on(ids[:, :half], None)
            if cache is None:
                return False
            made, _ = trunk.go_on(ids[:, half:], cache)
    except (TypeError, AttributeError, RuntimeError, ValueError, IndexError, KeyError) as error:
        if is_out_of_memory(error) or is_device_error(error):
            raise
        return False
    return is_close(made[0], whole)


def is_close(made: Tensor, whole: Tensor) -> bool:
    """Whether what was made behind a cache is what is made of the whole text."""
    if made.shape != whole.shape:
        return False
    is_half = made.dtype in (torch.bfloat16, torch.float16)
    allowed = CLOSE_IN_HALF if is_half else CLOSE
    made, whole = made.float(), whole.float()
    return bool((made - whole).norm() <= allowed * whole.norm())
