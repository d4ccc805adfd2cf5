"""What-if: the story edited in place, scored as it is typed, left as it was, or kept."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.engine.messages import Hello, Rescore, WorkerDied
from eyebrow.core.errors import EyebrowError
from eyebrow.core.stories import text_digest
from eyebrow.tui import actions
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.bars import Bar, KeyBar
from eyebrow.tui.panes.edit_area import EditArea
from eyebrow.tui.panes.findings import Findings
from eyebrow.tui.panes.inspector import Inspector
from eyebrow.tui.panes.ladder import Ladder
from eyebrow.tui.panes.story_text import StoryText
from eyebrow.tui.terminal.editor import edit_outside
from eyebrow.tui.text.carried import Carried, Stretch
from eyebrow.tui.text.reading import BIT, bits_per_word
from eyebrow.tui.toasts import LastingNotification
from eyebrow.tui.views.dialogs.choose import ChooseScreen
from eyebrow.tui.views.dialogs.line import LineScreen
from eyebrow.tui.views.frame import Frame

from .stage import OTHER, PATIENCE, SPECS, STORIES, made_app, made_score, score_by, settled
from .test_explore import pane

CAT = STORIES[0].text


async def until(pilot: Any, holds: Callable[[], object]) -> None:
    """Until it holds, and is drawn."""
    for _ in range(PATIENCE):
        if holds():
            await pilot.pause(0.35)
            return
        await pilot.pause(0.02)
    raise AssertionError("never came")


async def edited(app: EyebrowApp, pilot: Any, text: str) -> None:
    """Until this text is scored under every size."""
    edit, sizes = app.session.edit, app.session.models.sizes
    await until(
        pilot,
        lambda: edit.story.text == text and all(edit.score(size) is not None for size in sizes),
    )


# --- what is pure --------------------------------------------------------------------------


def carried(before: str, now: str, ends: tuple[int, ...]) -> list[Stretch]:
    return [*Carried(before, now, ends).within(0, len(now))]


def test_tokens_that_are_untouched_are_carried_along() -> None:
    before, ends = "one two three four", (3, 7, 13, 18)
    assert carried(before, before, ends) == [(0, 3, 0), (3, 7, 1), (7, 13, 2), (13, 18, 3)]
    assert carried(before, "one 2 three four", ends) == [(0, 3, 0), (5, 11, 2), (11, 16, 3)]
    assert carried(before, "", ends) == []
    assert carried("", before, ()) == []
    for now in ("one two two three four", "ne two three fou", "one two three fourfour"):
        for start, end, token in carried(before, now, ends):
            was = (0, *ends)[token], ends[token]
            assert now[start:end] == before[slice(*was)]


@pytest.mark.parametrize(
    "text",
    [
        "a\x0cb\n\x0c\nc",
        "a\u2028b\u2029\x85c",
        "a\r\nb\nc",
        "a\r\nb\r\n",
        "a\rb\r",
        "\r\n\r",
        "\x1c",
    ],
)
def test_what_ends_lines_elsewhere_is_kept(text: str) -> None:
    area = EditArea()
    area.take_up(text, text, 0)
    assert area.text == text
    for at in range(len(text) + 1):
        area.caret = at
        assert area.caret == at or text[at - 1 : at + 1] == "\r\n", "no place has moved"
    area.take_up("A line.\n", text, 0)
    assert area.text == text


def test_bits_per_word_are_of_the_words_that_are_scored() -> None:
    score = made_score(CAT, 1)
    words = len(CAT.split()) - 1  # the first is context
    assert bits_per_word(CAT, score) == pytest.approx(score.summary.nll / BIT / words, rel=1e-5)
    assert math.isnan(bits_per_word("one", made_score("one", 1)))


def test_an_editor_is_handed_the_text_and_what_it_leaves_is_read(tmp_path: Path) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib\n"
        "place = pathlib.Path(sys.argv[1])\n"
        "text = place.read_bytes().decode()\n"
        "if 'fail' in text: sys.exit(3)\n"
        "if 'bytes' in text: place.write_bytes(b'\\xff'); sys.exit()\n"
        "place.write_bytes((text.upper() + '\\n').encode())\n"
    )
    environ = {"EDITOR": f"'{sys.executable}' '{script}'"}
    assert edit_outside("naïve\r\n“two”", environ) == "NAÏVE\r\n“TWO”"
    assert edit_outside("one\n", environ) == "ONE\n\n"
    for text, said in (("fail", "status 3"), ("bytes", "no text in UTF-8")):
        with pytest.raises(EyebrowError, match=said):
            edit_outside(text, environ)
    with pytest.raises(EyebrowError, match="set EDITOR"):
        edit_outside("x", {"EDITOR": "/nowhere/ed"})


def test_in_a_pane_where_one_types_signs_are_no_keys() -> None:
    here = {action.id for action in actions.in_reach("explore", "edit")}
    assert {"keep-edit", "undo", "back", "next-pane", "quit"} <= here
    assert not {"edit", "sort", "down", "suspend", "help", "next-hunted"} & here
    assert ("esc", "leave") in actions.hints("explore", "edit")
    assert actions.hints("explore", "edit")[-1] == ("ctrl+q", "quit")


# --- on the screen -------------------------------------------------------------------------


async def test_what_is_typed_is_scored_and_all_panes_follow() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        session = app.session
        await pilot.press("enter", "w", "w", "e", *"big ")
        area = app.screen.query_one(EditArea)
        text = area.text
        assert "big " in text
        assert len(text) == len(CAT) + 4
        await edited(app, pilot, text)
        size = session.models.size
        want = score_by(size.name, text)
        assert area.paint.ends == tuple(want.ends.tolist())
        assert pane(app, Ladder).steps[2].story == pytest.approx(want.summary.perplexity)
        for step, spec in zip(pane(app, Ladder).steps, SPECS, strict=True):
            assert step.story == pytest.approx(score_by(spec.name, text).summary.perplexity)
        at = session.place.token
        assert int(want.starts[at]) <= area.caret < int(want.ends[at])
        assert pane(app, Inspector).glass.count == len(want)
        line = "".join(part for part, _ in app.screen.query_one("#edited", Bar).parts)
        was, now = bits_per_word(CAT, score_by(size.name, CAT)), bits_per_word(text, want)
        assert line.startswith(f"bits a word {was:.2f} → {now:.2f}")
        first = next(r.model.name for r in session.worker.engine.sent if isinstance(r, Rescore))
        assert first == size.name, "what is on screen goes first"


async def test_the_edit_is_left_as_if_it_had_not_been_and_taken_up_again() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        session = app.session
        await pilot.press("enter", "w", "w", "w")
        at = session.spot
        await pilot.press("e", *"[q]")
        area = app.screen.query_one(EditArea)
        typed = area.text
        assert "[q]" in typed
        await edited(app, pilot, typed)
        await pilot.press("escape")
        await pilot.pause(0.3)
        assert (session.spot, session.edit.is_on) == (at, False)
        assert app.focused is pane(app, StoryText)
        assert pane(app, StoryText).paint.text == CAT
        assert session.score(session.models.size) is not None
        await pilot.press("e")
        assert area.text == typed
        await pilot.press("ctrl+z")
        assert area.text == CAT
        await pilot.press("ctrl+y")
        assert area.text == typed
        await pilot.press("ctrl+g", "j", "e")
        assert session.edit.is_on
        session.select_story(1)
        await pilot.pause(0.1)
        assert not session.edit.is_on, "another story is read"
        assert not app.screen.has_class("-editing")


async def test_the_program_is_not_left_with_an_edit_without_a_word() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("e", "x", "ctrl+g", "q")
        assert app.is_running
        assert app.told[-1][0] == "An edit is not saved"
        await pilot.press("e", "y", "ctrl+q")
        assert app._exit is False, "it is another edit"
        await pilot.press("ctrl+q")
        assert app._exit is True


async def test_nothing_else_is_opened_over_an_edit_without_a_word() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("e", "x", "ctrl+g", "o")
        assert isinstance(app.screen, Frame)
        assert app.told[-1][0] == "An edit is not saved"
        await pilot.press("o")
        assert not isinstance(app.screen, Frame), "it was said"
        await pilot.press("escape", "q")
        assert app._exit is False, "that was of opening, not of leaving"
        assert app.told[-1][1].startswith("leaving again")


async def test_what_is_said_twice_stands_there_once() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("ctrl+c", "ctrl+c", "ctrl+c")
        await pilot.pause(0.1)
        assert [(toast.title, toast.message) for toast in app._notifications] == [
            ("Still here", "q quits")
        ]
        assert len(app.told) == 3


async def test_a_toast_that_comes_too_late_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its looks at the clock a busy program lets its time run out."""
    monkeypatch.setattr(LastingNotification, "has_expired", False)
    app = made_app()
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await settled(app, pilot)
        app.notify("late", timeout=-5.0)
        await pilot.pause(0.1)
        await pilot.press("j")
        assert app.session.place.story == 1


