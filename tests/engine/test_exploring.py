"""What one asks about a place of a text, through a real worker process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from engine.desk import Desk, stories
from eyebrow.core.engine.messages import (
    Cancel,
    ContextTraced,
    Continue,
    Continued,
    Failed,
    Finished,
    Hello,
    Loaded,
    Loading,
    NextShown,
    Rescore,
    Rescored,
    Score,
    Scored,
    ShowNext,
    TraceContext,
    Vocabulary,
)
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.dials import Dials
from eyebrow.core.scoring.exploring import Context
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.simple import score_text

Open = Callable[..., Desk]
Spec = Callable[[str], ModelSpec]

RECIPE = Recipe(context=64)
TEXT = "The cat sat on the mat and looked at the moon."
HERE = Context(TEXT, 7)  # " sat" comes next


def test_an_edited_text(desk: Open, spec: Spec, opened: Any) -> None:
    at, model = desk(), spec("llama")
    at.send(Rescore(1, model, RECIPE, TEXT))
    replies = at.until(Finished)
    assert [type(r) for r in replies] == [Hello, Loading, Loaded, Vocabulary, Rescored, Finished]
    changed = TEXT[:-5] + "bear."
    at.send(Rescore(2, model, RECIPE, changed))
    edited, _ = at.until(Finished)
    wanted = score_text(*opened("llama"), changed, RECIPE)
    np.testing.assert_allclose(edited.score.logprobs, wanted.logprobs, atol=1e-4)
    assert edited.fed < replies[-2].fed / 2
    assert edited.recipe.is_settled
    at.send(Rescore(3, spec("gpt2"), RECIPE, TEXT))
    (*_, other, _) = at.until(Finished)
    np.testing.assert_allclose(
        other.score.logprobs, score_text(*opened("gpt2"), TEXT, RECIPE).logprobs, atol=1e-4
    )


def test_the_next_token_and_its_dials(desk: Open, spec: Spec, opened: Any) -> None:
    at, model = desk(), spec("llama")
    at.send(ShowNext(1, model, RECIPE, HERE, rows=5, wanted=(7,)))
    shown = at.until(NextShown)[-1]
    at.until(Finished)
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

    asked = ShowNext(2, model, RECIPE, HERE, Dials(0.5, top_k=2), rows=5, draws=50, seed=3)
    at.send(asked)
    turned, _ = at.until(Finished)
    pair = (shares.topk(2).values ** 2).numpy()
    assert [bar.reshaped for bar in turned.table.rows[:2]] == pytest.approx(
        (pair / pair.sum()).tolist(), abs=1e-5
    )
    assert turned.table.kept == 2
    assert sum(turned.table.draws.counts.values()) == 50
    at.send(replace(asked, job=3))
    again, _ = at.until(Finished)
    assert again.table == turned.table, "a seed repeats"
    rows = turned.table.rows
    at.send(replace(asked, job=4, by_hand=((rows[4].token_id, 0.9),), dials=Dials()))
    by_hand, _ = at.until(Finished)
    assert by_hand.table.rows[4].reshaped == pytest.approx(0.9)
    at.send(replace(asked, job=5, by_hand=((0, 2.0),)))
    failed, finished = at.until(Finished)
    assert (failed.title, failed.job, finished.job) == ("Bad bar", 5, 5)


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


def test_sizes_side_by_side(desk: Open, spec: Spec) -> None:
    at = desk()
    at.send(ShowNext(1, spec("llama"), RECIPE, HERE))
    first = at.until(NextShown)[-1]
    assert (first.kl, first.characters) == (None, ())
    asked = ShowNext(2, spec("neox"), RECIPE, HERE, reference="llama", characters=4)
    at.send(asked)
    other = at.until(NextShown)[-1]
    assert other.kl > 0
    assert len(other.characters) == 4
    assert 0 < sum(p for _, p in other.characters) <= 1
    at.send(replace(asked, job=3, model=spec("llama")))
    assert at.until(NextShown)[-1].kl == 0
    at.send(replace(asked, job=4, model=spec("gpt2")))
    assert at.until(NextShown)[-1].kl is None, "another vocabulary"


def test_a_continuation_is_streamed_and_goes_before_batches(desk: Open, spec: Spec) -> None:
    at, model = desk(), spec("llama")
    at.send(Score(1, spec("neox"), RECIPE, stories(4000)))
    at.until(Scored)
    at.send(Continue(2, model, RECIPE, Context(TEXT), Dials(2.0), seed=5, max_tokens=12))
    replies = at.until(Finished)
    assert replies[-1].job == 2, "before the thousands"
    told = [reply for reply in replies if isinstance(reply, Continued)]
    tokens = [token for reply in told for token in reply.tokens]
    assert all(len(reply.tokens) <= 1 for reply in told)
    assert told[-1].ended in ("length", "end")
    assert len(tokens) == 12 or told[-1].ended == "end"
    at.send(Cancel(1))
    at.until(Finished, job=1)
    at.send(
        Continue(3, model, RECIPE, Context(TEXT, added=(tokens[0].token_id,)), Dials(2.0), 5, 1, 4)
    )
    branch = [r for r in at.until(Finished) if isinstance(r, Continued)]
    again = [token.token_id for reply in branch for token in reply.tokens]
    assert again == [token.token_id for token in tokens[1:5]]


def test_a_continuation_can_be_stopped_and_an_urgent_one_overtakes_it(
    desk: Open, spec: Spec
) -> None:
    at, model = desk(), spec("llama")
    at.send(Continue(1, model, RECIPE, Context(TEXT), Dials(5.0), max_tokens=100_000))
    at.until(Continued)
    at.send(ShowNext(2, model, RECIPE, HERE))
    at.until(Finished, job=2)
    at.send(Cancel(1))
    replies = at.until(Finished, job=1)
    last = [reply for reply in replies if isinstance(reply, Continued)][-1]
    assert last.ended in ("cancelled", "end")


def test_a_word_and_its_context(desk: Open, spec: Spec) -> None:
    at = desk()
    word = (TEXT.index("moon"), TEXT.index("moon") + 4)
    at.send(TraceContext(1, spec("llama"), RECIPE, TEXT, word, 0))
    traced = at.until(ContextTraced)[-1]
    assert {point.what for point in traced.points} == {"tokens", "sentence", "story"}
    at.until(Finished)
    at.send(TraceContext(2, spec("llama"), RECIPE, TEXT, (0, 3), 0))
    failed, _ = at.until(Finished)
    assert isinstance(failed, Failed)
    assert failed.title == "No context"
