"""The screen under a pilot's hands."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from eyebrow.core.engine.messages import Failed, WorkerDied
from eyebrow.core.stories import Story
from eyebrow.core.wording import figures
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.bars import Bar, Legend, without_spare
from eyebrow.tui.panes.chart import Chart
from eyebrow.tui.panes.inspector import Glass, Inspector, table
from eyebrow.tui.panes.ladder import Ladder
from eyebrow.tui.panes.story_list import StoryList
from eyebrow.tui.panes.story_text import StoryText
from eyebrow.tui.session.arrange import SORTS, parse_filter
from eyebrow.tui.views.dialogs.help import HelpScreen
from eyebrow.tui.views.dialogs.line import LineScreen
from eyebrow.tui.views.explore.screen import ExploreScreen

from .stage import PATIENCE, SPECS, STORIES, made_app, settled

HOSTILE = (
    Story("markup", "[/foo] [bold", "a [/foo] b [red]c[/] $x @y"),
    Story("escape", "\x1b[31mred\x1b]0;title\x07", "bell \x07 esc \x1b[2J nul \x00 c1 \x9b31m"),
    Story("bidi", "‮evil‬", "right ‮to‬ left ⁦x⁩ zero​width"),
    Story("long", "x" * 500, "y" * 2000),
    Story("wide", "日本語の話", "日本語 👩‍👩‍👧 é e\u0301 🇫🇷 end"),
    Story("lines", "a\nb\r\nc", "one\r\ntwo\n\n\n\nthree\ttab"),
    Story("one", "One", "word"),
)


def text_of(app: EyebrowApp) -> str:
    """The screen as text."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text[:width] for strip in strips[:height])


def pane(app: EyebrowApp, kind: type[Any]) -> Any:
    return app.screen.query_one(kind)


async def test_what_is_on_the_screen_when_all_is_scored() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        shown = text_of(app)
        for wanted in ("The cat", "made-800k", "3 stories", "story 1/3", "cpu float32", "ready"):
            assert wanted in shown
        assert "perplexity" in shown
        assert "first token context · 1024/512 · float32 cpu" in shown


async def test_titles_and_names_command_no_terminal() -> None:
    specs = [replace(spec, name=f"\x1b[7J{spec.name}") for spec in SPECS]
    app = made_app(HOSTILE[1:2], specs, silent=True)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await pilot.press("y", "enter")  # says in a toast which story was copied
        app.session.receive(Failed(0, "", "\x1b[5mBad", "the server says \x1b[2J"))
        for _ in range(PATIENCE):
            await pilot.pause(0.02)
            if "OSC 52" in (shown := text_of(app)) and "the server" in shown:
                break
        assert shown.count("␛[31mred␛]0;title␇") >= 2  # the pane and the toast
        assert "the server says ␛[2J" in shown
        assert shown.count("␛[7J") > len(specs)  # the ladder, and the status line
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown)


async def test_moving_through_stories_and_tokens() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("j")
        assert app.session.place.story == 1
        await pilot.press("k", "G")
        assert app.session.place.story == 2
        await pilot.press("g", "enter")
        assert app.session.place.story == 0
        assert isinstance(app.focused, StoryText)
        await pilot.press("l", "l", "h", "w")
        assert app.session.place.token == 2
        await pilot.press("b", "G")
        assert app.session.place.token == len(app.session.score(app.session.models.size) or ()) - 1
        await pilot.press("g")
        assert app.session.place.token == 0
        await pilot.press("j")
        assert app.session.place.token > 0  # the line below
        await pilot.press("escape")
        assert isinstance(app.focused, StoryList)


async def test_the_inspector_follows_the_token() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert "context, not scored" in text_of(app)
        await pilot.press("l")
        await pilot.pause(0.3)
        glass = pane(app, Inspector).glass
        score = app.session.score(app.session.models.size)
        assert score is not None
        assert glass.logprob == pytest.approx(float(score.logprobs[1]))
        assert glass.rank == score.ranks[1]
        assert "30 %" in text_of(app)  # the likeliest alternative