async def test_keys_that_come_together_are_typed_in_order() -> None:
    app = made_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("e", "e", "n", "enter", "q", "backspace", "x", "escape", "e")
        assert app.screen.query_one(EditArea).text == f"en\nx{CAT}"
        await pilot.press("tab")
        assert app.session.edit.is_on
        assert app.screen.at != "edit", "the other panes are within reach"  # type: ignore[attr-defined]
        before = app.session.models.current
        await pilot.press("[")
        assert app.session.models.current == before - 1
        await edited(app, pilot, f"en\nx{CAT}")
        await pilot.press("shift+tab", "z")
        assert app.screen.query_one(EditArea).text == f"zen\nx{CAT}"
        shown = dict(app.screen.query_one(KeyBar).hints)
        assert shown["esc"] == "leave"


async def test_an_alternative_takes_the_place_of_the_token() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        session = app.session
        await pilot.press("enter", "enter")
        assert session.place.token == 0
        assert not session.edit.is_on, "the first token is context"
        await pilot.press("l", "enter")
        assert isinstance(app.screen, ChooseScreen)
        assert "Instead of ␣cat" in str(app.screen.what)
        chosen = app.screen.names[1].split()[0].replace("␣", " ")
        await pilot.press("j", "enter")
        await until(pilot, lambda: session.edit.is_on)
        wanted = f"The{chosen}{CAT[7:]}"
        assert app.screen.query_one(EditArea).text == wanted
        await edited(app, pilot, wanted)
        assert session.place.token == 1
        await pilot.press("ctrl+z")
        await edited(app, pilot, CAT)
        assert session.edit.is_on


