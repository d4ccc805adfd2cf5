"""A model against another of one's choice: differences, who tells them, all sizes at once."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from eyebrow.core.engine.messages import Failed, Loaded, Unloaded
from eyebrow.core.scoring.scores import StoryScore, Summary
from eyebrow.core.stories import Story, text_digest
from eyebrow.tui.panes.bars import Legend
from eyebrow.tui.panes.inspector import Against, Choice, Glass, Inspector, table
from eyebrow.tui.panes.ladder import Ladder
from eyebrow.tui.panes.size_strip import Across, SizeStrip, lines
from eyebrow.tui.panes.story_list import StoryList
from eyebrow.tui.panes.story_text import StoryText
from eyebrow.tui.text.plain import cell_width
from eyebrow.tui.text.reading import BIT, differences
from eyebrow.tui.views.dialogs.choose import ChooseScreen
from rich.style import Style

from .stage import OTHER, SPECS, STORIES, digest_of, made_app, made_score, score_by, settled
from .test_explore import pane, text_of
from .test_session import Shop

MIXED = (SPECS[0], OTHER, SPECS[1])  # by size
TEXT = "The umbrella was red. It shook."


def cut(ends: list[int], bits: list[float], text: str = TEXT) -> StoryScore:
    """Tokens that end there and cost so many bits; nan: not scored."""
    nats = np.array(bits) * BIT
    scored = ~np.isnan(nats)
    size = len(ends)
    logprobs = (-nats).astype(np.float32)
    return StoryScore(
        np.arange(size, dtype=np.int32),
        np.array([0, *ends[:-1]], dtype=np.int32),
        np.array(ends, dtype=np.int32),
        logprobs,
        logprobs,
        scored.astype(np.int32),
        np.zeros((size, 0), dtype=np.int32),
        np.zeros((size, 0), dtype=np.float32),
        Summary(int(scored.sum()), len(text.encode()), float(nats[scored].sum())),
    )


def test_one_tokenizer_is_compared_token_by_token() -> None:
    larger, smaller = made_score(TEXT, 3), made_score(TEXT, 1)
    found = differences(TEXT, larger, smaller)
    assert math.isnan(found[0])
    assert found[1:] == pytest.approx((larger.surprises - smaller.surprises)[1:] / BIT, abs=1e-5)


def test_the_tokens_of_a_span_are_alike_and_spans_add_up() -> None:
    # The | umb rella | was | red. | It | shook.   against   The | umbrel la was | red. It | shook.
    model = cut([3, 7, 12, 16, 21, 24, 31], [math.nan, 3, 1, 2, 4, 1, 2])
    reference = cut([3, 10, 16, 24, 31], [math.nan, 5, 2, 9, 1])
    found = differences(TEXT, model, reference).tolist()
    assert math.isnan(found[0])
    assert found[1:] == pytest.approx([-1, -1, -1, -4, -4, 1])
    assert sum({1: -1, 4: -4, 6: 1}.values()) == pytest.approx(
        (model.summary.nll - reference.summary.nll) / BIT
    )
    by_word = differences(TEXT, model, reference, "word").tolist()
    assert by_word[1:] == pytest.approx([-1, -1, -1, -4, -4, 1]), "words that share a span are one"
    by_sentence = differences(TEXT, model, reference, "sentence").tolist()
    assert by_sentence[1:] == pytest.approx([-4 / 6] * 6), "the second begins within a span"


def test_a_sentence_has_the_mean_over_the_tokens_of_the_model() -> None:
    ends = [3, 12, 16, 21, 24, 31]
    model, reference = cut(ends, [math.nan, 3, 2, 1, 4, 4]), cut(ends, [math.nan, 4, 4, 1, 2, 2])
    found = differences(TEXT, model, reference, "sentence").tolist()
    assert found == pytest.approx([math.nan, -1, -1, -1, 2, 2], nan_ok=True)


def test_nothing_in_common_is_no_difference() -> None:
    none = cut([31], [math.nan])
    assert np.isnan(differences(TEXT, none, made_score(TEXT, 1))).all()
    assert np.isnan(differences(TEXT, made_score(TEXT, 1), none)).all()


def test_the_reference_is_the_next_smaller_size_unless_one_is_chosen() -> None:
    shop = Shop()
    shop.begin()
    models = shop.session.models
    small, middle, large = models.sizes
    assert models.reference is middle
    shop.session.select_size(0)
    assert models.reference is None
    shop.session.choose_reference(large)
    for at in range(3):
        shop.session.select_size(at)
        assert models.reference is large, "chosen is chosen, also where it is looked through itself"
    shop.session.choose_reference(None)
    shop.session.receive(Failed(0, middle.name, "Cannot load", "torn"))
    assert models.reference is small, "what failed has nothing to compare with"
    shop.session.choose_reference(middle)
    assert middle.state == "waiting", "it is tried again"
    shop.session.open(None, "", [SPECS[0], SPECS[2]])
    assert models.chosen is None, "it is not open any more"


async def test_all_that_know_the_reference_say_the_same() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("enter", "w", "w", "d", "D")
        await pilot.pause(0.1)
        assert isinstance(app.screen, ChooseScreen)
        assert app.screen.names[0] == "the next smaller size"
        await pilot.press("j", "enter")
        await pilot.pause(0.6)
        session = app.session
        assert session.models.reference is session.models.sizes[0]
        assert pane(app, Legend).note == "against made-50k"
        assert [step.is_reference for step in pane(app, Ladder).steps] == [True, False, False]
        shown = text_of(app)
        assert "made-800k against made-50k" in shown
        assert "Δ1 made-50k" in shown
        against = pane(app, Inspector).glass.against
        mine, theirs = (score_by(f"made-{n}k", STORIES[0].text) for n in (800, 50))
        wanted = float(mine.surprises[2] - theirs.surprises[2]) / BIT
        assert against.change == pytest.approx(wanted, abs=1e-5)
        assert f"{wanted:+6.2f} bits" in shown
        assert len(against.choices) == 10
        strip = pane(app, SizeStrip).across
        assert strip.bits[2] - strip.bits[0] == pytest.approx(wanted, abs=1e-5)
        await pilot.press("D", "end", "up", "enter")  # the size that is looked through
        await pilot.pause(0.1)
        assert pane(app, Legend).note == "made-800k is the reference; D chooses another"
        assert "made-800k, the reference" in text_of(app)


async def test_the_list_is_sorted_by_the_gap_and_shows_it() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        library, models = app.session.library, app.session.models

        def gap(story: int) -> float:
            own, other = (app.session.sums(models.sizes[n], story) for n in (2, 1))
            assert own is not None
            assert other is not None
            return own.bits_per_byte - other.bits_per_byte

        for sort, falls in (("most gained", False), ("most lost", True)):
            while library.sort != sort:
                await pilot.press("s")
            await pilot.pause(0.1)
            found = [gap(story) for story in library.order]
            assert found == sorted(found, reverse=falls)
            shown = text_of(app)
            assert f"Stories, {sort} on made-200k" in shown
            assert f"{found[0]:+.2f}".replace("-", "−") in shown
        first = app.session.library.order[0]
        await pilot.press("D", "j", "enter")
        await pilot.pause(0.1)
        listed = pane(app, StoryList).shelf
        assert listed.value(first) != pytest.approx(gap(first)), "of the reference that was chosen"


async def test_between_tokenizers_the_gap_is_on_the_bytes_both_scored() -> None:
    app = made_app(specs=MIXED)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.session.choose_reference(app.session.models.sizes[1])
        while app.session.library.sort != "most gained":
            await pilot.press("s")
        await pilot.pause(0.1)
        shelf = pane(app, StoryList).shelf
        for story, told in enumerate(STORIES):
            own, other = (score_by(name, told.text) for name in (SPECS[1].name, OTHER.name))
            nats = float((own.surprises - other.surprises)[1:].sum())
            size = len(told.text.encode()) - int(own.ends[0])
            assert shelf.value(story) == pytest.approx(nats / BIT / size, abs=1e-5)


async def test_a_size_key_recolours_and_moves_nothing() -> None:
    long = Story("long", "Long", " ".join(f"word{n} and" for n in range(900)))
    app = made_app((long,))
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("enter", "G")
        await pilot.pause(0.3)
        text = pane(app, StoryText)
        before = (app.session.place.token, text.scroll_offset, id(text._layout))
        legend, styles = pane(app, Legend).entries, text.paint.styles
        assert text.scroll_offset.y > 0
        for key in ("left_square_bracket", "left_square_bracket", "right_square_bracket"):
            await pilot.press(key)
            await pilot.pause()
            assert text.paint.styles, "the score is at hand before it is asked for"
            assert text.paint.styles != styles
            assert (app.session.place.token, text.scroll_offset, id(text._layout)) == before
            assert pane(app, Legend).entries == legend
            styles = text.paint.styles


def test_other_sizes_are_asked_for_last_and_no_model_is_loaded_for_them() -> None:
    shop = Shop()
    session = shop.session
    session.shows_all_sizes = True
    shop.begin()
    urgent = [ask.model.name for ask in shop.sent if ask.urgent]
    assert urgent == ["made-800k", "made-200k"], "the current size and the reference"
    shop.answer_all()
    digest = text_digest(STORIES[0].text)
    assert ("score", "made-50k", digest) in shop.asked, "scored with the set: the store has it"
    session.receive(Loaded("made-50k", 50_000, digest_of("made-50k")))
    session.receive(Unloaded("made-50k"))
    session.scores._missing.add((digest_of("made-50k"), digest))
    before = len(shop.sent)
    session.plan()
    assert len(shop.sent) == before
    session.models.sizes[0].state = "ready"
    session.scores._looking.clear()
    session.plan()
    assert [ask.model.name for ask in shop.sent[before:]] == ["made-50k"]


async def test_only_explore_wants_every_size() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        assert app.session.shows_all_sizes
        await pilot.press("greater_than_sign")
        await pilot.pause(0.1)
        assert not app.session.shows_all_sizes
        await pilot.press("less_than_sign")
        await pilot.pause(0.1)
        assert app.session.shows_all_sizes


async def test_the_strip_follows_token_and_unit() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("enter")
        await pilot.pause(0.4)
        strip = pane(app, SizeStrip)
        assert strip.across.waiting == "context, not scored"
        await pilot.press("l", "l")
        await pilot.pause(0.4)
        scores = [score_by(spec.name, STORIES[0].text) for spec in SPECS]
        wanted = [float(score.surprises[2]) / BIT for score in scores]
        assert strip.across.text == "␣sat"
        assert strip.across.bits == pytest.approx(wanted, abs=1e-5)
        assert strip.across.verdict in text_of(app)
        await pilot.press("u", "u")
        await pilot.pause(0.4)
        means = [float(score.surprises[1:6].mean()) / BIT for score in scores]
        assert strip.across.bits == pytest.approx(means, abs=1e-5)
        assert strip.across.unit == "bits a token"


async def test_between_tokenizers_the_strip_is_of_what_all_have_scored() -> None:
    app = made_app(specs=MIXED)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("2", "enter")
        await pilot.pause(0.4)
        strip = pane(app, SizeStrip)
        assert strip.across.waiting == "not scored by every size"
        await pilot.press("l")
        await pilot.pause(0.4)
        wanted = [float(score_by(s.name, STORIES[0].text).surprises[1]) / BIT for s in MIXED]
        assert strip.across.bits == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    ("size", "height"), [((140, 40), 2), ((100, 30), 1), ((80, 24), 1), ((80, 20), 0)]
)
async def test_the_strip_gives_way_where_there_is_no_room(
    size: tuple[int, int], height: int
) -> None:
    app = made_app()
    async with app.run_test(size=size) as pilot:
        await settled(app, pilot)
        await pilot.press("enter", "l")
        await pilot.pause(0.4)
        assert pane(app, SizeStrip).size.height == height


@pytest.mark.parametrize(
    ("bits", "verdict"),
    [
        ((9.0, 5.0, 5.04, 2.0), "falls all the way"),
        ((9.0, 5.0, 6.0, 2.0), "rises at c"),
        ((9.0, 10.0, 6.0, 7.0), "rises at 2 of 3 steps"),
        ((0.01, 0.02, 0.03, 0.01), "the same at every size"),
        ((9.0, math.nan, 6.0, 2.0), "falls all the way"),
        ((9.0, math.nan, math.nan, math.nan), ""),
        ((math.inf, 3.0, 2.0, 1.0), "falls all the way"),
    ],
)
def test_what_is_said_of_the_way_down(bits: tuple[float, ...], verdict: str) -> None:
    assert Across("x", "bits", ("a", "b", "c", "d"), bits, ("made",) * 4).verdict == verdict


def test_the_way_down_is_through_the_sizes_of_one_family() -> None:
    families = ("made", "other", "made", "made")
    across = Across("x", "bits", ("a", "b", "c", "d"), (9.0, 1.0, 6.0, 2.0), families)
    assert across.verdict == "falls all the way"
    assert replace(across, current=1).verdict == ""


@pytest.mark.parametrize("width", [20, 40, 56, 62, 90, 140])
@pytest.mark.parametrize("height", [1, 2])
@pytest.mark.parametrize("count", [2, 5, 9])
def test_the_strip_fits_and_shows_the_current_size(width: int, height: int, count: int) -> None:
    names = tuple(f"some-model-{n}00m" for n in range(count))
    bits = tuple(20.0 - n for n in range(count))
    across = Across(
        "␣umbrella", "bits", names, bits, ("made",) * count, (Style.null(),) * count, count - 1
    )
    shown = lines(across, width, height, Style.null())
    assert len(shown) == height
    said = ["".join(text for text, _ in line) for line in shown]
    assert all(cell_width(line) <= width for line in said)
    if height == 2:
        assert "▸" in said[0]
        assert f"{bits[-1]:.1f}" in said[1]
        assert [text for text, _ in shown[1]][1:]


def test_alternatives_of_both_stand_side_by_side() -> None:
    mine = tuple(Choice(f" word{n}", 0.3 / (n + 1), n == 0) for n in range(10))
    theirs = tuple(Choice(f" other{n}", 0.4 / (n + 1), n == 1) for n in range(10))
    against = Against("made-50k", "…50k", -1.0, "", theirs)
    glass = Glass(count=1, logprob=-1.0, model="made-800k", choices=mine, against=against)
    for width in (28, 32, 52):
        rows = ["".join(text for text, _ in line) for line in table(glass, width)]
        assert all(cell_width(row) <= width for row in rows)
        assert rows[0].split() == ["made-800k", "made-50k"]
        assert "30 %" in rows[1]
        assert "40 %" in rows[1]
        assert len(rows) == 12
    alone = table(replace(glass, against=replace(against, choices=())), 28)
    assert "other" not in str(alone)


async def test_without_a_smaller_size_the_difference_says_so_and_keeps_its_scale() -> None:
    app: Any = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("d")
        await pilot.pause(0.1)
        scale = pane(app, Legend).entries
        await pilot.press("1")
        await pilot.pause(0.1)
        note = "no smaller size to compare with; D chooses another"
        assert (pane(app, Legend).note, pane(app, Legend).entries) == (note, scale)
