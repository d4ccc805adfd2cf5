"""What one asks about a place of a text, through a real worker process."""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.desk import Desk, stories
from eyebrow.core.engine.exploring_messages import (
    ContextTraced,
    Continue,
    Continued,
    Diverge,
    Diverged,
    NextShown,
    ScoreAlone,
    ScoredAlone,
    ShowNext,
    TraceContext,
)
from eyebrow.core.engine.messages import (
    Cancel,
    Failed,
    Finished,
    Rescore,
    Rescored,
    Score,
    Scored,
    Settings,
)
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.models.load import load_model
from eyebrow.core.scoring.dials import Dials
from eyebrow.core.scoring.exploring import Context
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.simple import score_text
from eyebrow.core.stories import text_digest
from safetensors.torch import load_file, save_file

Open = Callable[..., Desk]
Spec = Callable[[str], ModelSpec]

RECIPE = Recipe(context=64)
TEXT = "The cat sat on the mat and looked at the moon."
HERE = Context(TEXT, 7)  # " sat" comes next


NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def at() -> Iterator[Desk]:
    """One worker for all of them, without a store."""
    desk = Desk(Settings(device="cpu", store=None, offline=True))
    yield desk
    desk.engine.close()
    desk.process.kill()
    desk.process.wait()


def ask(at: Desk, request: Any) -> list[Any]:
    """What comes of a request, less what comes of others meanwhile, and its `Finished`."""
    request = replace(request, job=next(NUMBERS))
    at.send(request)
    replies = at.until(Finished, job=request.job)
    return [reply for reply in replies if getattr(reply, "job", None) == request.job][:-1]


def test_an_edited_text(at: Desk, spec: Spec, opened: Any) -> None:
    (first,) = ask(at, Rescore(0, spec("llama"), RECIPE, TEXT))
    changed = TEXT[:-5] + "bear."
    (edited,) = ask(at, Rescore(0, spec("llama"), RECIPE, changed))
    wanted = score_text(*opened("llama"), changed, RECIPE)
    np.testing.assert_allclose(edited.score.logprobs, wanted.logprobs, atol=1e-4)
    assert isinstance(edited, Rescored)
    assert edited.fed < first.fed / 2
    assert edited.recipe.is_settled
    (other,) = ask(at, Rescore(0, spec("gpt2"), RECIPE, TEXT))
    wanted = score_text(*opened("gpt2"), TEXT, RECIPE)
    np.testing.assert_allclose(other.score.logprobs, wanted.logprobs, atol=1e-4)


def test_the_next_token_and_its_dials(at: Desk, spec: Spec, opened: Any) -> None:
    model = spec("llama")
    (shown,) = ask(at, ShowNext(0, model, RECIPE, HERE, rows=5, wanted=(7,)))
    net, tokenizer = opened("llama")
    offsets = tokenizer(TEXT, return_offsets_mapping=True)["offset_mapping"]
    place = [start for start, _ in offsets].index(7)
    ids = tokenizer(TEXT)["input_ids"]
    with torch.no_grad():
        logits = net(input_ids=torch.tensor([ids[:place]])).logits[0, -1]
    shares = logits.softmax(-1)
    assert [bar.token_id for bar in shown.table.rows] == shares.topk(5).indices.tolist()
    assert shown.table.true.token_id == ids[place]
    assert shown.table.true.probability == pytest.approx(float(shares[ids[place]]), abs=1e-6)
    assert (shown.table.vocabulary, shown.ids, len(shown.table.wanted)) == (320, place, 1)

    asked = ShowNext(0, model, RECIPE, HERE, Dials(0.5, top_k=2), rows=5, draws=50, seed=3)
    (turned,) = ask(at, asked)
    pair = (shares.topk(2).values ** 2).numpy()
    assert [bar.reshaped for bar in turned.table.rows[:2]] == pytest.approx(
        (pair / pair.sum()).tolist(), abs=1e-5
    )
    assert turned.table.kept == 2
    assert sum(turned.table.draws.counts.values()) == 50
    (again,) = ask(at, asked)
    assert again.table == turned.table, "a seed repeats"
    bar = turned.table.rows[4].token_id
    (by_hand,) = ask(at, replace(asked, by_hand=((bar, 0.9),), dials=Dials()))
    assert by_hand.table.rows[4].reshaped == pytest.approx(0.9)
    (failed,) = ask(at, replace(asked, by_hand=((0, 2.0),)))
    assert (type(failed), failed.title) == (Failed, "Bad bar")
    assert failed.story == text_digest(asked.context.text), "nothing is wrong with the model"


