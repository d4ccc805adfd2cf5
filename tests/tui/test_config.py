"""What the user sets: read, told of its mistakes, and in force everywhere keys are shown."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from eyebrow.tui import actions
from eyebrow.tui.config import DEFAULTS, BadConfig, Config, in_force, parse_config, read_config
from eyebrow.tui.terminal.ascii import in_ascii
from eyebrow.tui.views.dialogs.help import HelpScreen
from rich.cells import cell_len

from .stage import made_app, settled
from .test_explore import text_of

FULL = """
theme = "nord"
mouse = false
ascii = true
eyebrow_bits = 6
store = "/data/scores"

[keys]
next-hunted = "p"
find = ["ctrl+f", "backslash"]
back = "Q"
export = []
"""


def test_a_whole_file() -> None:
    config, mistakes = parse_config(FULL)
    assert not mistakes
    wanted = Config(
        {"next-hunted": ("p",), "find": ("ctrl+f", "backslash"), "back": ("Q",), "export": ()},
        *("nord", False, True, 6.0, Path("/data/scores")),
    )
    assert config == wanted
    assert config.action("back").key_list == ["Q", "ctrl+g"]
    assert config.action("export").key_list == []
    assert parse_config("") == (DEFAULTS, [])


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a = 1\nmouse == true", 2, "invalid value"),
        ("them = 'x'", 1, "them: there is no such setting; there are theme, mouse"),
        ("\ntheme = 'mauve'", 2, 'there is no theme "mauve"; there are'),
        ("mouse = 1", 1, "mouse: 1 is neither true nor false"),
        ("eyebrow_bits = 0", 1, "no number of bits"),
        ("eyebrow_bits = nan", 1, "no number of bits"),
        ("store = 'here'", 1, "give a path from / or ~ on"),
        ("store = 3", 1, "3 is no folder"),
        ("keys = 3", 1, "give keys in a table, [keys]"),
        ("[keys]\n\nnext-hunt = 'x'", 3, "no such action; next-hunted is meant?"),
        ("[keys]\nmark = 'ctrl+ö+'", 2, "there is no key"),
        ("[keys]\nmark = 'hyper'", 2, 'there is no key "hyper"'),
        ("[keys]\nmark = 7", 2, "7 is no key"),
        ("[keys]\nmark = ''", 2, "is no key"),
        ("[keys]\nmark = 'q'", 2, '"q" is also that of quit'),
        ("[keys]\nfind = 'j'", 2, '"j" is also that of down'),
        ("[keys]\nmark = 'ctrl+g'", 2, "ctrl+g always leads out"),
        ("[keys]\nsize = ['a', 'b']", 2, "give nine keys"),
        ("keys.mark = 'q'", 1, '"q" is also that of quit'),
    ],
)
def test_a_mistake_is_a_line_that_names_its_place(text: str, line: int, said: str) -> None:
    _, mistakes = parse_config(text)
    found = [one for one in mistakes if said in one.lower() or said in one]
    assert len(found) == 1, mistakes
    assert found[0].startswith(f"line {line}: ")
    assert all("\n" not in one for one in mistakes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('theme = ["nord"]', "there is no theme"),
        ("theme = {name = 1}", "there is no theme"),
        ('store = "~nobody-of-this-name/x"', "give a path from / or ~ on"),
        ('store = "/a\\u0000b"', "no NUL"),
        (f"eyebrow_bits = {'9' * 5000}", "too many digits"),
        (f"theme = {'[' * 5000}", "nested too deep"),
    ],
)
def test_values_of_a_strange_kind_are_mistakes_like_any_other(text: str, said: str) -> None:
    _, mistakes = parse_config(text)
    assert len(mistakes) == 1
    assert said in mistakes[0]


def test_two_actions_may_change_their_keys_and_share_one_where_they_never_meet() -> None:
    swapped = parse_config("[keys]\nfind = 'm'\nmark = 'f'")
    assert swapped[1] == []
    apart = parse_config("[keys]\nreport = 'i'")  # of Scale; `i` is of Explore
    assert apart[1] == []


def test_all_mistakes_are_told_and_the_first_where_there_is_one_line(tmp_path: Path) -> None:
    place = tmp_path / "config" / "eyebrow" / "config.toml"
    place.parent.mkdir(parents=True)
    place.write_text("mouse = 3\nascii = 4\n", encoding="utf-8")
    with pytest.raises(BadConfig) as caught:
        read_config()
    assert len(caught.value.mistakes) == 2
    assert caught.value.exit_code == 2
    assert f"{place}, line 1: mouse" in caught.value.message
    assert "(and 1 more, see `eyebrow config`)" in caught.value.message
    place.write_bytes(b"\xff")
    with pytest.raises(BadConfig, match="cannot be read"):
        read_config()


@pytest.mark.parametrize("text", ["", FULL])
def test_what_is_printed_is_a_file_that_sets_the_same(text: str) -> None:
    config, _ = parse_config(text)
    printed = in_force(config)
    again, mistakes = parse_config(printed)
    assert not mistakes
    assert again.actions == config.actions
    told = tomllib.loads(printed)
    assert [*told["keys"]] == [action.id for action in actions.ACTIONS]
    same = replace(again, keys={}, theme="", store=None)
    assert same == replace(config, keys={}, theme="", store=None)
    assert ("by default" in printed) == bool(text)


async def test_replaced_keys_are_in_force_and_shown_everywhere() -> None:
    config, _ = parse_config("[keys]\nfind = 'p'\nmark = ['comma']\nback = 'X'\nreport = []")
    app = made_app(config=config)
    async with app.run_test(size=(140, 60)) as pilot:
        await settled(app, pilot)
        shown = text_of(app)
        assert "p find" in shown
        assert ", mark" in shown
        await pilot.press("m", "f")
        assert app.session.library.marked_count == 0
        assert len(app.screen_stack) == 1
        await pilot.press("comma")
        assert app.session.library.marked_count == 1
        await pilot.press("p")
        assert len(app.screen_stack) == 2
        await pilot.press("ctrl+g", "enter")
        assert app.focused is not None
        assert app.focused.id == "text"
        await pilot.press("ctrl+g")
        assert app.focused.id == "list"
        await pilot.press("enter", "X")
        assert app.focused.id == "list"
        about = {title: help for title, help, _, *_ in app.get_system_commands(app.screen)}
        assert about["Explore: find text in the listed stories"].startswith("key p,")
        assert about["Mark the story"] == "key ,"
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        assert re.search(r"  p +find text", text_of(app))


async def test_the_threshold_of_an_eyebrow() -> None:
    low = made_app(config=Config(eyebrow_bits=2.5))
    async with low.run_test(size=(140, 60)) as pilot:
        await settled(low, pilot)
        await pilot.press("n")
        while low.session.place.hunt is not None:
            await pilot.pause(0.01)
        score = low.session.score(low.session.models.size)
        assert score is not None
        bits = -score.logprobs / 0.6931
        at = low.session.place.token
        assert 2.49 <= bits[at] < 8
        assert not any(bits[1:at] >= 2.5)
        await pilot.press("question_mark", *["pagedown"] * 6)
        await pilot.pause()
        assert "token of 2.5 bits or more: the model gave it less than 18 %" in text_of(low)


def test_in_ascii_every_cell_has_one_sign() -> None:
    drawn = "╭─ Stories ─╮│ The cat… ▆▆▌ ●▸ ⣿⠁ ↑↓ ␣é日本 ╰┼╯ “x” −3"
    plain = in_ascii(drawn)
    assert plain.isascii()
    assert cell_len(plain) == cell_len(drawn)
    assert plain.startswith("+- Stories -+| The cat~ ##")
