"""The self-audit: sound models pass it, every kind of mistake fails it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from eyebrow.core.audit import audit as room
from eyebrow.core.audit.audit import Audit, Check, audit
from eyebrow.core.commands.audit import audit as command
from eyebrow.core.engine.local import score
from eyebrow.core.errors import DONE, FAILED, EyebrowError
from eyebrow.core.results.store import Store
from eyebrow.core.scoring import batches
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.trunk import Trunk
from eyebrow.core.scoring.windows import Window
from eyebrow.core.stories.story import Story

from .plain import STORIES
from .stubs import spelling

MANY = [Story(str(n), str(n), text) for n, text in enumerate(STORIES)]
LONG = [*MANY, Story("long", "long", " ".join(STORIES))]
Folder = Callable[[str], Path]

EVERY = [
    "alone against batched",
    "in parts against whole",
    "float32 against float64",
    "tokens, alone against batched",
    "tokens, float32 against float64",
    "probabilities against one",
    "top, rank, entropy",
    "context as long as the text",
    "windows against their contexts",
    "written and read again",
    "kept against fresh",
]


def look(folder: Path, **options: Any) -> Audit:
    return audit(str(folder), options.pop("stories", LONG), device="cpu", **options)


def by_name(found: Audit) -> dict[str, Check]:
    return {check.name: check for check in found.checks}


def failed(found: Audit) -> set[str]:
    return {check.name for check in found.checks if not check.passed}


@pytest.mark.parametrize(
    ("name", "first_token"),
    [("llama", "context"), ("gpt2", "scored"), ("wide", "scored"), ("capped", "context")],
)
def test_sound_models_pass(tiny: Folder, name: str, first_token: str) -> None:
    found = look(tiny(name), recipe=Recipe(first_token, 64), dtype="float32")
    assert [check.name for check in found.checks] == EVERY
    assert failed(found) == set()
    assert found.passed
    undone = [check.name for check in found.checks if check.difference is None]
    assert undone == ["kept against fresh"]
    assert found.recipe.dtype == "float32"
    assert found.stories == sum(1 for story in LONG if story.text)
    for check in found.checks[:-1]:
        assert check.difference is not None
        assert check.difference < max(check.limit / 5, 1e-12), check


def test_half_precision_is_held_against_float32(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MUCH", 0.001)  # tiny models move little
    found = look(tiny("llama"), dtype="bfloat16", stories=LONG * 2)
    checks = by_name(found)
    assert failed(found) <= {"bfloat16 against float32"}, "how coarse it is depends on the model"
    coarse = checks["bfloat16 against float32"]
    assert coarse.limit == 5e-4
    assert coarse.difference is not None
    assert 0 < coarse.difference < 5e-3
    assert "a single story" in coarse.note
    moved = checks["tokens, bfloat16 against float32"]
    assert moved.difference is not None
    assert 0 < moved.difference < 0.9
    assert moved.limit is None, "told, not judged"
    assert "bfloat16 does that to single tokens, totals hold" in moved.note
    assert checks["tokens, alone against batched"].limit is None
    assert found.to_json()["checks"][3]["limit"] is None
    asked = look(tiny("llama"), recipe=Recipe(dtype="bfloat16"), stories=LONG * 2)
    assert asked.to_json() == found.to_json(), "the recipe's dtype is what is loaded"
    few = by_name(look(tiny("llama"), dtype="bfloat16", stories=MANY[:2]))
    assert few["bfloat16 against float32"].limit == room.SAME["bfloat16"]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_stories260k_passes(shared: Path, dtype: str) -> None:
    with (shared / "data" / "tinystories-valid.jsonl").open(encoding="utf-8") as lines:
        stories = [Story(str(n), "", json.loads(next(lines))["text"]) for n in range(10)]
    found = look(shared / "models" / "stories260K", stories=stories, dtype=dtype)
    assert failed(found) == set()


# --- mistakes are found ------------------------------------------------------------------------


def test_a_wrong_hot_path_is_found(tiny: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = Trunk.measure

    def biased(self: Trunk, *args: torch.Tensor) -> Any:
        got = measure(self, *args)
        return replace(got, logprobs=got.logprobs * 1.0001, top_logprobs=got.top_logprobs - 1e-3)

    monkeypatch.setattr(Trunk, "measure", biased)
    found = look(tiny("llama"), dtype="float32")
    wrong = {
        *("in parts against whole", "float32 against float64", "top, rank, entropy"),
        *("probabilities against one", "windows against their contexts"),
    }
    assert failed(found) == wrong


def test_numbers_that_depend_on_the_batch_are_found(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = Trunk.measure

    def padded(self: Trunk, ids: torch.Tensor, *rest: torch.Tensor) -> Any:
        got = measure(self, ids, *rest)
        return replace(got, logprobs=got.logprobs - 1e-4 * (len(ids) > 1))

    monkeypatch.setattr(Trunk, "measure", padded)
    assert "alone against batched" in failed(look(tiny("llama"), dtype="float32"))


def test_tokens_that_move_while_totals_stay_are_found(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one token gains another loses, as rounding does; one in a batch of several."""
    measure = Trunk.measure

    def shifted(self: Trunk, ids: torch.Tensor, *rest: torch.Tensor) -> Any:
        got = measure(self, ids, *rest)
        if len(ids) == 1:
            return got
        logprobs = got.logprobs.clone()
        logprobs[0] -= 0.12
        logprobs[1] += 0.12
        return replace(got, logprobs=logprobs)

    monkeypatch.setattr(Trunk, "measure", shifted)
    found = look(tiny("llama"), dtype="float32")
    assert {*("tokens, alone against batched", "tokens, float32 against float64")} <= failed(found)
    assert "alone against batched" not in failed(found)
    check = by_name(found)["tokens, alone against batched"]
    assert check.difference == pytest.approx(2 / found.tokens)
    assert "most: 1.2e-01 nats" in check.note