async def test_sizes_by_number_and_by_bracket() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("1")
        assert app.session.models.current == 0
        await pilot.press("right_square_bracket")
        assert app.session.models.current == 1
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert app.session.models.current == 0
        await pilot.press("9")
        assert app.session.models.current == 0
        assert pane(app, Ladder).current == 0


async def test_tab_goes_round_the_panes() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        seen = []
        for _ in range(3):
            await pilot.press("tab")
            seen.append(app.focused.id if app.focused else None)
        assert seen == ["text", "ladder", "list"]
        await pilot.press("shift+tab")
        assert app.focused is not None
        assert app.focused.id == "ladder"


@pytest.mark.parametrize(
    ("size", "visible"),
    [
        ((140, 40), {StoryList, StoryText, Inspector, Ladder, Chart}),
        ((100, 30), {StoryList, StoryText, Inspector, Ladder, Chart}),
        ((80, 24), {StoryList}),
    ],
)
async def test_which_panes_stand_side_by_side(size: tuple[int, int], visible: set[type]) -> None:
    app = made_app()
    async with app.run_test(size=size) as pilot:
        await settled(app, pilot)
        shown = {
            kind
            for kind in (StoryList, StoryText, Inspector, Ladder, Chart)
            if pane(app, kind).size.area and pane(app, kind).is_on_screen
        }
        assert shown == visible


async def test_in_a_small_terminal_everything_has_its_turn() -> None:
    app = made_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("tab")
        assert pane(app, StoryText).size.area
        assert pane(app, Inspector).size.area
        await pilot.press("tab")
        await pilot.pause(0.1)
        assert pane(app, Ladder).size.area
        assert pane(app, Chart).size.area
        assert "story 1/3" in text_of(app)


async def test_below_its_smallest_size_it_says_what_it_needs() -> None:
    app = made_app()
    async with app.run_test(size=(50, 12)) as pilot:
        await pilot.pause(0.2)
        assert "needs 60x16" in text_of(app)
        await pilot.resize_terminal(140, 40)
        await settled(app, pilot)
        assert "story 1/3" in text_of(app)


async def test_the_next_eyebrow_is_found_over_stories() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("1")  # the smallest is the most surprised
        await pilot.pause(0.1)
        visited = []
        for _ in range(12):
            await pilot.press("n")
            await pilot.pause(0.1)
            score = app.session.score(app.session.models.size)
            assert score is not None
            place = (app.session.place.story, app.session.place.token)
            if visited and place == visited[-1]:
                break
            assert -score.logprobs[app.session.place.token] / 0.6931 >= 7.99
            visited.append(place)
        assert visited == sorted(visited)
        assert len({story for story, _ in visited}) > 1
        await pilot.press("N")
        await pilot.pause(0.1)
        assert (app.session.place.story, app.session.place.token) == visited[-2]


async def test_colours_units_and_the_difference() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        notes = [pane(app, Legend).note]
        for key in ("c", "c", "c", "c", "u", "u", "d"):
            await pilot.press(key)
            await pilot.pause(0.05)
            notes.append(pane(app, Legend).note)
        assert notes == [
            "surprise",
            "rank",
            "entropy",
            "surprise − entropy",
            "surprise",
            "surprise by word",
            "mean surprise by sentence",
            "against made-200k, mean by sentence",
        ]


async def test_sorting_and_filtering() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("s")
        values = [app.session.sums(app.session.models.size, i) for i in app.session.library.order]
        found = [value.perplexity for value in values if value]
        assert found == sorted(found, reverse=True)
        await pilot.press("slash", *"dog", "enter")
        await pilot.pause(0.1)
        assert app.session.library.order == [1]
        assert app.session.place.story == 1
        await pilot.press("slash", *"ppl>x", "enter")
        assert isinstance(app.screen, LineScreen)  # a filter with a mistake can be mended
        assert "give a number" in text_of(app)
        await pilot.press("escape")
        assert app.session.library.order == [1]  # and changes nothing where it is left
        await pilot.press("slash", "backspace", "enter")
        await pilot.pause(0.1)
        assert len(app.session.library.order) == 3


