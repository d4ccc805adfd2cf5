"""Keys that arrive together do what they do one by one."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from eyebrow.core.stories import Story
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.story_text import StoryText
from eyebrow.tui.views.explore.screen import ExploreScreen
from eyebrow.tui.views.frame import Frame
from eyebrow.tui.views.scale.screen import ScaleScreen
from textual.events import Key

from .stage import OTHER, SPECS, STORIES, made_app, settled

MANY = [
    *STORIES,
    *(
        Story(f"s{n}", f"Story {n}", f"Tale {n} of a dog. It ran {n * n} miles.\n\nThen it slept.")
        for n in range(30)
    ),
]
NAMES = {
    "/": "slash",
    "*": "asterisk",
    ":": "colon",
    "$": "dollar_sign",
    "<": "less_than_sign",
    "+": "plus",
    ">": "greater_than_sign",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "{": "left_curly_bracket",
    "}": "right_curly_bracket",
    " ": "space",
}
MOVES = [
    "j",
    "k",
    "g",
    "G",
    "ctrl+d",
    "ctrl+u",
    "l",
    "h",
    "w",
    "b",
    "{",
    "}",
    "0",
    "$",
    "enter",
    "down",
    "end",
    "pageup",
]
OTHERS = [
    "tab",
    "ctrl+g",
    "n",
    "N",
    "1",
    "2",
    "3",
    "[",
    "]",
    "m",
    "d",
    "c",
    "u",
    "i",
]  # s: by numbers that come when they come
OTHERS += ["*", "H", "L"]
VIEWS = ["<", ">", "v", "+"]
LINES = [["/", *"dog", "enter"], ["/", *"len>5", "ctrl+g"], ["/", *"ppl>", "enter", "ctrl+g"]]
FINDS = [["f", *"dog", "enter"], ["f", *"cat", "ctrl+g"], ["f", *"zz", "enter"]]
JUMPS = [[":", "7", "enter"], [":", "x", "ctrl+g"], ["/", "ctrl+u", "enter"]]


def press(app: EyebrowApp, keys: list[str]) -> None:
    """All of them at once."""
    for key in keys:
        character = key if len(key) == 1 else {"enter": "\r", "tab": "\t"}.get(key)
        app.post_message(Key(NAMES.get(key, key), character))


async def at_rest(app: EyebrowApp, pilot: Any) -> None:
    taken = asyncio.Event()
    app.call_later(taken.set)  # behind the keys
    await taken.wait()
    for _ in range(300):
        await pilot.pause(0.01)
        if not app._keys and app.session.place.hunt is None and not app._arrivals:
            break
    await pilot.pause()


def state(app: EyebrowApp) -> dict[str, object]:
    session, explore = app.session, app._screen_stacks["explore"][0]
    assert isinstance(explore, ExploreScreen)
    found: dict[str, object] = {
        "story": session.place.story,
        "token": session.place.token,
        "size": session.models.current,
        "marked": sorted(session.library.marked()),
        "order": list(session.library.order),
        "hunted": session.hunts.quarry.many,
        "filter": str(session.library.filter),
        "screens": [type(screen).__name__ for screen in app.screen_stack],
        "at": [view.at for view in app.views if isinstance(view, Frame)],
        "shown": (session.look.kind, session.look.unit, session.look.difference),
        "alone": explore.has_class("-alone"),
        "invisibles": explore.query_one(StoryText).marks,
    }
    if stack := app._screen_stacks.get("scale"):
        scale: Any = stack[0]  # its table sorts once its numbers have come
        found["scale"] = (scale.chart, scale.measure)
    return found


def sequence(seed: int, size: int) -> list[str]:
    chance = random.Random(seed)
    keys: list[str] = []
    stops = chance.random() < 0.5  # what stops a hunt does so at once, whatever waits
    while len(keys) < size:
        kind = chance.choice([MOVES, MOVES, OTHERS, OTHERS, VIEWS, LINES, JUMPS, FINDS])
        one = chance.choice(kind)
        if ("ctrl+g" in one) if not stops else (one in ("n", "N", "*", FINDS[0], FINDS[2])):
            continue
        keys += [one] if isinstance(one, str) else one
    return keys


SIZES = [(140, 40), (80, 24)]
# With every run each seed has one of the sizes.
BURSTS = [
    pytest.param(seed, size, marks=() if seed % 2 == at else (pytest.mark.slow,))
    for seed in range(6)
    for at, size in enumerate(SIZES)
]


@pytest.mark.parametrize(("seed", "size"), BURSTS)
async def test_a_burst_ends_where_the_same_keys_end_one_by_one(
    seed: int, size: tuple[int, int]
) -> None:
    specs = (SPECS[0], OTHER, SPECS[2]) if seed % 2 else SPECS
    keys = sequence(seed, [1, 5, 20, 50, 50, 50][seed])
    ends = []
    for together in (False, True):
        app = made_app(MANY, specs)
        async with app.run_test(size=size) as pilot:
            await settled(app, pilot)
            app.session.scores._kept.clear()  # whole scores come a while after the key
            for some in [keys] if together else [[key] for key in keys]:
                press(app, some)
                await at_rest(app, pilot)
            ends.append(state(app))
    assert ends[0] == ends[1], keys


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (["j"] * 6, {"story": 6}),
        (["enter"] + ["l"] * 6, {"token": 6}),
        (["j", "m"] * 3, {"marked": [1, 2, 3]}),
        (["j"] * 50, {"story": len(MANY) - 1}),
        (["/", *"cat", "enter", "m", "/", "ctrl+u", "enter", "G", "m"], {"marked": [0, 32]}),
        ([">", "tab", "tab", "j", "j", "m", "<", "j"], {"marked": [2], "story": 3}),
        (["j", "enter", "$", "h", "1"], {"story": 1, "token": 10, "size": 0}),
    ],
)
async def test_what_some_bursts_do(keys: list[str], wanted: dict[str, object]) -> None:
    app = made_app(MANY)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        if ">" in keys:
            await pilot.press(">")
            while not isinstance(app.screen, ScaleScreen) or app.screen.tabled is None:
                await pilot.pause(0.02)
            await pilot.press("<")
        press(app, keys)
        await at_rest(app, pilot)
        found = state(app)
        assert {name: found[name] for name in wanted} == wanted


async def test_keys_wait_for_a_hunt_and_escape_stops_it() -> None:
    app = made_app(MANY)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.session.scores._kept.clear()
        engine: Any = app.session.worker.engine
        engine.silent = True  # nothing is found
        press(app, ["3", "n", "j", "j"])
        await pilot.pause(0.1)
        assert app.session.place.hunt is not None
        assert app.session.place.story == 0
        press(app, ["escape"])
        await pilot.pause(0.1)
        assert app.session.place.hunt is None
        assert app.session.place.story == 0
        press(app, ["j"])
        await pilot.pause(0.1)
        assert app.session.place.story == 1


async def test_a_hunt_that_finds_nothing_comes_back() -> None:
    app = made_app(MANY[3:], SPECS[2:])
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await settled(app, pilot)
        press(app, ["j", "G", "n", "k"])
        await at_rest(app, pilot)
        assert app.session.place.story == len(MANY) - 5
        assert any("raised eyebrow" in toast.message for toast in app._notifications)
