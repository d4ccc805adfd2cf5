"""The process that measures damage for the screen: rows as they are done, and what cannot be."""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eyebrow.core import Recipe
from eyebrow.core.engine.damage_messages import Ended, Measure, Refused, Row
from eyebrow.core.engine.damaging import measure
from eyebrow.core.engine.messages import Settings
from eyebrow.core.engine.progress import Progress
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.stories import Story
from eyebrow.tui.threads.damaging import Answer, Damaging

STORIES = (
    Story("cat", "The cat", "The cat sat on the mat and looked at the moon."),
    Story("bear", "The bear", "Once upon a time there was a little bear."),
)


def asked(model: Path, *variants: str, store: Path | None = None) -> Measure:
    (spec,) = find_models([str(model)])
    return Measure(
        Settings("cpu", store=str(store) if store else None),
        spec,
        tuple(spec.with_variant(variant) for variant in variants),
        STORIES,
        Recipe(context=64, dtype="float32", top=0),
    )


def test_rows_come_as_they_are_done(tiny: Callable[[str], Path]) -> None:
    told: list[Any] = []
    measure(asked(tiny("llama"), "bits8", "bits4:layers9", "prune0.3"), told.append)
    rows = [reply for reply in told if isinstance(reply, Row)]
    assert [row.variant for row in rows] == ["", "llama@bits8", "llama@prune0.3"]
    assert rows[0].damage.noise_floor
    assert rows[2].damage.kl_mean > rows[1].damage.kl_mean > 0
    (refused,) = [reply for reply in told if isinstance(reply, Refused)]
    assert refused.variant == "llama@bits4:layers9"
    assert "no layers9" in refused.message
    assert isinstance(told[0], Progress)
    assert isinstance(told[-1], Ended)


def test_a_reference_that_is_none_is_told(tmp_path: Path, tiny: Callable[[str], Path]) -> None:
    told: list[Any] = []
    wanted = asked(tiny("llama"), "bits8")
    (tmp_path / "config.json").write_text("{}")
    (spec,) = find_models([str(tmp_path)])
    measure(Measure(wanted.settings, spec, (), STORIES, wanted.recipe), told.append)
    *_, refused, ended = told
    assert (refused.variant, type(refused), type(ended)) == ("", Refused, Ended)


def test_it_answers_from_a_process_of_its_own_and_can_be_stopped(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    damaging = Damaging(answers.put)
    number = damaging.measure(asked(tiny("llama"), "bits8", store=tmp_path / "store"))
    told: list[Any] = []
    while not told or not isinstance(told[-1], Ended):
        answer = answers.get(timeout=200)
        assert answer.asked == number
        told.append(answer.reply)
    assert [reply.variant for reply in told if isinstance(reply, Row)] == ["", "llama@bits8"]
    assert len([*(tmp_path / "store").rglob("*.json")]) == 2, "rows are kept"

    damaging.measure(asked(tiny("llama"), *(f"bits{bits}" for bits in range(1, 33))))
    assert isinstance(answers.get(timeout=200).reply, Progress)
    process = damaging._process
    assert process is not None
    damaging.stop()
    assert process.wait(60) != 0
    while not answers.empty():
        assert not isinstance(answers.get().reply, Ended | Refused), "nobody is told of a stop"
