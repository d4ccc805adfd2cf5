"""Sizes with different tokenizers side by side: compared by the byte, on the bytes all scored."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eyebrow.core.engine.messages import Loaded, Score
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.models.member import Member
from eyebrow.core.results.compare.cuts import cuts_of
from eyebrow.core.results.store import Row, Store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories import text_digest
from eyebrow.tui.background import Background, Compared, KeptSums, KeptTokenizers
from eyebrow.tui.panes.chart import Chart
from eyebrow.tui.panes.findings import Findings
from eyebrow.tui.panes.ladder import Ladder
from eyebrow.tui.showing import chart, steps

from .stage import OTHER, SPECS, STORIES, made_app, made_score, score_by, settled
from .test_explore import text_of
from .test_scale import shown
from .test_session import Shop

MIXED = (*SPECS[:2], OTHER)


def common_bits(name: str, *texts: str) -> float:
    """All words but the first: what all of `MIXED` score."""
    scores = [score_by(name, text) for text in texts]
    nats = -sum(float(score.logprobs[1:].astype(float).sum()) for score in scores)
    size = sum(
        len(text.encode()) - int(score.ends[0]) for text, score in zip(texts, scores, strict=True)
    )
    return nats / math.log(2) / size


def test_cuts_are_asked_for_only_where_tokenizers_differ() -> None:
    for specs, mixed in ((SPECS, False), (MIXED, True), (SPECS[:1], False)):
        shop = Shop(specs=specs)
        shop.begin()
        shop.answer_all()
        assert set(shop.cuts) == {mixed}
        assert {sent.cuts for sent in shop.sent if isinstance(sent, Score)} == {mixed}
        assert shop.session.mixes_tokenizers is mixed
        assert all(bool(rung.cuts) is mixed for rung in shop.session.rungs)
        assert bool(shop.session.common_bits()) is mixed


def test_a_family_on_its_way_has_the_tokenizer_of_its_members() -> None:
    shop = Shop()
    shop.tokenizers = {SPECS[0].name: "t", SPECS[2].name: "t"}
    shop.begin()
    assert not shop.session.mixes_tokenizers
    shop = Shop()
    shop.tokenizers = {SPECS[0].name: "t", SPECS[2].name: "u"}
    shop.begin()
    assert shop.session.mixes_tokenizers


def test_the_ladder_and_the_chart_show_common_bits_per_byte() -> None:
    shop = Shop(specs=MIXED)
    shop.begin()
    shop.answer_all()
    session = shop.session
    wanted = {spec.name: common_bits(spec.name, STORIES[0].text) for spec in MIXED}
    assert session.common_bits() == pytest.approx(wanted)
    assert {step.name: step.story for step in steps(session)} == pytest.approx(wanted)
    assert all(math.isnan(step.whole) for step in steps(session))
    assert shop.asked[-1] == ("compare", *(spec.name for spec in MIXED))
    assert shop.asked.count(shop.asked[-1]) == 1
    bits = {spec.name: (1.5, 1.0, 2.0) for spec in MIXED}
    session.receive(Compared(session.recipe.digest, len(STORIES), bits, "these bytes"))
    assert all(step.whole == 1.5 for step in steps(session))
    view = chart(session, dark=True, depth="256")
    assert (view.title, view.note) == ("Bits per byte against parameters", "over these bytes")
    late = Compared("another recipe", len(STORIES), {MIXED[0].name: (9.0, 9.0, 9.0)}, "no")
    session.receive(late)
    assert session.rungs[0].common == (1.5, 1.0, 2.0)


def test_a_size_that_turns_out_to_have_another_tokenizer_is_compared_too() -> None:
    shop = Shop()
    shop.tokenizers = {SPECS[0].name: "t", SPECS[1].name: "t"}
    shop.begin()
    shop.answer_all()
    session = shop.session
    assert not session.mixes_tokenizers
    asked, sent = len(shop.asked), len(shop.sent)
    shop.tokenizers[SPECS[2].name] = "u"  # it was downloaded
    session.receive(Loaded(SPECS[2].name, 800_000, "digest", 1.0))
    assert session.mixes_tokenizers
    again = [name for what, name, *_ in shop.asked[asked:] if what == "sums"]
    assert sorted(again) == sorted(spec.name for spec in SPECS)
    for name in again:  # the store has nothing: what is known lacks its cuts
        session.receive(KeptSums(name, session.recipe.digest, "", {}))
    shop.answer_all()
    assert {request.cuts for request in shop.sent[sent:]} == {True}
    assert all(rung.cuts.keys() == rung.sums.keys() for rung in session.rungs)
    assert [rung.stories for rung in session.rungs] == [len(STORIES)] * 3
    assert shop.asked[-1] == ("compare", *(spec.name for spec in SPECS))


def test_a_size_that_fails_holds_up_no_other() -> None:
    shop = Shop(specs=MIXED)
    session = shop.session
    shop.begin()
    session.rungs[2].state = "failed"
    shop.answer_all()
    session.rungs[2].cuts.clear()
    assert session.common_bits().keys() == {spec.name for spec in SPECS[:2]}


class Answers(list[Any]):
    """What a background delivers."""

    def of(self, kind: type) -> list[Any]:
        return [one for one in self if isinstance(one, kind)]


def test_the_background_reads_cuts_and_compares(tmp_path: Path) -> None:
    recipe = Recipe("context", 64, 32, "float32", "cpu")
    answers = Answers()
    background = Background(tmp_path / "scores", answers.append)
    store = Store(tmp_path / "scores")
    models, sums, cuts = [], [], []
    for name, tokenizer in ((SPECS[0].name, "t"), (OTHER.name, "u")):
        place = tmp_path / name
        place.mkdir()
        (place / "config.json").write_text("{}")
        (place / "tokenizer.json").write_text(tokenizer)
        spec = ModelSpec(name, "folder", str(place))
        background._tokenizers([spec])
        background._sums(spec, recipe, True)
        digest = answers.of(KeptSums)[-1].digest
        models.append(Member(name, digest, "", "", tokenizer, 1))
        scores = {story: score_by(name, story.text) for story in STORIES}
        store.write([Row(story, models[-1], recipe, score) for story, score in scores.items()])
        background._sums(spec, recipe, False)
        assert answers.of(KeptSums)[-1].cuts == {}
        background._sums(spec, recipe, True)
        kept = answers.of(KeptSums)[-1]
        assert kept.cuts.keys() == kept.sums.keys() == {text_digest(s.text) for s in STORIES}
        for story, score in scores.items():
            found = kept.cuts[text_digest(story.text)]
            np.testing.assert_array_equal(found, cuts_of(story.text, score))
        sums.append(kept.sums)
        cuts.append(kept.cuts)
    one, other = (kept.digests for kept in answers.of(KeptTokenizers))
    assert set(one.values()).isdisjoint(other.values())
    digests = [text_digest(story.text) for story in STORIES]
    background._compare(recipe, models, sums, cuts, digests)
    (compared,) = answers.of(Compared)
    for model in models:
        value, low, high = compared.bits[model.name]
        assert value == pytest.approx(common_bits(model.name, *(s.text for s in STORIES)))
        assert low < value < high
    first = sum(made_score(s.text, 1).ends[0] for s in STORIES)
    assert f"leaving out up to {first} (" in compared.over


async def test_both_views_say_what_is_compared() -> None:
    app = made_app(specs=MIXED)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        for _ in range(200):
            if all(rung.common for rung in app.session.rungs):
                break
            await pilot.pause(0.02)
        await pilot.pause(0.4)
        assert app.screen.query_one(Ladder).border_title == "Sizes, bits per byte"
        assert str(app.screen.query_one(Chart).border_title) == "Bits per byte against parameters"
        assert "bytes that all models scored" in text_of(app)
        of_set = {rung.name: rung.common for rung in app.session.rungs}
        for step in app.screen.query_one(Ladder).steps:
            texts = [story.text for story in STORIES]
            assert step.whole == pytest.approx(common_bits(step.name, *texts))
        screen = await shown(app, pilot)
        assert screen.measure == "bits per byte"
        assert screen.measured is not None
        for family in screen.measured.families:
            rows = zip(family.members, family.estimates["bits per byte"], strict=True)
            for member, one in rows:
                assert (one.value, one.low, one.high) == pytest.approx(of_set[member.name])
        assert screen.measured.compared == app.session.compared
        table = screen.tabled.values["bits per byte"]
        for row, member in enumerate(screen.tabled.sheet.models):
            for column, story in enumerate(STORIES):
                wanted = common_bits(member.name, story.text)
                assert table[row, column] == pytest.approx(wanted)
        entries = [str(entry) for entry in screen.query_one(Findings).entries]
        assert any("bits per byte are over the" in entry for entry in entries)
