"""A store that another program fills while the app is open."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.engine.messages import Cancel, Hello, Score
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.results.store import Follower, Store
from eyebrow.core.stories import Story, text_digest
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.views.status import what_runs
from results.stored import KEY, row_of

from .stage import made_app, until

SPECS = find_models(["pocket-bigram", "pocket-50k"])
STORIES = [Story(str(n), f"Story {n}", f"Story {n} is told by somebody else.") for n in range(6)]

OTHER = """
import sys
from pathlib import Path
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.models.identity import identify
from eyebrow.core.models.member import Member
from eyebrow.core.results.store import Row, Store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.tui.session.models import smallest_positions
from tui.stage import made_score
from tui.test_follow import SPECS, STORIES

store, device, dtype = sys.argv[1:]
store = Store(Path(store))
recipe = Recipe(device=device, dtype=dtype).within(smallest_positions(SPECS))
for line in sys.stdin:
    at, first, last = map(int, line.split())
    spec = SPECS[at]
    known = identify(spec.local_path)
    member = Member(spec.name, known.digest, spec.family, "", known.tokenizer, spec.parameters)
    rows = [Row(s, member, recipe, made_score(s.text, 1 + at)) for s in STORIES[first:last]]
    store.write(rows)
    print("written", flush=True)
"""


@pytest.fixture
def other(tmp_path: Path, repo: Path) -> Iterator[Callable[..., Callable[[int, int, int], None]]]:
    """A program that scores into a store: it writes stories under a size when it is told to."""
    begun: list[subprocess.Popen[str]] = []

    def begin(device: str = "cpu", dtype: str = "float32") -> Callable[[int, int, int], None]:
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(tmp_path / "store"), device, dtype],
            cwd=repo / "tests",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun.append(process)

        def write(size: int, first: int, last: int) -> None:
            assert process.stdin is not None
            assert process.stdout is not None
            print(size, first, last, file=process.stdin, flush=True)
            assert process.stdout.readline() == "written\n"

        return write

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def following(tmp_path: Path) -> EyebrowApp:
    app = made_app(STORIES, SPECS, silent=True, store=tmp_path / "store", follow=True)
    app.mailbox.put(Hello("cpu", "float32"))
    return app


def done(app: EyebrowApp) -> list[int]:
    return [size.stories for size in app.session.models.sizes]


async def test_sums_appear_as_they_are_written(
    tmp_path: Path, other: Callable[..., Callable[[int, int, int], None]]
) -> None:
    write, app = other(), following(tmp_path)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: all(size.read for size in app.session.models.sizes))
        assert done(app) == [0, 0]
        write(0, 0, 2)
        await until(pilot, lambda: done(app) == [2, 0])
        write(0, 2, 4)  # into the same part
        write(1, 0, 6)
        await until(pilot, lambda: done(app) == [4, 6])
        await until(pilot, lambda: app.session.score(app.session.models.sizes[1]) is not None)
        await until(pilot, lambda: app.session.models.sizes[1].interval is not None)
        assert what_runs(app.session) == "following the store"
        sent: Any = app.session.worker.engine
        assert not any(isinstance(request, Score) for request in sent.sent)

        await pilot.press("z")
        await until(pilot, lambda: any(not one.urgent for one in sent.sent))
        (asked,) = [one for one in sent.sent if not one.urgent]
        assert [text_digest(story.text) for story in asked.stories] == [
            text_digest(story.text) for story in STORIES[4:]
        ]
        await pilot.press("z")
        await until(pilot, lambda: sent.sent[-1] == Cancel(asked.job))
        write(0, 4, 6)
        await until(pilot, lambda: done(app) == [6, 6])


async def test_what_is_being_scored_here_is_not_asked_for_again(
    tmp_path: Path, other: Callable[..., Callable[[int, int, int], None]]
) -> None:
    write, app = other(), following(tmp_path)
    write(1, 0, 6)
    sent: Any = app.session.worker.engine
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: done(app) == [0, 6])
        await pilot.press("z")
        await until(pilot, lambda: any(not one.urgent for one in sent.sent))
        write(0, 0, 1)
        await until(pilot, lambda: done(app) == [1, 6])
        await pilot.pause()
        assert len([one for one in sent.sent if not one.urgent]) == 1


async def test_the_recipe_is_the_other_programs(
    tmp_path: Path, other: Callable[..., Callable[[int, int, int], None]]
) -> None:
    write = other("cuda", "bfloat16")
    write(1, 0, 3)
    app = following(tmp_path)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: done(app) == [0, 3])
        assert app.session.worker.recipe.label.endswith("bfloat16 cuda")
        await pilot.press("z")
        await pilot.pause()
        assert app.session.worker.rests
        assert "dtype bfloat16 / float32, device cuda / cpu" in app.told[-1][1]
        write(1, 3, 6)
        await until(pilot, lambda: done(app) == [0, 6])


def test_a_follower_reads_what_is_new_and_tells_each_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, reader = Store(tmp_path / "store"), Store(tmp_path / "store")
    follower = Follower(reader)
    assert not follower.has_changed()
    store.write([row_of(1), row_of(2)])
    assert follower.has_changed()
    assert len(follower.fresh(*KEY)) == 2
    assert follower.has_changed(), "another part may have come in the same tick"
    assert follower.fresh(*KEY) == {}
    assert not follower.has_changed()
    store.write([row_of(2), row_of(3)])
    assert follower.has_changed()
    (digest,) = follower.fresh(*KEY)
    assert digest == text_digest(row_of(3).story.text)
    monkeypatch.setattr(reader, "_read", lambda *_: pytest.fail("nothing was written to it"))
    assert follower.fresh(*KEY) == {}
    monkeypatch.undo()
    assert len(follower.all(*KEY)) == 3
    assert follower.has_changed(), "whoever begins anew looks once more"
