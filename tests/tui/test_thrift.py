"""Only changed cells are written, and the screen is still right."""

from __future__ import annotations

import random

import pyte
from eyebrow.tui.terminal.thrift import Screenful
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

WIDTH, HEIGHT = 24, 6
CONSOLE = Console(color_system="truecolor", force_terminal=True)
STYLES = [Style.parse(name) for name in ("none", "red", "bold on blue", "black on yellow")]
PIECES = ["a", "bc", "def ", "    ", "日本", "é", "🙂x"]


def random_strip(chance: random.Random) -> Strip:
    segments, used = [], 0
    while used < WIDTH:
        segment = Segment(chance.choice(PIECES), chance.choice(STYLES))
        used += segment.cell_length
        segments.append(segment)
    return Strip(segments).adjust_cell_length(WIDTH)


def show(screen: pyte.ByteStream, update: object) -> int:
    written = update.render_segments(CONSOLE)  # type: ignore[attr-defined]
    screen.feed(written.encode())
    return len(written)


def test_a_sequence_of_updates_shows_what_full_repaints_show() -> None:
    chance = random.Random(7)
    thrifty, plain = pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT)
    one, other, shown = pyte.ByteStream(thrifty), pyte.ByteStream(plain), Screenful()
    lines = [random_strip(chance) for _ in range(HEIGHT)]
    for _ in range(60):
        for y in range(HEIGHT):
            if chance.random() < 0.4:
                lines[y] = random_strip(chance)
        update = LayoutUpdate([[line] for line in lines], Region(0, 0, WIDTH, HEIGHT))
        show(one, shown.thrifty(update))
        for y, line in enumerate(lines):
            other.feed(f"\x1b[{y + 1};1H{line.render(CONSOLE)}".encode())
        assert thrifty.display == plain.display


def test_the_same_again_writes_nothing_until_it_forgets() -> None:
    lines = [[random_strip(random.Random(n))] for n in range(HEIGHT)]
    screen, shown = pyte.ByteStream(pyte.Screen(WIDTH, HEIGHT)), Screenful()
    update = LayoutUpdate(lines, Region(0, 0, WIDTH, HEIGHT))
    whole = show(screen, shown.thrifty(update))
    assert whole > 0
    assert show(screen, shown.thrifty(update)) == 0
    shown.forget()
    assert show(screen, shown.thrifty(update)) == whole
    wider = LayoutUpdate(lines, Region(0, 0, WIDTH + 1, HEIGHT))
    assert show(screen, shown.thrifty(wider)) == whole


def test_outside_of_its_span_a_partial_update_is_not_believed() -> None:
    screen, shown = pyte.Screen(10, 1), Screenful()
    stream = pyte.ByteStream(screen)
    show(
        stream, shown.thrifty(LayoutUpdate([[Strip([Segment("abcdefghij")])]], Region(0, 0, 10, 1)))
    )
    chops = ChopsUpdate([{0: Strip([Segment("..C.......")])}], [(0, 2, 3)], [[10]])
    show(stream, shown.thrifty(chops))
    assert screen.display == ["abCdefghij"]


def test_what_a_widget_let_through_commands_no_terminal() -> None:
    strip = Strip([Segment("a\x1b[2Jb\x07\x9b31m"), Segment("日\x1b本")]).adjust_cell_length(WIDTH)
    update = LayoutUpdate([[strip]], Region(0, 0, WIDTH, 1))
    written = Screenful().thrifty(update).render_segments(CONSOLE)
    assert "␛" in written
    assert not {"\x07", "\x9b"} & set(written)
    assert "\x1b[2J" not in written
    assert "\x1b本" not in written
