"""Damage: rows as they come, charts, the story under a variant, stopping and going on."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.engine.damage_messages import Ended, Measure, Refused, Row
from eyebrow.core.engine.exploring_messages import Diverge
from eyebrow.core.engine.progress import Progress
from eyebrow.core.models.spec import ModelSpec
from eyebrow.core.models.variants.spelling import parse_variant
from eyebrow.core.results.compare.gaps import Gap
from eyebrow.core.results.damage import Damage
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.chart import Chart
from eyebrow.tui.panes.story_text import StoryText
from eyebrow.tui.panes.variant_list import VariantList, VariantRow, VariantTable, fitting
from eyebrow.tui.session.damage import Line, Table
from eyebrow.tui.threads.damaging import Answer
from eyebrow.tui.views.damage import pictures, showing
from eyebrow.tui.views.damage.pictures import Bar, Look, bars, shown, view
from textual.widgets import Input

from . import stage
from .stage import PATIENCE, SPECS, STORIES, made_app, made_score, settled

LOOK = Look(True, "mono", "")
KINDS = (
    Gap("names", 4, 40, 100.0, 180.0, (1.0, 4.0)),
    Gap("other words", 9, 90, 100.0, 110.0, (0.1, 0.2)),
)
KINDS_KL = (
    Gap("names", 4, 40, 0.0, 20.0, (0.5, 1.0)),
    Gap("other words", 9, 90, 0.0, 90.0, (1.2, 1.6)),
)


def row(name: str, perplexity: float, kl: float, size: int = 1000, **more: Any) -> Damage:
    """Of a reference whose perplexity is 50."""
    ends = (perplexity * 0.9, perplexity * 1.1)
    delta = perplexity - 50
    return Damage(
        *(name, 3, 40, 40 * math.log(perplexity), perplexity, ends, delta, (delta - 1, delta + 1)),
        *(kl, (kl / 2, kl * 2), kl / 3, kl * 9, 0.9, 0.05, {}, size),
        kinds=KINDS,
        kinds_kl=KINDS_KL,
        **more,
    )


def line(variant: str, perplexity: float, kl: float = 0.1, size: int = 1000) -> Line:
    found = parse_variant(variant) if variant else None
    spec = SPECS[2].with_variant(variant) if variant else None
    name = spec.name if spec is not None else f"{SPECS[2].name} bfloat16"
    return Line(name, found, spec, row(name, perplexity, kl, size, noise_floor=not variant))


def table(*lines: Line) -> Table:
    return Table(SPECS[2].name, (), 3, list(lines))


def drawn(found: pictures.View, width: int = 70, height: int = 20) -> str:
    assert found.picture is not None
    text = found.picture(width, height)
    assert len(text.splitlines()) <= height
    return re.sub("\x1b\\[[0-9;]*m", "", text)


# --- pure functions ------------------------------------------------------------------------


def test_the_chart_against_bits_has_the_undamaged_level() -> None:
    found = table(
        line("", 50.1, 1e-4), line("bits8", 50, 1e-4), line("bits4", 90, 0.5), line("bits1", 1e30)
    )
    text = drawn(view("bits", found, LOOK))
    assert "undamaged 50" in text
    assert "▲ above 1k" in text
    assert re.search(r"1 .*4 .*8", text.splitlines()[-2])
    assert text.count("●") == 3  # two, and one in the legend
    kl = drawn(view("bits-kl", found, LOOK))
    assert "bfloat16" in kl
    assert "KL, nats" in kl


def test_charts_are_those_of_what_is_measured() -> None:
    assert shown(None) == ("bits",)
    assert view("bits", None, LOOK).picture is None
    assert shown(table(line("", 50))) == ("bits",)
    assert shown(table(line("", 50), line("prune0.2", 60))) == (
        *("ratio", "ratio-kl", "bytes", "bytes-kl", "kinds", "kinds-kl"),
    )
    assert "parts" in shown(table(line("bits4:mlp", 60)))
    text = drawn(view("ratio", table(line("prune0.2", 60), line("prune0.5", 80)), LOOK))
    assert "20 %" in text
    assert "50 %" in text
    text = drawn(view("bytes", table(line("bits8", 50, size=4000), line("int8", 51)), LOOK))
    assert "4 kB" in text
    assert "int8" in text


def test_a_part_alone_is_a_bar() -> None:
    found = table(
        line("bits4", 90), line("bits4:mlp", 70), line("bits4:attention", 52), line("bits2:mlp", 99)
    )
    shown_ = view("parts", found, Look(True, "mono", f"{SPECS[2].name}@bits4"))
    assert shown_.title.endswith("bits4")
    first, second = drawn(shown_).splitlines()
    assert first.startswith("mlp")
    assert first.count("━") > 5 * second.count("━") > 0
    assert "+20.0 [+19.0, +21.0]" in first
    assert drawn(view("bits", found, LOOK)).count("◆") == 0, "a lone part is in its own chart"
    one = Bar("attention", 20.0, "+20.0", "+20.0 [+19.0, +21.0]")
    narrow = bars([one], 24, 5, dark=True, depth="mono")
    assert max(map(len, narrow.splitlines())) <= 24


def test_parts_have_bars_of_kl_too() -> None:
    found = table(line("bits4:mlp", 52, 0.8), line("bits4:attention", 70, 0.2))
    assert shown(found)[-4:] == ("parts", "parts-kl", "kinds", "kinds-kl")
    first, second = drawn(view("parts-kl", found, LOOK)).splitlines()
    assert first.startswith("mlp")
    assert "0.8 [0.4, 1.6]" in first
    assert first.count("━") > 3 * second.count("━") > 0


def test_another_model_is_a_point_of_its_own() -> None:
    other = Line("tuned", None, SPECS[1], row("tuned", 55.0, 0.3, 4000))
    found = table(line("", 50.0, 1e-4), other, line("bits4", 60))
    assert [found.label(one) for one in found.lines] == ["bfloat16", "tuned", "@bits4"]
    assert shown(table(line("", 50.0), other)) == ("kinds", "kinds-kl", "bytes", "bytes-kl")
    assert "tuned" in drawn(view("bytes", found, LOOK))
    assert "tuned" not in drawn(view("bits", found, LOOK))
    assert view("kinds", found, Look(True, "mono", "tuned")).title.endswith(": tuned")


def test_an_infinite_perplexity_leaves_the_undamaged_level() -> None:
    endless = line("bits1", math.inf)
    assert table(endless, line("", 50.1)).perplexity == pytest.approx(50)
    assert table(endless).perplexity is None
    for name in shown(table(line("", 50.1), endless, line("bits8", 51.0))):
        drawn(view(name, table(line("", 50.1), endless, line("bits8", 51.0)), LOOK))


def test_kinds_that_break_first_come_first() -> None:
    text = drawn(view("kinds", table(line("bits4", 90)), LOOK))
    assert text.index("names") < text.index("other words")
    assert "+2.885" in text  # 80 nats over 40 bytes
    text = drawn(view("kinds-kl", table(line("bits4", 90)), LOOK))
    assert text.index("other words") < text.index("names")
    assert "1.443" in text  # 90 nats over 90 bytes


def test_columns_leave_where_there_is_no_room() -> None:
    cells = ("1 MB", "50.00", "+1.00", "[+0.00, +2.00]")
    found = VariantTable(
        ("bytes", "perplexity", "change", "interval"), (VariantRow("@bits4", cells),), (3, 0, 2)
    )
    assert [at for at, _ in fitting(found, 80)[1]] == [0, 1, 2, 3]
    assert [at for at, _ in fitting(found, 42)[1]] == [0, 1, 2]
    assert [at for at, _ in fitting(found, 20)[1]] == [1]


def test_time_left_is_of_all_rows() -> None:
    now = Progress("m@bits8", "2/4", 50, 100, 10.0, 5.0)
    assert showing.seconds_left(now) == 5 + 2 * 10
    assert math.isnan(showing.seconds_left(Progress("m", "loading")))


# --- the view ------------------------------------------------------------------------------


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> EyebrowApp:
    """With a worker that can score variants too: 3 bits more for each token than their base."""
    plain = stage.score_by

    def score_by(name: str, text: str) -> Any:
        base, _, variant = name.partition("@")
        return plain(base, text) if not variant else made_score(text, 1)

    monkeypatch.setattr(stage, "score_by", score_by)
    return made_app()


def answer(app: EyebrowApp, reply: Any) -> None:
    variants = app.session.variants
    app.session.receive(Answer(variants.damaging.asked, reply))


def wanted(app: EyebrowApp) -> list[Measure]:
    found: Any = app.session.variants.damaging
    return list(found.wanted)


async def begin(app: EyebrowApp, pilot: Any) -> None:
    await settled(app, pilot)
    app.session.select_size(2)
    await pilot.press("<")
    await pilot.pause(0.3)
    assert app.current_mode == "damage"


def rows(app: EyebrowApp) -> list[VariantRow]:
    return list(app.screen.query_one(VariantList).table.rows)


async def test_enter_measures_the_usual_widths_on_the_listed_stories(app: EyebrowApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        assert "enter measures" in app.screen.query_one(VariantList).waiting
        await pilot.press("enter")
        await pilot.pause(0.4)
        (asked,) = wanted(app)
        assert asked.reference == SPECS[2]
        assert [spec.variant for spec in asked.variants] == [
            f"bits{bits}" for bits in (32, 24, 16, 8, 4, 2, 1)
        ]
        assert [story.id for story in asked.stories] == [story.id for story in STORIES]
        assert (asked.recipe.dtype, asked.recipe.top) == ("float32", 0)
        assert [one.name for one in rows(app)][:2] == ["bfloat16", "@bits32"]

        answer(app, Row("", row("bfloat16", 50.1, 1e-4, noise_floor=True)))
        answer(app, Row(f"{SPECS[2].name}@bits32", row("x", 50.0, 1e-9)))
        answer(app, Progress(f"{SPECS[2].name}@bits24", "3/8", 10, 40, 10.0, 3.0))
        await pilot.pause(0.5)
        pane = app.screen.query_one(VariantList)
        assert "50.10" in rows(app)[0].cells
        assert rows(app)[2].said == "measuring 25 %"
        assert "23 s left, z stops" in str(pane.border_subtitle)
        assert app.screen.query_one("#curve", Chart).picture is not None

        answer(app, Refused(f"{SPECS[2].name}@bits24", "Not a number", "it overflows"))
        await pilot.press("z")
        await pilot.pause(0.4)
        assert rows(app)[2].said == "Not a number: it overflows"
        assert rows(app)[3].said == "stopped; z goes on"
        await pilot.press("z")
        assert [spec.variant for spec in wanted(app)[1].variants] == [
            f"bits{bits}" for bits in (24, 16, 8, 4, 2, 1)
        ]
        answer(app, Ended())
        await pilot.pause(0.3)
        assert app.session.variants.running == ""


async def test_other_variants_are_typed_and_each_part_is_measured(
    app: EyebrowApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"num_hidden_layers": 2}')
    async with app.run_test(size=(100, 30)) as pilot:
        await begin(app, pilot)
        await pilot.press("slash", *"bits99", "enter")
        await pilot.pause(0.2)
        assert app.screen.query_one(Input).value == "bits99"  # stays, and says what is wrong
        assert not wanted(app)
        await pilot.press(*["backspace"] * 6, *"6, bits4:attention prune0.2", "enter")
        await pilot.pause(0.3)
        assert [spec.variant for spec in wanted(app)[0].variants] == [
            *("bits6", "bits4:attention", "prune0.2"),
        ]
        answer(app, Ended())
        there = ModelSpec(SPECS[2].name, "folder", str(tmp_path), "made", parameters=800_000)
        app.session.models.size.spec = there
        await pilot.press("j", "P")
        await pilot.pause(0.3)
        asked = {spec.variant for spec in wanted(app)[1].variants}
        assert {f"bits6:{part}" for part in ("embeddings", "attention", "mlp", "layers1")} < asked


async def test_the_story_is_coloured_by_what_the_variant_loses(app: EyebrowApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        await pilot.press("slash", *"4", "enter")
        name = f"{SPECS[2].name}@bits4"
        answer(app, Row(name, row(name, 90.0, 0.5)))
        answer(app, Ended())
        await pilot.press("j")
        for _ in range(PATIENCE):
            await pilot.pause(0.02)
            if app.screen.query_one("#text", StoryText).paint.styles:
                break
        text = app.screen.query_one("#text", StoryText)
        told = showing.story(app.session, kl=False, dark=True, depth="truecolor")
        score = app.session.variants.story
        assert score is not None
        assert len(text.paint.styles) == len(score)
        assert len({str(style) for style in text.paint.styles}) > 1
        assert told.note.startswith("no top token of")
        assert told.title.endswith("@bits4")
        score.top_ids[3, 0] = 7
        told = showing.story(app.session, kl=False, dark=True, depth="truecolor")
        assert told.note.startswith("1 of ")
        assert "first ␣w0 → ␣w7 at ␣" in told.note


async def test_under_a_chart_of_kl_the_story_is_coloured_by_kl(app: EyebrowApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        await pilot.press("slash", *"4", "enter")
        name = f"{SPECS[2].name}@bits4"
        answer(app, Row("", row("bfloat16", 50.1, 1e-4, noise_floor=True)))
        answer(app, Row(name, row(name, 90.0, 0.5)))
        answer(app, Ended())
        await pilot.press("j", "c")
        for _ in range(PATIENCE):
            await pilot.pause(0.02)
            if app.screen.query_one("#text", StoryText).paint.styles:
                break
        sent: Any = app.session.worker.engine
        (asked,) = [request for request in sent.sent if isinstance(request, Diverge)]
        assert (asked.model.name, asked.reference.name) == (name, SPECS[2].name)
        told = showing.story(app.session, kl=True, dark=True, depth="truecolor")
        assert told.title.endswith("@bits4 · KL")
        assert told.legend[-1][0] == " nats of KL"
        assert re.match(r"KL [\d.]+ nats a token in this story, most [\d.]+ at ", told.note)
        assert len({str(style) for style in told.paint.styles}) > 4
        await pilot.press("c", "c")
        await pilot.pause(0.4)
        told = showing.story(app.session, kl=False, dark=True, depth="truecolor")
        assert told.title.endswith("@bits4")


async def test_an_open_model_is_measured_against_another(app: EyebrowApp, tmp_path: Path) -> None:
    adapter = tmp_path / "tuned"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        variants = app.session.variants
        assert "is the reference itself" in variants.measure([SPECS[2].name])
        assert "'nonsense' in @nonsense is none" in variants.measure(["nonsense"])
        assert "No adapter" not in variants.measure([SPECS[1].name, f"+{adapter}", f"+{adapter}@4"])
        (asked,) = wanted(app)
        assert asked.reference == SPECS[2]
        one, two, three = asked.variants
        assert one == SPECS[1]
        assert (two.name, two.adapter) == (f"{SPECS[2].name}+tuned", str(adapter))
        assert (three.name, three.variant) == (f"{SPECS[2].name}+tuned@bits4", "bits4")
        answer(app, Row(SPECS[1].name, row(SPECS[1].name, 70.0, 0.5)))
        await pilot.press("j")
        await pilot.pause(0.4)
        assert [one.name for one in rows(app)] == [
            "bfloat16",
            SPECS[1].name,
            "+tuned",
            "+tuned@bits4",
        ]


async def test_models_of_one_name_are_told_apart(app: EyebrowApp, tmp_path: Path) -> None:
    places = [tmp_path / step / "model" for step in ("step-100", "step-200")]
    for place in places:
        place.mkdir(parents=True)
        (place / "config.json").write_text("{}")
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        variants = app.session.variants
        assert not variants.measure([str(place) for place in places])
        assert not variants.measure([str(places[1])])
        first, again = wanted(app)
        assert [spec.name for spec in first.variants] == ["model", str(places[1])]
        assert again.variants == first.variants
        answer(app, Refused("", "Out of memory", "no room in float32"))
        await pilot.pause(0.4)
        assert rows(app)[0].said == "Out of memory: no room in float32"


async def test_charts_go_round_and_a_variant_becomes_a_model(app: EyebrowApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot)
        await pilot.press("slash", *"4", "enter")
        name = f"{SPECS[2].name}@bits4"
        answer(app, Row("", row("bfloat16", 50.1, 1e-4, noise_floor=True)))
        answer(app, Row(name, row(name, 90.0, 0.5)))
        answer(app, Ended())
        await pilot.pause(0.4)
        titles = []
        for _ in range(5):
            titles.append(str(app.screen.query_one("#curve", Chart).border_title))
            await pilot.press("c")
            await pilot.pause(0.1)
        assert titles[1] == "KL divergence against bits"
        assert titles[4].startswith("Which kind of text")
        await pilot.press("O")  # the noise floor
        await pilot.pause(0.2)
        assert len(app.session.models.sizes) == 3
        await pilot.press("j", "O")
        for _ in range(PATIENCE):
            await pilot.pause(0.02)
            if len(app.session.models.sizes) == 4:
                break
        assert app.session.models.size.name == name
        assert app.session.models.reference is app.session.models.named(SPECS[2].name)
        assert app.session.variants.reference.name == SPECS[2].name
        assert rows(app)[1].cells, "what was measured is still there"


async def test_panes_take_turns_in_a_narrow_terminal(app: EyebrowApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await begin(app, pilot)
        for pane in ("curve", "text", "variants"):
            await pilot.press("tab")
            await pilot.pause(0.1)
            seen = [
                name
                for name in ("variants", "curve", "text")
                if app.screen.query_one(f"#{name}").region.width
            ]
            assert seen == [pane]
