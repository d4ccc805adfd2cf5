"""Finding text, the other places of a token, and what `n` and `N` go through."""

from __future__ import annotations

from typing import Any

import pytest
from eyebrow.core.stories import Story
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.session.quarry import Text
from eyebrow.tui.text.finding import places
from eyebrow.tui.text.reading import differences
from eyebrow.tui.views.dialogs.line import LineScreen
from textual.widgets import Input, Static

from .stage import PATIENCE, STORIES, made_app, settled
from .test_explore import text_of

LAMPS = (
    *STORIES,
    Story("one", "One", "The lamp was out. A Lamp, a lamp post, and lamplight."),
    Story("two", "Two", "No light at all."),
    Story("three", "Three", "He lit a lamp and the lamp burned."),
)


@pytest.mark.parametrize(
    ("text", "wanted", "exact", "found"),
    [
        ("Lamp lamp LAMP", "lamp", False, [0, 5, 10]),
        ("Lamp lamp LAMP", "lamp", True, [5]),
        ("aaaa", "aa", False, [0, 1, 2]),
        ("İstanbul, istanbul", "istanbul", False, [0, 10]),  # lower() makes two characters of İ
        ("a.c abc", "a.c", False, [0]),
        ("", "x", False, []),
    ],
)
def test_where_a_text_stands(text: str, wanted: str, exact: bool, found: list[int]) -> None:
    assert places(text, wanted, exact=exact) == found


def stands(app: EyebrowApp) -> tuple[int, str]:
    """The story, and what is under the cursor."""
    session = app.session
    score = session.score(session.models.size)
    assert score is not None
    text, at = session.library.stories[session.place.story].text, session.place.token
    return session.place.story, text[score.starts[at] : score.ends[at]].strip()


async def rest(app: EyebrowApp, pilot: Any) -> None:
    """Until nothing is looked for and the tokens of the story are there."""
    for _ in range(PATIENCE):
        await pilot.pause(0.01)
        session = app.session
        looked = not isinstance(session.hunts.text, Text) or session.hunts.found is not None
        if looked and session.place.hunt is None and session.score(session.models.size):
            break
    await pilot.pause()


async def shows(app: EyebrowApp, pilot: Any, text: str) -> None:
    """Until the screen says so."""
    for _ in range(PATIENCE):
        if text in text_of(app):
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{text!r} never came up")


async def test_a_text_is_found_as_it_is_typed_and_hunted_from_then_on() -> None:
    app = made_app(LAMPS)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("f", *"LAM")
        await rest(app, pilot)
        assert stands(app) == (3, "lamp")
        assert isinstance(app.screen, LineScreen)
        assert "6 places in 2 stories" in str(app.screen.query_one(Static).render())
        await pilot.press("p", "l")
        await rest(app, pilot)
        assert stands(app) == (3, "lamplight.")
        await pilot.press("backspace", "enter")
        await rest(app, pilot)
        seen = [stands(app)]
        await shows(app, pilot, "n “LAMp”, 6 places in 2 stories")
        for _ in range(6):
            await pilot.press("n")
            await rest(app, pilot)
            seen.append(stands(app))
        lamps = [(3, "lamp"), (3, "Lamp,"), (3, "lamp"), (3, "lamplight.")]
        assert seen == [*lamps, (5, "lamp"), (5, "lamp"), (3, "lamp")]  # and round again
        await pilot.press("N")
        await rest(app, pilot)
        assert stands(app) == (5, "lamp")
        await pilot.press("ctrl+g")
        await pilot.pause()
        assert app.session.hunts.text is None
        assert app.session.place.story == 5
        await shows(app, pilot, "n raised eyebrows")


async def test_leaving_goes_back_to_where_one_was() -> None:
    app = made_app(LAMPS)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("j", "enter", "l", "l")
        before = stands(app)
        await pilot.press("f", *"lamp")
        await rest(app, pilot)
        assert app.session.place.story == 3
        await pilot.press("ctrl+g")
        await rest(app, pilot)
        assert stands(app) == before
        assert app.session.hunts.text is None
        assert app.session.place.trail.go(1, app.session.spot) is None


