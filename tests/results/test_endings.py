"""Endings: sums over their tokens, and the three ways of judging them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from eyebrow.core import Recipe, load_model, score
from eyebrow.core.models.member import Member
from eyebrow.core.results.compare.endings import Parting, judged_wrong, told_once
from eyebrow.core.results.compare.finds import Finds
from eyebrow.core.results.endings import Endings, endings_alone, nats_alone, read_endings
from eyebrow.core.results.findings.endings import findings_of_endings
from eyebrow.core.results.statistics.proportions import sign_test, wilson
from eyebrow.core.results.store import Store
from eyebrow.core.scoring.simple import score_text
from eyebrow.core.stories import Story, bundled_stories
from eyebrow.core.stories.pairs import Pair, find_pairs

MODEL = "pocket-50k"
RECIPE = Recipe(device="cpu", context=128)


def test_sums_are_those_of_the_endings_tokens(tmp_path: Path) -> None:
    pairs = find_pairs(bundled_stories())[0][:3]
    whole = score([s for p in pairs for s in p.stories], MODEL, recipe=RECIPE, store=tmp_path / "a")
    behind_bos = replace(whole.recipe, first_token="scored")
    alone = score(endings_alone(pairs), MODEL, recipe=behind_bos)
    (member,) = whole.sheet.models
    nats = nats_alone(alone.sheet)[member.digest]
    found = read_endings(pairs, member, Store(tmp_path / "a"), whole.recipe.digest, nats)
    loaded = load_model(MODEL, device="cpu")
    assert found.alone is not None
    for row, pair in enumerate(pairs):
        for column, (story, ending) in enumerate(zip(pair.stories, pair.endings, strict=True)):
            one = score_text(loaded.model, loaded.tokenizer, story.text, whole.recipe)
            begun = score_text(
                loaded.model, loaded.tokenizer, story.text[: pair.at].rstrip(), whole.recipe
            )
            assert found.nats[row, column] == pytest.approx(
                one.summary.nll - begun.summary.nll, abs=1e-3
            )
            assert found.tokens[row, column] == len(one) - len(begun)
            only = score_text(loaded.model, loaded.tokenizer, ending, behind_bos)
            assert found.alone[row, column] == pytest.approx(only.summary.nll, abs=1e-3)


def test_endings_of_which_nothing_is_scored_are_not_compared(tmp_path: Path) -> None:
    """A first token is context: of a text of one token no model says anything."""
    stories = [
        Story(f"s-{kind}", "", text, kind, "s") for kind, text in (("right", "A"), ("wrong", "I"))
    ]
    pairs, _ = find_pairs(stories)
    results = score(stories, MODEL, recipe=RECIPE, store=tmp_path)
    (member,) = results.sheet.models
    found = read_endings(pairs, member, Store(tmp_path), results.recipe.digest, None)
    total = found.accuracy("total")
    assert total is not None
    assert total.pairs == 0


def endings(alone: bool = True) -> Endings:
    return Endings(
        Member("m", "d", "", "", "t", 1),
        np.array([[4.0, 6.0], [6.0, 4.0], [5.0, 5.0], [math.nan, 1.0]]),
        np.array([[1, 3], [3, 1], [1, 1], [0, 1]]),
        np.array([[1.0, 6.0], [9.0, 1.0], [1.0, 0.0], [1.0, 1.0]]) if alone else None,
    )


def test_three_ways() -> None:
    found = {way: endings().accuracy(way) for way in ("total", "per_token", "conditional")}
    told = {way: (one.right, one.pairs) for way, one in found.items() if one}
    assert told == {"total": (1, 3), "per_token": (1, 3), "conditional": (2, 3)}
    per_token, conditional = endings().is_right("per_token"), endings().is_right("conditional")
    assert per_token is not None
    assert conditional is not None
    assert per_token.tolist() == [False, True, False, False]
    assert conditional.tolist() == [False, True, True, False]
    assert endings(alone=False).accuracy("conditional") is None


def test_an_interval_of_few_pairs() -> None:
    """Wilson 1927, as in the table of Brown, Cai & DasGupta 2001 and by hand."""
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert all(map(math.isnan, wilson(0, 0)))


def test_a_split_by_chance() -> None:
    """The sign test, by hand: 2 * (1 + 10) / 1024 of ten cases."""
    assert sign_test(9, 1) == sign_test(1, 9) == pytest.approx(22 / 1024)
    assert sign_test(5, 5) == sign_test(0, 0) == 1
    assert sign_test(600, 500) == pytest.approx(0.0028, abs=2e-4)


# --- what is said of them ----------------------------------------------------------------------


def pairs_of(count: int) -> list[Pair]:
    both = [
        [
            Story(f"{n}{kind}", kind, f"It was {n}. {kind}", pair=str(n), kind=kind)
            for n in range(count)
        ]
        for kind in ("right", "wrong")
    ]
    return find_pairs([story for kind in both for story in kind])[0]


def under(name: str, size: int, right: int, of: int, family: str = "f") -> Endings:
    """A model that has the first `right` pairs right; the others the further wrong the later."""
    nats = [[1.0, 2.0] if n < right else [3.0 + n, 2.0] for n in range(of)]
    return Endings(
        Member(name, name, family, "", "t", size), np.array(nats), np.ones((of, 2)), None
    )


def said(*models: Endings) -> str:
    (found,) = findings_of_endings(models, pairs_of(len(models[0].nats)))
    assert found.topic == "endings"
    return found.text


def test_what_chance_would_do_is_called_so() -> None:
    text = said(under("small", 10, 10, 20), under("large", 100, 13, 20))
    assert text == (
        "large finds the expected one of two endings less surprising in 65 % [43, 82] of 20 pairs. "
        "That does not tell any of the 2 sizes from chance, 50 %. Against small it gains 3 pairs "
        "and loses 0: which has more right is not told (sign test, p 0.25)."
    )
    assert "That does not tell it from chance, 50 %." in said(under("one", 10, 13, 20))


def test_more_is_said_only_where_the_intervals_allow_it() -> None:
    text = said(under("small", 10, 20, 40), under("large", 100, 36, 40))
    assert "large is better than chance, 50 %; small is not told from it." in text
    assert (
        "Against small it gains 16 pairs and loses 0: it has more right (sign test, p < 0.001)"
        in text
    )
    text = said(under("small", 10, 4, 40), under("large", 100, 3, 40))
    assert "All 2 sizes are worse than chance" in text


@pytest.mark.parametrize(("right", "of"), [(4, 4), (5, 5), (9, 11), (0, 5)])
def test_few_pairs_are_as_few_as_they_are(right: int, of: int) -> None:
    """All of five are right by chance in 6 % of the cases, counting all wrong ones too."""
    assert "That does not tell it from chance, 50 %." in said(under("one", 10, right, of))
    assert sign_test(right, of - right) > 0.05


def test_the_wrong_ones_are_named_the_furthest_first() -> None:
    (found,) = findings_of_endings([under("one", 10, 3, 6)], pairs_of(6))
    assert [story.id for story in found.stories] == ["5right", "4right", "3right"]


def test_families_are_told_apart_and_nothing_scored_says_nothing() -> None:
    pairs = pairs_of(4)
    models = [under("a", 1, 2, 4), under("b", 2, 2, 4, family="g")]
    assert [one.family for one in findings_of_endings(models, pairs)] == ["f", "g"]
    unknown = replace(models[0], nats=np.full((4, 2), math.nan))
    assert findings_of_endings([unknown], pairs) == []


# --- among the finds of two models -------------------------------------------------------------


def test_endings_judged_wrong_among_finds() -> None:
    """Two pairs of stories of three spans each; the ending begins within the second span."""
    nats = np.array([1, 2, 3, 1, 2, 2.5, 1, 1, 1, 1, 4, 4], dtype=np.float32)
    size = len(nats)
    finds = Finds(
        "token",
        np.repeat(np.arange(4, dtype=np.int32), 3),
        np.tile(np.array([0, 4, 8], dtype=np.int32), 4),
        np.tile(np.array([4, 8, 12], dtype=np.int32), 4),
        np.zeros(size, dtype=np.float32),
        nats,
        *(np.zeros(size, dtype=kind) for kind in (np.float32, np.uint8, np.uint8, np.int32)),
    )
    wrong = judged_wrong(finds, [Parting(0, 1, 5), Parting(2, 3, 5)])
    assert wrong.stories.tolist() == [0], "the other pair is right"
    assert (wrong.starts.tolist(), wrong.ends.tolist()) == ([5], [12])
    assert (wrong.nats_model.tolist(), wrong.nats_reference.tolist()) == ([5], [4.5])
    assert len(judged_wrong(finds, [Parting(2, 3, 5)])) == 0
    assert len(judged_wrong(finds, [])) == 0
    once = told_once(finds, [Parting(0, 1, 5), Parting(2, 3, 5)])
    assert once.stories.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    assert once.ends.tolist()[3:5] == [8, 12], "the first span of the second story is the first's"
