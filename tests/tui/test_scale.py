"""The Scale view under a pilot's hands, and how its numbers are made."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eyebrow.core.models.member import Member
from eyebrow.core.results.compare.cuts import cuts_of
from eyebrow.core.results.store import Row, Store
from eyebrow.core.scoring.scores import Summary
from eyebrow.core.stories import Story, text_digest
from eyebrow.core.wording import figures
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.chart import Chart
from eyebrow.tui.panes.findings import Findings
from eyebrow.tui.panes.table import StoryTable
from eyebrow.tui.text.reading import MEASURES, units
from eyebrow.tui.threads import measuring
from eyebrow.tui.threads.analysis import Analysis
from eyebrow.tui.threads.scaling import Found, Said, TokensRead
from eyebrow.tui.views.explore import token
from eyebrow.tui.views.frame import EVERYTHING
from eyebrow.tui.views.scale import pictures as scale_pictures
from eyebrow.tui.views.scale.pictures import CHARTS
from eyebrow.tui.views.scale.screen import ScaleScreen
from eyebrow.tui.views.scale.snapshot import snapshot

from .stage import PATIENCE, SPECS, STORIES, made_app, made_score, settled
from .test_explore import text_of

MORE = (
    *STORIES,
    Story("owl", "An owl", "An owl sat in the dark and asked nobody in particular who it was."),
    Story("fox", "A fox", "The fox came, saw the hens, counted the dogs and went home again."),
    Story("ant", "The ant", "One ant carried a crumb, and a crumb is a table to an ant."),
)


@asynccontextmanager
async def scale(size: tuple[int, int] = (140, 40), stories: Any = MORE) -> AsyncIterator[Any]:
    """(app, pilot, screen) with everything scored and worked out."""
    app = made_app(stories)
    async with app.run_test(size=size) as pilot:
        await settled(app, pilot)
        screen = await shown(app, pilot)
        yield app, pilot, screen


async def shown(app: EyebrowApp, pilot: Any) -> ScaleScreen:
    await pilot.press(">")
    screen = app.screen
    assert isinstance(screen, ScaleScreen)
    for _ in range(PATIENCE):
        await pilot.pause(0.02)
        if screen.query_one(Findings).entries and screen.tokens is not None:
            break
    else:
        raise AssertionError("never worked out")
    return screen


async def test_what_is_on_the_screen_when_all_is_worked_out() -> None:
    async with scale() as (app, pilot, screen):
        await pilot.pause(0.3)
        text = text_of(app)
        for wanted in ("Perplexity against parameters", "50k", "800k", "Findings", "this story"):
            assert wanted in text
        for wanted in ("An owl", "all together", "story 1/6", "cpu float32", "▸Scale", "ready"):
            assert wanted in text
        numbers = screen.measured
        assert numbers is not None
        assert numbers.settled
        assert numbers.doubted
        (family,) = numbers.families
        for rung, one in zip(app.session.models.sizes, family.estimates["perplexity"], strict=True):
            assert one.value == pytest.approx(rung.perplexity)
            assert (one.low, one.high) == pytest.approx(rung.interval)
        assert family.uniform("perplexity") == 200  # words of the made vocabulary


async def test_charts_and_measures_go_round() -> None:
    async with scale() as (app, pilot, screen):
        titles = []
        for _ in CHARTS:
            titles.append(str(screen.query_one(Chart).border_title))
            await pilot.press("c")
        assert len(set(titles)) == len(CHARTS)
        assert str(screen.query_one(Chart).border_title) == titles[0]
        screen.action_chart(-1)
        await pilot.pause()
        assert str(screen.query_one(Chart).border_title) == titles[-1]
        assert "keeps none" in text_of(app)  # tokens come from a store
        await pilot.press("c")
        table = screen.query_one(StoryTable)
        for measure in (*MEASURES[1:], MEASURES[0]):
            await pilot.press("v")
            assert screen.measure == measure
            assert table.grid is not None
            nats = app.session.models.sizes[0].sums[app.session.library.digests[2]]
            value = {
                "perplexity": nats.perplexity,
                "bits per byte": nats.bits_per_byte,
                "nats per token": nats.nll / nats.tokens,
            }[measure]
            assert table.grid.values[0, 2] == pytest.approx(value)
            assert measure.capitalize() in text_of(app)


async def test_the_table_sorts_by_any_column_and_leads_to_the_story() -> None:
    async with scale() as (app, pilot, screen):
        read: list[int] = []
        screen.post_message = _listening(screen, read)
        await pilot.press("tab", "tab")
        assert isinstance(app.focused, StoryTable)
        table = app.focused
        await pilot.press("j", "j")
        assert app.session.place.story == 2
        await pilot.press("g", "s")  # by title
        titles = [MORE[story].title for story in table._order]
        assert titles == sorted(titles, key=str.casefold)
        assert table.row == 0  # what comes first is what one sorts for
        assert MORE[app.session.place.story].title == titles[0]
        await pilot.press("s", "s")  # by the second size, the hardest first
        values = table.grid.values[1]
        assert table._order.tolist() == np.argsort(-values).tolist()
        await pilot.press("S")
        assert table._order.tolist() == np.argsort(values).tolist()
        assert "↑" in text_of(app)
        await pilot.press("G")
        assert app.session.place.story == int(values.argmax())
        await pilot.press("enter")
        assert read == [int(values.argmax())]


def _listening(screen: ScaleScreen, read: list[int]) -> Any:
    post = screen.post_message

    def listen(message: Any) -> bool:
        if isinstance(message, ScaleScreen.Read):
            read.append(message.story)
        return post(message)

    return listen


async def test_a_finding_leads_to_the_story_it_names() -> None:
    async with scale() as (app, pilot, screen):
        read: list[int] = []
        screen.post_message = _listening(screen, read)
        said = (
            Said("size", "made", "It falls."),
            Said("stories", "made", "An owl, A fox.", (3, 4)),
        )
        screen.post_message(ScaleScreen.Answered(Found(screen.analysis.asked, said, complete=True)))
        await pilot.press("tab")
        assert isinstance(app.focused, Findings)
        await pilot.press("enter")
        assert read == []
        await pilot.press("j", "enter")
        await pilot.pause(0.2)
        assert app.current_mode == "explore"
        assert app.session.place.story == 3
        await pilot.press(">", "enter", ">", "enter")
        await pilot.pause(0.2)
        assert read == [3, 4, 3]


async def test_in_a_narrow_terminal_the_panes_take_turns() -> None:
    async with scale((80, 24)) as (_, pilot, screen):
        for pane in ScaleScreen.PANES:
            assert [name for name in ScaleScreen.PANES if screen.query_one(f"#{name}").display] == [
                pane
            ]
            await pilot.press("tab")
        await pilot.press("tab", "c")  # a chart that is asked for comes to the front
        assert screen.query_one(Chart).display
        await pilot.resize_terminal(140, 40)
        assert all(screen.query_one(f"#{name}").display for name in ScaleScreen.PANES)
        await pilot.resize_terminal(50, 10)
        await pilot.pause()
        assert not screen.query_one("#panes").display


async def test_the_table_is_written_where_nothing_is_yet(tmp_path: Path) -> None:
    async with scale() as (app, pilot, _):
        place = tmp_path / "scores.csv"
        toasts: list[str] = []
        app.notify = lambda message, **_: toasts.append(message)  # type: ignore[method-assign]
        for _ in range(2):
            await pilot.press("x", "ctrl+u", *str(place), "enter")
            await pilot.pause(0.3)
        assert len(place.read_text().splitlines()) == 1 + len(MORE) * len(SPECS)
        assert toasts[0] == str(place)
        assert "left as it is" in toasts[1]


async def test_nothing_is_worked_out_twice_or_while_away(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    look = Analysis.look

    def counted(self: Analysis, now: Any) -> int:
        nonlocal looks
        looks += 1
        return look(self, now)

    monkeypatch.setattr(Analysis, "look", counted)
    async with scale() as (app, pilot, screen):
        assert looks == 1
        await pilot.press("c", "v", "j", "s", "]", "1")
        await pilot.pause(0.5)
        assert looks == 1
        await pilot.press("<")
        app.session.models.sizes[0].sums.popitem()
        app.session.models.sizes[0].stories -= 1
        screen.changed(EVERYTHING)
        await pilot.pause(0.5)
        assert looks == 1


def session_of(*counts: int) -> Any:
    """A session of which each size has scored so many of the stories; the last is told twice."""
    app = made_app((*MORE, Story("again", "Again", MORE[0].text)), silent=True)
    session = app.session
    for strength, (rung, count) in enumerate(
        zip(session.models.sizes, counts, strict=True), start=1
    ):
        for story in MORE[:count]:
            digest = text_digest(story.text)
            rung.sums[digest] = made_score(story.text, strength).summary
            rung.stories += len(session.library.by_digest[digest])
    return session


def test_columns_are_the_sessions_stories_and_rows_its_sizes() -> None:
    now = snapshot(session_of(6, 6, 4))
    assert now is not None
    sheet = measuring.sheet_of(now)
    assert sheet.nll.shape == (3, 7)
    assert (sheet.nll[:, 0] == sheet.nll[:, 6]).all()
    table = measuring.tabled(1, sheet, now)
    assert np.isnan(table.values["perplexity"][2, 5])
    summary = made_score(MORE[1].text, 2).summary
    assert table.values["perplexity"][1, 1] == pytest.approx(summary.perplexity)
    assert table.values["bits per byte"][1, 1] == pytest.approx(summary.bits_per_byte)
    numbers = measuring.measured(1, measuring.common_to_all(sheet, now.listed), now)
    assert numbers.stories == 5
    assert not numbers.settled


def test_a_tokenizer_is_what_the_session_takes_it_for() -> None:
    session = session_of(6, 6, 6)
    for rung, tokenizer in zip(session.models.sizes, "ttu", strict=True):
        rung.tokenizer = tokenizer
    now = snapshot(session)
    assert now is not None
    assert [member.tokenizer for member in measuring.sheet_of(now).models] == ["t", "t", "u"]


def test_what_cannot_be_scored_is_not_waited_for() -> None:
    session = session_of(6, 6, 5)
    digest = text_digest(MORE[5].text)
    session.models.sizes[2].put_broken(digest, "too long", session.library.by_digest[digest], 1)
    now = snapshot(session)
    assert now is not None
    common = measuring.common_to_all(measuring.sheet_of(now), now.listed)
    numbers = measuring.measured(1, common, now)
    assert numbers.settled
    assert numbers.stories == 6
    session = session_of(6, 6, 0)
    for story in MORE:
        digest = text_digest(story.text)
        session.models.sizes[2].put_broken(digest, "too long", session.library.by_digest[digest], 1)
    now = snapshot(session)
    assert now is not None
    assert now.left_out == ()
    assert "6 of 7 stories" in scale_pictures.waiting_for(numbers, 3, 7)


def test_a_size_that_has_just_begun_does_not_hide_the_others() -> None:
    now = snapshot(session_of(6, 6, 1))
    assert now is not None
    assert [model.spec.name for model in now.models] == ["made-50k", "made-200k"]
    assert now.left_out == ("made-800k",)
    assert snapshot(session_of(0, 0, 0)) is None


def test_doubts_agree_between_measures() -> None:
    now = snapshot(session_of(6, 6, 6))
    assert now is not None
    sheet = measuring.common_to_all(measuring.sheet_of(now), now.listed)
    first = measuring.measured(1, sheet, now)
    assert math.isnan(first.families[0].estimates["perplexity"][0].low)
    (family,) = measuring.doubted(first, sheet, now).families
    for perplexity, nats in zip(
        family.estimates["perplexity"], family.estimates["nats per token"], strict=True
    ):
        assert math.log(perplexity.value) == pytest.approx(nats.value)
        assert math.log(perplexity.low) == pytest.approx(nats.low)
        assert perplexity.low < perplexity.value < perplexity.high
    assert [(step.smaller, step.larger) for step in family.steps] == [
        ("made-50k", "made-200k"),
        ("made-200k", "made-800k"),
        ("made-50k", "made-800k"),
    ]
    values = [one.value for one in family.estimates["perplexity"]]
    assert family.steps[0].change["perplexity"].value == pytest.approx(
        100 * (values[1] / values[0] - 1)
    )
    assert family.steps[0].better == 1


@pytest.mark.parametrize(("groups", "drawn"), [(1, False), (12, True)])
def test_what_is_drawn_decides_what_is_sure(tmp_path: Path, groups: int, drawn: bool) -> None:
    numbers = ("One", "Two", "Three", "Four", "Five")
    stories = [
        Story(
            f"s{n}",
            f"Story {n}",
            " ".join(f"{number} cats {'ran ' * (n % 4)}by {n}." for number in numbers),
            group=f"author: {n % groups}",
        )
        for n in range(12)
    ]
    session = made_app(tuple(stories), silent=True).session
    store = Store(tmp_path)
    recipe = session.worker.recipe = session.worker.recipe.settled("cpu", "float32")
    for strength, rung in enumerate(session.models.sizes, start=1):
        rung.digest = f"{strength:016x}"
        member = Member(rung.name, rung.digest, "made", "", "t", rung.parameters or 0)
        scores = [made_score(story.text, strength) for story in stories]
        store.write(
            [Row(story, member, recipe, one) for story, one in zip(stories, scores, strict=True)]
        )
        for story, one in zip(stories, scores, strict=True):
            rung.sums[text_digest(story.text)] = one.summary
            rung.stories += 1
    now = snapshot(session)
    assert now is not None
    sheet = measuring.common_to_all(measuring.sheet_of(now), now.listed)
    (family,) = measuring.doubted(measuring.measured(1, sheet, now), sheet, now).families
    assert ("Page p" in family.trend) == drawn
    assert math.isfinite(family.estimates["perplexity"][0].low) == drawn
    assert math.isfinite(family.steps[0].change["perplexity"].low) == drawn
    assert ("no fit: it takes 10 stories, or groups of them" in family.fitted) != drawn
    read = measuring.tokens_read(1, sheet, measuring.read_families(store, sheet))
    assert read.five == 12
    assert {math.isfinite(low) for low in read.by_sentence[0].low} == {drawn}


def test_tokens_are_read_from_the_store(tmp_path: Path) -> None:
    session = session_of(6, 6, 6)
    store = Store(tmp_path)
    recipe = session.worker.recipe.settled("cpu", "float32")
    session.worker.recipe = recipe
    for strength, rung in enumerate(session.models.sizes, start=1):
        rung.digest = f"{strength:016x}"
        member = Member(rung.name, rung.digest, "made", "", "t", rung.parameters or 0)
        rows = [Row(story, member, recipe, made_score(story.text, strength)) for story in MORE]
        store.write(rows)
    now = snapshot(session)
    assert now is not None
    sheet = measuring.common_to_all(measuring.sheet_of(now), now.listed)
    read = measuring.tokens_read(1, sheet, measuring.read_families(store, sheet))
    assert read.models == ("made-50k", "made-200k", "made-800k")
    scores = [made_score(story.text, 1) for story in (*MORE, MORE[0])]  # the last is told twice
    ranks = np.concatenate([score.ranks[score.ranks > 0] for score in scores])
    assert read.rank_shares[0][1] == pytest.approx((ranks <= 10).mean())
    assert (read.stories, read.five, set(read.tokenizers)) == (7, 0, {""})
    weak, strong = read.by_token[0], read.by_token[2]
    assert weak.xs == strong.xs
    assert weak.ys == pytest.approx([3 * value for value in strong.ys])


def test_an_infinite_surprise_is_a_number_like_the_others() -> None:
    session = session_of(6, 6, 6)
    digest = session.library.digests[0]
    session.models.sizes[0].sums[digest] = Summary(3, 12, math.inf)
    now = snapshot(session)
    assert now is not None
    sheet = measuring.common_to_all(measuring.sheet_of(now), now.listed)
    numbers = measuring.doubted(measuring.measured(1, sheet, now), sheet, now)
    (family,) = numbers.families
    assert family.estimates["perplexity"][0].value == math.inf
    assert "no fit" in family.fitted


async def test_other_stories_are_worked_out_anew() -> None:
    async with scale() as (app, pilot, screen):
        app.session.open(MORE[:4], "others")
        screen.open_anew()
        assert screen.measured is None
        assert not screen.query_one(Findings).entries
        for _ in range(PATIENCE):
            await pilot.pause(0.02)
            if screen.query_one(Findings).entries and screen.measured.stories == 4:
                break
        assert screen.measured is not None
        assert screen.measured.stories == 4
        assert screen.query_one(StoryTable).grid.values.shape[1] == 4


FIVE = [
    Story(
        f"f{n}", f"Five {n}", f"A cat {n} sat. Then it ate {n} mice. It slept. It woke up. It ran."
    )
    for n in range(1, 9)
]


def read_of(tmp_path: Path, tokenizers: tuple[str, ...]) -> TokensRead:
    """Eight stories of five sentences under as many models as tokenizers are named."""
    session = made_app(FIVE, silent=True).session
    session.worker.recipe = session.worker.recipe.settled("cpu", "float32")
    store = Store(tmp_path)
    for n, (rung, tokenizer) in enumerate(
        zip(session.models.sizes, tokenizers, strict=True), start=1
    ):
        rung.digest, rung.tokenizer = f"{n:016x}", tokenizer
        for story in FIVE:
            score = made_score(story.text, n)
            rung.put(text_digest(story.text), score.summary, [FIVE.index(story)], 1)
            rung.cuts[text_digest(story.text)] = cuts_of(story.text, score)
        member = Member(rung.name, rung.digest, "made", "", tokenizer, rung.parameters or 0)
        store.write([Row(s, member, session.worker.recipe, made_score(s.text, n)) for s in FIVE])
    now = snapshot(session)
    assert now is not None
    sheet = measuring.common_to_all(measuring.sheet_of(now), now.listed)
    return measuring.tokens_read(1, sheet, measuring.read_families(store, sheet))


def test_sentences_have_a_unit_a_count_and_intervals(tmp_path: Path) -> None:
    read = read_of(tmp_path, ("t", "t", "t"))
    assert read.five == 8
    for profile in read.by_sentence:
        assert profile.xs == (1, 2, 3, 4, 5)
        for low, mean, high in zip(profile.low, profile.ys, profile.high, strict=True):
            assert low <= mean <= high
    assert any(
        a < b for a, b in zip(read.by_sentence[0].low, read.by_sentence[0].high, strict=True)
    )
    look = scale_pictures.Look(True, "256", "made-200k")
    view = scale_pictures.view("sentences", "perplexity", None, None, read, None, 0, look)
    assert view.note == "8 stories of five sentences, 95 % intervals"
    assert view.picture is not None
    for width in (60, 100):
        heading = view.picture(width, 16).splitlines()[0]
        assert "bits per token" in heading
        for size in ("50k", "200k", "800k"):  # position and model in one picture
            assert size in heading


@pytest.mark.parametrize("name", ["tokens", "sentences", "ranks"])
def test_tokens_of_other_tokenizers_are_left_out_and_that_is_said(
    tmp_path: Path, name: Any
) -> None:
    read = read_of(tmp_path, ("t", "u", "t"))
    for current, without in (("made-50k", "made-200k"), ("made-200k", "2 models")):
        look = scale_pictures.Look(True, "mono", current)
        view = scale_pictures.view(name, "perplexity", None, None, read, None, 0, look)
        assert f"without {without}: tokens cut otherwise do not compare" in view.note
        assert view.picture is not None
        shown = view.picture(100, 16)
        assert current in shown
        assert ("made-200k" in shown) is (current == "made-200k")


def test_the_sources_sentences_and_groups_are_the_charts(tmp_path: Path) -> None:
    """Without end punctuation nothing else says where sentences are."""
    text = "cat sat down dog ran off sun set then rain fell and all slept"
    told = (0, 13, 25, 33, 48)
    app = made_app((Story("one", "One", text, group="author: x", sentence_starts=told),))
    session = app.session
    score = made_score(text, 1)
    assert [len(units(text, score, "sentence", starts)) for starts in ((), told)] == [1, 5]
    session.scores._keep(session.models.size, session.library.digests[0], score)
    session.place.go_to(0, 0, 4)
    said = token.glass(session).units
    assert any("sentence 2/5" in one for one in said)
    assert any(one.startswith("sentences 1-5") for one in said)
    (story,) = measuring.sheet_of(_snapshot_of(session)).stories
    assert (story.group, story.sentence_starts) == ("author: x", told)


def _snapshot_of(session: Any) -> Any:
    for strength, rung in enumerate(session.models.sizes, start=1):
        for digest, story in zip(session.library.digests, session.library.stories, strict=True):
            rung.sums[digest] = made_score(story.text, strength).summary
            rung.stories += 1
    return snapshot(session)


async def test_a_click_takes_the_finding_and_the_row_under_the_pointer() -> None:
    async with scale() as (app, pilot, screen):
        findings = screen.query_one(Findings)
        lines = [n for n, (finding, _) in enumerate(findings._lines) if finding == 1]
        await pilot.click(Findings, offset=(4, 1 + lines[0]))
        assert (screen.at, findings.at) == ("findings", 1)
        await pilot.click(StoryTable, offset=(4, 1 + 2 + 2))  # border, headings, third story
        assert (screen.at, app.session.place.story) == ("table", 2)


async def test_with_a_filter_on_all_is_of_what_is_listed_and_says_so() -> None:
    async with scale() as (app, pilot, screen):
        whole = app.session.models.size.perplexity
        await pilot.press("<", "slash", *"and", "enter")
        listed = [*app.session.library.order]
        assert 0 < len(listed) < len(MORE)
        await shown(app, pilot)
        scored = [app.session.sums(app.session.models.size, story) for story in listed]
        nll, tokens = (sum(getattr(one, what) for one in scored) for what in ("nll", "tokens"))
        wanted = math.exp(nll / tokens)
        assert screen.measured.stories == len(listed)
        size = app.session.models.current
        estimate = screen.measured.families[0].estimates["perplexity"][size]
        assert estimate.value == pytest.approx(wanted)
        assert wanted != pytest.approx(whole)
        table = screen.query_one(StoryTable)
        assert [int(story) for story in table._order] == listed
        assert table.grid.whole[size] == pytest.approx(wanted)
        assert {at for one in screen.query_one(Findings).entries for at in one.stories} <= {*listed}
        text = text_of(app)
        assert text.count("filter: and") == 3  # chart, findings, table
        assert f"{len(listed)} listed {figures(wanted)}" in text
        assert f"the listed ({len(listed)} stories" in text


async def test_without_a_filter_as_listed_is_as_sorted() -> None:
    async with scale() as (app, pilot, screen):
        await pilot.press("<", "s", ">")
        await pilot.pause(0.1)
        table = screen.query_one(StoryTable)
        assert [int(story) for story in table._order] == [*app.session.library.order]
        assert [*app.session.library.order] != [*range(len(MORE))]


async def test_where_nothing_is_listed_it_says_so() -> None:
    async with scale() as (app, pilot, screen):
        await pilot.press("<", "slash", *"zebra", "enter", ">")
        await pilot.pause(0.1)
        assert screen.measured is None
        assert "no story matches the filter" in text_of(app)
        await pilot.press("escape", "<")
        await shown(app, pilot)
