"""Messages through a pipe: whole, or not at all; and which request comes first."""

from __future__ import annotations

import io
import pickle

import pytest
from eyebrow.core.engine.messages import Cancel, Failed, Hello, Score, Settings, receive, send
from eyebrow.core.engine.worker import Inbox
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.recipe import Recipe

MODEL = ModelSpec("m", "folder", "/nowhere")


def score(job: int, *, urgent: bool = False) -> Score:
    return Score(job, MODEL, Recipe(), (), urgent)


def test_what_is_sent_is_received_in_order() -> None:
    pipe = io.BytesIO()
    messages = [
        Settings("cpu", store="/x"),
        score(1, urgent=True),
        Hello("cpu", "float32"),
        Failed(1, "m", "t", "é\n🦜"),
    ]
    for message in messages:
        send(pipe, message)
    pipe.seek(0)
    assert [receive(pipe) for _ in messages] == messages
    with pytest.raises(EOFError):
        receive(pipe)


def test_a_torn_message_is_the_end() -> None:
    pipe = io.BytesIO()
    send(pipe, score(1))
    for cut in (1, 7, 8, 20, len(pipe.getvalue()) - 1):
        with pytest.raises(EOFError):
            receive(io.BytesIO(pipe.getvalue()[:cut]))


def test_errors_survive_the_way() -> None:
    error = pickle.loads(pickle.dumps(EyebrowError("Title", "message", 3)))
    assert (error.title, error.message, error.exit_code) == ("Title", "message", 3)


def test_urgent_first_then_in_order_of_arrival() -> None:
    inbox = Inbox()
    for job, urgent in ((1, False), (2, False), (3, True), (4, True)):
        inbox.put(score(job, urgent=urgent))
    assert inbox.urgent() is not None
    assert [inbox.get(None).job for _ in range(2)] == [3, 4]  # type: ignore[union-attr]
    assert inbox.urgent() is None
    assert [inbox.get(None).job for _ in range(2)] == [1, 2]  # type: ignore[union-attr]
    inbox.put(Cancel(7))
    assert inbox.cancelled == {7}
    assert inbox.get(0.0) is None
    inbox.close()
    assert inbox.get(None) is None
