"""How numbers, tables and progress are written."""

from __future__ import annotations

import io
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from eyebrow.core.commands import progress
from eyebrow.core.commands.output import number, table, width
from eyebrow.core.commands.progress import ProgressLine
from eyebrow.core.commands.text import _percent
from eyebrow.core.engine.progress import Progress
from eyebrow.core.results.finite import finite
from eyebrow.core.wording import amount, visible

from .conftest import BIGRAM, Outcome


@pytest.fixture
def broken_model(tmp_path: Path) -> Path:
    """A folder with a configuration that is none."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_text("{")
    return folder


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (20_096, "20.1k"),
        (50_980, "51k"),
        (999_999, "1M"),
        (3_049_920, "3.05M"),
        (134_515_008, "135M"),
        (1_711_376_384, "1.71B"),
        (200_000, "200k"),
        (1.7e9, "1.7B"),
        (12, "12"),
    ],
)
def test_amount(count: float, text: str) -> None:
    assert amount(count) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "-"),
        (1.0, "100 %"),
        (0.314, "31 %"),
        (0.0996, "10 %"),
        (0.0021, "0.21 %"),
        (0.000031, "0.0031 %"),
        (3.4e-6, "3.4e-6"),
        (2.1e-9, "2.1e-9"),
        (3e-320, "3.0e-320"),
        (0.0, "0 %"),
    ],
)
def test_percent(share: float | None, text: str) -> None:
    assert _percent(share) == text


def test_number() -> None:
    assert number(12345.678, 2) == "12,345.68"
    assert number(math.nan, 2) == "-"
    assert number(math.inf, 2) == "∞"


def test_finite_reaches_every_depth() -> None:
    assert finite({"a": [1.5, math.nan, (math.inf, -math.inf)], "b": "nan"}) == {
        "a": [1.5, None, [None, None]],
        "b": "nan",
    }


def test_visible_keeps_what_is_seen_and_shows_what_acts() -> None:
    assert visible("naïve “café” 猫 🙂") == "naïve “café” 猫 🙂"
    assert visible("a b\tc", spaces=True) == "a␣b␉c"
    assert visible("\u200b\u2028\ud800") == "‹U+200B›‹U+2028›‹U+D800›"


def test_columns_stay_aligned_under_wide_and_combining_characters() -> None:
    shown = table(("word", "n"), [("猫猫", "1"), ("e\u0301e", "22")], left=("word",))
    assert [width(line) for line in shown.splitlines()] == [8, 8, 8]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_written_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    line = ProgressLine(True)
    line.show(Progress("a-model", "scoring", 850, 1200, 10_400.0, 4.2, stories_per_second=52))
    line.show(Progress("b", "loading"))
    line.clear()
    first, second, blank, end = screen.getvalue().split("\r")[1:]
    assert first == "a-model  850/1,200  52 stories/s  10,400 tokens/s  4 s left"
    assert second == "b  loading" + " " * (len(first) - len("b  loading"))
    assert blank.strip() == ""
    assert end == ""


def test_without_a_terminal_progress_is_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    line = ProgressLine(True)
    for second in range(150):
        now[0] = float(second)
        line.show(Progress("m", "scoring", second, 200))
    line.clear()
    assert log.getvalue() == "m  60/200\nm  120/200\n"


@pytest.mark.parametrize(("wanted", "screen"), [(False, Terminal()), (True, io.StringIO())])
def test_no_progress_if_quiet_or_without_a_terminal(
    wanted: bool, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    line = ProgressLine(wanted)
    line.show(Progress("m", "scoring", 1, 2))
    line.clear()
    assert screen.getvalue() == ""


@pytest.mark.parametrize("command", ["score", "tokens"])
def test_a_reader_that_leaves_hides_no_fault(
    cli: Callable[..., Outcome],
    broken_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    place = tmp_path / "some.txt"
    place.write_text("the cat sat on the mat")

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    given = [place, "--no-store"] if command == "score" else ["the cat"]
    found = cli(command, *given, "-m", BIGRAM, "-m", broken_model)
    assert found.code == 3
    assert str(broken_model) in found.err


def test_all_models_that_fail_are_told(
    cli: Callable[..., Outcome], broken_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(broken_model, other)
    found = cli("tokens", "the cat", "-m", broken_model, "-m", other)
    assert found.code == 2
    assert str(broken_model) in found.err
    assert "(the same for other)" in found.err