def test_sizes_side_by_side(at: Desk, spec: Spec) -> None:
    here = Context(TEXT, 11)
    (first,) = ask(at, ShowNext(0, spec("llama"), RECIPE, here))
    assert (first.kl, first.characters) == (None, ())
    asked = ShowNext(0, spec("neox"), RECIPE, here, reference="llama", characters=4)
    (other,) = ask(at, asked)
    assert other.kl > 0
    assert len(other.characters) == 4
    assert 0 < sum(p for _, p in other.characters) <= 1
    assert ask(at, replace(asked, model=spec("llama")))[0].kl == 0
    assert ask(at, replace(asked, model=spec("gpt2")))[0].kl is None, "another vocabulary"


def test_a_continuation_is_streamed_and_goes_before_batches(at: Desk, spec: Spec) -> None:
    model, many = spec("llama"), next(NUMBERS)
    at.send(Score(many, spec("neox"), RECIPE, stories(4000)))
    at.until(Scored)
    asked = Continue(0, model, RECIPE, Context(TEXT), Dials(2.0), seed=5, max_tokens=12)
    told = ask(at, asked)
    assert all(type(reply) is Continued and len(reply.tokens) <= 1 for reply in told)
    tokens = [token for reply in told for token in reply.tokens]
    assert len(tokens) == 12 or told[-1].ended == "end"
    assert told[-1].text.startswith(told[0].text)
    at.send(Cancel(many))
    at.until(Finished, job=many)  # so the thousands were still waiting
    forced = Context(TEXT, added=(tokens[0].token_id,))
    branch = ask(at, replace(asked, context=forced, drawn=1, max_tokens=4))
    again = [token.token_id for reply in branch for token in reply.tokens]
    assert again == [token.token_id for token in tokens[1:5]]


def test_a_continuation_is_overtaken_and_can_be_stopped(at: Desk, spec: Spec) -> None:
    model, long = spec("llama"), next(NUMBERS)
    at.send(Continue(long, model, RECIPE, Context("The bear"), Dials(top_k=1), max_tokens=100_000))
    at.until(Continued)
    (shown,) = ask(at, ShowNext(0, model, RECIPE, Context(TEXT, 15)))
    assert isinstance(shown, NextShown)
    at.send(Cancel(long))
    replies = at.until(Finished, job=long)
    last = [reply for reply in replies if isinstance(reply, Continued)][-1]
    assert last.ended == "cancelled"


def test_a_word_and_its_context(at: Desk, spec: Spec) -> None:
    word = (TEXT.index("moon"), TEXT.index("moon") + 4)
    (traced,) = ask(at, TraceContext(0, spec("llama"), RECIPE, TEXT, word, 0))
    assert isinstance(traced, ContextTraced)
    assert {point.what for point in traced.points} == {"tokens", "sentence", "story"}
    (failed,) = ask(at, TraceContext(0, spec("llama"), RECIPE, TEXT, (0, 3), 0))
    assert (type(failed), failed.title, failed.story) == (Failed, "No context", text_digest(TEXT))
    gone = replace(spec("llama"), location="/nowhere/at-all", name="gone")
    (failed,) = ask(at, TraceContext(0, gone, RECIPE, TEXT, word, 0))
    assert (type(failed), failed.story) == (Failed, ""), "here something is"


