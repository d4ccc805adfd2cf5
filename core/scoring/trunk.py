"""A causal language model taken apart: the trunk gives hidden states, the head numbers.

Models differ in what lies between the last hidden state and the logits (a bias, a scale, a soft
cap). Nothing is assumed: what the head is given and what becomes of its output are looked at
while the model runs, and a model in which something else goes on is used whole.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..machine.products import WidenedProducts, products_are_slow
from .batches import Batch
from .head import Finish, Head, Measured, measure_logits, target_logprobs

PROBE = 8  # tokens that are looked at
EXACT = 1e-5  # relative; what becomes of the head's output is computed in float32


class Trunk:
    """Runs a model over padded batches and measures positions.

    model: any causal LM in the manner of transformers, in eval mode, on its device. whole: it
    is not taken apart, which spares the look at it; all its logits are made.
    """

    def __init__(self, model: Any, whole: bool = False) -> None:
        self.model = model
        self.device = next(iter(model.state_dict().values())).device
        self.head = None if whole else find_head(model)
        self.parameters = sum(parameter.numel() for parameter in model.parameters())

    @property
    def vocabulary(self) -> int:
        """Entries of the output layer."""
        return int(self.model.config.get_text_config().vocab_size)

    @cached_property
    def rows(self) -> int:
        """Ids from 0 on that the model can be fed and asked for."""
        outputs = self.vocabulary if self.head is None else len(self.head.weight)
        try:
            inputs = self.model.get_input_embeddings().num_embeddings
        except (AttributeError, NotImplementedError):
            return outputs
        return min(int(inputs), outputs)

    def of_batch(self, batch: Batch) -> Measured:
        """Numbers for the targets of a batch."""
        return self.measure(batch.ids, batch.rows, batch.positions, batch.targets)

    def measure(self, ids: Tensor, rows: Tensor, positions: Tensor, targets: Tensor) -> Measured:
        """Numbers for `targets` (N,) read from `positions` (N,) of `rows` (N,).

        ids: int64 (B, L), padded on the right. Padding stands behind everything that is read
        and attention is causal, so it needs no mask and changes nothing.
        """
        ids, rows, positions, targets = (t.to(self.device) for t in (ids, rows, positions, targets))
        with torch.inference_mode():
            return self.numbers(self.states(ids)[rows, positions], targets)

    def numbers(self, states: Tensor, targets: Tensor) -> Measured:
        """Numbers for `targets` (N,) from what the head is given in front of them (N, H)."""
        if self.head is None:
            return measure_logits(states, targets)
        return self.head.measure(states, targets)

    def logprobs(self, batch: Batch) -> Tensor:
        """float32 (N,), on the CPU: of the batch's targets, without anything else."""
        if self.head is not None:
            return self.of_batch(batch).logprobs
        with torch.inference_mode():
            return target_logprobs(self.at_targets(batch), batch.targets.to(self.device))

    def at_targets(self, batch: Batch) -> Tensor:
        """What the head is given in front of each target of a batch, (N, H)."""
        ids, rows, positions = (t.to(self.device) for t in (batch.ids, batch.rows, batch.positions))
        return self.states(ids)[rows, positions]

    def states(self, ids: Tensor) -> Tensor:
        """What the head is given at each position of `ids` (B, L): hidden states (B, L, H).

        The logits themselves (B, L, V) where the model is used whole.
        """
        with self._products():
            if self.head is None:
                return self.model(input_ids=ids).logits  # type: ignore[no-any-return]
            return _hidden(self.model, ids).to(self.head.weight.dtype)

    def go_on(
        self, ids: Tensor, cache: Any, mask: Tensor | None = None, places: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """`states` of `ids` (B, L) behind what `cache` holds, and the cache that holds both.

        cache: None to begin with; it is changed in place. The one returned is None where the
        model keeps none. mask: int64 (B, C + L), 1 where of the C tokens held and of `ids` one is
        to be seen; None for all. places: int64 (B, L), of `ids` in their texts; None: behind C.
        """
        given = {"input_ids": ids, "past_key_values": cache, "use_cache": True}
        if mask is not None:
            given |= {"attention_mask": mask, "position_ids": places}
        with self._products():
            if self.head is None:
                made = self.model(**given)
                return made.logits, getattr(made, "past_key_values", None)
            made = self.model.base_model(**given)
        states = made.last_hidden_state.to(self.head.weight.dtype)
        return states, getattr(made, "past_key_values", None)

    def _products(self) -> AbstractContextManager[object]:
        """How matrix products are made; looked up anew, for what has other weights meanwhile."""
        weight = next(self.model.parameters(), None)
        is_slow = weight is not None and products_are_slow(weight)
        return WidenedProducts() if is_slow else nullcontext()

    def logits_after(self, ids: Tensor) -> Tensor:
        """float32 logits (V,) of the token that follows `ids` (L,)."""
        with torch.inference_mode():
            last = self.states(ids.to(self.device)[None])[:, -1]
            if self.head is not None:
                last = self.head.logits(last, 0, len(self.head.weight))
            return last[0].float().cpu()


def find_head(model: Any) -> Head | None:
    """The linear head of `model`, or None where trunk and head do not give its logits.

    The model runs once over a few tokens. What its output layer is given has to be what the
    trunk gives, and what it makes of it its weight's (and bias's) linear map. Its output is then
    replaced by known numbers of every magnitude in float32, where even a cap far above the
    logits of a few tokens shows, and what the model makes of them has to be `Finish`.
    """
    layer = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    weight = getattr(layer, "weight", None)
    if not isinstance(layer, torch.nn.Module) or weight is None or weight.ndim != 2:
        return None
    if model.base_model is model or not weight.is_floating_point():
        return None
    config = model.config.get_text_config()
    size = min(PROBE, getattr(config, "max_position_embeddings", None) or PROBE)
    ids = torch.arange(1, size + 1, device=weight.device)[None] % weight.shape[0]
    known = _known(size, len(weight), weight.device)
    seen: list[tuple[Tensor, Tensor]] = []

    def replace(_: torch.nn.Module, given: tuple[Tensor, ...], made: Tensor) -> Tensor:
        seen.append((given[0], made))
        return known.clone()

    bias = getattr(layer, "bias", None)
    with torch.inference_mode():
        hook = layer.register_forward_hook(replace)
        try:
            became = model(input_ids=ids).logits
            ((given, made),) = seen  # called once, on everything
            linear = torch.nn.functional.linear(given, weight, bias)
            hidden = _hidden(model, ids).to(weight.dtype)
            if not (_is_same_trunk(hidden, given) and _is_same_product(linear, made)):
                return None
            finish = _finish(known, became)
        except (TypeError, AttributeError, RuntimeError, ValueError, IndexError) as error:
            if is_out_of_memory(error) or is_device_error(error):
                raise
            return None
        finally:
            hook.remove()
    return None if finish is None else Head(weight, bias, finish)


def _hidden(model: Any, ids: Tensor) -> Tensor:
    return model.base_model(input_ids=ids, use_cache=False).last_hidden_state  # type: ignore[no-any-return]


def _is_same_trunk(hidden: Tensor, given: Tensor) -> bool:
    """Whether two passes gave the same states, but for what a device may sum in another order."""
    if hidden.shape != given.shape:
        return False
    share = max(EXACT, torch.finfo(hidden.dtype).eps)
    return bool((hidden.float() - given.float()).norm() <= share * given.float().norm())


def _is_same_product(linear: Tensor, made: Tensor) -> bool:
    """Whether every entry is the same but for its last digit: the same was multiplied."""
    if linear.shape != made.shape:
        return False
    wanted = made.float()
    allowed = torch.finfo(linear.dtype).eps * wanted.abs() + EXACT * wanted.abs().max()
    return bool(((linear.float() - wanted).abs() <= allowed).all())


def _known(positions: int, entries: int, device: torch.device) -> Tensor:
    """float32 (1, positions, entries): of both signs, from a thousandth to ten thousand.

    The first entry is larger than any cap, the second so small that no cap touches it.
    """
    chance = torch.Generator().manual_seed(0)
    shape = (1, positions, entries)
    sign = torch.randint(2, shape, generator=chance) * 2 - 1
    known = sign * 10 ** (torch.rand(shape, generator=chance) * 7 - 3)
    known[..., 0] = 1e30
    known[..., 1:2] = 1e-3
    return known.to(device)


def _finish(known: Tensor, became: Tensor) -> Finish | None:
    """The scale and cap that make `became` of `known`; None where it is something else."""
    if became.shape != known.shape or known.shape[-1] < 3 or not became.is_floating_point():
        return None
    became = became.float()
    scale = float(became[0, 0, 1] / known[0, 0, 1])
    highest = float(became[0, 0, 0])
    if abs(scale - 1) < EXACT:
        scale = 1.0
    finish = Finish(scale, highest if highest < 1e15 else None)
    wanted = finish(known)
    fits = (became - wanted).abs() <= EXACT * wanted.abs()
    return finish if scale > 0 and bool(fits.all()) else None


def is_device_error(error: BaseException) -> bool:
    """Whether CUDA itself has failed, and not for want of memory."""
    failed = isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error)
    return failed and not is_out_of_memory(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: CUDA has a type for it, the CPU and MPS say it in words."""
    words = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)
