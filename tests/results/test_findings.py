"""Findings say what the numbers say and no more."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from eyebrow.core.models.member import Member
from eyebrow.core.results.findings.find import find, summary
from eyebrow.core.results.findings.finding import Finding
from eyebrow.core.results.statistics.clusters import FEW
from eyebrow.core.results.statistics.scaling import fit_families
from eyebrow.core.results.statistics.sheet import Sheet, read_sheets
from eyebrow.core.results.statistics.trends import trend, trend_of
from eyebrow.core.results.store import Store
from eyebrow.core.results.tokens.positions import PartCounter, between
from eyebrow.core.results.tokens.reading import read_tokens
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories.story import Label

RECIPE = Recipe("context", 64, 32, "float32", "cpu")


def sheet_of(
    losses: Sequence[float], stories: int, *, noise: float = 0.05, families: Sequence[str] = ()
) -> Sheet:
    """Models of a mean loss each (nats per token); stories are hard by themselves, to all."""
    random = np.random.default_rng(1)
    models = len(losses)
    families = families or ["f"] * models
    tokens = np.broadcast_to(random.integers(50, 300, stories), (models, stories)).copy()
    own = random.normal(0, 0.3, stories)
    means = np.array(losses)[:, None] + own + random.normal(0, noise, (models, stories))
    size, nll = 4 * tokens, means * tokens
    return Sheet(
        RECIPE,
        tuple(
            Member(f"m{i}", f"{i}", family, "", f"t-{family}", 1000 * 4**i)
            for i, family in enumerate(families)
        ),
        tuple(Label(f"d{i}", f"s{i}", f"Story {i}") for i in range(stories)),
        tokens,
        *(size, nll),
        *(size, nll),
    )


def of(found: Sequence[Finding], topic: str) -> list[Finding]:
    return [finding for finding in found if finding.topic == topic]


def check(found: Sequence[Finding]) -> None:
    for finding in found:
        assert finding.text.endswith(".")
        assert "\n" not in finding.text
        assert "nan" not in finding.text.split()


def test_a_plain_fall_is_told_with_its_numbers() -> None:
    sheet = sheet_of([5.0, 4.5, 4.2], 60)
    found = find(sheet)
    check(found)
    (best,) = of(found, "best")
    value = math.exp(sheet.nll[2].sum() / sheet.tokens[2].sum())
    assert f"m2 has the lowest perplexity of 3 sizes: {value:.1f} [" in best.text
    assert "below m1, the next." in best.text
    size, by_story = of(found, "size")
    assert "falls with every size from m0 to m2" in size.text
    assert "by 60 of 60 stories" in by_story.text
    assert "Page's test" in by_story.text
    assert [one.answers for one in summary(found, fit_families(sheet)[0])] == [
        *("Best, and by how much", "Is it consistent?", "Story by story", "Hardest story"),
        *("Easiest story", "Scaling"),
    ]
    first, second = of(found, "steps")
    by = re.search(r"perplexity falls by (\S+) %", first.text)
    assert by is not None
    assert float(by[1]) == pytest.approx(100 * (1 - math.exp(-0.5)), rel=0.03)
    assert "a doubling of parameters saves 0.25 nats" in first.text
    assert "falls" in second.text


def test_a_step_that_is_none_is_not_called_one() -> None:
    found = find(sheet_of([5.0, 4.5, 4.5], 40, noise=0.3))
    _, none = of(found, "steps")
    assert "it cannot be told whether perplexity falls" in none.text
    assert "doubling" not in none.text
    (best,) = of(found, "best")
    assert "not distinguishable from it" in best.text
    worse = find(sheet_of([4.0, 4.4], 40))
    assert "perplexity rises by" in of(worse, "steps")[0].text
    assert of(worse, "size")[0].text.startswith("Perplexity rises from m0 to m1: ")


def test_falls_rises_or_cannot_be_told_by_the_paired_interval() -> None:
    """A mean that is a hair lower, in an interval that holds 0, is no fall."""
    sheet = sheet_of([5.0, 4.5, 4.5, 4.8], 40, noise=0.3)
    even = sheet.tokens[1] * (sheet.nll[1] / sheet.tokens[1]).mean()
    noise = np.random.default_rng(2).normal(0, 20, 40)
    sheet.nll[1] = even
    sheet.nll[2] = even + noise - noise.mean() - 1  # lower by a hair, story by story either way
    assert sheet.nll[2].sum() < sheet.nll[1].sum()
    size, _ = of(find(sheet), "size")
    assert size.text.startswith("Perplexity falls at 1 of the 3 steps from m0 to m3 (")
    assert "from m1 to m2 it cannot be told (the interval of the step holds 0)" in size.text
    assert "from m2 to m3 it rises" in size.text
    (one, _) = of(find(sheet.of_models([1, 2])), "size")
    assert "Perplexity neither falls nor rises for certain from m1 to m2" in one.text


def test_what_was_counted_is_no_size() -> None:
    sheet = sheet_of([5.0, 4.6, 4.3, 4.1], 40, families=["pocket"] * 4)
    names = ["pocket-bigram", "pocket-50k", "pocket-200k", "pocket-800k"]
    models = [replace(one, name=name) for one, name in zip(sheet.models, names, strict=True)]
    found = find(replace(sheet, models=tuple(models)))
    check(found)
    assert "lowest perplexity of 4 models" in of(found, "best")[0].text
    first, second = of(found, "steps")
    assert first.text.startswith("From pocket-50k to pocket-200k (")
    assert second.text.startswith("From pocket-200k to pocket-800k (")
    size, by_story = of(found, "size")
    assert "every size from pocket-50k to pocket-800k" in size.text
    assert "less surprised than pocket-50k" in by_story.text
    assert "over the 3 sizes of pocket" in of(found, "stories")[-1].text
    said = [finding.text for finding in found if "bigram" in finding.text]
    assert said == [
        "pocket-bigram was counted, not trained: it is no size of pocket, so no step, trend or "
        "fit has a part in it."
    ]


def test_few_stories_carry_no_interval_and_no_difference() -> None:
    for stories in (1, 2, FEW - 1):
        found = find(sheet_of([5.0, 4.5, 4.0], stories))
        check(found)
        assert "too few" in found[0].text
        text = " ".join(finding.text for finding in found)
        assert "[" not in text
        assert "distinguishable" not in text
        assert "Page" not in text
        assert "on these stories" in of(found, "steps")[0].text


def grouped(sheet: Sheet, groups: int) -> Sheet:
    """The same stories in so many groups; story i is in group i % groups."""
    told = [replace(story, group=f"author: {i % groups}") for i, story in enumerate(sheet.stories)]
    return replace(sheet, stories=tuple(told))


@pytest.mark.parametrize("groups", [1, 2, FEW - 1])
def test_few_groups_are_too_few_however_many_stories_they_hold(groups: int) -> None:
    sheet = grouped(sheet_of([5.0, 4.5, 4.2, 4.25], 60), groups)
    found = find(sheet)
    check(found)
    (drawn,) = of(found, "set")
    if groups == 1:
        assert drawn.text == (
            "All 60 stories are drawn as one, so there is no interval. What follows holds for "
            "these alone."
        )
    else:
        assert f"60 stories in {groups} groups are too few to tell" in drawn.text
    text = " ".join(finding.text for finding in found)
    for claim in ("[", "holds 0", "distinguishable", "for certain", "Page", "Spearman", "saves"):
        assert claim not in text
    size, _ = of(found, "size")
    assert size.text.startswith("On these stories perplexity falls at 2 of the 3 steps")
    assert size.text.endswith("; from m2 to m3 it rises.")
    assert all("on these stories" in step.text for step in of(found, "steps"))
    falling = find(sheet.of_models([0, 1, 2]))
    (scaling,) = of(falling, "scaling")
    assert f"it takes {FEW} stories, or groups of them, to draw again" in scaling.text


def test_as_many_groups_as_it_takes_give_intervals_over_groups() -> None:
    sheet = grouped(sheet_of([5.0, 4.5, 4.2], 60), FEW)
    found = find(sheet)
    assert "perplexity falls by" in of(found, "steps")[0].text
    _, by_story = of(found, "size")
    assert f"(Page's test for this order over {FEW} groups of stories: p < 0.0001)" in by_story.text
    sums = sheet.by_group()
    over_groups, over_stories = trend_of(sheet), trend(sheet.nll / sheet.tokens)
    assert over_groups.page_p == trend(sums.nll / sums.tokens).page_p
    assert over_groups.page_p > over_stories.page_p  # 60 times as sure


def test_equal_models_stay_the_same_on_few_stories() -> None:
    sheet = sheet_of([5.0, 4.5], 5)
    sheet.nll[1] = sheet.nll[0]
    found = find(sheet)
    assert of(found, "size")[0].text.startswith("On these stories perplexity stays the same from")
    assert "perplexity stays the same on these stories" in of(found, "steps")[0].text


def test_a_rise_saves_nothing() -> None:
    (step,) = of(find(sheet_of([4.0, 4.4], 40)), "steps")
    assert "rises by" in step.text
    assert "saves" not in step.text


def test_families_of_one_name_are_kept_apart_by_their_tokenizers() -> None:
    sheet = sheet_of([5.0, 4.5, 4.2, 3.0, 2.5, 2.2], 30)
    models = [replace(model, tokenizer="ab"[row // 3]) for row, model in enumerate(sheet.models)]
    sheet = replace(sheet, models=tuple(models))
    found = find(sheet)
    one, other = fit_families(sheet)
    assert (one.family, one.tokenizer, other.family, other.tokenizer) == ("f", "a", "f", "b")
    for fitted, names in ((one, "m0 to m2"), (other, "m3 to m5")):
        told = summary(found, fitted)
        asked = [answer.answers for answer in told]
        assert len(asked) == len(set(asked))
        assert next(names in answer.text for answer in told if answer.topic == "size")


def test_short_and_long_stories_of_one_group_are_drawn_together() -> None:
    """Groups differ, lengths do not: what is hard about a group is in its short and long ones."""
    random = np.random.default_rng(0)
    sheet = sheet_of([4.0], 80)
    tokens = np.where(np.arange(80) < 40, 50, 250)[None]
    hard = np.tile(random.normal(4, 0.5, 20), 4)
    nll = tokens * (hard + random.normal(0, 0.01, 80) + 0.1 * (tokens == 250))
    sheet = replace(sheet, tokens=tokens, nll=nll, common_bytes=4 * tokens, common_nll=nll)
    (length,) = of(find(grouped(sheet, 20)), "length")
    told = re.search(r"([\d.]+) % \[([\d.]+), ([\d.]+)\] higher on the long ones", length.text)
    assert told is not None
    by, low, high = (math.log1p(float(share) / 100) for share in told.groups())
    assert low < by < high
    assert low < 0.1 < high
    assert high - low < 0.02
    few = find(grouped(sheet, 4))
    assert not of(few, "length")


def test_one_model_says_nothing_about_size() -> None:
    found = find(sheet_of([4.0], 30, families=[""]))
    check(found)
    assert {finding.topic for finding in found} <= {"best", "stories", "length"}
    assert "one size says nothing about size" in found[0].text


def test_families_are_not_pooled() -> None:
    sheet = sheet_of([5.0, 4.5, 3.0, 2.9], 30, families=["f", "f", "g", "g"])
    found = find(sheet)
    check(found)
    across, *own = of(found, "best")
    assert (across.family, [one.family for one in own]) == ("", ["f", "g"])
    assert "bits per byte" in across.text
    assert [f.text[:13] for f in of(found, "steps")] == ["From m0 to m1", "From m2 to m3"]
    assert [f.family for f in of(found, "scaling")] == ["f", "g"]
    assert all(f.text.startswith("No scaling law is fitted") for f in of(found, "scaling"))


@pytest.mark.filterwarnings("error")
def test_infinite_perplexities_are_told_apart() -> None:
    sheet = sheet_of([5.0, 4.5, 4.0], 30)
    sheet.nll[0, 3] = math.inf
    found = find(sheet)
    check(found)
    assert of(found, "set")[0].text.startswith("m0 holds a token for impossible in 1 story of 30:")
    assert "leaves no step" in of(found, "steps")[0].text
    assert "∞ → " in of(found, "size")[0].text
    assert "From m1 to m2 size helps" in of(found, "help")[0].text
    sheet.nll[:, 3] = math.inf
    check(find(sheet))


def test_stories_that_not_all_have_scored_are_left_out_and_told() -> None:
    sheet = sheet_of([5.0, 4.5], 30)
    sheet.tokens[1, :5] = 0
    found = find(sheet)
    assert found[0].text.startswith("5 stories of 30 ")
    assert "over 25 stories" in of(found, "best")[0].text
    sheet.tokens[1] = 0
    assert [f.text for f in find(sheet)] == ["No story has been scored by all of the models."]


def test_tokens_of_a_real_store_answer_the_exercise(scored: Path) -> None:
    store = Store(scored)
    sheet = read_sheets(store)[0]
    ((_, rows),) = sheet.families()
    read = read_tokens(store, sheet, rows, least=3, in_stories=2)
    found = find(sheet, [read])
    check(found)
    assert {finding.topic for finding in found} == {
        *("best", "size", "steps", "stories", "help", "positions", "tokens", "words"),
        *("guesses", "scaling"),
    }
    five = of(found, "positions")[0]
    means = read.models[1].five.means
    assert all(f"{mean:.2f}" in five.text for mean in means)
    named = [story.title for finding in found for story in finding.stories]
    assert len(named) == 5
    assert all(f"“{title}”" in " ".join(finding.text for finding in found) for title in named)
    guesses = of(found, "guesses")[0]
    assert f"right for {100 * read.models[1].rank_shares[0]:.0f} %" in guesses.text


def test_without_five_sentences_positions_are_not_compared(scored: Path) -> None:
    store = Store(scored)
    sheet = read_sheets(store)[0].common()
    ((_, rows),) = sheet.families()
    five = read_tokens(store, sheet, rows)
    texts = store.texts({story.digest for story in sheet.stories})
    longer = [i for i, story in enumerate(sheet.stories) if len(texts[story.digest]) > 700]
    assert 0 < len(longer) < five.models[0].stories
    few = sheet.of_stories(longer)
    found = find(few, [read_tokens(store, few, rows)])
    assert "No story has exactly five sentences" in of(found, "positions")[0].text


def test_parts_differ_by_stories_drawn_again() -> None:
    random = np.random.default_rng(0)
    counter = PartCounter(("early", "late"))
    for story in range(80):
        hard = random.normal(0, 2)  # of the story, in both parts
        nats = np.concatenate([np.full(10, 5 + hard), np.full(30, 4 + hard)])
        nats += random.normal(0, 0.5, 40)
        counter.add(str(story), np.repeat([0, 1], [10, 30]), nats[None])
    change, (low, high) = between(counter.parts(0), 0, 1)
    assert change == pytest.approx(-1, abs=0.1)
    assert low < change < high
    assert high - low < 0.2  # paired: what is hard about a story is in both


def test_the_order_of_stories_changes_nothing() -> None:
    sheet = sheet_of([5.0, 4.5, 4.2], 40)
    turned = sheet.of_stories(list(range(40))[::-1])
    assert [f.text for f in find(sheet)] == [f.text for f in find(turned)]
