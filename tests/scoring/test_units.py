"""Words and sentences: every token in one unit, sums kept, the correction as it is defined."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core.errors import EyebrowError
from eyebrow.core.scoring.boundaries import begins_word, log_boundaries
from eyebrow.core.scoring.positions import SentencePositions
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.scores import TOP, StoryScore, Summary
from eyebrow.core.scoring.sentences import sentence_spans
from eyebrow.core.scoring.units import Unit, by_sentence, by_word
from eyebrow.core.stories import bundled_stories
from hypothesis import given, settings
from hypothesis import strategies as st

from .plain import STORIES, by_index, tiles_once
from .stubs import Table, letters

SPACES = "ĠĊĉčċČĜĝĞğ"  # the bytes of ASCII that are spaces, as byte-level BPE writes them


def recipe(first_token: str = "context", context: int = 64, stride: int = 0) -> Recipe:
    return Recipe(first_token, context, stride, "float32", "cpu")


def score_of(spans: list[tuple[int, int]], nats: list[float], first: int = 1) -> StoryScore:
    """A score with these spans; tokens before `first` are context."""
    size = len(spans)
    logprobs = np.array([math.nan if i < first else -n for i, n in enumerate(nats)], np.float32)
    ranks = np.array([0 if i < first else 1 for i in range(size)], np.int32)
    starts, ends = (np.array([s[k] for s in spans], np.int32) for k in (0, 1))
    return StoryScore(
        np.zeros(size, np.int32),
        starts,
        ends,
        logprobs,
        np.zeros(size, np.float32),
        ranks,
        np.zeros((size, TOP), np.int32),
        np.zeros((size, TOP), np.float32),
        Summary(size - first, 1, float(-np.nansum(logprobs.astype(float)))),
    )


def read(text: str, units: list[Unit]) -> list[str]:
    return [text[unit.start : unit.end] for unit in units]


def ranges(units: list[Unit]) -> list[tuple[int, int]]:
    return [(unit.first, unit.last) for unit in units]


def test_a_leading_space_belongs_to_the_word_behind_it() -> None:
    text = "The cat’s  hat.\n"
    spans = [(0, 3), (3, 7), (7, 9), (9, 10), (10, 14), (14, 15), (15, 16)]
    score = score_of(spans, [9.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    units = by_word(text, score)
    assert read(text, units) == ["The", "cat’s", "hat."]
    assert ranges(units) == [(0, 0), (1, 2), (3, 6)]
    assert [unit.surprise for unit in units] == [0.0, 3.0, 60.0]
    assert [unit.scored for unit in units] == [0, 2, 4]
    assert [unit.is_whole for unit in units] == [False, True, True]


def test_tokens_without_characters_stay_with_the_token_before() -> None:
    text = "ok 🐻 so"
    spans = [(0, 0), (0, 2), (2, 4), (4, 4), (4, 4), (4, 7), (7, 7)]  # BOS, bytes, EOS
    units = by_word(text, score_of(spans, [0.0, *[1.0] * 6]))
    assert read(text, units) == ["ok", "🐻", "so"]
    assert ranges(units) == [(0, 1), (2, 4), (5, 6)]


def test_a_token_over_several_words_joins_them() -> None:
    text = "one of the two"
    units = by_word(text, score_of([(0, 3), (3, 10), (10, 14)], [1.0] * 3, first=0))
    assert read(text, units) == ["one", "of the", "two"]
    units = by_word(text, score_of([(0, 6), (6, 10), (10, 14)], [1.0] * 3, first=0))
    assert read(text, units) == ["one of", "the", "two"]
    units = by_word(text, score_of([(0, 14)], [5.0], first=0))
    assert read(text, units) == ["one of the two"]
    assert units[0].surprise == 5.0


def test_texts_without_words() -> None:
    assert list(by_word("", score_of([], [], first=0))) == []
    assert by_word("", score_of([(0, 0)], [1.0], first=0))[0].surprise == 1.0
    (unit,) = by_word("  \n", score_of([(0, 2), (2, 3)], [1.0, 2.0], first=0))
    assert (unit.start, unit.end, unit.surprise) == (0, 3, 3.0)
    sentences = by_sentence("  \n", score_of([(0, 2), (2, 3)], [1.0, 2.0], first=0))
    assert list(sentences) == [unit]


def test_the_impossible_stays_infinite() -> None:
    score = score_of([(0, 1), (1, 3), (3, 5)], [1.0, math.inf, 2.0], first=0)
    edges = np.array([0.0, -1.0, -math.inf, -1.0], np.float32)
    assert [u.surprise for u in by_word("a b c", score)] == [1.0, math.inf, 2.0]
    corrected = [u.surprise for u in by_word("a b c", score, log_boundary=edges)]
    assert corrected[:2] == [2.0, math.inf]


@st.composite
def scored_texts(draw: st.DrawFn) -> tuple[str, StoryScore]:
    """A text, cut anywhere into tokens, some of them empty, from some token on scored."""
    text = draw(st.text(st.sampled_from("ab. \n\t🐻é!\u3000"), max_size=30))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=20)))
    edges = [0, *cuts, len(text)]
    spans = list(itertools.pairwise(edges))
    nats = draw(st.lists(st.floats(0, 50, width=32), min_size=len(spans), max_size=len(spans)))
    return text, score_of(spans, nats, draw(st.integers(0, 2)) if len(spans) > 1 else 0)


@given(scored_texts(), st.booleans())
def test_every_token_is_in_one_unit_and_sums_add_up(
    case: tuple[str, StoryScore], words: bool
) -> None:
    text, score = case
    units = by_word(text, score) if words else by_sentence(text, score)
    tokens = [i for unit in units for i in range(unit.first, unit.last + 1)]
    assert tokens == list(range(len(score)))
    assert sum(unit.surprise for unit in units) == pytest.approx(score.summary.nll, abs=1e-9)
    assert sum(unit.scored for unit in units) == int((score.ranks > 0).sum())
    edges = [edge for unit in units for edge in (unit.start, unit.end)]
    assert edges == sorted(edges)
    if text.strip():
        covered = "".join(read(text, units))
        assert "".join(covered.split()) == "".join(text.split()), "every word is in some unit"


@given(scored_texts(), st.data())
def test_the_correction_telescopes(case: tuple[str, StoryScore], data: st.DataObject) -> None:
    """The text's total changes only at its ends, whatever the boundaries in between are."""
    text, score = case
    size = len(score) + 1
    logs = st.lists(st.floats(-20, 0, width=32), min_size=size, max_size=size)
    edges = np.array(data.draw(logs), np.float32)
    for units in (by_word, by_sentence):
        total = sum(u.surprise for u in units(text, score, log_boundary=edges))
        shown = (score.ranks == 0) & (score.ends == score.starts)
        begin = next((i for i, skip in enumerate(shown) if not skip), 0)
        ends = float(edges[begin]) - float(edges[-1])
        assert total == pytest.approx(score.summary.nll + ends, abs=1e-5)


