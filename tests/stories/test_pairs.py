"""Pairs of endings: which stories are two, and where they part."""

from __future__ import annotations

import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.stories import Story, bundled_stories, open_stories
from eyebrow.core.stories.pairs import find_pairs

from .conftest import Write


def two(right: str, wrong: str, starts: tuple[int, ...] = ()) -> list[Story]:
    return [
        Story(f"p-{kind}", "", text, f"x-{kind}", "p", sentence_starts=starts)
        for kind, text in (("right", right), ("wrong", wrong))
    ]


def test_bundled_pairs_part_at_a_word() -> None:
    pairs, left_out = find_pairs(bundled_stories())
    assert (len(pairs), left_out) == (20, 0)
    for pair in pairs:
        one, other = pair.stories
        assert one.kind == "pair-expected"
        assert one.text[: pair.at] == other.text[: pair.at]
        assert one.text[pair.at - 1].isspace()
        assert pair.endings[0].split()[0] != pair.endings[1].split()[0]


def test_they_part_where_the_source_says_that_the_last_sentence_begins() -> None:
    (pair,), _ = find_pairs(two("It ran. The dog sat.", "It ran. The dog ate.", (0, 8)))
    assert pair.endings == ("The dog sat.", "The dog ate.")
    (pair,), _ = find_pairs(two("It ran. The dog sat.", "It ran. The dog ate."))
    assert pair.endings == ("sat.", "ate.")


def test_what_is_no_pair_is_counted_or_told() -> None:
    stories = two("A one.", "A two.")
    alone = Story("q", "", "A three.", "x-right", "q")
    same = [
        Story(f"r{n}", "", "Same.", f"x-{kind}", "r") for n, kind in enumerate(("right", "wrong"))
    ]
    pairs, left_out = find_pairs([*stories, alone, *same])
    assert (len(pairs), left_out) == (1, 2)
    with pytest.raises(EyebrowError, match="beginning, ending1, ending2 and right"):
        find_pairs([alone])


def test_any_table_with_two_endings_and_the_right_one(write: Write) -> None:
    place = write("e.csv", "id,context,ending_1,ending_2,label\na,It sat. It,ate.,flew.,2\n")
    pairs, _ = find_pairs(open_stories(place))
    assert pairs[0].endings == ("flew.", "ate.")
    assert (pairs[0].name, pairs[0].right.text) == ("a", "It sat. It flew.")
    assert pairs[0].right.sentence_starts == ()


def test_endings_of_a_table_are_whole_whatever_they_begin_with(write: Write) -> None:
    rows = "beginning,ending1,ending2,right\nThe cat sat,on the mat.,on the lake.,1\n"
    (pair,), _ = find_pairs(open_stories(write("e.csv", rows)))
    assert pair.endings == ("on the mat.", "on the lake.")
