"""Words as something to guess: which they are, when a model has them, what guesses tell."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.results.guesses import keep_guesses, read_guesses
from eyebrow.core.results.statistics.shannon import shannon_bounds
from eyebrow.core.results.tokens.guesses import guessed_by, is_right, words_to_guess
from eyebrow.core.scoring.scores import StoryScore, Summary
from eyebrow.core.stories import Story, text_digest

TEXT = "The umbrella — it's “red”."
WORDS = ["umbrella", "it's", "red"]


def cut(pieces: list[str], ranks: list[int], likeliest: list[int]) -> StoryScore:
    """Tokens that read so; likeliest: the id that would be likeliest in the place of each."""
    ends = np.cumsum([len(piece) for piece in pieces]).astype(np.int32)
    size = len(pieces)
    logprobs = np.where(np.array(ranks) > 0, -np.log(2.0), np.nan).astype(np.float32)
    top = np.array(likeliest, dtype=np.int32)[:, None] if likeliest else np.zeros((size, 0), "i4")
    return StoryScore(
        np.arange(size, dtype=np.int32),
        np.array([0, *ends[:-1]], dtype=np.int32),
        ends,
        logprobs,
        logprobs,
        np.array(ranks, dtype=np.int32),
        top,
        np.zeros(top.shape, np.float32),
        Summary(size - 1, 1, 1.0),
    )


def test_words_come_without_what_stands_around_them() -> None:
    assert [TEXT[a:b] for a, b in words_to_guess(TEXT)] == WORDS
    assert words_to_guess("one") == words_to_guess(" -- ") == []
    assert is_right("Umbrella,", "umbrella")
    assert is_right("it's", "it’s")
    assert not is_right("umbrellas", "umbrella")
    assert not is_right("", "")
    assert not is_right("...", "red")


PIECES = ["The", " umb", "rella", " —", " it's", " “", "red", "”."]
TEXTS = [*PIECES, "s", " and"]


def test_a_model_has_a_word_at_once_where_greedy_decoding_ends_with_it() -> None:
    umbrella, _, red = words_to_guess(TEXT)
    ranks = [0, 1, 1, 5, 2, 1, 1, 9]
    stops = [0, 0, 0, 9, 0, 0, 0, 9]  # " and" is likeliest behind it
    found = guessed_by(cut(PIECES, ranks, stops), umbrella, TEXTS)
    assert found is not None
    assert (found.ranks, found.at_once) == ((1, 1), True)
    assert found.nats == pytest.approx(2 * math.log(2))
    goes_on = [0, 0, 0, 8, 0, 0, 0, 9]  # "s" is: it would have said umbrellas
    assert not guessed_by(cut(PIECES, ranks, goes_on), umbrella, TEXTS).at_once  # type: ignore[union-attr]
    assert guessed_by(cut(PIECES, ranks, []), umbrella, TEXTS).at_once, "not known"  # type: ignore[union-attr]
    for text, ends in (("'s", False), ("-like", False), (",", True), ("</s>", True)):
        behind = guessed_by(cut(PIECES, ranks, goes_on), umbrella, [*PIECES, text])
        assert behind is not None
        assert behind.at_once is ends, f"greedy decoding goes on with {text}"
    half = [0, 1, 2, 5, 2, 1, 1, 9]
    assert not guessed_by(cut(PIECES, half, stops), umbrella, TEXTS).at_once  # type: ignore[union-attr]
    last = guessed_by(cut(PIECES, ranks, stops), red, TEXTS)
    assert last is not None
    assert (last.ranks, last.at_once) == ((1,), True), "quotes are nothing to guess"
    assert guessed_by(cut(PIECES, ranks, stops), (0, 3), TEXTS) is None, "context"


def test_later_pieces_of_a_words_last_character_are_of_the_word() -> None:
    pieces, text = ["The", " caf", "é", "", " is"], "The café is"
    (word, _) = words_to_guess(text)
    found = guessed_by(cut(pieces, [0, 1, 1, 7, 1], [0] * 5), word, pieces)
    assert found is not None
    assert found.ranks == (1, 1, 7)
    assert found.nats == pytest.approx(3 * math.log(2))
    assert not found.at_once


def test_shannons_bounds() -> None:
    """By hand: half of the words at once, a quarter with the second, a quarter with the third."""
    low, high = shannon_bounds([1, 1, 2, 3], 5, 1000)
    assert high == pytest.approx(1.5)
    thirds = 3 * 0.25 * math.log2(3)
    assert low == pytest.approx(thirds), "2 (q2 - q3) log2 2 is nothing"
    assert shannon_bounds([1, 1, 1], 5, 1000) == (0.0, 0.0)
    low, high = shannon_bounds([0, 0], 5, 1024)
    assert high == pytest.approx(10.0), "a missed word is one of the vocabulary"
    assert low == pytest.approx(6 * math.log2(6) - 5 * math.log2(5))
    assert all(map(math.isnan, shannon_bounds([], 5, 10)))


@pytest.mark.parametrize(
    "hits", [[1, 2, 0, 1, 3], [0, 0, 1], [1, 1, 1, 2, 5, 4], [2], [2, 2, 1], [5], [1, 3, 3, 3]]
)
def test_the_lower_bound_is_below_the_upper(hits: list[int]) -> None:
    low, high = shannon_bounds(hits, 5, 500)
    assert low <= high


def test_guesses_are_kept_beside_marks(tmp_path: Path) -> None:
    story = Story("a", "A", TEXT)
    digest = text_digest(TEXT)
    assert read_guesses(tmp_path, digest) == ()
    keep_guesses(tmp_path, story, (1, 0, 2))
    assert read_guesses(tmp_path, digest) == (1, 0, 2)
    (tmp_path / "guesses" / f"{digest}.json").write_text("{")
    assert read_guesses(tmp_path, digest) == ()
    (tmp_path / "file").write_text("")
    with pytest.raises(EyebrowError, match=r"Cannot keep the guesses|not a directory"):
        keep_guesses(tmp_path / "file", story, (1,))
