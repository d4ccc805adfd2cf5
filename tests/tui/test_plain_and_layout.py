"""Text from files is only ever text, and every character of it finds its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import pytest
from eyebrow.core.wording import duration, figures, visible, visible_char
from eyebrow.tui.text.layout import Layout, Line
from eyebrow.tui.text.plain import cell_width, shorten, shorten_apart
from hypothesis import given, settings
from hypothesis import strategies as st

DANGEROUS = "\x00\x07\x1b\x7f\x9b\u202e\u2066\u200b\ufeff\u061c\u2028"


@given(st.text())
@settings(max_examples=100)
def test_nothing_that_acts_gets_through(text: str) -> None:
    shown = visible(text + DANGEROUS)
    assert not set(shown) & set(DANGEROUS)
    assert not any(unicodedata.category(ch) in ("Cc", "Cs") for ch in shown)


def test_plain_text_and_markup_stay_as_they_are() -> None:
    assert visible("[/foo] [red]a[/] naïve 日本") == "[/foo] [red]a[/] naïve 日本"
    assert visible("a\nb") == "a↵b"


@given(st.text(max_size=40), st.integers(0, 30))
@settings(max_examples=100)
def test_a_shortened_text_fits(text: str, cells: int) -> None:
    plain = visible(text)
    cut = shorten(plain, cells)
    assert cell_width(cut) <= cells
    assert cut == plain or cut == "" or cut.endswith("…")


def test_figures_and_durations() -> None:
    assert [figures(x) for x in (98.14, 1204.4, 4.866, float("inf"), float("nan"))] == [
        "98.1",
        "1,204",
        "4.87",
        "∞",
        "–",
    ]
    assert [duration(x) for x in (0.4, 4, 59.6, 125, 4320, 7200)] == [
        *("0 s", "4 s", "1 min", "2 min 5 s", "1 h 12 min", "2 h"),
    ]


def lay_out(text: str, ends: Sequence[int], width: int, marks: bool) -> list[Line]:
    found = Layout(text, ends, width, marks)
    return [found.line(y) for y in range(len(found))]


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text, from its first character to its last."""
    lines, used = [""], 0

    def put(shown: str) -> None:
        nonlocal used
        if used + cell_width(shown) <= width:
            lines[-1] += shown
            used += cell_width(shown)

    def begin() -> None:
        nonlocal used
        lines.append("")
        used = 0

    for word in re.findall(r"[^ \n]+|[ \n]", text):
        shown = [visible_char(ch) for ch in word]
        if word not in " \n" and used and used + sum(map(cell_width, shown)) > width:
            begin()
        for one in shown:
            if word not in " \n" and used + cell_width(one) > width:
                begin()
            put(one)
        if word == "\n":
            begin()
    return lines[:-1] if len(lines) > 1 and text.endswith("\n") else lines


ALPHABETS = st.sampled_from(["ab  ", "ab é日\n\t", "a\u0301 b\n", "a \u200b\r\n\u0301🦊"])


@given(ALPHABETS.flatmap(lambda some: st.text(some, max_size=120)), st.integers(10, 30), st.data())
@settings(max_examples=300)
def test_lines_begin_where_the_whole_text_read_through_has_them(
    text: str, width: int, data: st.DataObject
) -> None:
    ends = sorted(data.draw(st.lists(st.integers(1, max(1, len(text))), max_size=20)))
    ends = [*ends, len(text)] if text else []
    found = Layout(text, ends, width, False)
    lines = [found.line(y) for y in range(len(found))]
    assert ["".join(run.text for run in line) for line in lines] == wrapped(text, width)
    for token in range(len(ends)):
        cells = [
            (y, run.column, run.width)
            for y, line in enumerate(lines)
            for run in line
            if run.token == found.owner(token)
        ]
        assert found.cells(token) == cells


def test_of_a_long_text_only_the_lines_that_are_asked_for_are_worked_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from eyebrow.tui.text import layout

    worked: list[int] = []
    units = layout._units
    monkeypatch.setattr(layout, "_units", lambda *of: worked.append(of[1]) or units(*of))
    text = "word " * 20_000
    found = Layout(text, range(5, len(text) + 1, 5), 50, False)
    assert len(found) == 2000
    assert found.cells(15_000) == [(1500, 0, 4), (1500, 4, 1)]
    found.line(1500)
    assert worked == [15_000 * 5]


