"""Every action once: what is bound, shown, listed and documented is the list of actions."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from eyebrow.tui import actions
from eyebrow.tui.actions import ACTIONS, BY_ID, EVERYWHERE
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.bars import KeyBar
from eyebrow.tui.views import VIEWS
from eyebrow.tui.views.dialogs.choose import ChooseScreen
from eyebrow.tui.views.frame import Frame

from .stage import made_app, settled
from .test_explore import text_of

PLACES = [(view, pane) for view, pane in (("explore", "list"), ("explore", "text"))] + [
    *(("explore", pane) for pane in ("ladder", "chart")),
    *(("scale", pane) for pane in ("chart", "findings", "table")),
    *(("compare", pane) for pane in ("finds", "text", "gaps")),
    *(("sample", pane) for pane in ("bars", "branch", "tree")),
    *(("damage", pane) for pane in ("variants", "curve", "text")),
]
# What every key and every entry does takes its time: in one pane of two views with every run.
SOME = [
    pytest.param(*place, marks=() if place == ("explore", "list") else pytest.mark.slow)
    for place in PLACES
]
AWAY = {"quit", "suspend", "picture", "editor"}  # what leaves the app or writes a file


def test_ids_and_titles_stand_once() -> None:
    assert len(BY_ID) == len(ACTIONS)
    for view in VIEWS:
        titles = Counter(title for title, _ in actions.for_palette(view))
        assert {title for title, count in titles.items() if count > 1} == set()
        assert len(titles) == len(ACTIONS)


@pytest.mark.parametrize(("view", "pane"), [*PLACES, ("explore", "edit")])
def test_a_key_means_one_thing_in_a_pane(view: str, pane: str) -> None:
    keys = Counter(key for action in actions.in_reach(view, pane) for key in action.key_list)
    assert {key for key, count in keys.items() if count > 1} == set()


@pytest.mark.parametrize(("view", "pane"), PLACES)
def test_a_key_that_means_nothing_here_says_where_it_does(view: str, pane: str) -> None:
    here = {key for action in actions.in_reach(view, pane) for key in action.key_list}
    every = {key for action in ACTIONS for key in action.key_list}
    for key in every:
        said = actions.why_not(key, view, pane)
        assert bool(said) == (key not in here), key
        assert not said or re.search(r"in \w+|the focus on", said), said
    assert actions.why_not("f12", view, pane) == ""


def test_what_is_bound_is_the_list() -> None:
    app = made_app()
    found: set[tuple[str, str]] = set()
    for node in (app, *(app._make(*place.split(":")) for place in VIEWS.values())):
        for key, binding in node._bindings:
            if binding.action.startswith("act("):
                found.add((re.findall(r"'(.+?)'", binding.action)[0], key))
    assert found == {(action.id, key) for action in ACTIONS for key in action.key_list}


def test_every_action_is_a_method_where_it_applies() -> None:
    app = made_app()
    views = {view: app._make(*place.split(":")) for view, place in VIEWS.items()}
    for action in ACTIONS:
        for run in filter(None, (action.run, action.asks)):
            method = f"action_{run.partition('(')[0]}"
            owners: list[Any] = [views[view] for view in action.views] or [*views.values()]
            for owner in [app] if action.where == EVERYWHERE else owners:
                assert hasattr(owner, method), (action.id, owner)


def test_the_table_in_the_readme_is_the_list(repo: Path) -> None:
    """Print it with: python -c "from eyebrow.tui import actions; print(actions.table())"."""
    assert actions.table() in (repo / "README.md").read_text(encoding="utf-8")


async def at(app: EyebrowApp, pilot: Any, view: str, pane: str) -> Frame:
    while len(app.screen_stack) > 1:
        app.pop_screen()
    await app.switch_mode(view)
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, Frame)
    while not screen.query(f"#{pane}"):  # it is being mounted
        await pilot.pause(0.02)
    screen.focus_pane(pane)
    await pilot.pause()
    return screen


@pytest.mark.parametrize(("view", "pane"), SOME)
async def test_every_entry_of_the_palette_runs_wherever_the_focus_is(view: str, pane: str) -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        screen = await at(app, pilot, view, pane)
        commands = [*app.get_system_commands(screen)]
        assert len(commands) == len(ACTIONS)
        for command, (title, action) in zip(commands, actions.for_palette(view), strict=True):
            if action.id in AWAY:
                continue
            await at(app, pilot, view, pane)
            assert command.title == title
            await app.run_listed(action)
            await pilot.pause()
            assert app.is_running, title
            assert app._exception is None, title


@pytest.mark.parametrize(("view", "pane"), SOME)
async def test_every_key_does_no_harm_wherever_the_focus_is(view: str, pane: str) -> None:
    app = made_app()
    keys = {key for action in ACTIONS if action.id not in AWAY for key in action.key_list}
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        for key in sorted(keys):
            await at(app, pilot, view, pane)
            await pilot.press(key)
            assert app._exception is None, key


async def test_the_bar_follows_the_focus_and_shows_keys_whole() -> None:
    app = made_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        for view, pane in PLACES:
            screen = await at(app, pilot, view, pane)
            bar = screen.query_one(KeyBar)
            wanted = actions.hints(view, pane)
            shown = [*bar.parts, *bar.right]
            pairs = [
                (a[0].strip(), b[0].strip()) for a, b in zip(shown[::2], shown[1::2], strict=True)
            ]
            assert pairs[:-2] == wanted[: len(pairs) - 2]
            assert pairs[-2:] == wanted[-2:] == [("?", "help"), ("q", "quit")]
            assert len(pairs) > 4
            line = text_of(app).splitlines()[-1]
            assert all(f"{key} {word}" in line for key, word in pairs)


async def test_the_palette_asks_for_the_size() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await app.run_listed(BY_ID["size"])
        await pilot.pause()
        assert isinstance(app.screen, ChooseScreen)
        await pilot.press("k", "enter")
        assert app.session.models.current == 1


async def test_help_begins_with_the_focused_pane() -> None:
    app = made_app()
    async with app.run_test(size=(140, 50)) as pilot:
        await settled(app, pilot)
        await pilot.press("enter", "question_mark")
        await pilot.pause()
        shown = text_of(app)
        assert shown.index("next word") < shown.index("next of what") < shown.index("next pane")


def test_no_selector_of_one_view_reaches_another(repo: Path) -> None:
    for sheet in (repo / "tui" / "views").rglob("*.tcss"):
        owner = {"frame": "Frame", "open": "OpenScreen|Field"}.get(
            sheet.stem, f"{sheet.stem.capitalize()}Screen"
        )
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
        selectors = [one for block in re.findall(r"([^{}]+)\{", text) for one in block.split(",")]
        for selector in map(str.strip, selectors):
            assert re.match(owner, selector), (sheet, selector)


async def test_panes_bind_nothing_of_their_own() -> None:
    """Textual's scrolling would take arrows and page keys before they are the list's."""
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        for view, pane in PLACES:
            screen = await at(app, pilot, view, pane)
            bound = screen.query_one(f"#{pane}")._bindings.key_to_bindings
            assert not bound, (pane, [*bound])
        await at(app, pilot, "explore", "list")
        await pilot.press("down", "down", "up", "end", "up")
        assert app.session.place.story == 1
        await pilot.press("home", "right", "right")
        assert (app.session.place.story, app.session.place.token) == (0, 1)


async def test_two_clicks_at_once_do_not_take_the_focus_from_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        screen = await at(app, pilot, "explore", "list")
        asked: list[str] = []
        focus = type(screen).focus_pane

        def counted(view: Frame, pane: str) -> None:
            asked.append(pane)
            focus(view, pane)

        monkeypatch.setattr(type(screen), "focus_pane", counted)
        for pane in ("text", "ladder"):
            screen.set_focus(screen.query_one(f"#{pane}"))
        for _ in range(20):
            await pilot.pause()
        assert screen.at == "ladder"
        assert asked == ["ladder"]