async def test_sorting_keeps_the_story_in_sight_and_esc_clears_the_filter() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await settled(app, pilot)
        await pilot.press("G")
        title, story = app.screen.query_one(StoryList), app.session.place.story
        for _ in SORTS:
            await pilot.press("s")
            await pilot.pause(0.05)
            assert app.session.place.story == story
            assert app.session.library.order[title.row or 0] == story
        await pilot.press("slash", *"[b]dog", "enter")
        await pilot.pause(0.1)
        assert "filter: [b]dog" in title._border_title.plain  # text, never markup
        await pilot.press("slash", *"dog", "enter", "enter")
        await pilot.pause(0.1)
        await pilot.press("escape")  # out of the story
        assert app.screen.at == "list"
        assert app.session.library.order == [1]
        await pilot.press("colon", "7", "7", "enter")
        await pilot.pause(0.1)
        assert "no story 77: 1 of 3 match the filter" in text_of(app)
        await pilot.press("escape", "escape")  # out of the line, and out of the filter
        assert len(app.session.library.order) == 3
        assert "filter" not in str(title.border_title)
        await pilot.press("colon", "7", "8", "enter")
        await pilot.pause(0.1)
        assert "no story 78: the list has 3 stories" in text_of(app)


async def test_the_story_is_in_sight_when_a_filter_goes() -> None:
    stories = [Story(f"s{n}", f"Story {n}", f"This is number {n}.") for n in range(100)]
    app = made_app(tuple(stories))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("slash", *"90", "enter")
        await pilot.pause()
        assert len(app.session.library.order) == 1
        await pilot.press("escape")
        await settled(app, pilot)
        listed = app.screen.query_one(StoryList)
        assert (listed.row, len(listed.shelf.order)) == (90, 100)
        top = listed.scroll_offset.y
        assert top <= 90 < top + listed.scrollable_content_region.height


def test_what_matters_less_leaves_the_status_line_first_and_whole() -> None:
    parts = [("story 1/3", ""), (" · made-50k", "spare"), (" · cpu", "spare"), (" · set 36.8", "")]
    for room, wanted in (
        (37, "story 1/3 · made-50k · cpu · set 36.8"),
        (36, "story 1/3 · made-50k · set 36.8"),
        (30, "story 1/3 · set 36.8"),
        (10, "story 1/3 · set 36.8"),  # the rest is cut where the bar ends
    ):
        assert "".join(text for text, _ in without_spare(parts, room)) == wanted


async def test_at_80_columns_the_interval_of_the_set_is_whole() -> None:
    app = made_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        assert app.session.models.size.interval is not None
        low, high = app.session.models.size.interval
        bar = app.screen.query_one("#status", Bar)
        for right in ("ready", "scoring made-800k 12/120, 4 s left", "downloading " + "x" * 40):
            bar.right = ((f" {right}", "spare"),)
            text = bar.render_line(0).text
            assert f"set {figures(app.session.models.size.perplexity)} [{figures(low)}" in text
            assert f"{figures(high)}]" in text
            assert (right in text) is ("x" * 40 not in right)
            assert "…" not in text


def test_the_numbers_of_five_sentences_wrap() -> None:
    units = ("sentences 1-5 mean 5.4 4.1 10.2 4.4 10.3 bits",)
    lines = table(Glass(count=1, units=units), 28)
    shown = ["".join(text for text, _ in line) for line in lines[1:]]
    assert " ".join(shown) == units[0]
    assert all(len(line) <= 28 for line in shown)


async def test_text_from_files_is_only_ever_text() -> None:
    app = made_app(HOSTILE)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        for _ in HOSTILE:
            await pilot.press("enter", "l", "l", "i", "escape", "j")
            await pilot.pause(0.25)
            shown = text_of(app)
            assert not {ch for ch in shown if ord(ch) < 32 and ch != "\n"}
            assert not set("\x7f\x9b‮‬⁦⁩​") & set(shown)
        assert "[/foo] [bold" in shown
        assert app.is_running