async def test_an_edit_is_saved_as_a_story_like_any_other() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        session = app.session
        await pilot.press("e", "ctrl+s")
        assert not isinstance(app.screen, LineScreen), "its text is there already"
        await pilot.press("A", "ctrl+s")
        assert isinstance(app.screen, LineScreen)
        await pilot.press("enter")
        await settled(app, pilot)
        text = f"A{CAT}"
        assert [story.text for story in session.library.stories][3:] == [text]
        story = session.library.stories[3]
        assert (story.title, story.kind) == ("The cat, edited", "edited")
        assert session.place.story == 3
        assert not session.edit.is_on
        for size in session.models.sizes:
            assert size.sums[text_digest(text)] == score_by(size.name, text).summary
            assert size.done == 4
        session.select_story(0)
        await pilot.press("e")
        assert app.screen.query_one(EditArea).text == CAT, "it is not taken up again"


async def test_a_text_that_cannot_be_scored_says_so() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("e", "ctrl+k", "delete", "ctrl+k", "delete", "ctrl+k")
        assert app.screen.query_one(EditArea).text == ""
        await until(pilot, lambda: "the text is empty" in app.session.edit.why)
        line = "".join(part for part, _ in app.screen.query_one("#edited", Bar).parts)
        assert "Nothing to score: the text is empty" in line
        await pilot.press("ctrl+s")
        assert not isinstance(app.screen, LineScreen)


async def test_sizes_of_other_tokenizers_are_compared_by_the_byte() -> None:
    app = made_app(specs=(SPECS[0], OTHER))
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        before = dict(app.session.common_bits())
        await pilot.press("e", *"dog ")
        await edited(app, pilot, f"dog {CAT}")
        now = app.session.common_bits()
        assert now.keys() == before.keys() == {SPECS[0].name, OTHER.name}
        assert now != before


async def test_a_worker_that_dies_is_asked_again() -> None:
    app = made_app(silent=True)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause(0.2)
        engine = app.session.worker.engine
        await pilot.press("e", "x")
        await until(pilot, lambda: [r for r in engine.sent if isinstance(r, Rescore)])
        asked = [r.text for r in engine.sent if isinstance(r, Rescore)]
        app.session.receive(WorkerDied(-9, ""))
        app.session.receive(Hello("cpu", "float32"))
        again = [r.text for r in engine.sent if isinstance(r, Rescore)][len(asked) :]
        assert again == [app.session.edit.text]


async def test_where_no_editor_can_be_lent_the_terminal_it_is_said() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("E")
        await pilot.pause(0.1)
        assert not app.session.edit.is_on
        assert any("cannot be lent" in said for _, said in app.told)


async def test_a_saved_edit_stands_in_scale_as_it_does_in_the_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press(">")
        scale = app.screen
        await until(pilot, lambda: scale.measured is not None and scale.measured.doubted)
        await pilot.press("<", "e", *"big ", "ctrl+s", "enter")
        await settled(app, pilot)
        findings = scale.query_one(Findings)
        await until(pilot, lambda: bool(findings.entries))
        assert findings.border_subtitle == ""
        look, late = scale.analysis.look, []
        monkeypatch.setattr(scale.analysis, "look", lambda now: late.append(now) or -1)
        await pilot.press(">")
        await until(pilot, lambda: late)
        assert "of the scores before" in findings.border_subtitle
        look(late[0])
        await until(pilot, lambda: scale.measured is not None and scale.measured.stories == 4)
        await until(pilot, lambda: findings.border_subtitle == "")
        sizes = app.session.models.sizes
        sums = [[*size.sums.values()] for size in sizes]
        wanted = [
            math.exp(sum(one.nll for one in some) / sum(one.tokens for one in some))
            for some in sums
        ]
        assert [len(some) for some in sums] == [4] * len(sizes)
        assert [float(one) for one in scale.tabled.pooled["perplexity"]] == pytest.approx(wanted)
