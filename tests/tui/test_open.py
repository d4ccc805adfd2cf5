"""What is offered while one types, and the screen it is typed in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.recent import Recent, recall, remember
from eyebrow.tui.text.standing import standing
from eyebrow.tui.threads.opening import Opened, Ready
from eyebrow.tui.views.dialogs.completion import (
    LISTED,
    Here,
    complete_model,
    complete_stories,
    known,
    last_word,
    look,
    paths,
    quoted,
    words,
)
from eyebrow.tui.views.dialogs.open import Field, OpenScreen
from textual.app import App

from .stage import threads_done

HERE = Here(frozenset({"pocket-50k", "gpt2"}), ("someone/model",), ("owner/tales",))


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a note of recent ones and a folder to work in, with stories and a saved model."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "work"
    (folder / "tales" / "deep").mkdir(parents=True)
    (folder / "saved model").mkdir()
    (folder / "saved model" / "config.json").write_text("{}", encoding="utf-8")
    for name in ("one.txt", "two.jsonl", "tool.py", ".hidden.txt", "bad\nname.txt"):
        (folder / name).write_text("Once upon a time.", encoding="utf-8")
    (folder / "tales" / "three.csv").write_text("text\nOnce.", encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def names(listed: Any) -> list[str]:
    return [candidate.text for candidate in listed.candidates]


# --- pure functions ------------------------------------------------------------------------


def test_what_begins_so_comes_before_what_has_it_inside() -> None:
    found = names(complete_model("gpt2", known(Recent(), HERE)))
    assert found[0] == "gpt2"
    assert all("gpt2" in name for name in found)
    inside = names(complete_model("50", known(Recent(), HERE)))
    assert "pocket-50k" in inside
    assert names(complete_model("nothing-like-it", known(Recent(), HERE))) == []


def test_it_says_the_size_and_what_is_here() -> None:
    before = {c.text: c.about for c in complete_model("", known(Recent())).candidates}
    about = {c.text: c.about for c in complete_model("", known(Recent(), HERE)).candidates}
    assert before["pocket-50k"] == "51k"
    assert about["pocket-50k"] == "51k · here"
    assert about["smollm2-135m"] == "135M · 269 MB to download"
    assert about["pocket"].startswith("5 models, 20.1k–3.05M · 1 here")
    assert about["someone/model"] == "in the Hugging Face cache"
    stories = {c.text: c.about for c in complete_stories("tal", known(Recent(), HERE)).candidates}
    assert list(stories) == ["owner/tales", "tales/"]


def test_recent_ones_come_first_and_once(own_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "old.txt").write_text("Once.", encoding="utf-8")
    recent = Recent(
        (str(tmp_path / "home" / "old.txt"), "/gone/away.txt", "owner/tales"), ("gpt2", "x/y")
    )
    all_known = known(recent, HERE)
    assert [c.text for c in all_known.stories] == ["~/old.txt", "owner/tales", "bundled"]
    models = [c.text for c in all_known.models]
    assert models[:3] == ["gpt2", "x/y", "pocket"]
    assert models.count("gpt2") == 1


def test_paths_as_they_are_typed(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = known(Recent())
    assert names(complete_stories("one", nothing)) == ["one.txt"]
    assert names(complete_stories("./t", nothing))[:2] == ["./tales/", "./two.jsonl"]
    assert names(complete_stories("tales/", nothing)) == ["tales/deep/", "tales/three.csv"]
    assert names(complete_stories(".h", nothing)) == [".hidden.txt"]
    assert names(complete_stories("nowhere/", nothing)) == []
    assert names(complete_stories(f"{own_folder}/one", nothing)) == [f"{own_folder}/one.txt"]
    assert not [name for name in names(complete_stories("", nothing)) if "\n" in name]
    monkeypatch.setenv("HOME", str(own_folder))
    assert names(complete_stories("~", nothing)) == ["~/"]
    assert names(complete_stories("~/tal", nothing)) == ["~/tales/"]
    assert names(complete_model("~/sa", nothing)) == ["~/saved model"]
    assert names(complete_model("ta", nothing))[-1] == "tales/"
    assert names(complete_model("ngram:2:to", nothing)) == ["ngram:2:tool.py"]


def test_a_new_file_is_seen_and_a_full_folder_is_cut_short(own_folder: Path) -> None:
    assert names(paths("ne", lambda _: True)) == ["one.txt"]
    (own_folder / "new.txt").write_text("", encoding="utf-8")
    os.utime(own_folder, ns=(1, 1))  # whatever the clock of the disk can tell apart
    assert names(paths("ne", lambda _: True)) == ["new.txt", "one.txt"]
    for n in range(300):
        (own_folder / "tales" / f"{n:03}.txt").touch()
    listed = paths("tales/", lambda _: True)
    assert len(listed.candidates) == LISTED
    assert listed.more == 302 - LISTED


def test_several_names_in_a_line() -> None:
    assert words("a  'b c' \"d e\"f g'") == ("a", "b c", "d ef", "g")
    assert last_word("one 'two thr") == (4, "two thr")
    assert last_word("'a b' c") == (6, "c")
    assert last_word("one ") == (4, "")
    for name in ("plain", "with space", "it's", "both \"and' one"):
        assert words(f"x {quoted(name)} y") == ("x", name, "y")


def test_what_lies_in_the_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    hub = tmp_path / "hub"
    for name in ("datasets--owner--streamed", "datasets--squad", "models--a--b"):
        (hub / name).mkdir(parents=True)
    (tmp_path / "datasets" / "owner___loaded").mkdir(parents=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    here = look()
    assert here.datasets == ("owner/loaded", "owner/streamed")
    assert "pocket-50k" in here.members


# --- the screen ----------------------------------------------------------------------------


class Host(App[None]):
    """An app that has nothing but the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.returned: list[Ready | None] = []

    def on_mount(self) -> None:
        self.push_screen(OpenScreen("made up", "made-50k made-200k"), self.returned.append)

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        return variables | standing(variables)


