"""Two models on the same tokens, against the plain computation in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core import EyebrowError
from eyebrow.core.scoring import divergence, head, remembering
from eyebrow.core.scoring.batches import build_batch, pieces_of
from eyebrow.core.scoring.divergence import Pair
from eyebrow.core.scoring.encode import encode
from eyebrow.core.scoring.remembering import RememberingTrunk
from eyebrow.core.scoring.trunk import Trunk

from .plain import STORIES

Opened = Callable[[str], tuple[Any, Any]]


def shaken(model: Any, much: float) -> Any:
    other = copy.deepcopy(model)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(much * parameter.abs().mean() * torch.randn_like(parameter))
    return other


def logits(model: Any, ids: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(torch.from_numpy(ids.astype(np.int64))[None]).logits[0, :-1].double()


@pytest.mark.parametrize("shape", ["llama", "wide", "gpt2", "capped", "opt"])
@pytest.mark.parametrize("much", [0.01, 0.3])
@pytest.mark.parametrize("whole", [False, True], ids=["tiles", "whole"])
def test_divergence_is_that_of_plain_float64(
    shape: str, much: float, whole: bool, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "TILE", 100)
    monkeypatch.setattr(head, "CHUNK", 7)
    model, tokenizer = opened(shape)
    other = shaken(model, much)
    encodings = list(encode(tokenizer, STORIES, "context"))
    pieces = pieces_of(encodings, 64, 32)
    pair = Pair(Trunk(model, whole=whole), Trunk(other, whole=whole))
    found = pair.of_batch(build_batch(pieces, encodings))
    wanted: dict[str, list[torch.Tensor]] = {"kl": [], "reference": [], "other": [], "top": []}
    for story, window in ((piece.story, piece.window) for piece in pieces):
        ids = encodings[story].ids[window.start : window.stop]
        scored = slice(window.first - 1 - window.start, None)
        one, two = logits(model, ids)[scored], logits(other, ids)[scored]
        p, q = one.log_softmax(1), two.log_softmax(1)
        targets = torch.from_numpy(ids[1:].astype(np.int64))[scored, None]
        wanted["kl"].append((p.exp() * (p - q)).sum(1))
        wanted["reference"].append(p.gather(1, targets)[:, 0])
        wanted["other"].append(q.gather(1, targets)[:, 0])
        wanted["top"].append(p.argmax(1) == q.argmax(1))
    plain = {name: torch.cat(parts) for name, parts in wanted.items()}
    assert torch.allclose(found.kl.double(), plain["kl"], atol=1e-5, rtol=1e-5)
    assert torch.allclose(found.reference.double(), plain["reference"], atol=1e-5, rtol=1e-5)
    assert torch.allclose(found.other.double(), plain["other"], atol=1e-5, rtol=1e-5)
    assert torch.equal(found.same_top, plain["top"])
    change = plain["other"].exp() - plain["reference"].exp()
    assert torch.allclose(found.change.double(), change, atol=1e-5)
    assert pair.tokens_per_second


def test_a_model_is_no_way_from_itself(opened: Opened) -> None:
    model, tokenizer = opened("llama")
    encodings = list(encode(tokenizer, STORIES, "context"))
    batch = build_batch(pieces_of(encodings, 64, 32), encodings)
    found = Pair(Trunk(model), Trunk(model)).of_batch(batch)
    assert float(found.kl.max()) < 1e-6
    assert bool(found.same_top.all())


@pytest.mark.parametrize("kept", ["all", "first", "none"])
def test_a_reference_runs_once_as_far_as_there_is_room(
    kept: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = opened("llama")
    other = Trunk(shaken(model, 0.3))
    encodings = list(encode(tokenizer, STORIES, "context"))
    pieces = pieces_of(encodings, 64, 32)
    batches = [build_batch([piece], encodings) for piece in pieces]
    first = 4 * model.config.hidden_size * len(batches[0].targets)
    room = {"all": 1 << 20, "first": first, "none": 0}[kept]
    monkeypatch.setattr(remembering, "ROOM", room)
    reference = RememberingTrunk(model)
    plain = [Pair(Trunk(model), other).of_batch(batch) for batch in batches]
    fed: list[int] = []
    hook = model.base_model.register_forward_pre_hook(lambda *_: fed.append(1))
    try:
        for _ in range(2):
            for batch, wanted in zip(batches, plain, strict=True):
                assert torch.equal(Pair(reference, other).of_batch(batch).kl, wanted.kl)
    finally:
        hook.remove()
    again = {"all": 0, "first": len(batches) - 1, "none": len(batches)}[kept]
    assert len(fed) == len(batches) + again


def test_vocabularies_of_different_length_are_refused(opened: Opened) -> None:
    with pytest.raises(EyebrowError, match=r"320 entries, the other 310"):
        Pair(Trunk(opened("llama")[0]), Trunk(opened("gpt2")[0]))


@pytest.mark.parametrize("case", ["apart", "ties", "first tile", "what one never gives"])
def test_tiles_are_those_of_whole_logits(case: str) -> None:
    """A vocabulary of three tiles; tokens that were never seen have a logit of -inf."""
    chance = torch.Generator().manual_seed(0)
    one, other = torch.randn((2, 40, 20_000), generator=chance).unbind()
    targets = torch.randint(9_000, 20_000, (40,), generator=chance)
    if case == "apart":
        one, other = one * 4 - 100, other * 30 + 1_000
    elif case == "ties":
        one, other = one * 0, other.round()
    elif case == "first tile":
        one[:, :9_000] = other[:, :9_000] = -torch.inf
    else:
        one[:, ::3] -= 200
        other[:, ::3] = -torch.inf
    sides: list[Any] = [
        SimpleNamespace(
            head=None, vocabulary=20_000, device=one.device, at_targets=lambda _, s=s: s
        )
        for s in (one, other)
    ]
    batch: Any = SimpleNamespace(ids=targets[None], targets=targets)
    found = Pair(*sides).of_batch(batch)
    p, q = (side.double().log_softmax(1) for side in (one, other))
    terms = torch.where(p.exp() < 1e-80, 0.0, p.exp() * (p - q))
    assert torch.allclose(found.kl.double(), terms.sum(1), rtol=1e-5, atol=1e-5)
    for mine, plain in ((found.reference, p), (found.other, q)):
        wanted = plain.gather(1, targets[:, None])[:, 0]
        assert torch.allclose(mine.double(), wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(found.same_top, p.argmax(1) == q.argmax(1))


def test_two_devices_are_compared_tile_by_tile(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone each would have tiles of its own size: the whole vocabulary on a GPU."""
    model, tokenizer = opened("llama")
    encodings = list(encode(tokenizer, STORIES, "context"))
    batch = build_batch(pieces_of(encodings, 64, 32)[:2], encodings)
    sides = Trunk(model), Trunk(shaken(model, 0.3))
    wanted = Pair(*sides).of_batch(batch)
    sizes = cycle([100, 1 << 18])
    for room in (head, divergence):
        monkeypatch.setattr(room, "tile_of", lambda _: next(sizes))
    found = Pair(*sides).of_batch(batch)
    torch.testing.assert_close(found.kl, wanted.kl, rtol=1e-4, atol=1e-5)
    assert torch.equal(found.same_top, wanted.same_top)