async def test_what_is_typed_behind_the_end_of_a_line_is_not_its_own() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        for end in ("escape", "enter"):
            await pilot.press("f", "o", "w", "l")
            line, hunts = app.screen, app.session.hunts
            assert isinstance(line, LineScreen)
            typed = line.query_one(Input)
            if end == "escape":
                line.action_leave()
            else:
                await typed.action_submit()
                await pilot.pause()
            before = hunts.text
            line.on_input_changed(Input.Changed(typed, "owls"))
            line.on_input_submitted(Input.Submitted(typed, "owls"))
            line.action_leave()
            assert hunts.text == before
            await pilot.pause()
            assert app.screen is not line


async def test_other_stories_are_opened_while_a_text_is_typed() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("f", "o")
        app.session.hunts.empty()
        await pilot.press("w", "l", "enter")
        await settled(app, pilot)
        assert app.session.hunts.last == "owl"


async def test_what_no_story_has_is_said_and_can_be_mended() -> None:
    app = made_app(LAMPS)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await settled(app, pilot)
        await pilot.press("f", *"lampx")
        await rest(app, pilot)
        assert app.session.place.story == 0
        await shows(app, pilot, "no listed story has it")
        await pilot.press("enter")
        await rest(app, pilot)
        assert any("no “lampx” in the listed" in toast.message for toast in app._notifications)
        await pilot.press("f", "right", "backspace", "enter")  # what was typed is there again
        await rest(app, pilot)
        assert stands(app) == (3, "lamp")


async def test_only_listed_stories_are_gone_through() -> None:
    app = made_app(LAMPS)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("slash", *"burned", "enter", "f", *"lamp", "enter", "n")
        await rest(app, pilot)
        assert app.session.hunts.found == (2, 1)
        assert app.session.place.story == 5


async def test_the_other_places_of_a_token_are_in_its_own_letters() -> None:
    app = made_app(LAMPS)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("j", "j", "j", "enter", "l", "asterisk")
        await rest(app, pilot)
        assert stands(app) == (3, "lamp")
        assert app.session.place.token == 7  # neither Lamp nor lamplight
        await pilot.press("n")
        await rest(app, pilot)
        assert app.session.place.story == 5
        await shows(app, pilot, "n tokens “␣lamp”")


async def test_a_token_that_stands_once_stays_under_the_cursor() -> None:
    app = made_app(LAMPS)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await settled(app, pilot)
        await pilot.press("j", "enter", "l", "asterisk")  # a dog
        await rest(app, pilot)
        assert stands(app) == (1, "dog")
        assert any("no other token" in toast.message for toast in app._notifications)


async def test_under_the_difference_its_largest_are_hunted() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("2", "d", "n")
        await rest(app, pilot)
        await pilot.pause(0.1)
        session = app.session
        reference = session.models.reference
        assert reference is not None
        score, below = session.score(session.models.size), session.score(reference)
        assert score is not None
        assert below is not None
        at = session.place.token
        text = session.library.stories[session.place.story].text
        found = abs(differences(text, score, below))
        assert found[at] >= 3
        assert not any(found[1:at] >= 3)
        await shows(app, pilot, "n gains and losses of 3 bits")
        await pilot.press("d")
        await pilot.pause()
        assert session.hunts.quarry.one == "raised eyebrow"


async def test_a_hundred_thousand_stories_are_searched_aside() -> None:
    stories = [Story(f"s{n}", f"Story {n}", f"Tale {n} of a dog.") for n in range(20_000)]
    app = made_app([*stories, LAMPS[3]], silent=True)
    async with app.run_test(size=(140, 40)) as pilot:
        while app.session.library.reading:
            await pilot.pause(0.02)
        await pilot.press("f", *"lamp", "enter")
        while app.session.place.hunt is not None:
            await pilot.pause(0.01)
        assert app.session.place.story == 20_000
        assert app.session.hunts.found == (4, 1)
