"""`H` and `L` through the places one has been."""

from __future__ import annotations

from typing import Any

from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.session.arrange import Filter
from eyebrow.tui.session.trail import KEPT, Spot, Stance, Trail

from .stage import made_app, settled
from .test_bursts import MANY
from .test_finding import rest


def spot(story: int, character: int = 0) -> Spot:
    return Spot("explore", story, Stance(character), Filter())


def test_steps_in_a_row_leave_one_place() -> None:
    trail = Trail()
    for story in range(5):
        trail.leave(spot(story), step=True)
    assert trail.go(-1, spot(5)) == spot(0)
    assert trail.go(-1, spot(0)) is None
    assert trail.go(1, spot(0)) == spot(5)
    assert trail.go(1, spot(5)) is None


def test_what_was_done_between_two_steps_makes_a_place() -> None:
    trail = Trail()
    trail.leave(spot(0), step=True)
    trail.stay()
    trail.leave(spot(1, 7), step=True)
    assert trail.go(-1, spot(2)) == spot(1, 7)
    assert trail.go(-1, spot(1, 9)) == spot(0)
    assert trail.go(1, spot(0)) == spot(1, 9)  # as one left it


def test_going_elsewhere_ends_what_was_forward() -> None:
    trail = Trail()
    for story in range(3):
        trail.leave(spot(story))
    trail.go(-1, spot(3))
    trail.go(-1, spot(2))
    trail.leave(spot(1))
    assert trail.go(1, spot(9)) is None
    assert trail.go(-1, spot(9)) == spot(1)


def test_only_so_many_are_kept() -> None:
    trail = Trail()
    for story in range(KEPT + 50):
        trail.leave(spot(story))
    here, count = spot(-1), 0
    while (found := trail.go(-1, here)) is not None:
        here, count = found, count + 1
    assert (count, here) == (KEPT, spot(50))


async def test_over_stories_tokens_filters_numbers_and_views() -> None:
    app = made_app(MANY)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await settled(app, pilot)

        async def at() -> tuple[str, int, int, int]:
            await rest(app, pilot)
            session = app.session
            place = (app.current_mode, session.place.story, session.place.token)
            return (*place, len(session.library.order))

        seen = [await at()]
        for keys in (
            ["j", "j", "j"],
            ["colon", "9", "enter", "enter", "l", "l"],
            ["slash", *"cat", "enter"],
            ["greater_than_sign"],
            ["less_than_sign", "slash", "ctrl+u", "enter", "1", "n"],
        ):
            await pilot.press(*keys)
            seen.append(await at())
        assert seen[2][1:3] == (8, 2)
        assert seen[3][3] == 1
        assert seen[4][0] == "scale"
        back = [seen[-1]]
        for _ in range(12):
            await pilot.press("H")
            back.append(await at())
        assert all(one in back for one in seen), (seen, back)
        assert back[-1] == back[-2] == seen[0]
        assert any("first place" in toast.message for toast in app._notifications)
        for _ in range(12):
            await pilot.press("L")
        assert await at() == seen[-1]


async def test_a_story_of_the_table_leads_back_to_it() -> None:
    app = made_app(MANY)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("greater_than_sign")
        screen: Any = app.screen
        while screen.tabled is None:
            await pilot.pause(0.02)
        await pilot.press("tab", "tab", "j", "enter")
        await wait_for(app, pilot, "explore")
        await pilot.press("H")
        await wait_for(app, pilot, "scale")
        await pilot.press("L")
        await wait_for(app, pilot, "explore")


async def wait_for(app: EyebrowApp, pilot: Any, view: str) -> None:
    for _ in range(500):
        if app.current_mode == view:
            return
        await pilot.pause(0.01)
    raise AssertionError(f"{view} was never shown")
