"""The dialogue that shows what each device does."""

from __future__ import annotations

import threading

from eyebrow.core.engine.messages import Hello
from eyebrow.core.engine.pool import Doing
from eyebrow.core.machine.gpus import Gpu
from eyebrow.tui import actions
from eyebrow.tui.views.dialogs.devices import DevicesScreen, lines
from textual.widgets import Static

from .stage import SPECS, made_app, settled, until

CARDS = (
    Gpu("NVIDIA H100 80GB HBM3", 40_000_000_000, 80_000_000_000, 87),
    Gpu("Old card", 0, 8_000_000_000, None),
)


def test_a_line_for_each_gpu_and_what_its_worker_does() -> None:
    doing = (
        Doing("cuda:0", 11, "", "large", 1, 2, ("large", "small")),
        Doing("cuda:1", 12, "starting", "", 0, 0, ()),
    )
    assert lines(doing, "cuda", CARDS).plain.splitlines() == [
        "cuda:0  NVIDIA H100 80GB HBM3",
        "  ██████████░░░░░░░░░░ 40.0 / 80.0 GB   busy  87 %",
        "  large, 3 jobs; holds large and small",
        "cuda:1  Old card",
        "  ░░░░░░░░░░░░░░░░░░░░ 0.0 / 8.0 GB",
        "  starting",
    ]


def test_workers_on_the_cpu_and_one_whose_card_is_not_known() -> None:
    doing = (Doing("cpu", 11, "", "", 0, 0, ()), Doing("cpu", None, "stopped", "", 0, 0, ()))
    assert lines(doing, "cpu", ()).plain.splitlines() == [
        "cpu  process 11",
        "  nothing to do; holds no model",
        "cpu  ",
        "  stopped",
    ]
    (first, *_) = lines((Doing("auto", 5, "", "", 0, 0, ()),), "cuda", ()).plain.splitlines()
    assert first == "cuda  process 5"


async def test_from_the_palette() -> None:
    app = made_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        await app.run_listed(actions.BY_ID["devices"])
        await pilot.pause()
        assert isinstance(app.screen, DevicesScreen)
        said = str(app.screen.query_one("#devices", Static).content)
        assert said.startswith("cpu  process 7")
        assert all(spec.name in said for spec in SPECS)
        await pilot.press("q")
        assert not isinstance(app.screen, DevicesScreen)


async def test_gpus_are_asked_for_on_a_thread() -> None:
    app, asked_on = made_app(silent=True), set()
    app.mailbox.put(Hello("cuda", "bfloat16"))

    def look() -> tuple[Gpu, ...]:
        asked_on.add(threading.current_thread())
        return CARDS

    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.session.worker.recipe.device == "cuda")
        await app.push_screen(DevicesScreen(app.session, look))
        pane = app.screen.query_one("#devices", Static)
        await until(pilot, lambda: "H100" in str(pane.content))
        assert threading.main_thread() not in asked_on
