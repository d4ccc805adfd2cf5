"""`eyebrow tokens --unit` and the sentence positions of `eyebrow score`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.stories import bundled_stories

TEXT = "The cat sat on the umbrella. It was very wet!"


def rows(cli: Any, *options: str) -> list[dict[str, Any]]:
    done = cli("tokens", TEXT, "-m", "pocket-50k", "--json", *options)
    assert done.code == 0, done.err
    return list(done.json)


@pytest.mark.parametrize("unit", ["word", "sentence"])
def test_units_add_up_to_their_tokens_and_say_what_they_read(cli: Any, unit: str) -> None:
    tokens, units = rows(cli), rows(cli, "--unit", unit)
    total = math.fsum(row["surprise"] or 0.0 for row in tokens)
    assert math.fsum(row["surprise"] or 0.0 for row in units) == pytest.approx(total, rel=1e-6)
    assert sum(row["tokens"] for row in units) == len(tokens)
    assert all(TEXT[row["start"] : row["end"]] == row["text"] for row in units)
    words = TEXT.split() if unit == "word" else [TEXT[:28], TEXT[29:]]
    assert [row["text"] for row in units] == words


def test_the_correction_moves_words_but_the_total_only_at_its_ends(cli: Any) -> None:
    every = ("--first-token", "scored")
    plain = rows(cli, "--unit", "word", *every)
    moved = rows(cli, "--unit", "word", "--correct", *every)
    changes = [b["surprise"] - a["surprise"] for a, b in zip(plain, moved, strict=True)]
    assert max(map(abs, changes)) > 0.01
    sentences = rows(cli, "--unit", "sentence", "--correct", *every)
    assert math.fsum(row["surprise"] for row in sentences) == pytest.approx(
        math.fsum(row["surprise"] for row in moved), rel=1e-6
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--unit", "letter"), "use token, word or sentence"),
        (("--correct",), "--unit word"),
        (("--unit", "word", "--correct", "-m", "ngram:2:{names}"), "begins with a space"),
    ],
)
def test_bad_units_end_in_one_line(
    cli: Any, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("ada\nbob\n")
    done = cli("tokens", "ada", *(option.format(names=names) for option in options))
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1


def test_sentence_positions_are_the_same_fresh_and_from_the_store(cli: Any, tmp_path: Path) -> None:
    five = [story.text for story in bundled_stories() if story.kind == "five"][:6]
    told = tmp_path / "five.txt"
    told.write_text("\n\n".join([*five, five[0], "Only one sentence."]))

    def scored(*options: str) -> dict[str, Any]:
        done = cli("score", told, "-m", "pocket-bigram", "--json", *options)
        assert done.code == 0, done.err
        (model,) = done.json["models"]
        alone = [row["nll"] for row in done.json["stories"]]
        return dict(model) | {"last": alone[-1]}

    fresh = scored("--no-store")
    first, again = (scored("--store", str(tmp_path / "s")) for _ in range(2))
    assert first == again
    assert first["sentence_positions"] == fresh["sentence_positions"]
    places = first["sentence_positions"]
    assert [place["position"] for place in places] == [1, 2, 3, 4, 5]
    assert first["five_sentence_stories"] == 7  # one of them is told twice
    total = math.fsum(place["nll"] for place in places)
    assert total == pytest.approx(first["nll"] - first["last"], rel=1e-9)
    for place in places:
        assert place["surprise"] == pytest.approx(place["nll"] / place["tokens"], rel=1e-12)