def test_corrections_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="3 boundaries for 1 tokens"):
        by_word("a", score_of([(0, 1)], [1.0]), log_boundary=np.zeros(3, np.float32))


# --- the correction, against its definition ---------------------------------------------------


def test_corrected_words_have_probabilities_that_sum_to_one() -> None:
    """Over all words of a, b behind `a`: corrected 1, else more (Oh & Schuler 2024)."""
    alphabet = "·ab "
    torch.manual_seed(3)
    logits = torch.randn(4, 4)
    logits[:, 0] = -torch.inf  # · is only the unknown character
    logits[:, 3] += 2.0
    logits[3, 3] = -torch.inf  # a word has a letter
    scorer = Scorer(Table(logits), letters(alphabet), recipe())
    words = ["".join(w) for n in range(1, 11) for w in itertools.product("ab", repeat=n)]
    texts = [f"a {word}" for word in words]
    scores = by_index(scorer.score(texts))
    edges = log_boundaries(scorer, texts)
    plain, corrected = 0.0, 0.0
    for text, score, edge in zip(texts, scores, edges, strict=True):
        plain += math.exp(-by_word(text, score)[1].surprise - edge[1])  # given the space
        corrected += math.exp(-by_word(text, score, log_boundary=edge)[1].surprise)
    # What is left are words of more than ten letters.
    p = logits.softmax(1)
    left = p[3, 1:3] @ torch.linalg.matrix_power(p[1:3, 1:3], 10).sum(1)
    assert corrected == pytest.approx(1.0 - left.item(), abs=1e-5)
    assert plain > 1.2


