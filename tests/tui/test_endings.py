"""Pairs of endings on the screen: a chart and a finding in Scale, those judged wrong in Compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eyebrow.core.engine.exploring_messages import ScoreAlone
from eyebrow.core.models.member import Member
from eyebrow.core.results.store import Row, Store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories import Story
from eyebrow.core.stories.pairs import find_pairs
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.panes.chart import Chart
from eyebrow.tui.panes.findings import Findings
from eyebrow.tui.panes.finds import FindList
from eyebrow.tui.views.compare.showing import finds

from .stage import PATIENCE, SPECS, STORIES, digest_of, made_app, score_by, settled
from .test_compare import begin, compared
from .test_explore import text_of

BEGUN = ("Tom had a ball.", "Ann sat down.", "The dog ran off.", "It rained all day.")
ENDS = ("It came back at last.", "She was happy again.", "Nobody ever saw it.", "They stayed in.")
PAIRS = tuple(
    Story(f"{n}{kind}", f"{begun[:7]} ({kind})", f"{begun} {ending}", pair=str(n), kind=kind)
    for n, begun in enumerate(BEGUN)
    for kind, ending in (("right", ENDS[n]), ("wrong", ENDS[n - 1]))
)
EVERY = (*STORIES, *PAIRS)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The scores that the made engine gives, as a worker would have kept them."""
    kept, recipe = Store(tmp_path / "store"), Recipe().settled("cpu", "float32")
    for spec in SPECS[:2]:
        size = spec.parameters or 0
        member = Member(spec.name, digest_of(spec.name), spec.family, "", spec.family, size)
        kept.write([Row(s, member, recipe, score_by(spec.name, s.text)) for s in EVERY])
    return tmp_path / "store"


def app_of(store: Path, stories: Any = EVERY) -> EyebrowApp:
    return made_app(stories, specs=SPECS[:2], store=store)


def apart(name: str) -> list[float]:
    """Bits that the expected ending of each pair costs more than the other."""
    found = []
    for pair in find_pairs(EVERY)[0]:
        costs = []
        for story in pair.stories:
            score = score_by(name, story.text)
            costs.append(-float(np.nansum(score.logprobs[score.ends > pair.at])) / np.log(2))
        found.append(costs[0] - costs[1])
    return found


async def test_a_chart_and_a_finding_of_pairs(store: Path) -> None:
    app = app_of(store)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press(">")
        screen: Any = app.screen
        for _ in range(PATIENCE):
            await pilot.pause(0.02)
            if screen.endings is not None and screen.endings.models:
                break
        name, right = SPECS[1].name, sum(bits < 0 for bits in apart(SPECS[1].name))
        said = screen.query_one(Findings).entries[-1]
        share = f"{100 * right // 4} %"
        assert said.text.startswith(f"{name} finds the expected one of two endings less surprising")
        assert share in said.text
        assert "of 4 pairs" in said.text
        wrong = sorted(
            ((bits, 2 * n) for n, bits in enumerate(apart(name)) if bits > 0), reverse=True
        )
        assert [story - len(STORIES) for story in said.stories] == [at for _, at in wrong]

        assert not any(isinstance(sent, ScoreAlone) for sent in app.session.worker.engine.sent)
        await pilot.press(*"cccccc")
        for _ in range(PATIENCE):
            await pilot.pause(0.02)
            if all("conditional" in one.by for one in screen.endings.models):
                break
        await pilot.pause(0.2)
        text = text_of(app)
        for wanted in ("7/7", "by total", "per token", "conditional", "chance", "4 pairs"):
            assert wanted in text
        asked = [sent for sent in app.session.worker.engine.sent if isinstance(sent, ScoreAlone)]
        assert [sent.model.name for sent in asked] == [spec.name for spec in SPECS[:2]]
        assert {story.text for story in asked[0].texts} == set(ENDS)


async def test_without_pairs_there_is_no_chart_of_them(store: Path) -> None:
    app = app_of(store)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press(">", *"cccccc")
        await pilot.pause(0.2)
        assert "7/7" in str(app.screen.query_one(Chart).border_title)
        app.session.open(list(STORIES), "others")
        app.screen.open_anew()  # type: ignore[attr-defined]
        await settled(app, pilot)
        await pilot.pause(0.2)
        assert "1/6" in str(app.screen.query_one(Chart).border_title)
        assert app.screen.endings is None  # type: ignore[attr-defined]


async def test_endings_judged_wrong_are_finds(store: Path) -> None:
    app = app_of(store)
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot, "s", "s", "s", "s", "s")
        name = app.session.models.size.name
        wanted = sorted((bits for bits in apart(name) if bits > 0), reverse=True)
        assert wanted, "the made numbers have some of the pairs wrong"
        pane = app.screen.query_one(FindList)
        assert pane.border_title == "Finds, endings judged wrong"
        assert str(pane.border_subtitle) == f"{len(wanted)} of 4 pairs"
        shown = [finds(app.session).find(row) for row in range(pane.finds.count)]
        assert [float(find.value) for find in shown] == pytest.approx(wanted, abs=0.06)
        pair = find_pairs(EVERY)[0][apart(name).index(wanted[0])]
        assert (shown[0].text, shown[0].after) == (pair.endings[0], f" / {pair.endings[1]}")
        await pilot.press("enter")
        assert EVERY[app.session.place.story] is pair.right
        await pilot.press("escape", "s")
        await compared(app, pilot)
        assert "most gained" in str(pane.border_title)


async def test_no_such_order_for_stories_without_pairs(store: Path) -> None:
    app = app_of(store)
    async with app.run_test(size=(140, 40)) as pilot:
        await begin(app, pilot, "s", "s", "s", "s", "s")
        app.session.open(list(STORIES), "others")
        await settled(app, pilot)
        await compared(app, pilot)
        assert app.session.comparison.listing.sort == "gain"
        assert finds(app.session).count
