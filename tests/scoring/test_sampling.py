"""Reshaped distributions against transformers', and draws against their probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core import EyebrowError
from eyebrow.core.scoring.dials import Dials
from eyebrow.core.scoring.draws import Wheel, draw_many, numbers
from eyebrow.core.scoring.next_table import entropy, next_table
from eyebrow.core.scoring.sampling import probabilities, reshape, set_by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

FOUR = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()


def shaped(logits: torch.Tensor, *context: int, **dials: Any) -> Any:
    return probabilities(reshape(logits, Dials(**dials), context))


@settings(max_examples=60, deadline=None)
@given(
    temperature=st.floats(0.05, 5),
    top_k=st.integers(0, 400),
    top_p=st.floats(0, 1),
    min_p=st.floats(0, 1),
    penalty=st.floats(0.5, 3),
    ids=st.lists(st.integers(2, 299), min_size=1, max_size=8),
)
def test_it_is_what_generate_draws_from(
    opened: Any,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    penalty: float,
    ids: list[int],
) -> None:
    model, _ = opened("llama")
    dials = Dials(temperature, top_k, top_p, min_p, penalty)
    given_ids = torch.tensor([ids])
    with torch.no_grad():
        logits = model(input_ids=given_ids).logits[0, -1]
        made = model.generate(
            given_ids,
            attention_mask=torch.ones_like(given_ids),
            do_sample=True,
            max_new_tokens=1,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            repetition_penalty=penalty,
            output_scores=True,
            return_dict_in_generate=True,
            pad_token_id=1,
        )
    wanted = made.scores[0][0].double().softmax(-1).numpy()
    found = probabilities(reshape(logits, dials, ids))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.sum() == pytest.approx(1)


def test_by_hand() -> None:
    assert shaped(FOUR, top_k=2).tolist() == pytest.approx([0.625, 0.375, 0, 0])
    assert shaped(FOUR, top_p=0.7).tolist() == pytest.approx([0.625, 0.375, 0, 0])
    assert shaped(FOUR, min_p=0.25).tolist() == pytest.approx([10 / 19, 6 / 19, 3 / 19, 0])
    squares = np.array([0.5, 0.3, 0.15, 0.05]) ** 2
    assert shaped(FOUR, temperature=0.5).tolist() == pytest.approx(squares / squares.sum())


@given(st.floats(0.01, 5))
def test_temperature_never_changes_the_order(temperature: float) -> None:
    assert np.argsort(-shaped(FOUR, temperature=temperature)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("cold", [0.0, 1e-45, 1e-30, 1e-3])
def test_no_temperature_is_greedy(cold: float) -> None:
    assert shaped(FOUR, temperature=cold).tolist() == pytest.approx([1, 0, 0, 0])
    assert shaped(torch.tensor([1.0, 2.0, 2.0]), temperature=0.0).tolist() == [0, 1, 0]


def test_boundless_temperature_is_uniform() -> None:
    assert shaped(FOUR, temperature=math.inf).tolist() == [0.25] * 4
    assert np.abs(shaped(FOUR, temperature=1e6) - 0.25).max() < 1e-5
    impossible = torch.tensor([0.0, -math.inf, 3.0])
    assert shaped(impossible, temperature=math.inf).tolist() == [0.5, 0, 0.5]


def test_a_penalty_is_for_what_was_there() -> None:
    logits = torch.tensor([2.0, 2.0, -1.0])
    assert reshape(logits, Dials(repetition_penalty=2.0), [0, 2]).tolist() == [-1.0, 0.0, -4.0]
    assert logits.tolist() == [2.0, 2.0, -1.0]


@pytest.mark.parametrize(
    "dials",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"top_k": -1},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"repetition_penalty": 0.0},
    ],
)
def test_dials_have_ranges(dials: Any) -> None:
    with pytest.raises(EyebrowError, match="use"):
        Dials(**dials)


def test_dials_in_words() -> None:
    assert Dials().label == "T 1"
    assert Dials(0.8, top_p=0.9).label == "T 0.8, top-p 0.9"
    assert Dials(0.0, top_k=3, repetition_penalty=1.2).label == "greedy, penalty 1.2"


def test_bars_set_by_hand() -> None:
    shares = probabilities(FOUR)
    assert set_by_hand(shares, {}).tolist() == shares.tolist()
    assert set_by_hand(shares, {3: 0.5}).tolist() == pytest.approx([10 / 38, 6 / 38, 3 / 38, 0.5])
    assert set_by_hand(shares, {0: 0.0, 1: 0.5}).tolist() == pytest.approx([0, 0.5, 0.375, 0.125])
    alone = np.array([1.0, 0.0, 0.0])
    assert set_by_hand(alone, {0: 0.5}).tolist() == [0.5, 0.25, 0.25]
    for bars in ({0: 0.7, 1: 0.7}, {0: -0.1}, dict.fromkeys(range(4), 0.1)):
        with pytest.raises(EyebrowError, match="sum to"):
            set_by_hand(shares, bars)


def test_draws_have_the_frequencies_of_their_probabilities(opened: Any) -> None:
    model, _ = opened("llama")
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[5, 6, 7]])).logits[0, -1]
    shares = shaped(logits, temperature=1.5, top_k=40)
    ids = np.flatnonzero(shares).tolist()
    draws = draw_many(shares, 20_000, 3, ids)
    counts = np.array([draws.counts[i] for i in ids])
    assert counts.sum() == 20_000
    common = shares[ids] * 20_000 > 5
    observed = np.append(counts[common], counts[~common].sum())
    expected = np.append(shares[ids][common], shares[ids][~common].sum()) * 20_000
    assert chisquare(observed[expected > 0], expected[expected > 0]).pvalue > 0.001
    assert [n for n, _ in draws.trail][:5] == [1, 2, 5, 10, 20]
    assert draws.trail[-1] == (20_000, draws.distance)
    assert draws.distance < 0.03 < draws.trail[0][1]
    frequencies = np.zeros_like(shares)
    frequencies[ids] = counts / 20_000
    assert draws.distance == pytest.approx(np.abs(frequencies - shares).sum() / 2)


@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 300))
def test_seeds_repeat_and_more_draws_begin_with_the_same(seed: int, few: int, more: int) -> None:
    shares = probabilities(FOUR)
    some, again = (draw_many(shares, few, seed, [0, 1]) for _ in range(2))
    assert some == again
    longer = draw_many(shares, few + more, seed, [0, 1])
    assert longer.counts[0] >= some.counts[0]
    assert set(some.trail[:-1]) <= set(longer.trail)
    one_by_one = [float(numbers(seed, skip).random()) for skip in range(few, few + min(more, 9))]
    assert one_by_one == numbers(seed).random(few + 9)[few : few + min(more, 9)].tolist()
    assert numbers(seed).random(few).tolist() == np.random.default_rng(seed).random(few).tolist()


@given(st.floats(0, 1, exclude_max=True))
def test_one_draw_step_by_step(u: float) -> None:
    wheel = Wheel(np.array([0.15, 0.5, 0.0, 0.05, 0.3]))
    draw = wheel.draw(u)
    assert draw.low <= u < draw.high
    assert wheel.ids.tolist() == [1, 4, 0, 3], "likeliest first, without what cannot be drawn"
    assert draw.token_id == wheel.ids[draw.place - 1]
    assert draw.high - draw.low == pytest.approx([0.5, 0.3, 0.15, 0.05][draw.place - 1])


def test_the_table_of_a_distribution() -> None:
    logits = torch.tensor([0.0, 3.0, 1.0, 3.0, -math.inf])
    base, cut = probabilities(logits), shaped(logits, top_k=2)
    table = next_table(logits.numpy(), base, cut, rows=3, true=0, wanted=[4, 99], draws=10, seed=1)
    assert [(bar.token_id, bar.rank) for bar in table.rows] == [(1, 1), (3, 1), (2, 3)]
    assert [bar.reshaped for bar in table.rows] == pytest.approx([0.5, 0.5, 0.0])
    assert table.true is not None
    assert (table.true.rank, table.true.logit) == (4, 0.0)
    assert [(bar.rank, bar.probability) for bar in table.wanted] == [(5, 0.0)]
    assert (table.vocabulary, table.kept) == (5, 2)
    assert math.exp(table.reshaped_entropy) == pytest.approx(2)
    assert table.entropy == pytest.approx(entropy(base))
    assert table.draws is not None
    assert table.draws.counts[1] + table.draws.counts[3] == table.draws.count == 10
    assert set(table.draws.counts) == {0, 1, 2, 3, 4}
    assert entropy(np.full(8, 0.125)) == pytest.approx(math.log(8))