def test_two_models_at_each_token(at: Desk, spec: Spec, opened: Any) -> None:
    base = spec("llama")
    other = base.with_variant("bits4")
    (found,) = ask(at, Diverge(0, other, RECIPE, TEXT, base))
    assert isinstance(found, Diverged)
    model, tokenizer = opened("llama")
    ids = torch.tensor(tokenizer(TEXT)["input_ids"])[None]
    damaged = load_model(other, device="cpu").model
    with torch.inference_mode():
        p, q = (m(ids).logits[0, :-1].double().log_softmax(1) for m in (model, damaged))
    wanted = (p.exp() * (p - q)).sum(1).numpy()
    assert np.isnan(found.kl[0])
    assert np.allclose(found.kl[1:], wanted, atol=1e-5)
    (failed,) = ask(at, Diverge(0, other, RECIPE, TEXT, spec("gpt2")))
    assert (type(failed), failed.title, failed.story) == (
        *(Failed, "Vocabularies differ"),
        text_digest(TEXT),
    )


def test_a_turned_dial_waits_for_no_batch(
    desk: Open, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the model is stuck in a pass, what is kept is answered all the same."""
    import subprocess
    import sys

    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        return real([sys.executable, "-c", STUCK], **options)

    monkeypatch.setattr(subprocess, "Popen", start)
    at, model = desk(), spec("llama")
    at.send(ShowNext(1, model, RECIPE, HERE))
    at.until(Finished)
    at.send(Score(2, model, RECIPE, stories(3)))
    at.send(ShowNext(3, model, RECIPE, HERE, Dials(2.0)))
    replies = at.until(Finished)
    assert [(type(r), r.job) for r in replies] == [(NextShown, 3), (Finished, 3)]


STUCK = """
import time
from eyebrow.core.engine import worker
from eyebrow.core.scoring.scorer import Scorer

def batches(self, texts, seconds=None):
    time.sleep(600)
    yield []

Scorer.batches = batches
worker.main()
"""


# --- endings alone -----------------------------------------------------------------------------


def test_texts_alone_are_scored_behind_bos(at: Desk, spec: Spec, opened: Any) -> None:
    texts = stories(3)
    replies = ask(at, ScoreAlone(0, spec("llama"), RECIPE, texts))
    assert {type(reply) for reply in replies} == {ScoredAlone}
    nats = {digest: one for reply in replies for digest, one in reply.nats.items()}
    behind_bos = replace(RECIPE, first_token="scored")
    for story in texts:
        wanted = score_text(*opened("llama"), story.text, behind_bos)
        assert nats.pop(text_digest(story.text)) == pytest.approx(wanted.summary.nll, abs=1e-3)
    assert not nats


def test_texts_alone_that_cannot_be_scored_are_told_as_well(
    at: Desk, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    """Or whoever counts them would wait for ever."""
    shutil.copytree(tiny("llama"), tmp_path / "nan")
    weights = load_file(tmp_path / "nan" / "model.safetensors")
    weights["model.norm.weight"][2] = math.nan
    save_file(weights, tmp_path / "nan" / "model.safetensors", {"format": "pt"})
    texts = stories(3)
    broken = ModelSpec("nan", "folder", str(tmp_path / "nan"))
    replies = ask(at, ScoreAlone(0, broken, RECIPE, texts))
    nats = {digest: one for reply in replies for digest, one in reply.nats.items()}
    assert nats.keys() == {text_digest(story.text) for story in texts}
    assert all(map(math.isnan, nats.values()))


@pytest.mark.slow
def test_texts_alone_are_kept_apart_from_the_stories(tmp_path: Any, spec: Spec) -> None:
    texts, told = stories(3), []
    for _ in range(2):
        desk = Desk(Settings(device="cpu", store=str(tmp_path), offline=True))
        replies = ask(desk, ScoreAlone(0, spec("llama"), RECIPE, texts))
        told.append({d: n for reply in replies for d, n in getattr(reply, "nats", {}).items()})
        desk.leave()
    assert told[0] == told[1]
    assert list((tmp_path / "endings" / "scores").rglob("*.parquet"))
    assert not list((tmp_path / "scores").rglob("*.parquet"))