def test_windows_that_see_too_little_are_found(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(length: int, context: int, stride: int, lead: int) -> Any:
        done = 1
        while done < length:  # no overlap: a later window knows only its last token
            stop = min(done - 1 + context, length)
            yield Window(done - 1, stop, done)
            done = stop

    monkeypatch.setattr(batches, "windows", blind)
    assert failed(look(tiny("llama"), dtype="float32")) == {"windows against their contexts"}


def test_a_wrong_rank_and_no_number_are_found(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = Trunk.measure

    def ranked(self: Trunk, *args: torch.Tensor) -> Any:
        got = measure(self, *args)
        return replace(got, ranks=got.ranks % 300 + 1)

    monkeypatch.setattr(Trunk, "measure", ranked)
    assert failed(look(tiny("llama"), dtype="float32")) == {"top, rank, entropy"}

    def broken(self: Trunk, *args: torch.Tensor) -> Any:
        got = measure(self, *args)
        return replace(got, entropies=got.entropies * math.nan, logprobs=got.logprobs * math.nan)

    monkeypatch.setattr(Trunk, "measure", broken)
    found = failed(look(tiny("llama"), dtype="float32"))
    assert {"in parts against whole", "top, rank, entropy", "alone against batched"} <= found


def test_a_store_that_changes_numbers_is_found(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Store.score

    def rounded(self: Store, *args: str) -> Any:
        got = read(self, *args)
        return got and replace(got, logprobs=got.logprobs.round(2))

    monkeypatch.setattr(Store, "score", rounded)
    assert failed(look(tiny("llama"), dtype="float32")) == {"written and read again"}


# --- what is kept ------------------------------------------------------------------------------


def test_kept_numbers_are_compared(tiny: Folder, tmp_path: Path) -> None:
    folder, place = tiny("llama"), tmp_path / "store"
    recipe = Recipe("context", 64, 0, "float32", "cpu")
    score(MANY, str(folder), recipe=recipe, store=place)
    found = by_name(look(folder, recipe=recipe, dtype="float32", store=Store(place)))
    kept = found["kept against fresh"]
    assert kept.difference is not None
    assert kept.passed
    assert f"{len([s for s in MANY if s.text])} stories" in kept.note
    (part,) = (place / "scores").glob("*.parquet")
    table = pq.read_table(part)
    nll = [value * 1.001 for value in table.column("nll").to_pylist()]
    column = table.schema.get_field_index("nll")
    pq.write_table(table.set_column(column, table.schema.field("nll"), [nll]), part)
    again = look(folder, recipe=recipe, dtype="float32", store=Store(place))
    assert failed(again) == {"kept against fresh"}
    assert by_name(again)["kept against fresh"].difference == pytest.approx(1e-3, rel=0.01)


def test_a_story_that_cannot_be_fed_is_left_out(tmp_path: Path, opened: Any) -> None:
    model, tokenizer = opened("llama")
    model.save_pretrained(tmp_path)
    spelling(tokenizer, "[PAD]").save_pretrained(tmp_path)
    stories = [*MANY, Story("pad", "", "It spells [PAD] out.")]
    found = look(tmp_path, dtype="float32", stories=stories)
    assert found.passed
    assert found.stories == len([story for story in MANY if story.text])


def test_nothing_to_check(tiny: Folder) -> None:
    with pytest.raises(EyebrowError, match="Nothing to check"):
        look(tiny("llama"), stories=[Story("a", "", ""), Story("b", "", "")])


# --- the command -------------------------------------------------------------------------------


def test_the_table(tiny: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = Recipe(dtype="float32")
    assert command(LONG, str(tiny("llama")), recipe=recipe, device="cpu") == DONE
    out, err = capsys.readouterr()
    for name in EVERY:
        assert name in out
        assert name in err, "which check is on"
    assert "All numbers agree." in out
    assert "float32 cpu" in out
    assert command(LONG, str(tiny("llama")), recipe=recipe, device="cpu", quiet=True) == DONE
    assert "checking" not in capsys.readouterr().err


def test_json_and_the_exit_code(
    tiny: Folder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(room.SAME, "float32", -1.0)
    code = command(LONG, str(tiny("llama")), recipe=Recipe(dtype="float32"), json=True)
    assert code == FAILED
    got = json.loads(capsys.readouterr().out)
    assert got["passed"] is False
    assert got["recipe"]["dtype"] == "float32"
    assert [check["check"] for check in got["checks"]] == EVERY
    assert set(got["checks"][0]) == {"check", "difference", "limit", "passed", "note"}
    assert not got["checks"][0]["passed"]
    assert command(LONG, str(tiny("llama")), recipe=Recipe(dtype="float32")) == FAILED
    assert "4 of 11 checks failed: alone against batched;" in capsys.readouterr().out
