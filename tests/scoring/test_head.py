"""Tiles with a running log-sum-exp against float64 over the whole row."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core.machine import products
from eyebrow.core.scoring import head as head_room
from eyebrow.core.scoring.head import Head, measure_logits
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .plain import numbers


def agrees(measured: Any, logits: torch.Tensor, targets: torch.Tensor, atol: float = 2e-6) -> None:
    plain = numbers(logits.double(), targets.tolist())
    np.testing.assert_allclose(measured.logprobs, plain.logprobs, rtol=2e-6, atol=atol)
    np.testing.assert_allclose(measured.entropies, plain.entropies, rtol=2e-6, atol=2 * atol)
    width = plain.top_logprobs.shape[1]
    np.testing.assert_allclose(
        measured.top_logprobs[:, :width], plain.top_logprobs, rtol=2e-6, atol=atol
    )


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 70),
    tile=st.integers(1, 40),
    chunk=st.integers(1, 9),
    count=st.integers(1, 12),
    offset=st.sampled_from([0.0, -100.0, 300.0]),
    seed=st.integers(0, 1000),
)
def test_any_tiling(size: int, tile: int, chunk: int, count: int, offset: float, seed: int) -> None:
    torch.manual_seed(seed)
    hidden, weight = torch.randn(count, 6), torch.randn(size, 6)
    bias = torch.randn(size) * 3 + offset
    targets = torch.randint(size, (count,))
    logits = hidden @ weight.T + bias
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head_room, "TILE", tile)
        patch.setattr(head_room, "CHUNK", chunk)
        measured = Head(weight, bias).measure(hidden, targets)
    # The logits themselves carry float32's rounding at their size.
    agrees(measured, logits, targets, atol=1e-5 if offset == 0 else 1e-4)
    plain = numbers(logits.double(), targets.tolist())
    np.testing.assert_array_equal(measured.ranks, plain.ranks)
    lacking = measured.top_ids[:, min(10, size) :]
    assert (lacking == -1).all()
    assert (measured.top_logprobs[:, min(10, size) :] == -torch.inf).all()


def test_far_from_zero_keeps_its_digits() -> None:
    """GPT-2's logits lie near -100; the same differences give the same numbers there."""
    torch.manual_seed(0)
    logits = (torch.randn(20, 50) * 64).round() / 64  # exact after the shift, too
    targets = torch.randint(50, (20,))
    near = measure_logits(logits, targets)
    far = measure_logits(logits - 1024.0, targets)
    for name in ("logprobs", "entropies", "ranks", "top_ids", "top_logprobs"):
        assert torch.equal(getattr(near, name), getattr(far, name)), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_ranks_agree_with_the_table(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    """In bfloat16 many logits tie or nearly tie; rank and top 10 must tell one story."""
    monkeypatch.setattr(head_room, "TILE", 64)
    monkeypatch.setattr(head_room, "products_are_slow", lambda _: False)
    torch.manual_seed(1)
    hidden, weight = torch.randn(400, 48).to(dtype), torch.randn(300, 48).to(dtype)
    logits = torch.nn.functional.linear(hidden, weight).float()
    targets = logits.topk(12).indices[torch.arange(400), torch.randint(12, (400,))]
    measured = Head(weight).measure(hidden, targets)
    agrees(measured, logits, targets)
    for row in range(400):
        own = measured.logprobs[row]
        table = measured.top_logprobs[row]
        better = int((table > own).sum())
        if targets[row] in measured.top_ids[row]:
            assert measured.ranks[row] == better + 1
        else:
            assert measured.ranks[row] >= better + 1
    exact = numbers(logits.double(), targets.tolist()).ranks
    assert np.mean(measured.ranks.numpy() == exact) > 0.99


def test_logits_kept_in_float32_have_no_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on CUDA: half precision is multiplied into float32, and nothing is rounded after it."""

    def into_float32(one: torch.Tensor, other: torch.Tensor, *, out_dtype: Any) -> torch.Tensor:
        assert one.dtype == other.dtype == torch.bfloat16
        return one.to(out_dtype) @ other.to(out_dtype)

    monkeypatch.setattr(head_room, "TILE", 64)
    monkeypatch.setattr(head_room, "products_are_slow", lambda _: False)
    torch.manual_seed(1)
    hidden, weight = torch.randn(200, 48).bfloat16(), torch.randn(300, 48).bfloat16()
    bias = torch.randn(300).bfloat16()
    targets = torch.randint(300, (200,))
    rounded = Head(weight, bias).measure(hidden, targets)
    monkeypatch.setattr(head_room, "keeps_float32", lambda _: True)
    monkeypatch.setattr(torch, "mm", into_float32)
    measured = Head(weight, bias).measure(hidden, targets)
    logits = hidden.double() @ weight.double().T + bias.double()
    agrees(measured, logits, targets, atol=1e-5)
    np.testing.assert_array_equal(measured.ranks, numbers(logits, targets.tolist()).ranks)
    tied = [(m.top_logprobs.diff(dim=1) == 0).any(1).float().mean() for m in (rounded, measured)]
    assert tied[0] > 0.3
    assert tied[1] == 0


def test_only_cuda_keeps_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a CPU on which products in half precision are slow, whatever this one is."""
    monkeypatch.setattr(head_room, "products_are_slow", lambda _: False)
    assert "ScalarType out_dtype" in str(torch.ops.aten.mm.dtype._schema), "what it is made with"
    for dtype in (torch.float32, torch.float64):
        assert head_room.keeps_float32(torch.zeros(1, dtype=dtype))
    for dtype in (torch.bfloat16, torch.float16):
        assert not head_room.keeps_float32(torch.zeros(1, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_where_float32_is_quicker_it_is_kept(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_room, "products_are_slow", lambda _: True)
    torch.manual_seed(1)
    hidden, weight = torch.randn(64, 48).to(dtype), torch.randn(300, 48).to(dtype)
    bias, targets = torch.randn(300).to(dtype), torch.randint(300, (64,))
    logits = hidden.double() @ weight.double().T + bias.double()
    agrees(Head(weight, bias).measure(hidden, targets), logits, targets, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_torch_without_the_library_that_would_be_asked(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is built for Macs: there the operators that tell what it can do are not there."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    assert products.products_are_slow(torch.zeros(1, dtype=dtype)) == (dtype != torch.float32)


def test_the_largest_of_a_wide_tile() -> None:
    torch.manual_seed(2)
    tile = torch.randn(50, 3_001)
    tile[:, ::7] = tile[:, 3:4]  # many are equal, and in some rows they are the largest
    tile[3] = -torch.inf
    best, ids = head_room.top_of(tile)
    assert torch.equal(best, tile.topk(10, dim=1).values)
    assert torch.equal(tile.gather(1, ids), best)
    assert all(len(set(row)) == 10 for row in ids.tolist())


class Counted(TorchDispatchMode):
    """Operators that reach the device."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operator: Any, types: Any, given: Any = (), named: Any = None):
        self.count += not operator.is_view
        return operator(*given, **(named or {}))


class Waited(TorchFunctionMode):
    """Calls after which a program has waited for a GPU."""

    WAITS = frozenset({"cpu", "item", "tolist", "numpy", "nonzero", "__bool__", "__int__"})

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, function: Any, types: Any, given: Any = (), named: Any = None):
        self.count += getattr(function, "__name__", "") in self.WAITS
        return function(*given, **(named or {}))


def test_a_batch_on_a_gpu_is_few_kernels_and_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted on the CPU with a GPU's sizes, where the operators are the same."""
    monkeypatch.setattr(head_room, "CHUNK", head_room.CHUNK_OF_GPU)
    monkeypatch.setattr(head_room, "TILE", head_room.TILE_OF_GPU)
    head, chunks = Head(torch.randn(4_000, 4)), 2
    count = head_room.CHUNK_OF_GPU * chunks
    hidden, targets = torch.randn(count, 4), torch.randint(4_000, (count,))
    with torch.inference_mode(), Counted() as operators, Waited() as waits:
        head.measure(hidden, targets)
    assert waits.count == 1
    assert operators.count <= 72 * chunks


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_keeps_float32() -> None:
    torch.manual_seed(1)
    hidden, weight = torch.randn(64, 48).bfloat16(), torch.randn(300, 48).bfloat16()
    targets = torch.randint(300, (64,))
    measured = Head(weight.cuda()).measure(hidden.cuda(), targets.cuda())
    agrees(measured, hidden.double() @ weight.double().T, targets, atol=1e-5)


def test_a_tile_of_impossible_entries_weighs_nothing() -> None:
    logits = torch.tensor([[0.0, 0.0, -torch.inf, -torch.inf]])
    measured = measure_logits(logits, torch.tensor([2]))
    assert measured.logprobs.tolist() == [-torch.inf]
    assert measured.entropies.tolist() == pytest.approx([np.log(2)])
    assert measured.ranks.tolist() == [3]