@pytest.mark.parametrize("first_token", ["context", "scored"])
@pytest.mark.parametrize("name", ["llama", "wide", "capped"])
def test_boundaries_equal_the_plain_ones(opened: Any, name: str, first_token: str) -> None:
    model, tokenizer = opened(name)
    texts = [text for text in STORIES if len(tokenizer(text)["input_ids"]) < 60]
    scorer = Scorer(model, tokenizer, recipe(first_token), budget=150)
    vocabulary = tokenizer.get_vocab()
    begin = torch.zeros(scorer.trunk.vocabulary, dtype=torch.bool)
    for token, i in vocabulary.items():
        begin[i] = token[0] in SPACES
    for text, got in zip(texts, log_boundaries(scorer, texts), strict=True):
        ids = tokenizer(text)["input_ids"]
        fed = [tokenizer.bos_token_id, *ids] if first_token == "scored" else ids
        wanted = []
        if fed:
            with torch.no_grad():
                p = model(input_ids=torch.tensor([fed])).logits[0].double().softmax(-1)
            boundary = p[:, begin].sum(1) + p[:, tokenizer.eos_token_id]
            wanted = boundary.log().tolist()
            if first_token == "scored" and ids and not begin[ids[0]]:
                wanted[0] = p[0, ~begin].sum().log().item()
        wanted = wanted if first_token == "scored" else [math.nan, *wanted]
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-6)
        assert len(got) == len(ids) + 1


def test_boundaries_of_long_texts_come_from_the_windows_of_the_scores(opened: Any) -> None:
    """A word's first token is never likelier than all tokens that begin a word."""
    scorer = Scorer(*opened("gpt2"), recipe("context", 16, 4))
    text = " ".join(STORIES[:4])
    ((_, score),) = scorer.score([text])
    (edges,) = log_boundaries(scorer, [text])
    starts = [unit.first for unit in by_word(text, score)[1:]]
    assert (score.logprobs[starts] <= edges[starts] + 1e-5).all()
    assert np.isfinite(edges[1:]).all()


def test_the_total_changes_only_at_its_ends(opened: Any) -> None:
    scorer = Scorer(*opened("llama"), recipe("scored"))
    texts = [STORIES[0], STORIES[3], STORIES[7]]
    edges = log_boundaries(scorer, texts)
    for text, score, edge in zip(texts, by_index(scorer.score(texts)), edges, strict=True):
        units = by_word(text, score, log_boundary=edge)
        total = sum(unit.surprise for unit in units)
        ends = float(edge[0]) - float(edge[-1])
        assert total == pytest.approx(score.summary.nll + ends, abs=1e-9)
        plain = by_word(text, score)
        assert any(abs(a.surprise - b.surprise) > 0.01 for a, b in zip(units, plain, strict=True))
        assert min(unit.surprise for unit in units) > -1e-5, "still a probability"


def test_tokens_that_mark_no_words_are_refused() -> None:
    with pytest.raises(EyebrowError, match="begins with a space"):
        begins_word(letters("·ab"), 3)


# --- sentences ----------------------------------------------------------------------------------


def five_sentence_stories() -> list[str]:
    return [story.text for story in bundled_stories() if story.kind != "longer"]


def test_the_five_sentence_stories_have_five() -> None:
    texts = five_sentence_stories()
    assert len(texts) == 80
    for text in texts:
        assert len(sentence_spans(text)) == 5, text


