"""Scales can be read, are in order and do without colour."""

from __future__ import annotations

import math
from typing import Any

import pytest
from eyebrow.tui.text.colour import SURPRISE_EDGES, contrast, cursor, legend, luminance, scale
from rich.style import Style
from textual.color import Color

from .stage import made_app, settled
from .test_explore import text_of
from .test_scale import shown

KINDS = ("surprise", "rank", "entropy", "excess", "difference")


def colours(style: Style) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    assert style.color is not None
    assert style.bgcolor is not None
    return tuple(style.color.get_truecolor()), tuple(style.bgcolor.get_truecolor())  # type: ignore[return-value]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("depth", ["truecolor", "256"])
def test_text_can_be_read_on_every_step(kind: str, dark: bool, depth: str) -> None:
    for style in scale(kind, dark=dark, depth=depth).styles:  # type: ignore[arg-type]
        for look in (style, cursor(style, dark=dark)):
            if look.bgcolor is not None:
                assert contrast(*colours(look)) >= 4.5


@pytest.mark.parametrize("dark", [True, False])
def test_more_surprise_lies_farther_from_the_background(dark: bool) -> None:
    styles = scale("surprise", dark=dark, depth="256").styles
    assert styles[0].bgcolor is None
    light = [luminance(colours(style)[1]) for style in styles[1:]]
    assert light == sorted(light, reverse=not dark)
    assert len(set(light)) == len(light)


def deuteranopic(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """As eyes without the green cones see it (Machado, Oliveira & Fernandes 2009, table 1)."""
    rows = ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969))

    def channel(row: tuple[float, float, float]) -> int:
        return max(0, min(255, round(sum(a * b for a, b in zip(row, colour, strict=True)))))

    return channel(rows[0]), channel(rows[1]), channel(rows[2])


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("see", [lambda colour: colour, deuteranopic])
def test_most_words_of_a_weak_model_stay_quiet_and_the_most_surprising_are_seen_from_afar(
    dark: bool, see: Any
) -> None:
    grounds = [colours(style)[1] for style in scale("surprise", dark=dark, depth="256").styles[1:]]
    page = (18, 18, 18) if dark else (224, 224, 224)  # of textual's own themes
    apart = [contrast(see(ground), see(page)) for ground in grounds]
    assert apart == sorted(apart)
    assert apart[2] < 1.8, "up to 4.5 bits"
    assert apart[3] < 3, "up to 6 bits"
    assert apart[5] > 1.6 * apart[3], "from 8 bits on"
    assert apart[6] > 1.3 * apart[5], "from 10 bits on"


def test_steps_begin_at_their_edges() -> None:
    steps = scale("surprise", dark=True, depth="256")
    for step, edge in enumerate(SURPRISE_EDGES, 1):
        assert steps.step(edge) == step
        assert steps.step(edge - 1e-6) == step - 1
    assert steps.step(math.nan) == steps.step(None) == -1
    assert steps.style(math.nan) == Style()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", ["16", "mono"])
def test_without_colours_every_step_has_a_look_of_its_own(kind: str, depth: str) -> None:
    styles = scale(kind, dark=True, depth=depth).styles  # type: ignore[arg-type]
    looks = {(s.bold, s.italic, s.underline, str(s.color)) for s in styles}
    assert len(looks) == len(styles)
    if depth == "mono":
        assert all(s.color is None and s.bgcolor is None for s in styles)


def test_the_legend_names_every_step_and_the_unit() -> None:
    entries = legend(scale("surprise", dark=True, depth="256"))
    assert [text.strip() for text, _ in entries] == [
        "0",
        "1",
        "2",
        "3",
        "4.5",
        "6",
        "8",
        "10+",
        "bits",
    ]


async def test_the_row_under_the_cursor_stands_out_in_every_theme() -> None:
    app = made_app()
    async with app.run_test():
        for name in app.available_themes:
            app.theme = name
            seen = app.get_css_variables()
            ground = Color.parse(seen["background"])
            if ground.ansi is not None:
                continue  # the terminal's own
            row, letters, line = (Color.parse(seen[one]) for one in ("row", "row-text", "line"))
            assert contrast(row.rgb, ground.rgb) >= 3, name
            assert contrast(letters.rgb, row.rgb) >= 4.5, name
            assert contrast(line.rgb, ground.rgb) >= 2, name


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark"])
async def test_the_row_under_the_cursor_has_a_mark_that_is_no_colour(theme: str) -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        app.theme = theme
        await settled(app, pilot)
        await pilot.press("j", "tab")  # the list has no focus
        assert "▸ The dog" in text_of(app)
        await shown(app, pilot)
        assert "▸The dog" in text_of(app)
        await pilot.press("tab")
        assert "▌" in text_of(app)
