"""The session without an app: what it asks for, in which order, and what it makes of answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from eyebrow.core.engine.messages import (
    CancelDownload,
    Downloading,
    Failed,
    Finished,
    Hello,
    Loaded,
    Score,
    Scored,
    WorkerDied,
    WorkerLost,
)
from eyebrow.core.engine.pool import GIVE_UP
from eyebrow.core.engine.routing import AHEAD
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scores import Summary
from eyebrow.core.stories import Story, text_digest
from eyebrow.tui.session import Session
from eyebrow.tui.session.change import Change, Notice
from eyebrow.tui.session.jobs import CHUNK
from eyebrow.tui.session.library import batch_of
from eyebrow.tui.threads.answers import KeptSums, KeptTokenizers
from eyebrow.tui.threads.mailbox import Mailbox
from eyebrow.tui.views.explore.sizes import steps
from eyebrow.tui.views.status import waiting, what_runs

from .stage import OTHER, SPECS, STORIES, MadeEngine, answers, made_score

HELLO = Hello("cpu", "float32")


class Shop:
    """A session whose background answers that the store is empty."""

    follows = False

    def __init__(self, stories: Any = STORIES, specs: Any = SPECS) -> None:
        self.engine = MadeEngine(Mailbox(), silent=True)
        self.notices: list[Notice] = []
        self.changes: list[Change] = []
        self.asked: list[Any] = []
        self.numbers: dict[Any, int] = {}  # of the last question of each kind
        self.tokenizers: dict[str, str] = {}  # digests of those that are here
        self.labels: list[Any] = []
        self.found: list[Any] = []  # by the finder, on its thread
        self.session = Session(
            stories,
            "made up",
            specs,
            Recipe(),
            self.engine,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            self.changes.append,
            self.notices.append,
            self.found.append,
        )

    def look_up_tokenizers(self, specs: Any) -> None:
        """Answered at once."""
        digests = {spec.name: self.tokenizers.get(spec.name, "") for spec in specs}
        self.session.receive(KeptTokenizers(digests))

    def look_up_sums(self, spec: Any, recipe: Recipe) -> None:
        self.asked.append(("sums", spec.name))

    def look_up_cuts(self, asked: int, spec: Any, model: str, recipe: Recipe, digests: Any) -> None:
        self.asked.append(("cuts", spec.name, digests))
        self.numbers["cuts", spec.name] = asked

    def look_up_score(self, spec: Any, model: str, recipe: Recipe, digest: str) -> None:
        self.asked.append(("score", spec.name, digest))

    def keep_labels(self, *labels: Any) -> None:
        self.labels.append(labels)

    def compute_interval(
        self, asked: int, spec: Any, stories: Any, digests: Any, sums: Any
    ) -> None:
        self.asked.append(("interval", spec.name, len(digests)))
        self.numbers["interval", spec.name] = asked

    def compare(
        self, asked: int, recipe: Recipe, models: Any, sums: Any, cuts: Any, *stories: Any
    ) -> None:
        self.asked.append(("compare", *(model.name for model in models)))
        self.numbers["compare"] = asked

    def begin(self) -> None:
        """The worker greets, and the store answers in the order it was asked."""
        self.session.receive(HELLO)
        for what, name, *_ in list(self.asked):
            if what == "sums":
                self.session.receive(KeptSums(name, self.session.worker.recipe.digest, "", {}))

    @property
    def sent(self) -> list[Score]:
        return self.engine.sent

    def answer_all(self, broken: Mapping[str, str] = MappingProxyType({})) -> None:
        """broken: texts that a model cannot score, by its name."""
        loaded: set[str] = set()
        at = 0
        while at < len(self.sent):
            asked = self.sent[at]
            text = broken.get(asked.model.name)
            kept = tuple(story for story in asked.stories if story.text != text)
            if len(kept) < len(asked.stories):
                digest = text_digest(text or "")
                failed = Failed(asked.job, asked.model.name, "Out of memory", "too long", digest)
                self.session.receive(failed)
            for reply in answers(replace(asked, stories=kept), loaded):
                self.session.receive(reply)
            at += 1


def many(count: int) -> list[Story]:
    return [Story(str(n), f"title {n}", f"story number {n} has a text") for n in range(count)]


def test_nothing_is_asked_before_the_machine_has_answered() -> None:
    shop = Shop()
    shop.session.plan()
    assert shop.asked == []
    assert shop.sent == []


def test_the_current_size_and_the_story_on_screen_come_first() -> None:
    shop = Shop()
    shop.begin()
    assert shop.asked[0] == ("sums", shop.session.models.size.name)
    first = shop.sent[0]
    assert first.urgent
    assert first.model == shop.session.models.size.spec
    assert first.stories == (STORIES[0],)


def test_background_jobs_are_few_and_small_and_begin_with_the_current_size() -> None:
    shop = Shop(many(AHEAD * CHUNK + 50))
    shop.begin()
    background = [request for request in shop.sent if not request.urgent]
    assert len(background) == AHEAD
    assert {len(request.stories) for request in background} == {CHUNK}
    assert {request.model for request in background} == {shop.session.models.size.spec}
    shop.session.receive(Finished(background[0].job))
    assert len([request for request in shop.sent if not request.urgent]) == AHEAD + 1


def test_as_many_sizes_at_a_time_as_there_are_workers() -> None:
    shop = Shop(many(10 * CHUNK))
    shop.engine.workers = 2
    shop.begin()
    first, second = shop.session.models.size.name, SPECS[0].name

    def asked() -> list[str]:
        return [request.model.name for request in shop.sent if not request.urgent]

    assert asked() == [first] * AHEAD + [second] * AHEAD
    assert "and 1 more" in what_runs(shop.session)
    for size in shop.session.models.sizes:
        if size.name != first:
            size.state = "failed"
    for request in list(shop.sent):
        if request.model.name == second:
            shop.session.receive(Finished(request.job))
    assert asked().count(first) == AHEAD, "its model is not loaded: others would load it too"
    shop.session.receive(Loaded(first, 1000, "digest"))
    assert asked().count(first) == 2 * AHEAD, "the last size is scored by all"


def test_a_size_that_is_downloaded_takes_no_worker_from_the_others() -> None:
    shop = Shop(many(10 * CHUNK))
    shop.engine.workers = 2
    shop.begin()
    first, second = shop.session.models.size.name, SPECS[0].name
    for size in shop.session.models.sizes:
        if size.name not in (first, second):
            size.state = "failed"
    shop.session.receive(Loaded(first, 1000, "digest"))
    shop.session.receive(Downloading(second, 0, 100, 0.0))
    asked = [request.model.name for request in shop.sent if not request.urgent]
    assert asked.count(first) == 2 * AHEAD
    assert asked.count(second) == AHEAD


def test_one_worker_of_several_is_lost_and_nothing_is_asked_again() -> None:
    shop = Shop(many(300))
    shop.engine.workers = 2
    shop.begin()
    before, under_way = len(shop.sent), dict(shop.session.jobs.under_way)
    shop.session.receive(WorkerLost("cuda:1", "it was killed", again=True))
    assert len(shop.sent) == before
    assert shop.session.jobs.under_way == under_way
    assert shop.notices[-1].message.startswith("cuda:1: it was killed; the others go on")
    assert shop.engine.starts == 0


def test_every_story_is_asked_for_once_under_every_size() -> None:
    shop = Shop(many(150))
    shop.begin()
    shop.answer_all()
    for spec in SPECS:
        texts = [
            story.text
            for request in shop.sent
            if request.model == spec and not request.urgent
            for story in request.stories
        ]
        assert len(texts) == len(set(texts))
        assert len(texts) >= 149  # the one on screen may have come with its own request
    assert all(rung.stories == 150 for rung in shop.session.models.sizes)


def test_pooled_perplexity_counts_a_text_as_often_as_it_is_told() -> None:
    twice = [*STORIES, Story("again", "Again", STORIES[1].text)]
    shop = Shop(twice)
    shop.begin()
    shop.answer_all()
    rung = shop.session.models.size
    scores = [made_score(story.text, 3).summary for story in twice]
    assert rung.stories == 4
    assert rung.tokens == sum(score.tokens for score in scores)
    assert rung.nll == pytest.approx(sum(score.nll for score in scores))
    assert ("interval", rung.name, 4) in shop.asked


def test_a_dead_worker_is_started_again_and_loses_nothing() -> None:
    shop = Shop(many(300))
    shop.begin()
    half = next(request for request in shop.sent if not request.urgent)
    for reply in answers(half, set()):
        shop.session.receive(reply)
    known = dict(shop.session.models.size.sums)
    shop.session.receive(WorkerDied(-9, ""))
    assert shop.engine.starts == 1
    assert "it was killed" in shop.notices[-1].message
    assert shop.session.models.size.sums == known
    shop.session.receive(HELLO)
    shop.answer_all()
    assert all(rung.stories == 300 for rung in shop.session.models.sizes)


def test_a_worker_that_keeps_dying_is_given_up_with_the_reason() -> None:
    shop = Shop()
    shop.begin()
    for _ in range(GIVE_UP):
        shop.session.receive(WorkerDied(1, "ImportError: no torch"))
    assert shop.engine.starts == GIVE_UP - 1
    assert "no torch" in shop.session.worker.stopped
    killed = Shop()
    killed.begin()
    for _ in range(GIVE_UP):
        killed.session.receive(WorkerDied(-9, ""))
    assert killed.session.worker.stopped.endswith("it was killed, perhaps because memory ran out")
    before = len(shop.sent)
    shop.session.select_story(1)
    assert len(shop.sent) == before
    shop.session.toggle_download()
    assert shop.session.worker.stopped == ""
    shop.begin()
    shop.answer_all()
    assert {size.stories for size in shop.session.models.sizes} == {
        len(shop.session.library.stories)
    }


def test_another_machine_than_remembered_starts_over() -> None:
    shop = Shop()
    shop.begin()
    shop.answer_all()
    shop.session.receive(Hello("cuda", "bfloat16"))
    assert shop.session.worker.recipe.dtype == "bfloat16"
    assert all(rung.stories == 0 for rung in shop.session.models.sizes)
    late = KeptSums(SPECS[0].name, "another recipe", "", {"x": made_score("a b", 1).summary})
    shop.session.receive(late)
    assert shop.session.models.sizes[0].sums == {}


def test_a_size_that_failed_stops_no_other_and_is_tried_again_when_chosen() -> None:
    shop = Shop()
    shop.begin()
    name = shop.session.models.size.name
    shop.session.receive(Failed(shop.sent[0].job, name, "Cannot load", "it is torn"))
    assert shop.notices[-1] == Notice("Cannot load", "it is torn", True)
    assert "torn" in shop.session.models.size.trouble
    for request in list(shop.sent):
        shop.session.receive(Finished(request.job))
    shop.session.select_size(0)
    assert shop.sent[-1].model == SPECS[0] or shop.sent[-2].model == SPECS[0]
    shop.session.select_size(2)
    assert shop.session.models.size.state != "failed"
    assert any(request.model.name == name for request in shop.sent[-3:])


def test_a_whole_score_in_the_store_needs_no_worker() -> None:
    shop = Shop()
    digest = text_digest(STORIES[0].text)
    shop.session.receive(HELLO)
    sums = {digest: made_score(STORIES[0].text, 3).summary}
    rung = shop.session.models.size
    shop.session.receive(KeptSums(rung.name, shop.session.worker.recipe.digest, "digest", sums))
    assert ("score", rung.name, digest) in shop.asked
    assert not any(request.urgent for request in shop.sent)


def test_loading_is_told_and_size_taken_over() -> None:
    shop = Shop()
    shop.session.receive(Loaded(SPECS[0].name, 51_234, "digest"))
    assert shop.session.models.sizes[0].parameters == 51_234
    assert Change.SIZES in shop.changes[-1]


def test_late_answers_to_unknown_jobs_are_no_harm() -> None:
    shop = Shop()
    shop.begin()
    shop.session.receive(Finished(999))
    shop.session.receive(Scored(999, "nobody", (), Recipe(), 0.0))


def test_a_download_is_shown_stopped_and_resumed() -> None:
    shop = Shop()
    shop.begin()
    session = shop.session
    session.receive(Downloading("made-200k", 25_000_000, 100_000_000, 5e6))
    rung = session.models.sizes[1]
    assert (rung.state, rung.arrival) == ("downloading", (25_000_000, 100_000_000, 5e6))
    assert steps(session)[1].arrival == "25/100 MB 5.0 MB/s 15 s"
    session.select_size(1)
    session.toggle_download()
    assert shop.engine.sent[-1] == CancelDownload("made-200k")
    session.receive(Failed(0, "made-200k", "Download stopped", "25 MB are kept"))
    assert rung.state == "stopped"
    session.toggle_download()
    assert rung.state == "waiting"


def test_a_download_holds_up_its_own_size_only() -> None:
    shop = Shop()
    shop.session.receive(HELLO)
    shop.session.receive(Downloading("made-800k", 1, 100, 0.0))
    for _, name in list(shop.asked):
        shop.session.receive(KeptSums(name, shop.session.worker.recipe.digest, "", {}))
    asked = {sent.model.name for sent in shop.sent if not sent.urgent}
    assert asked == {"made-50k", "made-200k", "made-800k"}


def test_one_story_that_fails_stops_no_other() -> None:
    shop = Shop()
    shop.begin()
    session = shop.session
    rung, digest = session.models.size, session.library.digests[0]
    asked = shop.sent[0].job
    session.receive(Failed(asked, rung.name, "Out of memory", "too long", digest))
    assert rung.state != "failed"
    assert rung.broken == {digest: "Out of memory: too long"}
    assert digest not in session.scores._still_to_do(rung)
    assert "too long" in waiting(session)


def test_a_model_whose_files_have_changed_is_scored_anew() -> None:
    shop = Shop()
    session = shop.session
    session.receive(HELLO)
    rung, recipe = session.models.size, session.worker.recipe.digest
    sums = {digest: made_score(story.text, 3).summary for digest, story in told(session)}
    for _, name in list(shop.asked):
        session.receive(KeptSums(name, recipe, f"{name} before", sums))
    session.receive(Loaded(rung.name, 7, f"{rung.name} before"))
    assert rung.stories == len(STORIES)
    asked = len(shop.asked)
    session.receive(Loaded(rung.name, 7, "after"))
    assert (rung.sums, rung.stories, rung.digest) == ({}, 0, "after")
    assert ("sums", rung.name) in shop.asked[asked:]
    assert "Model changed" in [notice.title for notice in shop.notices]
    others = [one for one in session.models.sizes if one is not rung]
    assert all(one.stories == len(STORIES) for one in others)
    asked = len(shop.asked)
    session.receive(KeptSums(rung.name, recipe, "after", {}))
    wanted = {
        digest
        for request in shop.sent
        if request.model.name == rung.name
        for digest in map(text_digest, (story.text for story in request.stories))
    }
    assert wanted == {*session.library.digests}
    assert ("sums", rung.name) not in shop.asked[asked:]


def test_sums_of_a_changed_model_are_looked_up_once() -> None:
    """Opened again: the digest that was loaded before is known, the store says another."""
    shop = Shop()
    session = shop.session
    session.receive(HELLO)
    rung = session.models.size
    rung.digest = "loaded before"
    asked = len(shop.asked)
    session.receive(KeptSums(rung.name, session.worker.recipe.digest, "now", {}))
    assert (rung.digest, rung.read) == ("now", True)
    assert ("sums", rung.name) not in shop.asked[asked:]


def test_two_names_for_the_same_weights_are_told_once() -> None:
    shop = Shop()
    for _ in range(2):
        for spec in SPECS[1:3]:
            shop.session.receive(Loaded(spec.name, 7, "same"))
    (notice,) = [notice for notice in shop.notices if notice.title == "Same weights"]
    assert SPECS[1].name in notice.message
    assert SPECS[2].name in notice.message


def told(session: Session) -> list[tuple[str, Story]]:
    return [*zip(session.library.digests, session.library.stories, strict=True)]


def test_sizes_stand_in_the_order_of_their_parameters() -> None:
    shop = Shop(specs=[SPECS[2], SPECS[0], SPECS[1]])
    assert [rung.spec for rung in shop.session.models.sizes] == list(SPECS)
    shop.begin()
    shop.session.select_size(2)
    assert shop.session.models.size.spec == SPECS[2]
    assert shop.session.models.reference is shop.session.models.sizes[1]


def test_the_next_smaller_size_is_one_with_the_same_tokenizer_if_there_is_one() -> None:
    shop = Shop(specs=[SPECS[0], OTHER, SPECS[1]])
    shop.begin()
    shop.session.select_size(2)
    assert shop.session.models.reference is shop.session.models.sizes[0]
    shop.session.select_size(1)
    assert shop.session.models.reference is shop.session.models.sizes[0]


def test_a_size_known_only_once_it_is_loaded_finds_its_place() -> None:
    unknown = replace(SPECS[0], parameters=None)
    shop = Shop(specs=[unknown, *SPECS[1:]])
    names = [rung.name for rung in shop.session.models.sizes]
    assert names == [SPECS[1].name, SPECS[2].name, unknown.name], "unknown ones come last"
    shop.begin()
    shop.session.select_size(2)
    shop.session.receive(Loaded(unknown.name, SPECS[0].parameters or 0, "d"))
    assert [rung.name for rung in shop.session.models.sizes] == [spec.name for spec in SPECS]
    assert shop.session.models.size.name == unknown.name, "the one that was chosen stays chosen"


def test_the_time_left_is_told_by_each_sizes_own_pace() -> None:
    shop = Shop(many(400))
    shop.begin()
    session = shop.session
    slow, quick = session.models.size, session.models.sizes[0]

    def answer(seconds: float) -> None:
        """The first background job that waits, in one batch of so many seconds."""
        request = next(r for r in shop.sent if r.job in session.jobs.under_way and not r.urgent)
        *_, scored, finished = answers(request, {request.model.name})
        session.receive(replace(scored, seconds=seconds))
        session.receive(finished)

    assert math.isnan(slow.seconds_left(session.library.words))
    assert ", — left" in what_runs(session)
    answer(200.0)
    left = 400 - len(slow.sums)
    assert slow.seconds_left(session.library.words) == pytest.approx(left * 200.0 / CHUNK, rel=0.01)
    session.select_size(0)
    answer(200.0)
    answer(200.0)
    assert math.isnan(quick.seconds_left(session.library.words)), "not by the pace of another size"
    answer(2.0)
    left = 400 - len(quick.sums)
    assert quick.seconds_left(session.library.words) == pytest.approx(left * 2.0 / CHUNK, rel=0.01)


def test_the_first_look_is_at_a_size_known_to_be_quick() -> None:
    unknown = ModelSpec("owner/large", "hub", "owner/large")
    shop = Shop(specs=(unknown, *SPECS))
    assert shop.session.models.size.name == SPECS[-1].name
    huge = ModelSpec("huge", "hub", "owner/huge", parameters=7_000_000_000)
    assert Shop(specs=(unknown, huge)).session.models.size.name == "huge"
    assert Shop(specs=(unknown, replace(unknown, name="other"))).session.models.current == 0


def test_no_time_is_left_where_the_rest_cannot_be_scored() -> None:
    shop = Shop()
    shop.begin()
    rung, words = shop.session.models.size, shop.session.library.words
    shop.session.models.size.seconds, rung.paced = 2.0, 1
    shop.answer_all({rung.name: STORIES[1].text})
    assert rung.stories == len(STORIES) - 1
    assert rung.seconds_left(words) == 0
    assert steps(shop.session)[shop.session.models.current].done == len(STORIES)
    digest = text_digest(STORIES[1].text)
    told = shop.session.library.by_digest[digest]
    rung.put(
        digest, made_score(STORIES[1].text, 3).summary, told, shop.session.library.shelves.words[1]
    )
    assert (rung.stories, rung.done, rung.broken) == (len(STORIES), len(STORIES), {})
    assert rung.seconds_left(words) == 0


def test_a_story_told_again_is_done_where_its_text_cannot_be_scored() -> None:
    shop = Shop()
    shop.begin()
    shop.answer_all({shop.session.models.size.name: STORIES[0].text})
    shop.session.add(batch_of([Story("again", "Again", STORIES[0].text)]))
    assert [rung.done for rung in shop.session.models.sizes] == [len(STORIES) + 1] * 3
    assert [rung.stories for rung in shop.session.models.sizes].count(len(STORIES) - 1) == 1


def test_names_are_kept_once_a_size_is_known() -> None:
    shop = Shop()
    shop.begin()
    assert not shop.labels
    rung = shop.session.models.size
    sums = {shop.session.library.digests[0]: Summary(3, 9, 1.0)}
    for _ in range(2):
        shop.session.receive(KeptSums(rung.name, shop.session.worker.recipe.digest, "digest", sums))
    ((spec, digest, parameters, recipe, stories, digests),) = shop.labels
    assert (spec, digest, parameters) == (rung.spec, "digest", rung.parameters)
    assert recipe == shop.session.worker.recipe
    assert (stories, digests) == (list(STORIES), shop.session.library.digests)
