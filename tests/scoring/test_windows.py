"""Windows: every token once, with enough before it."""

from __future__ import annotations

import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.windows import windows
from hypothesis import given
from hypothesis import strategies as st


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, int, int]:
    context = draw(st.integers(2, 60))
    return draw(st.integers(0, 300)), context, draw(st.integers(1, context - 1))


@given(shapes())
def test_every_token_once_with_enough_before_it(shape: tuple[int, int, int]) -> None:
    length, context, stride = shape
    scored = []
    for n, window in enumerate(windows(length, context, stride)):
        assert 0 <= window.start < window.first < window.stop <= length
        assert window.stop - window.start <= context
        assert window.fed == window.stop - window.start - 1
        assert window.first - window.start >= (1 if n == 0 else stride)
        scored += range(window.first, window.stop)
    assert scored == list(range(1, length))


@given(st.integers(2, 100), st.integers(0, 50))
def test_what_fits_gets_one_window(length: int, room: int) -> None:
    context = length + room
    (window,) = windows(length, context, 1)
    assert window == (0, length, 1, 0)


def test_by_hand() -> None:
    assert list(windows(10, 4, 2)) == [*((0, 4, 1, 0), (2, 6, 4, 0), (4, 8, 6, 0), (6, 10, 8, 0))]
    assert list(windows(1, 4, 2)) == []


@given(shapes(), st.integers(2, 100))
def test_a_recipe_within_a_model_is_a_good_recipe(
    shape: tuple[int, int, int], positions: int
) -> None:
    _, context, stride = shape
    recipe = Recipe("context", context, stride).within(positions)
    assert recipe.context == min(context, positions)
    assert 1 <= recipe.stride <= stride
    assert recipe.stride < recipe.context


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_token": "bos"},
        {"context": 1},
        {"stride": 1024},
        {"stride": -1},
        {"dtype": "float8"},
    ],
)
def test_bad_recipes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(EyebrowError, match="Bad recipe"):
        Recipe(**wrong)  # type: ignore[arg-type]


def test_a_recipe_has_a_name_for_each_choice() -> None:
    base = Recipe("context", 512, 256, "float32", "cpu")
    others = [
        Recipe("scored", 512, 256, "float32", "cpu"),
        Recipe("context", 256, 128, "float32", "cpu"),
        Recipe("context", 512, 255, "float32", "cpu"),
        Recipe("context", 512, 256, "bfloat16", "cpu"),
        Recipe("context", 512, 256, "float32", "cuda"),
    ]
    assert len({r.digest for r in [base, *others]}) == 6
    assert Recipe("context", 512).settled("cpu", "float32") == base
    assert Recipe("context", 512).settled("cpu", "float32").digest == base.digest
    assert base.differences(others[0]) == ["first token context / scored"]
    assert base.settled("cuda", "bfloat16") == base
    assert not Recipe().is_settled
    assert base.is_settled
