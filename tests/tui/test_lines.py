"""Lines of one's own, side by side."""

from __future__ import annotations

import math

from eyebrow.core.engine.messages import Hello, Rescore, WorkerDied
from eyebrow.tui.actions import BY_ID
from eyebrow.tui.views.dialogs.lines import LinesScreen, table
from textual.widgets import TextArea

from .stage import SPECS, made_app, score_by, settled
from .test_edit import until

LINES = ("The cat sat on the mat.", "A dog ran", "one")


async def test_lines_are_sorted_by_perplexity_under_the_current_size() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        session = app.session
        await app.run_listed(BY_ID["lines"])
        await pilot.pause()
        assert isinstance(app.screen, LinesScreen)
        for key in "\n".join((*LINES, LINES[0])):
            await pilot.press({"\n": "enter", " ": "space", ".": "full_stop"}.get(key, key))
        sizes, lines = session.models.sizes, session.lines
        await until(
            pilot,
            lambda: (
                lines.wanted == LINES
                and all(lines.perplexity(s, one) is not None for s in sizes for one in LINES)
            ),
        )
        asked = [
            (r.model.name, r.text) for r in session.worker.engine.sent if isinstance(r, Rescore)
        ]
        assert len(asked) == len(set(asked)), "each is asked for once"
        found = {one: score_by(SPECS[2].name, one).summary.perplexity for one in LINES[:2]}
        assert session.lines.ranked(sizes[2])[:2] == sorted(found, key=lambda one: found[one])
        nothing = session.lines.perplexity(sizes[2], "one")
        assert nothing is not None
        assert math.isnan(nothing), "its only token is context"
        rows = table(session, 100, 10).plain.splitlines()
        assert [row[:3] for row in rows[1:]] == [one[:3] for one in session.lines.ranked(sizes[2])]
        await pilot.press("tab")
        assert session.models.current == 0
        await pilot.press("ctrl+g")
        assert not isinstance(app.screen, LinesScreen)
        await app.run_listed(BY_ID["lines"])
        await pilot.pause()
        assert app.screen.query_one(TextArea).text == session.lines.text


async def test_what_a_dead_worker_was_asked_is_asked_again() -> None:
    app = made_app(silent=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)
        session, sent = app.session, app.session.worker.engine.sent
        session.lines.type("one line\nanother")
        before = [r for r in sent if isinstance(r, Rescore)]
        assert [r.text for r in before] == ["one line", "another"]
        assert {r.model.name for r in before} == {SPECS[2].name}, "the current size first"
        session.receive(WorkerDied(-9, ""))
        session.receive(Hello("cpu", "float32"))
        again = [(r.model, r.text) for r in sent if isinstance(r, Rescore)][len(before) :]
        assert again == [(r.model, r.text) for r in before]
