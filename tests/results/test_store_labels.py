"""Scores belong to texts and weights, names to a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eyebrow.core import EyebrowError, Recipe, score
from eyebrow.core.models.member import Member
from eyebrow.core.models.pocket import __path__ as pocket
from eyebrow.core.results.report.content import document
from eyebrow.core.results.report.facts import gather_facts, pick_sheet
from eyebrow.core.results.statistics.sheet import Sheet, read_sheets
from eyebrow.core.results.store import Label, Row, Store, list_runs
from eyebrow.core.results.tokens.positions import PartCounter, between
from eyebrow.core.results.tokens.reading import read_tokens
from eyebrow.core.results.tokens.types import TypeCounter
from eyebrow.core.stories import Story, text_digest
from stored import MEMBER, RECIPE, rows

TEXTS = [f"Once upon a time there was a bear. He had {n} pears and ate one." for n in range(6)]
ON_CPU = Recipe(device="cpu")


def told(prefix: str, texts: list[str] = TEXTS) -> list[Story]:
    return [Story(f"{prefix}{n}", f"{prefix} {n}", text) for n, text in enumerate(texts)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def scored(folder: Path, stories: list[Story], *models: str) -> Any:
    results = score(stories, models or ["pocket-bigram"], recipe=ON_CPU, store=folder)
    assert not results.failures
    return results


def test_the_same_texts_under_new_names_are_reported_by_these(folder: Path) -> None:
    scored(folder, told("old"))
    scored(folder, told("new", TEXTS[:4]))
    sheet, _, left_out = pick_sheet(Store(folder), None, [])
    assert [s.id for s in sorted(sheet.stories, key=lambda s: s.id)] == [
        *(f"new{n}" for n in range(4)),
        *("old4", "old5"),
    ]
    assert {s.title for s in sheet.stories} >= {"new 0", "old 5"}
    assert not left_out
    first, second = list_runs(Store(folder).layout)
    (of_first,) = Store(folder).contents(first.name)
    (of_second,) = Store(folder).contents(second.name)
    assert [row.label.id for row in of_first.rows] == [f"old{n}" for n in range(6)]
    assert [row.label.id for row in of_second.rows] == [f"new{n}" for n in range(4)]
    with pytest.raises(EyebrowError, match="No such run"):
        list(Store(folder).contents("never"))


def test_of_stories_with_one_text_each_counts_in_what_tokens_say(folder: Path) -> None:
    twins = [*told("s"), Story("twin", "The twin", TEXTS[0]), Story("third", "", TEXTS[0])]
    results = scored(folder, twins)
    sheet, _, _ = pick_sheet(Store(folder), None, [])
    read = read_tokens(Store(folder), sheet, [0], least=1, in_stories=1)
    (model,) = read.models
    whole = results.models[0]
    assert (model.stories, model.tokens) == (whole.stories, whole.tokens)
    assert model.nll == pytest.approx(whole.nll)
    assert read.left_out == 0
    for places in (model.by_token, model.by_sentence):
        assert (places.tokens.sum(), places.nll.sum()) == pytest.approx((whole.tokens, whole.nll))
    assert model.ranks[-1] == pytest.approx(model.rank_shares[-1] * whole.tokens)
    kinds = {kind.text: kind for kind in (*model.hardest_words, *model.easiest_words)}
    alone = read_tokens(Store(folder), one_each(sheet), [0], least=1, in_stories=1).models[0]
    once = {kind.text: kind for kind in (*alone.hardest_words, *alone.easiest_words)}
    word = TEXTS[0].split()[3]
    assert (kinds[word].occurrences, kinds[word].stories) == (
        once[word].occurrences + 2,
        once[word].stories + 2,
    )


def one_each(sheet: Sheet) -> Sheet:
    first = {story.digest: n for n, story in reversed(list(enumerate(sheet.stories)))}
    return sheet.of_stories(sorted(first.values()))


def test_parts_of_stories_with_one_text_are_drawn_as_one() -> None:
    """Their interval is as wide as that of the texts alone, with each counted as it is told."""
    nats = np.array([[3.0, 1.0]])
    counter = PartCounter(("early", "late"))
    for n in range(6):
        counter.add(f"t{n}", np.array([0, 1]), nats * (1 + n / 10))
    counter.add("t0", np.array([0, 1]), nats, copies=30)
    parts = counter.parts(0)
    assert (parts.stories, parts.groups) == (36, 6)
    assert parts.tokens.sum() == 72
    change, ends = between(parts, 1, 0)
    assert ends[0] < change < ends[1]


def test_kinds_of_one_text_are_no_cluster_each() -> None:
    counter = TypeCounter(1)
    counter.add(np.array([0]), np.array([[2.0]]), copies=9)
    (kind,), _ = counter.ends(0, ["cat"], least=1, in_stories=1, count=9)
    assert (kind.occurrences, kind.stories, kind.nats) == (9, 9, 2.0)
    assert np.isnan(kind.error)
    assert counter.ends(0, ["cat"], least=1, in_stories=2, count=9) == ((), ())


def test_the_same_weights_under_a_new_name_are_found_by_it(folder: Path, tmp_path: Path) -> None:
    """`report -m quant`"""
    quant = tmp_path / "quant"
    shutil.copytree(Path(pocket[0]) / "pocket-bigram", quant)
    scored(folder, told("s"))
    again = scored(folder, told("s"), str(quant))
    assert len(list_runs(Store(folder).layout)) == 2
    for name, shown in (("quant", ["quant"]), ("pocket-bigram", ["pocket-bigram"])):
        sheet, _, _ = pick_sheet(Store(folder), None, [name])
        assert [model.name for model in sheet.models] == shown
        assert len(sheet.stories) == 6
        np.testing.assert_allclose(sheet.nll.sum(), again.models[0].nll)
    both, _, _ = pick_sheet(Store(folder), None, ["quant", "pocket-bigram"])
    assert len(both.models) == 2
    newest, _, _ = pick_sheet(Store(folder), None, [])
    assert [model.name for model in newest.models] == ["quant"], "once, as it was called last"


def test_of_stories_with_one_text_each_is_listed_and_counted(folder: Path) -> None:
    results = scored(folder, [*told("s"), Story("twin", "The twin", TEXTS[0])])
    sheet, _, _ = pick_sheet(Store(folder), None, [])
    assert {story.id for story in sheet.stories} == {"twin", *(f"s{n}" for n in range(6))}
    assert results.models[0].stories == len(sheet.stories) == 7
    assert sheet.tokens.sum() == results.models[0].tokens
    facts = gather_facts(Store(folder), sheet, (), 0, 0)
    assert facts.pooled[0].perplexity == pytest.approx(results.models[0].perplexity)
    assert "The twin" in str(document(facts, "", ""))


def test_stories_with_one_text_are_drawn_as_one(folder: Path) -> None:
    twins = [*told("s"), *(Story(f"twin{n}", "", TEXTS[0]) for n in range(30))]
    results = scored(folder, twins)
    sheet, _, _ = pick_sheet(Store(folder), None, [])
    groups = sheet.by_group()
    assert (len(sheet.stories), len(groups.stories)) == (36, 6)
    assert groups.nll.sum() == pytest.approx(sheet.nll.sum())
    assert gather_facts(Store(folder), sheet, (), 0, 0).intervals[0].perplexity == pytest.approx(
        results.models[0].perplexity_ci95
    )
    # One text told often says nothing about how much stories differ.
    alone = scored(folder, [Story(f"a{n}", "", TEXTS[0]) for n in range(9)])
    assert np.isnan(alone.models[0].perplexity_ci95).all()


def test_a_run_that_says_nothing_new_writes_no_second_file(folder: Path) -> None:
    scored(folder, told("s"), "pocket-bigram", "pocket-50k")
    (run,) = list_runs(Store(folder).layout)
    assert [member.name for member, _ in run.models] == ["pocket-bigram", "pocket-50k"]
    assert all(Path(path).is_dir() for _, path in run.models)
    scored(folder, told("s"), "pocket-50k")
    scored(folder, told("s"), "pocket-bigram", "pocket-50k")
    assert list_runs(Store(folder).layout) == [run]
    assert len(list(Store(folder).layout.labels.iterdir())) == 1


def test_what_was_said_last_counts_also_where_it_was_said_before(folder: Path) -> None:
    for names in ("old", "new", "old"):
        scored(folder, told(names))
    assert len(list_runs(Store(folder).layout)) == 2
    (sheet,) = read_sheets(Store(folder))
    assert {story.id for story in sheet.stories} == {f"old{n}" for n in range(6)}


def test_without_a_run_rows_are_called_as_they_were_first_scored(folder: Path) -> None:
    """The program was killed, or the parts were copied alone."""
    store = Store(folder)
    store.write(rows(0, 3))
    (contents,) = store.contents()
    assert contents.members == (MEMBER,)
    assert contents.recipe == RECIPE
    assert [(row.label.id, row.label.title) for row in contents.rows] == [
        ("s0", ""),
        ("s1", ""),
        ("s2", ""),
    ]


def test_groups_and_sentence_starts_are_kept(folder: Path) -> None:
    store = Store(folder)
    kept = rows(0, 3)
    store.write(kept)
    told = [
        Label(text_digest(row.story.text), f"n{at}", "A \ud800 title", f"g{at // 2}", (0, 7))
        for at, row in enumerate(kept)
    ]
    store.begin_run(RECIPE, told).add(MEMBER, "/models/pocket")
    assert list(store.labels().stories) == told
    (sheet,) = read_sheets(store)
    assert sheet.clusters.tolist() in ([0, 0, 1], [1, 1, 0])
    assert {story.sentence_starts for story in sheet.stories} == {(0, 7)}
    assert len(sheet.by_group().stories) == 2
    (file,) = store.layout.labels.iterdir()
    line = json.loads(file.read_text(encoding="utf-8").splitlines()[0])
    assert line["sentence_starts"] == [0, 7]
    assert (line["story"], line["group"]) == ("n0", "g0")


def test_numbers_of_an_older_scoring_are_reported_too(folder: Path) -> None:
    """Their recipe has another digest than the same choices have today."""
    recipe = scored(folder, told("s")).recipe
    store = Store(folder)
    (part,) = store.layout.scores.iterdir()
    table = pq.read_table(part)
    at = table.schema.get_field_index("recipe_digest")
    older = table.set_column(at, table.schema.field(at), pa.array(["0" * 16] * 6))
    pq.write_table(older, part.with_name(part.name.replace(recipe.digest, "0" * 16)))
    part.unlink()
    sheet, _, _ = pick_sheet(store, "0000", [])
    assert sheet.recipe_digest == "0" * 16
    assert gather_facts(store, sheet, (), 0, 0).tokens[0].models[0].stories == 6


def test_one_tokenizer_is_no_reason_not_to_compare(folder: Path) -> None:
    """A checkpoint and its copy in 4 bits have names of their own, and no family."""
    texts = [f"Once there was a bear. He had {n} pears." for n in range(12)]
    recipe = scored(folder, told("s", texts)).recipe
    store = Store(folder)
    (key,) = {(part.model, part.recipe) for part in store._listed()}
    kept = list(store.scored_texts(*key))
    for n, (name, tokenizer) in enumerate((("base", "t"), ("base-4bit", "t"), ("other", "u"))):
        member = Member(name, f"{n:016x}", "", "", tokenizer, 12)
        store.write([Row(Story(d, d, text), member, recipe, one) for d, text, one in kept])
    same, _, _ = pick_sheet(store, None, ["base", "base-4bit"])
    others, _, _ = pick_sheet(store, None, ["base", "other"])
    for sheet, differ in ((same, False), (others, True)):
        said = str(document(gather_facts(store, sheet, (), 0, 0), "", ""))
        assert ("tokenizers only bits per byte compare" in said) == differ
        assert "Between families" not in said
        assert ("perplexities per token do not compare" in said) == differ


def test_a_run_is_not_in_the_way_of_scores(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise EyebrowError("Cannot write", "no space", 1)

    monkeypatch.setattr("eyebrow.core.results.store.labels.RunLabels._keep", fails)
    results = score(told("s"), "pocket-bigram", recipe=ON_CPU, store=folder)
    assert results.models[0].stories == 6
    assert [failure.message for failure in results.failures] == ["no space"]


def test_a_run_that_is_named_anew_while_runs_are_listed_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Store(folder).layout
    before = list_runs(layout)
    read = Path.read_text

    def renamed(path: Path, **given: Any) -> str:
        monkeypatch.setattr(Path, "read_text", read)
        path.rename(path.with_name("99990101T000000000000-0.json"))
        return read(path, **given)

    monkeypatch.setattr(Path, "read_text", renamed)
    assert len(list_runs(layout)) == len(before)


@pytest.mark.parametrize("damage", [b"5\n", b'[]\n{"story": 7', b"", b"\0" * 40])
def test_names_that_are_damaged_stop_no_reader_and_come_with_the_next_run(
    folder: Path, damage: bytes
) -> None:
    scored(folder, told("old"))
    scored(folder, told("new"))
    for place in (folder / "runs" / "stories").iterdir():
        place.write_bytes(damage)
    assert len(next(Store(folder).contents()).rows) == len(TEXTS)
    scored(folder, told("new"))
    names = [entry.label.id for entry in next(Store(folder).contents()).rows]
    assert names == [story.id for story in told("new")]
