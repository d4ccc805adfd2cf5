"""What the context contributes to a word: asked of every size, drawn and written."""

from __future__ import annotations

import math

from eyebrow.core.engine.exploring_messages import TraceContext
from eyebrow.core.engine.messages import Cancel, Failed, Hello, WorkerDied
from eyebrow.core.scoring.exploring import CurvePoint
from eyebrow.core.stories import text_digest
from eyebrow.tui.charts.context import context_chart
from eyebrow.tui.panes.chart import Chart
from eyebrow.tui.session.tracing import word_at
from eyebrow.tui.text.plain import cell_width
from eyebrow.tui.views.dialogs.context import ContextScreen, table

from .stage import SPECS, STORIES, made_app, settled
from .test_edit import until
from .test_explore import text_of

POINTS = (
    *(CurvePoint("tokens", n, 8 * math.log(2) / n) for n in (1, 2, 4)),
    CurvePoint("sentence", 0, 9 * math.log(2)),
    CurvePoint("story", 5, math.log(2)),
)


def test_the_curve_has_a_point_for_each_amount_of_context() -> None:
    drawn = context_chart(
        {"one": POINTS, "two": POINTS}, width=60, height=14, dark=True, depth="mono"
    )
    lines = drawn.split("\n")
    assert len(lines) == 14
    assert all(cell_width(line) <= 60 for line in lines)
    assert "one" in lines[0]
    assert "bits" in lines[0]
    assert "story 5" in drawn
    assert "sentence 0" not in drawn, "no context has no place on a logarithmic axis"
    assert context_chart({}, width=60, height=14, dark=True, depth="mono") == ""


async def test_the_word_under_the_cursor_is_asked_about_under_every_size() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        session = app.session
        await pilot.press("C")
        assert not isinstance(app.screen, ContextScreen), "the first word is context"
        await pilot.press("enter", *"wwwwwww", "C")
        screen = app.screen
        assert isinstance(screen, ContextScreen)
        await until(pilot, lambda: not session.tracing.waits_for)
        asked = [r for r in session.worker.engine.sent if isinstance(r, TraceContext)]
        assert [r.model.name for r in asked] == [SPECS[n].name for n in (2, 0, 1)]
        text = STORIES[0].text
        word = text.split()[7]
        assert {text[slice(*r.word)] for r in asked} == {word}
        assert {text[r.sentence :][:2] for r in asked} == {"It"}
        assert screen.query_one(Chart).picture is not None
        shown = text_of(app)
        assert f"“{word}”" in shown
        rows = table(session, 100).plain.splitlines()
        assert rows[0].split() == ["bits", "1", "2", "4", "sentence", "story"]
        assert rows[3].split()[:2] == ["▸made-800k", f"{6 / math.log(2):.2f}"]
        assert table(session, 34).plain.splitlines()[0].split() == ["bits", "sentence", "story"]
        await pilot.press("ctrl+g")
        await until(pilot, lambda: session.tracing.word is None)
        assert not isinstance(app.screen, ContextScreen)


async def test_what_is_not_wanted_any_more_is_dropped_and_what_died_asked_again() -> None:
    app = made_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        session, engine = app.session, app.session.worker.engine
        score = session.score(session.models.size)
        assert score is not None
        assert word_at(STORIES[0], score, 0) is None, "it is context"
        word = word_at(STORIES[0], score, 2)
        assert word is not None
        assert STORIES[0].text[slice(*word.place)] == "sat"
        engine.silent = True  # type: ignore[attr-defined]
        session.tracing.trace(word)
        numbers = [r.job for r in engine.sent if isinstance(r, TraceContext)]  # type: ignore[attr-defined]
        about = text_digest(word.text)
        session.receive(Failed(numbers[0], SPECS[2].name, "No context", "nothing before it", about))
        assert session.tracing.failed == {SPECS[2].name: "No context: nothing before it"}
        assert session.tracing.waits_for == SPECS[0].name
        assert "No context: nothing before it" in table(session, 80).plain
        session.receive(WorkerDied(-9, ""))
        session.receive(Hello("cpu", "float32"))
        again = [r.job for r in engine.sent if isinstance(r, TraceContext)][3:]  # type: ignore[attr-defined]
        assert len(again) == 2, "what has failed is not"
        session.tracing.leave()
        assert {r.job for r in engine.sent if isinstance(r, Cancel)} >= set(again)  # type: ignore[attr-defined]
