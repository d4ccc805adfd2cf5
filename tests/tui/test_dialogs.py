"""What all dialogues have in common."""

from __future__ import annotations

from eyebrow.tui.views.dialogs.palette import Palette
from textual.events import MouseDown, MouseUp

from .stage import made_app, settled
from .test_explore import text_of


async def test_what_is_typed_into_a_line_is_seen() -> None:
    app = made_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        for key in ("slash", "colon", "x"):
            await pilot.press(key, "ctrl+u", *"7wonders")
            await pilot.pause()
            assert "7wonders" in text_of(app), key
            await pilot.press("ctrl+g")


async def test_every_dialogue_is_left_by_ctrl_g_as_by_esc() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        for key in ("slash", "colon", "x", "o", "t", "question_mark", "ctrl+p"):
            await pilot.press(key)
            assert app.screen.is_modal, key
            await pilot.press("ctrl+g")
            assert not app.screen.is_modal, key


async def test_a_dialogue_that_is_left_twice_is_left_once() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("ctrl+p")
        palette = app.screen
        beside = (1, 39)
        for kind in (MouseDown, MouseUp) * 2:  # together, as a double click comes
            app.post_message(
                kind(None, *beside, 0, 0, 1, False, False, False, screen_x=1, screen_y=39)
            )
        while app.screen is palette:
            await pilot.pause(0.01)
        await pilot.pause(0.1)
        assert app.is_running
        assert app._exception is None
        await pilot.press("at", "j")  # and @ is a key like any other
        assert app.session.place.story == 1


async def test_a_palette_that_two_keys_leave_is_left_once() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("ctrl+p")
        palette = app.screen
        assert isinstance(palette, Palette)
        palette.dismiss()
        palette.dismiss()
        await pilot.pause()
        assert app._exception is None
        assert not app.screen.is_modal
        await pilot.press("t")
        assert isinstance(app.screen, Palette)


async def test_in_a_terminal_too_low_for_its_list_the_palette_has_no_pages() -> None:
    app = made_app()
    async with app.run_test(size=(40, 10)) as pilot:
        for key in ("ctrl+p", "t"):
            await pilot.press(key, "pagedown", "pageup", "down", "pagedown", "ctrl+g")
            assert app._exception is None, key


async def test_one_palette_comes_while_the_other_goes() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        for _ in range(3):
            await pilot.press("ctrl+p")
            app.pop_screen()  # and it is still going
            app.action_command_palette()
            await pilot.pause()
            await pilot.press("ctrl+g")
        assert app._exception is None


async def test_no_view_is_left_under_a_dialogue_that_is_just_coming() -> None:
    """A click on a view's name may come before the palette stands."""
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        app.action_command_palette()
        await app._show_view("damage")
        await pilot.pause(0.1)
        assert app.current_mode == "explore"
        await pilot.press("escape")
        await app._show_view("damage")
        assert app.current_mode == "damage"
