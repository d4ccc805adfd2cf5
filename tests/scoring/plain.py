"""Scoring written the plain way: one text at a time, no batches, no tiles, float64 softmax."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

STORIES = (
    "The cat sat on the mat and looked at the moon.",
    "Old Mara lit the lamp. The lamp went out. She lit it again, and sat down to wait for day.",
    "A.",
    "Bears climb stairs\r\nat   night — naïve, but 🐻 true.",
    "hat",
    "“Where is it?” asked the little bear who could not find his hat, and looked on the mat, "
    "the moon, the stairs, the lamp, and at last in every evening there ever was.",
    "",
    "Once upon a time there was a cat.",
)


@dataclass
class Plain:
    """Numbers of the tokens behind the first; float64, top 10 by probability."""

    logprobs: np.ndarray
    ranks: np.ndarray
    entropies: np.ndarray
    top_ids: np.ndarray
    top_logprobs: np.ndarray

    @property
    def nll(self) -> float:
        return -float(self.logprobs.sum())


def plain_score(model: Any, ids: Sequence[int]) -> Plain:
    """All of `ids` in one forward pass."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([list(ids)])).logits[0, :-1].double()
    return numbers(logits, ids[1:])


def plain_windows(
    model: Any, ids: Sequence[int], context: int, stride: int, lead: int = 0
) -> Plain:
    """Every token in a forward pass of its own, over what its window lets it see.

    lead: how many of the first tokens (BOS) every window begins with.
    """
    rows = []
    new = context - lead - stride  # tokens that later windows bring
    for i in range(1, len(ids)):
        seen = list(ids[:i])
        if i >= context:
            start = context + (i - context) // new * new - stride
            seen = [*ids[:lead], *ids[start:i]]
        assert len(seen) < context
        with torch.no_grad():
            rows.append(model(input_ids=torch.tensor([seen])).logits[0, -1].double())
    return numbers(torch.stack(rows), ids[1:])


def numbers(logits: torch.Tensor, targets: Sequence[int]) -> Plain:
    logprobs = logits.log_softmax(-1)
    p = logprobs.exp()
    own = torch.tensor([row[t].item() for row, t in zip(logprobs, targets, strict=True)])
    ranks = [1 + int((row > row[t]).sum()) for row, t in zip(logits, targets, strict=True)]
    top = logprobs.topk(min(10, logits.shape[-1]), dim=-1)
    return Plain(
        own.double().numpy(),
        np.array(ranks, dtype=int),
        -(p * logprobs.clamp(min=-1e30)).sum(-1).numpy(),
        top.indices.numpy(),
        top.values.numpy(),
    )


def plain_ids(tokenizer: Any, text: str, first_token: str) -> list[int]:
    """What the model sees: in the tokenizer's own way, or BOS in front of the bare text."""
    if first_token == "context":
        return list(tokenizer(text)["input_ids"])
    return [tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]


def assert_agrees(score: Any, plain: Plain, *, tolerance: float = 1e-5) -> None:
    """A `StoryScore` against the plain numbers, token by token."""
    scored = score.ranks > 0
    assert scored.sum() == len(plain.ranks)
    assert score.summary.nll == _near(plain.nll, tolerance)
    np.testing.assert_allclose(score.logprobs[scored], plain.logprobs, rtol=tolerance, atol=1e-5)
    np.testing.assert_allclose(score.entropies[scored], plain.entropies, rtol=tolerance, atol=1e-5)
    width = plain.top_ids.shape[1]  # less than 10 where the vocabulary is
    top_ids, top = score.top_ids[scored][:, :width], score.top_logprobs[scored][:, :width]
    np.testing.assert_allclose(top, plain.top_logprobs, rtol=tolerance, atol=1e-5)
    # Ids and ranks may differ only where two logits are closer than float32 tells apart.
    swapped = top_ids != plain.top_ids
    for row, column in zip(*np.nonzero(swapped), strict=True):
        gaps = np.abs(np.diff(plain.top_logprobs[row]))
        assert min(gaps[max(0, column - 1) : column + 1]) < 1e-4
    assert np.mean(score.ranks[scored] == plain.ranks) > 0.95
    np.testing.assert_allclose(score.ranks[scored], plain.ranks, atol=2)


def _near(value: float, tolerance: float) -> Any:
    import pytest

    return pytest.approx(value, rel=tolerance, abs=1e-9)


def by_index(scored: Any) -> list[Any]:
    """Scores in the order of the texts, each exactly once."""
    pairs = sorted(scored, key=lambda pair: pair[0])
    assert [at for at, _ in pairs] == list(range(len(pairs)))
    return [score for _, score in pairs]


def same_numbers(one: Any, other: Any, relative: float) -> None:
    """Two scores of a text agree to `relative`; ids to the last."""
    np.testing.assert_array_equal(one.token_ids, other.token_ids)
    assert one.summary.nll == _near(other.summary.nll, relative)
    for name in ("logprobs", "entropies", "top_logprobs"):
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), rtol=relative, atol=2e-6, err_msg=name
        )


def spans(score: Any) -> list[tuple[int, int]]:
    return list(zip(score.starts.tolist(), score.ends.tolist(), strict=True))


def tiles_once(starts: Any, ends: Any, length: int) -> bool:
    """Spans in order, without a gap or an overlap, from 0 to `length`."""
    edges = [*zip(starts, ends, strict=True)]
    joined = all(a[1] == b[0] for a, b in itertools.pairwise(edges))
    return not edges or (edges[0][0] == 0 and joined and edges[-1][1] == length)