async def test_without_stories_nothing_breaks() -> None:
    app = made_app(())
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause(0.4)
        await pilot.press("j", "enter", "l", "n", "s", "c", "d", "u", "y", "1", "tab")
        assert "no story" in text_of(app)


async def test_what_is_missing_is_said() -> None:
    app = made_app(silent=True)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause(0.5)
        shown = text_of(app)
        assert "starting the worker" in shown
        assert STORIES[0].text[:20] in shown
        app.session.receive(WorkerDied(1, "no memory"))
        app.session.receive(WorkerDied(1, "no memory"))
        app.session.receive(WorkerDied(1, "no memory"))
        await pilot.pause(0.5)
        assert "no worker" in text_of(app)


async def test_a_failed_size_shows_why() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await settled(app, pilot)
        app.session.receive(Failed(1, "made-200k", "Cannot load", "the file is [torn]"))
        await pilot.pause(0.5)
        shown = text_of(app)
        assert "failed" in shown
        assert "the file is [torn]" in shown


async def test_help_and_palette_know_the_keys() -> None:
    app = made_app()
    async with app.run_test(size=(140, 50)) as pilot:
        await settled(app, pilot)
        await pilot.press("question_mark")
        await pilot.pause(0.2)
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app)
        assert "next of what is hunted" in shown
        await pilot.press("q")
        await pilot.pause(0.2)
        assert isinstance(app.screen, ExploreScreen)
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {
            "Explore: find text in the listed stories",
            "Choose a size",
            "Quit",
            "Theme",
        } <= titles
        await pilot.press("ctrl+p")
        await pilot.pause(0.2)
        await pilot.press(*"larger size")
        await pilot.press("1")
        await pilot.press("escape")


async def test_the_palette_runs_what_it_lists() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        commands = {command.title: command for command in app.get_system_commands(app.screen)}
        commands["Smaller size"].callback()
        await pilot.pause(0.3)
        assert app.session.models.current == 1


async def test_another_theme_paints_the_story_anew() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        dark = pane(app, StoryText).paint.styles
        app.theme = "textual-light"
        await pilot.pause(0.2)
        assert pane(app, StoryText).paint.styles != dark


async def test_quitting_is_quitting() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("q")
        await pilot.pause(0.1)
        assert app.return_code == 0


async def test_the_status_line_has_what_it_promises() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        status = "".join(text for text, _ in app.screen.query_one("#status", Bar).parts)
        rung = app.session.models.size
        assert rung.interval is not None
        for wanted in ("story 1/3", "made-800k", "cpu float32", "set", "["):
            assert wanted in status


def test_a_token_without_alternatives_says_why() -> None:
    glass = Glass(1, 9, "cat", 7, logprob=-2.0, entropy=1.0, rank=3)
    assert [("no alternatives (--top 0)", "quiet")] in table(glass, 40)
    assert [("no alternatives (--top 0)", "quiet")] not in table(replace(glass, logprob=None), 40)


async def test_a_click_takes_what_is_under_the_pointer() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.click(StoryList, offset=(5, 2))  # the border is line 0
        assert app.session.place.story == 1
        await pilot.click(Ladder, offset=(5, 3))  # below the names of the columns
        assert app.session.models.current == 1
        score = app.session.score(app.session.models.size)
        assert score is not None
        await pilot.click(StoryText, offset=(int(score.starts[3]) + 1, 0))
        assert app.session.place.token == 3
        await pilot.click(StoryList, offset=(5, 2))  # again: into it
        assert app.screen.at == "text"


async def test_a_story_that_is_not_listed_is_not_taken_for_the_first() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.session.library.filter = parse_filter("dog")
        app.session.arrange()
        app.session.select_story(2)
        await pilot.pause(0.1)
        assert "a story that is not among the 1 listed" in text_of(app)
        assert pane(app, StoryList).row is None
        await pilot.press("j")
        assert app.session.place.story == 1
