"""What several tokenizers have scored of a text: cuts against a plain search over characters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from eyebrow.core.results.compare.common import on_common_bytes, told
from eyebrow.core.results.compare.cuts import REACH, Cuts, behind, cuts_of, shared_cut
from eyebrow.core.scoring.scores import TOP, StoryScore, Summary
from hypothesis import given
from hypothesis import strategies as st


@dataclass(frozen=True)
class Told:
    """Spans of tokens, those from `first` on scored with these nats."""

    spans: list[tuple[int, int]]
    first: int
    nats: list[float]


def score_of(text: str, told: Told) -> StoryScore:
    """As the scorer puts it together."""
    size = len(told.spans)
    logprobs = np.full(size, np.nan, dtype=np.float32)
    logprobs[told.first :] = -np.array(told.nats, dtype=np.float32)
    scored = ~np.isnan(logprobs)
    starts, ends = np.array(told.spans, dtype=np.int32).reshape(-1, 2).T
    begin = int(starts[scored][0]) if scored.any() else len(text)
    nll = float(-logprobs[scored].sum(dtype=np.float64)) + 0.0
    return StoryScore(
        np.zeros(size, dtype=np.int32),
        starts,
        ends,
        logprobs,
        logprobs,
        scored.astype(np.int32),
        np.zeros((size, TOP), dtype=np.int32),
        np.zeros((size, TOP), dtype=np.float32),
        Summary(int(scored.sum()), len(text[begin:].encode()), nll),
    )


def cuts_and_sums(text: str, *several: Told) -> tuple[list[Cuts], tuple[int, list[float]] | None]:
    cuts = [cuts_of(text, score_of(text, one)) for one in several]
    at = shared_cut(cuts)
    if at is None:
        return cuts, None
    found = [behind(one, at) for one in cuts]
    assert len({size for size, _ in found}) == 1
    return cuts, (found[0][0], [nll for _, nll in found])


def by_search(text: str, *several: Told) -> tuple[int, list[float]] | None:
    """The smallest character that all models have scored from its first token on, with the nats
    of all tokens that belong to it or to a later one."""
    for at in range(len(text)):
        sums = []
        for one in several:
            scored = list(zip(one.spans[one.first :], one.nats, strict=True))
            if not any(start == at < end for (start, end), _ in scored):
                break
            owned = [(a if a < b else max(0, a - 1), nats) for (a, b), nats in scored]
            sums.append(math.fsum(nats for owner, nats in owned if owner >= at))
        else:
            return len(text[at:].encode()), sums
    return None


@st.composite
def tokenised(draw: st.DrawFn, text: str) -> Told:
    """Tokens of some characters; later parts of a character, a dummy in front, an EOS behind."""
    size = len(text)
    ends = sorted(draw(st.sets(st.integers(1, size - 1)))) if size > 1 else []
    bounds = [0, *ends, *([size] if size else [])]
    spans = [(0, 0)] * draw(st.integers(0, 1))
    for start, end in pairwise(bounds):
        spans += [(start, end), *[(end, end)] * draw(st.sampled_from([0, 0, 0, 1, 3]))]
    first = draw(st.integers(0, min(2, len(spans))))
    left = len(spans) - first
    nats = st.floats(0, 50, width=32)
    return Told(spans, first, draw(st.lists(nats, min_size=left, max_size=left)))


@given(st.data(), st.text(max_size=REACH // 2))
def test_sums_are_those_of_a_plain_search(data: st.DataObject, text: str) -> None:
    several = [data.draw(tokenised(text)) for _ in range(data.draw(st.integers(1, 3)))]
    _, found = cuts_and_sums(text, *several)
    wanted = by_search(text, *several)
    if found is None or wanted is None:
        assert found == wanted
        return
    assert found[0] == wanted[0]
    assert found[1] == pytest.approx(wanted[1], rel=1e-12, abs=1e-12)


@given(st.data(), st.text(min_size=1, max_size=200))
def test_models_of_one_tokenizer_share_what_each_has_scored(data: st.DataObject, text: str) -> None:
    ends = sorted(data.draw(st.sets(st.integers(1, len(text)), max_size=40)) | {len(text)})
    spans = list(zip([0, *ends[:-1]], ends, strict=True))
    first = data.draw(st.integers(0, min(1, len(spans) - 1)))
    some = st.lists(st.floats(0, 50, width=32), min_size=len(spans), max_size=len(spans))
    several = [Told(spans, first, data.draw(some)[first:]) for _ in range(2)]
    _, found = cuts_and_sums(text, *several)
    own = [score_of(text, one).summary for one in several]
    if found is None:
        assert first == len(spans)
        return
    assert found == (own[0].bytes, [one.nll for one in own])  # to the last bit


def test_one_that_scores_the_first_word_is_cut_behind_it() -> None:
    text = "Once upon"
    with_bos = Told([(0, 0), (0, 4), (4, 9)], 1, [5.0, 2.0])
    without = Told([(0, 4), (4, 7), (7, 9)], 1, [1.5, 1.25])
    _, found = cuts_and_sums(text, with_bos, without)
    assert found == (5, [2.0, 2.75])


def test_no_character_is_cut_and_an_eos_goes_with_the_text() -> None:
    text = "a😀b"
    parts = Told([(0, 1), (1, 2), (2, 2), (2, 2), (2, 3), (3, 3)], 1, [1.0, 2.0, 4.0, 8.0, 16.0])
    whole = Told([(0, 2), (2, 3)], 1, [3.0])
    cuts, found = cuts_and_sums(text, parts, whole)
    assert cuts[0]["at"].tolist() == [1, 2]
    assert found == (1, [24.0, 3.0])
    begun = Told([(0, 1), (1, 1), (1, 3)], 1, [1.0, 2.0])  # the rest of a character begun before
    cuts, _ = cuts_and_sums(text, begun)
    assert cuts[0].tolist() == [(1, 5, 2.0)]


def test_what_stands_in_front_of_the_text_goes_with_its_first_character() -> None:
    dummy = Told([(0, 0), (0, 0), (0, 2), (2, 3)], 1, [1.0, 2.0, 4.0])
    cuts, _ = cuts_and_sums("abc", dummy)
    assert cuts[0].tolist() == [(0, 3, 7.0), (2, 1, 4.0)]


def test_the_impossible_is_left_behind_a_later_cut() -> None:
    one = Told([(0, 1), (1, 2), (2, 3)], 0, [math.inf, 1.0, 2.0])
    cuts, _ = cuts_and_sums("abc", one)
    assert cuts[0]["nll"].tolist() == [math.inf, 3.0, 2.0]


def test_nothing_scored_has_no_cuts() -> None:
    for text, one in (("a", Told([(0, 1)], 1, [])), ("", Told([(0, 0)], 0, [1.0]))):
        cuts, found = cuts_and_sums(text, one)
        assert (len(cuts[0]), found) == (0, None)


def test_cuts_stay_within_reach() -> None:
    text = "x" * 1000
    letters = Told([(i, i + 1) for i in range(1000)], 0, [1.0] * 1000)
    cuts, _ = cuts_and_sums(text, letters)
    assert cuts[0]["at"].tolist() == list(range(REACH))
    assert cuts[0][-1].item() == (REACH - 1, 1000 - REACH + 1, 1000 - REACH + 1)


def test_a_story_without_a_shared_cut_has_no_common_part() -> None:
    texts = {"a": "one two", "b": "abcd"}
    models = [
        {"a": Told([(0, 3), (3, 7)], 1, [1.0]), "b": Told([(0, 2), (2, 4)], 1, [2.0])},
        {"a": Told([(0, 3), (3, 7)], 0, [4.0, 8.0]), "b": Told([(0, 1), (1, 4)], 1, [16.0])},
    ]
    scores = [{name: score_of(texts[name], t) for name, t in model.items()} for model in models]
    cuts = [{name: cuts_of(texts[name], s) for name, s in model.items()} for model in scores]
    size = np.array([[model[name].summary.bytes for name in texts] for model in scores])
    nll = np.array([[model[name].summary.nll for name in texts] for model in scores])
    scored = np.ones((2, 2), dtype=bool)

    def common(tokenizers: str, which: np.ndarray, known: list[dict[str, Cuts]]) -> list[object]:
        found = on_common_bytes(tokenizers, which, size, nll, known, list(texts))
        return [numbers.tolist() for numbers in found]

    assert common("tu", scored, cuts) == [[[4, 0], [4, 0]], [[1.0, 0.0], [8.0, 0.0]]]
    assert common("tt", scored, [{}, {}]) == [size.tolist(), nll.tolist()]
    alone = np.array([[True, False], [True, True]])  # what one has not scored holds up no other
    assert common("tu", alone, cuts) == [[[4, 0], [4, 3]], [[1.0, 0.0], [8.0, 16.0]]]
    assert common("tu", scored, [cuts[0], {}]) == [[[0, 0]] * 2, [[0.0, 0.0]] * 2]


def test_what_is_left_out_is_said() -> None:
    assert told(71_261, 71_261, 0) == "the 71,261 bytes that all models scored"
    assert told(990, 1000, 2) == (
        "the 990 bytes that all models scored, leaving out up to 10 (1.0 %), "
        "among them all of 2 stories"
    )
