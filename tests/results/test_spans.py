"""Two models lined up: spans against a plain search, over any text and two makes of tokenizer."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from eyebrow.core.results.compare.cuts import REACH, behind, cuts_of, shared_cut
from eyebrow.core.results.compare.kinds import KINDS, describe, firsts_of
from eyebrow.core.results.compare.spans import NONE, Spans, align
from eyebrow.core.scoring.encode import encode
from eyebrow.core.scoring.scores import StoryScore, Summary
from eyebrow.core.scoring.sentences import sentence_spans
from eyebrow.core.scoring.units import by_sentence, by_word
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tokenizers import TEXTS, byte_level, sentencepiece_like

MADE = {"byte-level": lambda: byte_level(False), "sentencepiece": sentencepiece_like}
BOTH = [("byte-level", "sentencepiece"), ("sentencepiece", "byte-level")]
TEXT = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("thea é\n🐻\u0301.\"'")),
    max_size=40,
)


@cache
def made(name: str) -> Any:
    return MADE[name]()


def scored(name: str, text: str, seed: int, first_token: str = "context") -> StoryScore:
    """The text as the tokenizer takes it apart, with made-up numbers."""
    (encoding,) = encode(made(name), [text], first_token)
    at = encoding.hidden
    size = len(encoding) - at
    ranks = np.ones(size, dtype=np.int32)
    ranks[: 1 - at] = 0  # nothing is said about the first of the sequence
    rng = np.random.default_rng(seed)
    numbers = np.where(ranks > 0, rng.exponential(4, (2, size)), np.nan).astype(np.float32)
    starts = encoding.starts[at:]
    begin = int(starts[ranks > 0][0]) if ranks.any() else len(text)
    nll = float(numbers[0][ranks > 0].sum(dtype=np.float64))
    return StoryScore(
        encoding.ids[at:],
        starts,
        encoding.ends[at:],
        -numbers[0],
        numbers[1],
        ranks,
        np.empty((size, 0), dtype=np.int32),
        np.empty((size, 0), dtype=np.float32),
        Summary(int((ranks > 0).sum()), len(text[begin:].encode()), nll),
    )


def by_search(text: str, one: StoryScore, other: StoryScore) -> list[tuple[int, int, float, float]]:
    """(start, end, nats of both) of every stretch, character by character."""
    cuts = [{int(place) for place, _, _ in cuts_of(text, score).tolist()} for score in (one, other)]
    bounds = [at for at in range(len(text)) if at in cuts[0] & cuts[1]]
    return [
        (start, end, *(nats_of(score, start, end, len(text)) for score in (one, other)))
        for start, end in pairwise([*bounds, len(text)])
    ]


def nats_of(score: StoryScore, start: int, end: int, length: int) -> float:
    """Of the tokens that belong to these characters; one without any to the one in front of it."""
    found = 0.0
    rows = zip(score.starts.tolist(), score.ends.tolist(), score.surprises.tolist(), strict=True)
    for a, b, nats in rows:
        owner = a if a < b else max(0, a - 1)
        if nats == nats and start <= owner < end:
            found += nats
    return found


@pytest.mark.parametrize("names", BOTH)
@pytest.mark.parametrize("first_token", ["context", "scored"])
@settings(deadline=None, max_examples=60)
@given(text=TEXT, seed=st.integers(0, 99))
def test_spans_are_the_smallest_that_both_cut_at(
    names: tuple[str, str], first_token: str, text: str, seed: int
) -> None:
    one, other = (scored(name, text, seed, first_token) for name in names)
    spans = align(text, one, other)
    wanted = by_search(text, one, other)
    assert list(zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)) == [
        found[:2] for found in wanted
    ]
    both = np.array([found[2:] for found in wanted]).reshape(-1, 2)
    np.testing.assert_allclose(spans.nats_reference, both[:, 0], atol=1e-6)
    np.testing.assert_allclose(spans.nats_model, both[:, 1], atol=1e-6)


@pytest.mark.parametrize("names", [*BOTH, ("byte-level", "byte-level")])
@settings(deadline=None, max_examples=60)
@given(text=TEXT, seed=st.integers(0, 99))
def test_sums_are_the_totals_of_what_both_scored(
    names: tuple[str, str], text: str, seed: int
) -> None:
    one, other = (scored(name, text, seed + n) for n, name in enumerate(names))
    spans = align(text, one, other)
    cuts = [cuts_of(text, score) for score in (one, other)]
    at = shared_cut(cuts)
    if at is None:
        assert len(spans) == 0
        return
    totals = [behind(found, at)[1] for found in cuts]
    if names[0] == names[1]:
        totals = [one.summary.nll, other.summary.nll]
    assert spans.nats_reference.sum() == pytest.approx(totals[0], abs=1e-6)
    assert spans.nats_model.sum() == pytest.approx(totals[1], abs=1e-6)
    assert (int(spans.starts[0]), int(spans.ends[-1])) == (at, len(text))
    assert spans.starts[1:].tolist() == spans.ends[:-1].tolist()


@settings(deadline=None, max_examples=60)
@given(text=TEXT)
def test_models_of_one_tokenizer_are_lined_up_token_by_token(text: str) -> None:
    one, other = scored("byte-level", text, 1), scored("byte-level", text, 2)
    spans = align(text, one, other)
    own = (one.ranks > 0) & (one.starts < one.ends)
    assert spans.starts.tolist() == one.starts[own].tolist()
    assert spans.ends.tolist() == one.ends[own].tolist()
    whole = len(own) and bool((one.starts < one.ends).all())
    if whole:
        assert spans.nats_reference.astype(np.float32).tolist() == one.surprises[own].tolist()


def test_pieces_of_a_character_are_one_span() -> None:
    text = "the 🐻 the"
    one, other = scored("byte-level", text, 1), scored("sentencepiece", text, 2)
    spans = align(text, one, other)
    shown = [text[a:b] for a, b in zip(spans.starts, spans.ends, strict=True)]
    assert "".join(shown) == text[int(spans.starts[0]) :]
    assert any(piece.strip() == "🐻" for piece in shown)
    assert (one.starts == one.ends).any()  # there were pieces


def test_the_surprise_that_was_expected_is_summed_too() -> None:
    text = "the cat"
    one, other = scored("sentencepiece", text, 1), scored("byte-level", text, 2)
    (found,) = align(text, one, other).united(np.array([0])).entropies.tolist()
    begin = align(text, one, other).starts[0]
    kept = (other.ranks > 0) & (other.starts >= begin)
    assert found == pytest.approx(float(other.entropies[kept].sum()), rel=1e-6)


def test_nothing_in_common_has_no_spans() -> None:
    assert len(align("", scored("byte-level", "", 1), scored("sentencepiece", "", 1))) == 0
    alone = scored("byte-level", "a", 1)
    assert align("a", alone, alone) is NONE
    far = "x" * (REACH + 9)
    letters = _letters(far, list(range(len(far) + 1)))
    assert align(far, letters, _letters(far, [0, 1, REACH + 5, len(far)])).starts[0] == 1
    late = _letters(far, [0, REACH + 5, len(far)])
    assert shared_cut([cuts_of(far, letters), cuts_of(far, late)]) is None
    assert align(far, letters, late) is NONE
    assert align(far, _letters(far, [0, 1, len(far)]), _letters(far, [0, 2, len(far)])) is NONE


def _letters(text: str, bounds: list[int]) -> StoryScore:
    """Tokens between these places, all scored but the first."""
    size = len(bounds) - 1
    nats = np.ones(size, dtype=np.float32)
    nats[0] = np.nan
    ranks = np.ones(size, dtype=np.int32)
    ranks[0] = 0
    return StoryScore(
        np.array(bounds[1:], dtype=np.int32),
        np.array(bounds[:-1], dtype=np.int32),
        np.array(bounds[1:], dtype=np.int32),
        -nats,
        nats,
        ranks,
        np.empty((size, 0), dtype=np.int32),
        np.empty((size, 0), dtype=np.float32),
        Summary(size - 1, len(text) - bounds[1], float(size - 1)),
    )


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_words_and_sentences_are_those_of_the_units(text: str) -> None:
    """Of one tokenizer; the unions of spans are then the units of the tokens."""
    if any("\ud800" <= ch <= "\udfff" for ch in text):
        pytest.skip("no tokenizer takes half a surrogate pair")
    one, other = scored("byte-level", text, 1), scored("byte-level", text, 2)
    spans = align(text, one, other)
    described = describe(text, spans, sentence_spans(text))
    assert described.sizes.sum() == one.summary.bytes
    assert set(described.kinds.tolist()) <= set(range(len(KINDS)))
    for unit, find in (("word", by_word), ("sentence", by_sentence)):
        united = spans.united(firsts_of(unit, described.traits))
        wanted = [u for u in find(text, one) if _has_text(one, u)]
        assert united.nats_reference.tolist() == pytest.approx([u.surprise for u in wanted])
        assert len(united) == len(wanted)


def _has_text(score: StoryScore, unit: Any) -> bool:
    """Whether a scored token of the unit has characters."""
    rows = slice(unit.first, unit.last + 1)
    return bool(((score.ranks[rows] > 0) & (score.starts[rows] < score.ends[rows])).any())


@settings(deadline=None, max_examples=60)
@given(text=TEXT)
def test_every_span_of_any_text_has_a_kind(text: str) -> None:
    one, other = scored("byte-level", text, 1), scored("sentencepiece", text, 2)
    spans: Spans = align(text, one, other)
    described = describe(text, spans, sentence_spans(text))
    begin = int(spans.starts[0]) if len(spans) else len(text)
    assert described.sizes.sum() == len(text[begin:].encode())
    assert len(described.words) == len(firsts_of("word", described.traits))
    for unit in ("word", "sentence"):
        united = spans.united(firsts_of(unit, described.traits))
        assert united.nats_model.sum() == pytest.approx(spans.nats_model.sum())
