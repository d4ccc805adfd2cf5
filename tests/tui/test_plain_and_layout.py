"""Text from files is only ever text, and every character of it finds its place."""

from __future__ import annotations

import unicodedata

import pytest
from eyebrow.core.wording import duration, figures, visible
from eyebrow.tui.text.layout import lay_out, layout
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
    found = layout("a 🦊 b", (1, 3, 3, 3, 5), 20, False)
    assert found.cells[2] == found.cells[3] == found.cells[1] == [(0, 1, 1), (0, 2, 2)]
    assert found.owners == {2: 1, 3: 1}
    assert all(token in found.cells for token in range(5))


def test_letters_in_ascii_are_laid_out_by_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long story takes a fraction of the time that its letters would, one by one."""
    from eyebrow.tui.text import layout

    measured: list[str] = []
    monkeypatch.setattr(layout, "cell_width", lambda ch: measured.append(ch) or 1)
    lines = layout.lay_out("lighthouses are tall, naïvely", (11, 15, 20, 21, 29), 8, False)
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
