"""Ids, titles, and what is left out: the rules that hold for every source."""

from __future__ import annotations

import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.stories.drafts import Draft, Finisher, UniqueIds, title_of
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Short.", "Short."),
        ("  Tom \n\t ran   home. ", "Tom ran home."),
        ("x" * 48, "x" * 48),
        ("x" * 49, "x" * 47 + "…"),
        ("a" + " " * 600 + "b", "a b"),
        ("Once upon a time, there was a little bear. The bear was very confused.",
         "Once upon a time, there was a little bear. The…"),
        ("a " * 24 + "b", "a " * 23 + "a…"),
    ],
)  # fmt: skip
def test_title_is_the_first_words(text: str, title: str) -> None:
    assert title_of(text) == title


@settings(deadline=None)
@given(st.text(min_size=1))
def test_title_is_short_one_line_and_a_beginning(text: str) -> None:
    title, line = title_of(text), " ".join(text.split())
    assert len(title) <= 48
    if len(line) <= 48:
        assert title == line
    else:
        assert title.endswith("…")
        assert line.startswith(title[:-1])
        assert len(title) == 48 or line[len(title) - 1] == " ", "it is cut at a word"


@pytest.mark.parametrize(
    ("wanted", "given_out"),
    [
        (["", "", ""], ["1", "2", "3"]),
        (["a", "b", "a", "a"], ["a", "b", "a-2", "a-3"]),
        (["a", "a-2", "a", "a"], ["a", "a-2", "a-3", "a-4"]),
        (["", "1"], ["1", "1-2"]),
        (["2", ""], ["2", "2-2"]),
        (["", "b", "", "3", "01"], ["1", "b", "3", "3-2", "01"]),
    ],
)
def test_ids_are_made_unique(wanted: list[str], given_out: list[str]) -> None:
    ids = UniqueIds()
    assert [ids.take(w, n) for n, w in enumerate(wanted, start=1)] == given_out


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", "1", "2", "3", "1-2", "2-2", "a", "a-2", "a-2-2"])))
def test_ids_are_unique_whatever_a_source_brings(wanted: list[str]) -> None:
    ids = UniqueIds()
    given_out = [ids.take(w, n) for n, w in enumerate(wanted, start=1)]
    assert len(set(given_out)) == len(wanted)


def test_empty_texts_are_counted_and_take_no_number() -> None:
    finisher = Finisher("x")
    stories = [finisher.story(Draft(text)) for text in ("", "one", " \n\t", "two")]
    assert [s and (s.id, s.text) for s in stories] == [None, ("1", "one"), None, ("2", "two")]
    assert finisher.skipped == 2


def test_a_title_is_put_on_one_line() -> None:
    story = Finisher("x").story(Draft("text", title=" The\n cat "))
    assert story is not None
    assert story.title == "The cat"


def test_half_a_surrogate_pair_is_refused_with_its_place() -> None:
    with pytest.raises(EyebrowError, match=r"x, line 7: character 3 is half a surrogate"):
        Finisher("x").story(Draft("ab\ud83d", where="line 7"))