@pytest.mark.parametrize(
    "sentences",
    [
        ["“Where is it?” asked the bear. ", "It was on his head."],
        ['"Stop! Come here," said Tom. ', '"Why?" she asked.'],
        ['They said, "Hello. We are under the bed. Boo!"\n', "They ran away."],
        ['"It was only mine," he said. ', '"In June. I left the rest." ', "He wept.\n\n", "So?"],
        ["Dr. Smith paid $3.50 to Mrs. Jones at 5 p.m. on Friday. ", "He left."],
        ["J. R. R. Tolkien wrote it... ", "No!! ", "Really?!"],
        ["今天很好。", "明天呢？", "「好。」", "他说。"],
        ["नमस्ते। ", "आप कैसे हैं?"],
        ["  A line\nbreak does not end one. ", "Yes.\r\n\r\n", "A blank line\n\n", "does.\n"],
        ["Only one"],
        [" \n "],
    ],
)
def test_sentences(sentences: list[str]) -> None:
    text = "".join(sentences)
    assert [text[a:b] for a, b in sentence_spans(text)] == sentences


@given(st.text(st.one_of(st.sampled_from('ab. !?"“”\n\r\ud83d'), st.characters()), max_size=60))
def test_sentences_tile_any_text(text: str) -> None:
    spans = sentence_spans(text)
    assert tiles_once([a for a, _ in spans], [b for _, b in spans], len(text))
    assert bool(spans) == bool(text)
    if text.strip():
        assert all(text[a:b].strip() for a, b in spans)


def test_a_word_lies_in_one_sentence(opened: Any) -> None:
    scorer = Scorer(*opened("llama"), recipe("scored"))
    texts = five_sentence_stories()[:6]
    for text, score in zip(texts, by_index(scorer.score(texts)), strict=True):
        sentences = by_sentence(text, score)
        assert [text[u.start : u.end] for u in sentences] == [
            text[a:b].strip() for a, b in sentence_spans(text)
        ]
        words = iter(by_word(text, score))
        for sentence in sentences:
            inside = []
            while not inside or inside[-1].last < sentence.last:
                inside.append(next(words))
            assert (inside[0].first, inside[-1].last) == (sentence.first, sentence.last)
            assert sum(w.surprise for w in inside) == pytest.approx(sentence.surprise)


def test_positions_by_hand() -> None:
    five = "Ay. Be. Ce. De. Ee."
    spans = [(0, 3), (3, 7), (7, 11), (11, 14), (14, 15), (15, 19)]
    one = score_of(spans, [7.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    two = score_of(spans, [1.0, 1.0, 2.0, 3.0, 4.0, 5.0], first=0)
    four = score_of([(0, 5), (5, 11)], [100.0, 100.0], first=0)
    counter = SentencePositions()
    none = counter.positions()
    for text, score in ((five, one), ("Ay. Be. Ce. De.", four), (five, two)):
        counter.add(text, score)
    found = counter.positions()
    assert found.stories == 2
    assert found.tokens == (1, 2, 2, 4, 2), "the first token of one was context"
    assert found.nll == (1.0, 2.0, 4.0, 14.0, 10.0)
    assert found.means == (1.0, 1.0, 2.0, 3.5, 5.0)
    assert found.to_json()[3] == {"position": 4, "tokens": 4, "nll": 14.0, "surprise": 3.5}
    assert (none.stories, none.tokens) == (0, (0, 0, 0, 0, 0))
    assert all(math.isnan(mean) for mean in none.means)


@settings(max_examples=15, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    first_token=st.sampled_from(["context", "scored"]),
    context=st.integers(2, 64),
    budget=st.integers(1, 300),
)
def test_any_text_adds_up(
    opened: Any, text: str, first_token: str, context: int, budget: int
) -> None:
    scorer = Scorer(*opened("gpt2"), recipe(first_token, context), budget)
    ((_, score),) = scorer.score([text])
    (edges,) = log_boundaries(scorer, [text])
    for units in (by_word, by_sentence):
        total = sum(unit.surprise for unit in units(text, score))
        assert total == pytest.approx(score.summary.nll, rel=1e-9, abs=1e-9)
        corrected = units(text, score, log_boundary=edges)
        assert math.isfinite(sum(unit.surprise for unit in corrected))
