"""`eyebrow compare` and `eyebrow endings`."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from .conftest import BIGRAM, Outcome

Cli = Callable[..., Outcome]
LARGER = "pocket-50k"


@pytest.mark.parametrize("kept", [(), ("--no-store",)])
def test_json_adds_up(cli: Cli, five: Path, kept: tuple[str, ...]) -> None:
    done = cli("compare", five, "-m", BIGRAM, "-m", LARGER, "--json", "-q", *kept)
    assert (done.code, done.err) == (0, "")
    said = done.json
    assert list(said)[:4] == ["reference", "model", "recipe", "stories"]
    assert (said["reference"], said["model"]) == (BIGRAM, LARGER)
    assert [story["story"] for story in said["stories"]] == [f"s{n}" for n in range(5)]
    scored = cli("score", five, "-m", BIGRAM, "-m", LARGER, "--json", "-q").json
    whole = {(row["story"], row["model"]): row["nll"] for row in scored["stories"]}
    for story in said["stories"]:
        for key, model in (("nats_reference", BIGRAM), ("nats_model", LARGER)):
            sums = sum(span[key] for span in story["spans"])
            assert sums == pytest.approx(story[key], abs=1e-6)
            assert sums == pytest.approx(whole[story["story"], model], abs=1e-6)
        assert all(
            one["end"] == other["start"]
            for one, other in zip(story["spans"], story["spans"][1:], strict=False)
        )
    spans = [span for story in said["stories"] for span in story["spans"]]
    assert list(spans[0]) == [
        *("start", "end", "text", "nats_reference", "nats_model", "kind", "traits")
    ]
    for kind in said["kinds"]:
        own = [span for span in spans if span["kind"] == kind["kind"]]
        assert (kind["spans"], kind["bytes"]) == (
            len(own),
            sum(len(span["text"].encode()) for span in own),
        )
        assert kind["nats_model"] == pytest.approx(sum(span["nats_model"] for span in own))
    found = said["difference"]
    size = sum(kind["bytes"] for kind in said["kinds"])
    nats = sum(story["nats_model"] - story["nats_reference"] for story in said["stories"])
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / size)
    assert found["ci95"][0] <= found["bits_per_byte"] <= found["ci95"][1]
    assert 0 <= found["stories_better"] <= 1


def test_what_people_read(cli: Cli, five: Path, tmp_path: Path) -> None:
    out = tmp_path / "spans.parquet"
    asked = ("compare", five, "-m", BIGRAM, "-m", LARGER, "--by", "word", "-k", 3, "--out", out)
    done = cli(*asked)
    assert done.code == 0
    first, table, finds, *_, recipe = done.out.rstrip().split("\n\n")
    assert first.startswith(f"{LARGER} against {BIGRAM}: ")
    assert "bits per byte, better on" in first, "five stories are too few for an interval"
    assert "function words" in table
    assert len(finds.splitlines()) == 4
    assert recipe.startswith("first token context")
    assert {"story", "kind", "nats_model"} <= set(pq.read_schema(out).names)
    again = cli(*asked)
    assert again.code == 2
    assert "--force replaces it" in again.err
    assert cli(*asked, "--force").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-m", BIGRAM), "these are 1: pocket-bigram"),
        ((), "give the reference with -m and the model with another -m"),
        (("-m", "pocket"), "these are 5"),
        (("-m", BIGRAM, "-m", BIGRAM), "is given twice"),
        (("-m", BIGRAM, "-m", LARGER, "--by", "line"), "use token, word or sentence"),
        (("-m", BIGRAM, "-m", LARGER, "--sort", "size"), "gain, loss, disagreement"),
        (("-m", BIGRAM, "-m", LARGER, "--out", "x.txt"), "neither .parquet, .csv nor .jsonl"),
    ],
)
def test_what_cannot_be_compared(cli: Cli, five: Path, words: tuple[str, ...], said: str) -> None:
    done = cli("compare", five, *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


CLOZE = (
    "InputStoryid,InputSentence1,InputSentence2,InputSentence3,InputSentence4,"
    "RandomFifthSentenceQuiz1,RandomFifthSentenceQuiz2,AnswerRightEnding\n"
    "a,Tom had a ball.,It was red.,He threw it.,The dog ran.,It came back.,Xylophone quartz.,1\n"
    "b,Ann sat.,She was sad.,Her mom came.,They hugged.,Ventilate ombudsmen.,She was happy.,2\n"
)


def test_endings_of_a_story_cloze_file(cli: Cli, tmp_path: Path) -> None:
    place = tmp_path / "cloze.csv"
    place.write_text(CLOZE)
    done = cli("endings", place, "-m", LARGER, "--json", "-q")
    assert (done.code, done.err) == (0, "")
    (model,) = done.json["models"]
    assert (model["model"], model["pairs"], model["right"], model["accuracy"]) == (LARGER, 2, 2, 1)
    assert model["by"]["total"] == {
        key: model[key] for key in ("right", "accuracy", "accuracy_ci95")
    }
    assert set(model["by"]) == {"total", "per_token", "conditional"}
    one, other = done.json["pairs"]
    assert (one["pair"], one["right"], one["wrong"]) == ("a", "It came back.", "Xylophone quartz.")
    assert other["right"] == "She was happy."
    assert [row["is_right"] for row in one["models"]] == [True]
    shown = cli("endings", place, "-m", LARGER, "--pairs", "--no-store").out
    assert "100 %" in shown
    assert "Chance is 50 %" in shown
    assert "Xylophone quartz." in shown


def test_endings_of_stories_that_are_no_pairs(cli: Cli, five: Path) -> None:
    done = cli("endings", five, "-m", LARGER)
    assert done.code == 2
    assert "none of the stories has two endings" in done.err