def field(app: App[None], name: str) -> Field:
    return app.screen.query_one(f"#{name}", Field)


async def looked(app: App[None], pilot: Any) -> None:
    """Until every question about candidates is answered, the caches' too."""
    screen = app.screen
    assert isinstance(screen, OpenScreen)
    await threads_done(pilot)
    for _ in range(3):
        await pilot.pause()
        await threads_done(pilot)
    await pilot.pause()


async def left(host: Host, pilot: Any) -> Ready | None:
    """What the screen returned."""
    for _ in range(100):
        if host.returned:
            return host.returned[0]
        await pilot.pause(0.02)
    raise AssertionError("still there")


async def test_typing_narrows_and_tab_completes() -> None:
    host = Host()
    async with host.run_test(size=(80, 24)) as pilot:
        await looked(host, pilot)
        assert names(field(host, "stories").listed)[0] == "bundled"
        many = len(field(host, "models").listed.candidates)
        await pilot.press(*"on", "tab")
        await looked(host, pilot)
        assert field(host, "stories").input.value == "one.txt"
        await pilot.press("tab")  # nothing left to complete
        await pilot.press(*"pocket-5")
        await looked(host, pilot)
        assert names(field(host, "models").listed) == ["pocket-50k"]
        assert many > 20
        await pilot.press("tab", *"sav", "tab")
        await looked(host, pilot)
        assert field(host, "models").input.value == "pocket-50k 'saved model' "


async def test_tab_does_not_take_what_stood_there_for_other_letters() -> None:
    host = Host()
    async with host.run_test(size=(80, 24)) as pilot:
        await looked(host, pilot)
        await pilot.press(
            "shift+tab", *"gpt", "backspace", "backspace", "backspace", *"pyth", "tab"
        )
        await looked(host, pilot)
        assert field(host, "models").input.value == "pythia "


async def test_enter_returns_what_was_opened_and_remembers_it(own_folder: Path) -> None:
    host = Host()
    async with host.run_test(size=(80, 24)) as pilot:
        await looked(host, pilot)
        await pilot.press(*"one.txt", "shift+tab", *"pocket-50k pocket-200k", "enter")
        ready = await left(host, pilot)
    assert ready is not None
    assert ready.asked == Opened("one.txt", ("pocket-50k", "pocket-200k"))
    assert [story.text for story in ready.first] == ["Once upon a time."]
    assert [spec.name for spec in ready.specs] == ["pocket-50k", "pocket-200k"]
    assert recall() == Recent((str(own_folder / "one.txt"),), ("pocket-50k", "pocket-200k"))


async def test_up_and_down_choose_and_enter_takes_the_choice() -> None:
    remember("owner/gone", ["pocket-200k", "pocket-50k"])
    host = Host()
    async with host.run_test(size=(80, 24)) as pilot:
        await looked(host, pilot)
        await pilot.press("shift+tab", "down", "down", "ctrl+n", "up", "up", "down", "enter")
        ready = await left(host, pilot)
    assert ready is not None
    assert ready.asked == Opened(None, ("pocket-50k",))
    assert ready.reader is None


@pytest.mark.parametrize("keys", [("escape",), ("ctrl+c",), ("enter",)])
async def test_leaving_changes_nothing(keys: tuple[str, ...]) -> None:
    host = Host()
    async with host.run_test(size=(80, 24)) as pilot:
        await looked(host, pilot)
        if keys != ("enter",):
            await pilot.press(*"one.txt")
        await pilot.press(*keys)
        assert await left(host, pilot) is None


@pytest.mark.parametrize(
    ("stories", "models", "title"),
    [
        ("nowhere.txt", "", "No such file"),
        ("tool.py", "", "Unknown kind of file"),
        ("-", "", "Not from inside"),
        ("one.txt", "pockett", "No such model"),
    ],
)
async def test_a_wrong_name_is_told_and_can_be_mended(
    stories: str, models: str, title: str
) -> None:
    host = Host()
    async with host.run_test(size=(80, 24), notifications=True) as pilot:
        await looked(host, pilot)
        await pilot.press(*stories, "shift+tab", *models, "enter")
        await looked(host, pilot)
        assert [notice.title for notice in host._notifications] == [title]
        assert isinstance(host.screen, OpenScreen)
        assert field(host, "stories").input.value == stories
        assert not host.returned
        assert recall() == Recent()