@given(st.text(alphabet="ab é日\n\t", max_size=120), st.integers(4, 30), st.booleans())
@settings(max_examples=200)
def test_every_character_is_laid_out_once_and_in_order(text: str, width: int, marks: bool) -> None:
    ends = list(range(1, len(text) + 1))  # every character a token of its own
    lines = lay_out(text, ends, width, marks)
    shown = "".join(run.text for line in lines for run in line)
    ink = [visible(ch) for ch in text if ch not in " \n"]
    assert [ch for ch in shown if ch not in " ·↵"] == list("".join(ink))
    tokens = [run.token for line in lines for run in line]
    assert tokens == sorted(tokens)
    for line in lines:
        assert sum(run.width for run in line if run.text not in (" ", "↵")) <= width
        assert [run.column for run in line] == sorted(run.column for run in line)


def test_newlines_take_a_cell_and_long_words_are_broken() -> None:
    lines = lay_out("ab\ncd", [3, 5], 10, True)
    assert [[run.text for run in line] for line in lines] == [["ab", "↵"], ["cd"]]
    assert len(lay_out("x" * 25, [25], 10, False)) == 3


@pytest.mark.parametrize(
    ("names", "cells", "wanted"),
    [
        (["pocket-50k", "pocket-3m"], 10, ["pocket-50k", "pocket-3m"]),
        (["pocket-50k", "pocket-200k", "gpt2"], 7, ["…50k", "…200k", "gpt2"]),
        (["smollm2-135m-base", "smollm2-135m-chat"], 6, ["…base", "…chat"]),
        (["checkpoint100", "checkpoint200"], 6, ["…nt100", "…nt200"]),
        (["a-long-name-of-one"], 6, ["a-lon…"]),
    ],
)
def test_names_that_are_cut_can_still_be_told_apart(
    names: list[str], cells: int, wanted: list[str]
) -> None:
    assert shorten_apart(names, cells) == wanted


@given(st.lists(st.text(max_size=12), max_size=6), st.integers(0, 14))
def test_names_told_apart_have_the_room_they_are_given(names: list[str], cells: int) -> None:
    assert all(cell_width(name) <= cells for name in shorten_apart(names, cells))


def test_bytes_of_a_character_stand_where_it_stands() -> None:
    """An emoji that a tokenizer cuts into bytes: its first token has the cells, all a place."""
    found = Layout("a 🦊 b", (1, 3, 3, 3, 5), 20, False)
    assert found.cells(2) == found.cells(3) == found.cells(1) == [(0, 1, 1), (0, 2, 2)]
    assert [found.owner(token) for token in range(5)] == [0, 1, 1, 1, 4]
    assert all(found.cells(token) for token in range(5))


def test_letters_in_ascii_are_laid_out_by_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long story takes a fraction of the time that its letters would, one by one."""
    from eyebrow.tui.text import layout

    measured: list[str] = []
    text = "lighthouses are tall, naïvely"
    layout.line_begins(text, 8)
    monkeypatch.setattr(layout, "cell_width", lambda ch: measured.append(ch) or 1)
    lines = lay_out(text, (11, 15, 20, 21, 29), 8, False)
    assert measured == ["ï"]
    written = [[(run.token, run.text) for run in line if run.kind == "ink"] for line in lines]
    assert written == [
        [(0, "lighthou")],
        [(0, "ses"), (1, "are")],
        [(2, "tall"), (3, ",")],
        [(4, "naïvely")],
    ]


def test_a_mark_stays_on_the_last_letter_of_a_run() -> None:
    (line,) = lay_out("cafe\u0301", (), 10, False)
    assert [(run.text, run.width) for run in line] == [("cafe\u0301", 4)]
    lines = lay_out("cafe\u0301", (), 3, False)
    assert [[run.text for run in line] for line in lines] == [["caf"], ["e\u0301"]]
