"""Sizes with different tokenizers side by side: compared by the byte, on the bytes all scored."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eyebrow.core.engine.messages import Failed, Loaded, Score
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.models.member import Member
from eyebrow.core.results.compare.cuts import cuts_of
from eyebrow.core.results.statistics import sheet as sheet_room
from eyebrow.core.results.store import Row, Store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories import text_digest
from eyebrow.tui import charts
from eyebrow.tui.panes.chart import Chart
from eyebrow.tui.panes.findings import Findings
from eyebrow.tui.panes.ladder import Ladder
from eyebrow.tui.threads import measuring
from eyebrow.tui.threads import store as reader_room
from eyebrow.tui.threads.answers import Compared, Interval, KeptCuts, KeptSums, KeptTokenizers
from eyebrow.tui.threads.store import StoreReader
from eyebrow.tui.views.explore.sizes import chart, steps
from eyebrow.tui.views.scale import pictures as scale_pictures
from eyebrow.tui.views.scale.snapshot import snapshot

from .stage import (
    OTHER,
    PATIENCE,
    SPECS,
    STORIES,
    digest_of,
    made_app,
    made_score,
    score_by,
    settled,
)
from .test_explore import text_of
from .test_scale import shown
from .test_session import HELLO, Shop

MIXED = (SPECS[0], OTHER, SPECS[1])  # by size


def common_bits(name: str, *texts: str) -> float:
    """All words but the first: what all of `MIXED` score."""
    scores = [score_by(name, text) for text in texts]
    nats = -sum(float(score.logprobs[1:].astype(float).sum()) for score in scores)
    size = sum(
        len(text.encode()) - int(score.ends[0]) for text, score in zip(texts, scores, strict=True)
    )
    return nats / math.log(2) / size


def compared_last(shop: Shop) -> list[str]:
    """The sizes of which a comparison was asked for last."""
    return [list(names) for what, *names in shop.asked if what == "compare"][-1]


def test_cuts_are_asked_for_only_where_tokenizers_differ() -> None:
    for specs, mixed in ((SPECS, False), (MIXED, True), (SPECS[:1], False)):
        shop = Shop(specs=specs)
        shop.begin()
        shop.answer_all()
        assert not [asked for asked in shop.asked if asked[0] == "cuts"]  # the store has no sums
        assert {sent.cuts for sent in shop.sent if isinstance(sent, Score)} == {mixed}
        assert shop.session.models.mixes_tokenizers is mixed
        assert all(bool(rung.cuts) is mixed for rung in shop.session.models.sizes)
        assert bool(shop.session.common_bits()) is mixed


def test_a_family_on_its_way_has_the_tokenizer_of_its_members() -> None:
    shop = Shop()
    shop.tokenizers = {SPECS[0].name: "t", SPECS[2].name: "t"}
    shop.begin()
    assert not shop.session.models.mixes_tokenizers
    shop = Shop()
    shop.tokenizers = {SPECS[0].name: "t", SPECS[2].name: "u"}
    shop.begin()
    assert shop.session.models.mixes_tokenizers


def test_the_ladder_and_the_chart_show_common_bits_per_byte() -> None:
    shop = Shop(specs=MIXED)
    shop.begin()
    shop.answer_all()
    session = shop.session
    wanted = {spec.name: common_bits(spec.name, STORIES[0].text) for spec in MIXED}
    assert session.common_bits() == pytest.approx(wanted)
    assert {step.name: step.story for step in steps(session)} == pytest.approx(wanted)
    assert all(math.isnan(step.whole) for step in steps(session))
    assert compared_last(shop) == [spec.name for spec in MIXED]
    assert shop.asked.count(("compare", *(spec.name for spec in MIXED))) == 1
    bits = {spec.name: (1.5, 1.0, 2.0) for spec in MIXED}
    session.receive(Compared(shop.numbers["compare"], bits, "these bytes"))
    assert all(step.whole == 1.5 for step in steps(session))
    view = chart(session, dark=True, depth="256")
    assert (view.title, view.note) == ("Bits per byte against parameters", "over these bytes")
    late = Compared(shop.numbers["compare"] - 1, {MIXED[0].name: (9.0, 9.0, 9.0)}, "no")
    session.receive(late)
    assert session.models.sizes[0].common == (1.5, 1.0, 2.0)


def test_each_family_has_a_line_and_the_axis_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(specs=MIXED)
    shop.begin()
    shop.answer_all()
    picture = chart(shop.session, dark=True, depth="256").picture
    assert picture is not None
    for width in (40, 60, 100):
        assert "bits per byte" in picture(width, 12).splitlines()[0]
    drawn: list[Any] = []
    monkeypatch.setattr(charts, "curves", lambda series, **_: drawn.extend(series) or "")
    picture(100, 20)
    sizes = [[point.parameters for point in one.points] for one in drawn]
    assert sizes[2:] == [[50_000, 200_000], [100_000]]  # the story; the set is not compared yet
    assert len({one.marker for one in drawn}) == 4


@pytest.mark.parametrize("counted", [1, 3])
def test_a_counted_model_is_no_size_and_in_no_line(
    monkeypatch: pytest.MonkeyPatch, counted: int
) -> None:
    specs = [replace(spec, counted=n < counted) for n, spec in enumerate(SPECS)]
    monkeypatch.setattr(sheet_room, "families", lambda: {"made": tuple(specs)})
    shop = Shop(specs=tuple(specs))
    shop.begin()
    shop.answer_all()
    drawn: list[Any] = []
    monkeypatch.setattr(charts, "curves", lambda series, **_: drawn.extend(series) or "")
    view = chart(shop.session, dark=True, depth="256")
    now = snapshot(shop.session)
    assert view.picture is not None
    assert now is not None
    sheet = measuring.common_to_all(measuring.sheet_of(now), now.listed)
    look = scale_pictures.Look(True, "256", SPECS[0].name)
    done = measuring.measured(1, sheet, now)
    scale = scale_pictures.view(
        "size", "perplexity", done, measuring.tabled(1, sheet, now), None, None, 0, look
    )
    assert scale.picture is not None
    for picture in (view.picture, scale.picture):
        drawn.clear()
        picture(100, 20)
        assert len(drawn) == 2  # the set, and the story
        for one in drawn:  # where all are counted, they are the sizes
            assert [point.is_joined for point in one.points] == [counted == 3, True, True]


def test_a_size_that_turns_out_to_have_another_tokenizer_is_compared_too() -> None:
    shop = Shop()
    shop.tokenizers = {SPECS[0].name: "t", SPECS[1].name: "t"}
    shop.begin()
    shop.answer_all()
    session = shop.session
    assert not session.models.mixes_tokenizers
    asked, sent = len(shop.asked), len(shop.sent)
    shop.tokenizers[SPECS[2].name] = "u"  # it was downloaded
    session.receive(Loaded(SPECS[2].name, 800_000, digest_of(SPECS[2].name)))
    assert session.models.mixes_tokenizers
    again = [(name, *rest) for what, name, *rest in shop.asked[asked:] if what == "cuts"]
    everything = frozenset(session.library.digests)
    assert sorted(again) == sorted((spec.name, everything) for spec in SPECS)
    for name, _ in again:  # the store has nothing: what is known lacks its cuts
        session.receive(KeptCuts(shop.numbers["cuts", name], name, {}, missing=everything))
    shop.answer_all()
    assert {request.cuts for request in shop.sent[sent:]} == {True}
    assert all(rung.cuts.keys() == rung.sums.keys() for rung in session.models.sizes)
    assert [rung.stories for rung in session.models.sizes] == [len(STORIES)] * 3
    assert compared_last(shop) == [spec.name for spec in SPECS]


def test_a_size_that_fails_holds_up_no_other() -> None:
    shop = Shop(specs=MIXED)
    session = shop.session
    shop.begin()
    failed = next(rung for rung in session.models.sizes if rung.name == OTHER.name)
    shop.session.receive(Failed(0, OTHER.name, "Out of memory", "too large"))
    shop.engine.sent[:] = [sent for sent in shop.sent if sent.model.name != OTHER.name]
    shop.answer_all()
    assert failed.stories == 0
    assert session.common_bits().keys() == {spec.name for spec in SPECS[:2]}
    assert compared_last(shop) == [spec.name for spec in SPECS[:2]]
    view = chart(session, dark=True, depth="256")
    assert "waiting" not in view.note


def test_a_size_that_stops_half_way_is_waited_for_no_longer() -> None:
    shop = Shop(specs=MIXED)
    shop.begin()
    shop.answer_all({OTHER.name: STORIES[0].text})
    session = shop.session
    rung = next(rung for rung in session.models.sizes if rung.name == OTHER.name)
    rung.broken.clear()  # as if that story was still to come
    rung.lost, rung.settled = 0, 0
    assert OTHER.name in chart(session, dark=True, depth="256").note
    session.receive(Failed(0, OTHER.name, "Out of memory", "too large"))
    assert OTHER.name not in chart(session, dark=True, depth="256").note
    now = snapshot(session)
    assert now is not None
    assert OTHER.name not in [model.spec.name for model in now.models]
    assert now.is_done


def test_a_story_that_one_size_cannot_score_is_left_out_for_all() -> None:
    shop = Shop(specs=MIXED)
    shop.begin()
    shop.answer_all({OTHER.name: STORIES[0].text})
    session = shop.session
    assert ("interval", OTHER.name, len(STORIES)) in shop.asked
    assert compared_last(shop) == [spec.name for spec in MIXED]
    assert [step.done for step in steps(session)] == [len(STORIES)] * 3
    bits = {spec.name: (1.5, 1.0, 2.0) for spec in MIXED}
    session.receive(Compared(shop.numbers["compare"], bits, "these bytes"))
    assert all(step.whole == 1.5 for step in steps(session))
    assert chart(session, dark=True, depth="256").note == "over these bytes"
    now = snapshot(session)
    assert now is not None
    assert now.is_done
    assert not now.left_out


def test_a_comparison_leaves_out_what_not_all_have_scored_and_says_so() -> None:
    answers = Answers()
    background = StoreReader(None, answers.append)
    recipe = Recipe("context", 64, 32, "float32", "cpu")
    models = [Member(spec.name, "", "", "", spec.name, 1) for spec in (SPECS[0], OTHER)]
    sums, cuts = [], []
    for model, stories in zip(models, (STORIES, STORIES[1:]), strict=True):
        scores = {text_digest(s.text): (s.text, score_by(model.name, s.text)) for s in stories}
        sums.append({digest: score.summary for digest, (_, score) in scores.items()})
        cuts.append({digest: cuts_of(*both) for digest, both in scores.items()})
    digests = [text_digest(story.text) for story in STORIES]
    background._compare(1, recipe, models, sums, cuts, list(STORIES), digests)
    (compared,) = answers.of(Compared)
    assert compared.over.endswith("without 1 story that not all have scored")
    for model in models:
        wanted = common_bits(model.name, *(story.text for story in STORIES[1:]))
        assert compared.bits[model.name][0] == pytest.approx(wanted)
    background._compare(2, recipe, models, [sums[0], {}], cuts, list(STORIES), digests)
    assert answers.of(Compared)[-1] == Compared(2, {}, "")
    spec = SPECS[0]
    background._interval(3, spec, list(STORIES), digests, sums[1])
    (interval,) = answers.of(Interval)
    assert 1 < interval.low < interval.high


def test_other_weights_are_compared_anew_and_late_answers_are_not_taken() -> None:
    shop = Shop(specs=MIXED)
    shop.begin()
    shop.answer_all()
    session = shop.session
    rung, recipe = session.models.sizes[0], session.worker.recipe.digest
    sums, cuts = dict(rung.sums), dict(rung.cuts)
    late = [
        Interval(shop.numbers["interval", rung.name], rung.name, 1.0, 2.0),
        Compared(shop.numbers["compare"], {rung.name: (9.0, 9.0, 9.0)}, "older bytes"),
        KeptCuts(
            shop.numbers.get(("cuts", rung.name), 0), rung.name, {"x": cuts[next(iter(cuts))]}
        ),
    ]
    asked = len(shop.asked)
    session.receive(Loaded(rung.name, rung.parameters or 0, "other weights"))
    assert ("compare", *(spec.name for spec in MIXED[1:])) in shop.asked[asked:]
    session.receive(KeptSums(rung.name, recipe, "other weights", sums))
    assert (
        shop.asked[-2:-1] == [("cuts", rung.name, frozenset(sums))]
        or (
            "cuts",
            rung.name,
            frozenset(sums),
        )
        in shop.asked[asked:]
    )
    for message in late:
        session.receive(message)
    assert (rung.interval, rung.common, session.scores.compared) == (None, None, "")
    assert rung.cuts == {}
    session.receive(KeptCuts(shop.numbers["cuts", rung.name], rung.name, cuts))
    assert compared_last(shop) == [spec.name for spec in MIXED]
    session.receive(Compared(shop.numbers["compare"], {rung.name: (1.5, 1.0, 2.0)}, "bytes"))
    assert rung.common == (1.5, 1.0, 2.0)


def test_stored_cuts_are_asked_for_once_of_open_texts_and_the_worker_makes_the_rest() -> None:
    shop = Shop(specs=MIXED)
    session = shop.session
    session.receive(HELLO)
    recipe, digests = session.worker.recipe.digest, session.library.digests
    for spec in MIXED:
        scores = {text_digest(s.text): score_by(spec.name, s.text) for s in STORIES}
        sums = {digest: score.summary for digest, score in scores.items()}
        sums["of a story that is not open"] = sums[digests[0]]
        session.receive(KeptSums(spec.name, recipe, digest_of(spec.name), sums))
    asked = [rest for what, *rest in shop.asked if what == "cuts"]
    assert asked == [[spec.name, frozenset(digests)] for spec in MIXED]
    assert not [sent for sent in shop.sent if not sent.urgent]  # the store may have them
    for spec in MIXED:
        cuts = {text_digest(s.text): cuts_of(s.text, score_by(spec.name, s.text)) for s in STORIES}
        missing = frozenset(digests[2:]) if spec is OTHER else frozenset()
        for digest in missing:
            del cuts[digest]
        number = shop.numbers["cuts", spec.name]
        session.receive(KeptCuts(number, spec.name, {}, is_last=False))
        session.receive(KeptCuts(number, spec.name, cuts, missing=missing))
    sent = [(sent.model, sent.stories) for sent in shop.sent if not sent.urgent]
    assert sent == [(OTHER, (STORIES[2],))]
    assert len([what for what, *_ in shop.asked if what == "cuts"]) == len(MIXED)
    shop.answer_all()
    assert compared_last(shop) == [spec.name for spec in MIXED]


def test_the_score_on_the_screen_waits_for_no_more_than_a_piece_of_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_room, "PIECE", 1)
    recipe = Recipe("context", 64, 32, "float32", "cpu")
    member = Member("m", "d" * 16, "", "", "t", 1)
    Store(tmp_path).write([Row(s, member, recipe, made_score(s.text, 1)) for s in STORIES])
    digests = [text_digest(story.text) for story in STORIES]
    answers = Answers()
    ended = threading.Event()

    def deliver(what: Any) -> None:
        if isinstance(what, KeptCuts) and not answers.of(KeptCuts):
            background.look_up_score(SPECS[0], "d" * 16, recipe, digests[0])
        answers.append(what)
        if isinstance(what, KeptCuts) and what.is_last:
            ended.set()

    background = StoreReader(tmp_path, deliver)
    background.look_up_cuts(1, SPECS[0], "d" * 16, recipe, {*digests, "not in the store"})
    assert ended.wait(60)
    background.close()
    kinds = [type(one).__name__ for one in answers]
    assert kinds == ["KeptCuts", "KeptScore", "KeptCuts", "KeptCuts", "KeptCuts"]
    assert answers[-1].missing == {"not in the store"}
    found = {digest for one in answers.of(KeptCuts) for digest in one.cuts}
    assert found == {*digests}


def test_what_fails_in_the_background_reaches_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(folder: Path) -> str:
        if folder.name == "torn":
            raise TypeError("unhashable type: 'list'")
        return "t"

    monkeypatch.setattr(reader_room, "tokenizer_digest", torn)
    specs = [ModelSpec(name, "folder", str(tmp_path / name)) for name in ("torn", "whole")]
    for spec in specs:
        (tmp_path / spec.name).mkdir()
        (tmp_path / spec.name / "config.json").write_text("{}")
    answers = Answers()
    background = StoreReader(None, answers.append)
    background.look_up_tokenizers(specs)
    background.compute_interval(1, specs[0], [], ["x"], {"x": None})  # type: ignore[dict-item]
    background.close(None)
    background.look_up_tokenizers(specs)  # closed: nothing more is answered
    assert answers[0] == KeptTokenizers({"torn": "", "whole": "t"})
    assert [type(one).__name__ for one in answers[1:]] == ["Trouble"]


class Answers(list[Any]):
    """What a background delivers."""

    def of(self, kind: type) -> list[Any]:
        return [one for one in self if isinstance(one, kind)]


def test_the_background_reads_cuts_and_compares(tmp_path: Path) -> None:
    recipe = Recipe("context", 64, 32, "float32", "cpu")
    answers = Answers()
    background = StoreReader(tmp_path / "scores", answers.append)
    store = Store(tmp_path / "scores")
    models, sums, cuts = [], [], []
    for name, tokenizer in ((SPECS[0].name, "t"), (OTHER.name, "u")):
        place = tmp_path / name
        place.mkdir()
        (place / "config.json").write_text("{}")
        (place / "tokenizer.json").write_text(tokenizer)
        spec = ModelSpec(name, "folder", str(place))
        background._tokenizers([spec])
        background._sums(spec, recipe)
        digest = answers.of(KeptSums)[-1].digest
        models.append(Member(name, digest, "", "", tokenizer, 1))
        scores = {story: score_by(name, story.text) for story in STORIES}
        store.write([Row(story, models[-1], recipe, score) for story, score in scores.items()])
        background._sums(spec, recipe)
        kept = answers.of(KeptSums)[-1]
        assert kept.sums.keys() == {text_digest(s.text) for s in STORIES}
        background._cuts(7, spec, digest, recipe, kept.sums.keys())
        read = answers.of(KeptCuts)[-1]
        assert read.cuts.keys() == kept.sums.keys()
        assert (read.asked, read.is_last, read.missing) == (7, True, frozenset())
        for story, score in scores.items():
            found = read.cuts[text_digest(story.text)]
            np.testing.assert_array_equal(found, cuts_of(story.text, score))
        sums.append(kept.sums)
        cuts.append(read.cuts)
    one, other = (kept.digests for kept in answers.of(KeptTokenizers))
    assert set(one.values()).isdisjoint(other.values())
    digests = [text_digest(story.text) for story in STORIES]
    background._compare(1, recipe, models, sums, cuts, list(STORIES), digests)
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
        for _ in range(PATIENCE):
            if all(size.common for size in app.session.models.sizes):
                break
            await pilot.pause(0.02)
        await pilot.pause(0.4)
        assert app.screen.query_one(Ladder).border_title == "Sizes, bits per byte"
        assert str(app.screen.query_one(Chart).border_title) == "Bits per byte against parameters"
        assert "bytes that all models scored" in text_of(app)
        of_set = {rung.name: rung.common for rung in app.session.models.sizes}
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
        assert screen.measured.compared == app.session.scores.compared
        table = screen.tabled.values["bits per byte"]
        for row, member in enumerate(screen.tabled.sheet.models):
            for column, story in enumerate(STORIES):
                wanted = common_bits(member.name, story.text)
                assert table[row, column] == pytest.approx(wanted)
        entries = [str(entry) for entry in screen.query_one(Findings).entries]
        assert any("bits per byte are over the" in entry for entry in entries)
