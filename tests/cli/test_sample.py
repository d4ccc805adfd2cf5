"""`eyebrow sample`, and the places that `eyebrow next` can be asked about."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

Cli = Callable[..., Any]
BIGRAM = "pocket-bigram"


def test_prompt_and_continuation(cli: Cli) -> None:
    words = ("sample", "To be or not to", "-m", BIGRAM, "--temperature", 0, "--max-tokens", 40)
    told = cli(*words)
    assert told.code == 0
    assert told.out.startswith("To be or not to the park.")
    assert "greedy" in told.err
    assert "it goes round in 5 tokens: “, \"I'm sorry”" in told.err
    quiet = cli(*words, "-q")
    assert (quiet.out, quiet.err) == (told.out, "")
    found = cli(*words, "--json").json
    assert found["prompt"] + found["text"] == told.out.removesuffix("\n")
    assert (found["ended"], found["cycle"]) == ("length", {"first": 12, "length": 5})
    assert len(found["tokens"]) == 40
    for token in found["tokens"]:
        assert token["rank"] == 1
        assert token["top"][0]["token"] == token["token"]
        assert math.exp(token["logprob"]) == pytest.approx(token["top"][0]["probability"])


def test_seeds_counts_and_stops(cli: Cli) -> None:
    words = ("sample", "Once upon a", "-m", BIGRAM, "--max-tokens", 12, "--top-k", 20, "--json")
    three = cli(*words, "--count", 3, "--seed", 5).json
    assert [one["seed"] for one in three] == [5, 6, 7]
    assert cli(*words, "--seed", 6).json == three[1]
    assert len({one["text"] for one in three}) > 1
    stop = three[0]["text"][4:6]
    stopped = cli(*words, "--seed", 5, "--stop", stop, "--stop", "\x00").json
    assert stopped["ended"] == "stop"
    assert stopped["text"] == three[0]["text"].partition(stop)[0]
    said = cli(*words[:-1], "--seed", 5, "--count", 2).out
    assert said.startswith("seed 5\nOnce upon a")
    assert "\n\nseed 6\nOnce upon a" in said


def test_from_stdin(cli: Cli) -> None:
    told = cli("sample", "-", "-m", BIGRAM, "--max-tokens", 1, stdin=b"Once upon a\n")
    assert told.out.startswith("Once upon a")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--temperature", -1), "temperature is -1"),
        (("--top-p", 1.5), "top-p is 1.5"),
        (("--temperature", 0, "--count", 2), "all the same"),
        (("--stop", ""), "--stop needs a text"),
        (("--chat",), "its tokenizer has none"),
        (("-m", "pocket"), "pick one"),
    ],
)
def test_what_cannot_be(cli: Cli, words: tuple[object, ...], said: str) -> None:
    told = cli("sample", "Once", "-m", BIGRAM, *words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert len(told.err.splitlines()) == 1


def test_next_at_a_place(cli: Cli) -> None:
    text = "The cat sat on the mat."
    rows = cli("next", text, "-m", BIGRAM, "--at", 7, "-k", 2, "--json").json
    (true,) = [row for row in rows if row["true"]]
    assert text[7:].startswith(true["token"])
    tokens = cli("tokens", text, "-m", BIGRAM, "--json").json
    (there,) = [row for row in tokens if row["start"] == 7]
    assert true["probability"] == pytest.approx(there["probability"])
    said = cli("next", text, "-m", BIGRAM, "--at", 7, "-k", 2).out
    assert said.count("the true one") == 1
    inside = cli("next", text, "-m", BIGRAM, "--at", 6, "-k", 2, "--json").json
    assert inside == cli("next", text[:6], "-m", BIGRAM, "-k", 2, "--json").json
    assert cli("next", text, "-m", BIGRAM, "--at", 99).code == 2
    assert cli("next", text, "-m", BIGRAM, "--at", 3, "--chat").code == 2
