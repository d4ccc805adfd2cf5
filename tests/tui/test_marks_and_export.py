"""Marks, export, jump, and the terms of a filter."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.results.marks import mark, read_marks, unmark
from eyebrow.core.results.store import Store, list_runs
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories import Story, bundled_stories, open_stories, text_digest
from eyebrow.tui.session.arrange import Shelves, arrange, parse_filter
from eyebrow.tui.session.library import batch_of
from eyebrow.tui.threads.store import StoreReader
from eyebrow.tui.views.dialogs.line import LineScreen
from textual.widgets import Input, Static

from .stage import SPECS, STORIES, made_app, settled

NATS = array("d", [1.0, 3.0, float("nan")])
BITS = array("d", [0.4, 1.2, float("nan")])


def shelves() -> Shelves:
    batch = batch_of(STORIES)
    return Shelves(list(STORIES), list(batch.digests), array("i", batch.words))


def listed(text: str, sort: str = "as read", marked: tuple[int, ...] = ()) -> list[int]:
    known = shelves()
    known.marked = {known.digests[i] for i in marked}
    return list(arrange(known, NATS, BITS, sort, parse_filter(text)))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", [0, 1, 2]),
        ("ppl>10", [1]),
        ("ppl<=10 len<20", [0]),
        ("words=12", [1]),
        ("bpb<=0.4", [0]),
        ("SEA", [2]),
        ('"the mat"', [0]),
        ('"mat the"', []),
        ("-the", []),
        ("-sea -cat", [1]),
        ('the -"over the"', [0, 2]),
        ("marked", [1]),
        ("-marked cat", [0]),
    ],
)
def test_terms_of_a_filter(text: str, kept: list[int]) -> None:
    assert listed(text, marked=(1,)) == kept


@pytest.mark.parametrize("text", ["ppl>x", "size>3", "len<"])
def test_bad_terms_are_told(text: str) -> None:
    with pytest.raises(EyebrowError) as caught:
        parse_filter(text)
    assert caught.value.title == "Bad filter"


@pytest.mark.parametrize("text", ["ppl>30 len<200 dog", '-"big dog" marked', '"a b" -c -marked'])
def test_a_filter_reads_as_it_was_typed(text: str) -> None:
    wanted = parse_filter(text)
    assert parse_filter(str(wanted)) == wanted
    assert wanted


def test_what_has_no_perplexity_comes_last_either_way() -> None:
    assert listed("", "perplexity ↓") == [1, 0, 2]
    assert listed("", "perplexity ↑") == [0, 1, 2]
    assert listed("", "marked first", marked=(2,)) == [2, 0, 1]


def test_marks_are_files_that_several_may_write(tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert read_marks(store) == set()
    mark(store, STORIES[0])
    mark(store, STORIES[0])
    mark(store, STORIES[1])
    unmark(store, STORIES[0])
    unmark(store, STORIES[2])
    assert read_marks(store) == {batch_of(STORIES).digests[1]}
    (tmp_path / "file").touch()
    with pytest.raises(EyebrowError, match="it holds for now"):
        mark(tmp_path / "file", STORIES[0])


async def test_m_marks_and_the_mark_is_there_the_next_time(tmp_path: Path) -> None:
    app = made_app(store=tmp_path)
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("j", "m")
        await pilot.pause(0.3)
        assert app.screen.query_one("#list").border_subtitle == "1 marked"
    again = made_app(store=tmp_path)
    async with again.run_test(size=(140, 40)) as pilot:
        await settled(again, pilot)
        assert again.session.library.marked_count == 1
        assert again.session.library.shelves.marked == {again.session.library.digests[1]}
        await pilot.press("j", "m")
        await pilot.pause(0.3)
    assert read_marks(tmp_path) == set()


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".txt"])
async def test_x_writes_marked_stories_that_open_again(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("m", "j", "j", "m", "x", "ctrl+u", *str(out), "enter")
        for _ in range(100):
            await pilot.pause(0.02)
            if out.exists():
                break
        sums = app.session.sums(app.session.models.size, 0)
    stories = list(open_stories(out, **({} if suffix == ".txt" else {"column": "text"})))
    assert [story.text for story in stories] == [STORIES[0].text, STORIES[2].text]
    if suffix == ".jsonl":
        first = json.loads(out.read_text().splitlines()[0])
        assert list(first["scores"]) == [spec.name for spec in SPECS]
        assert sums is not None
        assert first["scores"][app.session.models.size.name]["nll"] == sums.nll


async def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    out = tmp_path / "kept.txt"
    out.write_text("mine")
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("x", "ctrl+u", *str(out), "enter")
        await pilot.pause(0.3)
        assert len(app.screen_stack) == 2
        assert "there already" in str(app.screen.query("Static").first().content)
    assert out.read_text() == "mine"


@pytest.mark.parametrize("name", ["~nobody-of-this-name/a.jsonl", f"{'long' * 100}.jsonl"])
async def test_a_name_that_no_file_can_have_is_told(name: str) -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("x")
        app.screen.query_one(Input).value = name
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, LineScreen)
        told = str(app.screen.query_one("LineScreen Vertical > Static", Static).content)
        assert "there is no folder ~nobody-of-this-name" in told or "file name too long" in told


async def test_no_number_is_too_long_for_the_line_it_is_typed_into() -> None:
    app = made_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press(":")
        app.screen.query_one(Input).value = "9" * 5000
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, LineScreen)
        assert app.session.place.story == 0


async def test_colon_goes_to_a_story_by_its_number() -> None:
    app = made_app([Story(f"s{n}", f"Story {n}", f"Text number {n}.") for n in range(50)])
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("colon", "4", "2", "enter")
        await pilot.pause(0.2)
        assert app.session.place.story == 41
        await pilot.press("colon", "x", "enter")
        await pilot.pause(0.2)
        assert app.session.place.story == 41


def test_what_things_are_called_here_is_kept_as_a_run(tmp_path: Path) -> None:
    """Without torch, by the process that draws; each size adds to one run."""
    found: list[object] = []
    background = StoreReader(tmp_path / "store", found.append)
    stories = list(bundled_stories())[:3]
    digests = [text_digest(story.text) for story in stories]
    recipe = Recipe("context", 64, 32, "float32", "cpu")
    for spec in find_models(["pocket-bigram", "pocket-50k"]):
        background.keep_labels(spec, f"d{spec.name}", 7, recipe, stories, digests)
    background.close(None)
    store = Store(tmp_path / "store")
    (run,) = list_runs(store.layout)
    assert [member.name for member, _ in run.models] == ["pocket-bigram", "pocket-50k"]
    assert [label.title for label in store.labels().stories] == [story.title for story in stories]
    assert not found


def test_a_filter_typed_on_finds_what_it_finds_at_once() -> None:
    typed, nats = shelves(), array("d", [1.0] * len(STORIES))
    for text in ("d", "do", "dog", "do", "do -sea", "do -sea hill", "-cat", "-cat -dog", ""):
        wanted = parse_filter(text)
        found = arrange(typed, nats, nats, "as read", wanted)
        assert list(found) == list(arrange(shelves(), nats, nats, "as read", wanted)), text
