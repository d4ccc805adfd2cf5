"""The run loop in this process: one recipe, the store, failures, interruption."""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eyebrow.core.engine import account, keeper
from eyebrow.core.engine import progress as pace
from eyebrow.core.engine.local import Stopped, score
from eyebrow.core.engine.progress import Progress
from eyebrow.core.engine.recipes import shared_recipe
from eyebrow.core.errors import USAGE, EyebrowError
from eyebrow.core.models import load as loading
from eyebrow.core.models.catalogue import POCKET, find_models
from eyebrow.core.models.identity import identify
from eyebrow.core.models.load import load_model
from eyebrow.core.models.options import LoadOptions
from eyebrow.core.results.report.facts import pick_sheet
from eyebrow.core.results.statistics.bootstrap import perplexity_interval, perplexity_intervals
from eyebrow.core.results.statistics.sheet import read_sheets
from eyebrow.core.results.store import Store, writer
from eyebrow.core.results.tokens.reading import read_tokens
from eyebrow.core.scoring import passes
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scorer import Scorer
from eyebrow.core.scoring.simple import score_text
from eyebrow.core.scoring.units import by_sentence
from eyebrow.core.stories import Story, bundled_stories, open_stories, text_digest
from eyebrow.core.stories.drafts import title_of

BIGRAM = "pocket-bigram"


@pytest.fixture
def stories() -> list[Story]:
    return bundled_stories()[-8:]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that reaches a model."""
    seen: list[str] = []
    real = Scorer.batches

    def spy(self: Scorer, texts: Sequence[str], seconds: float | None = None) -> Iterator[Any]:
        seen.extend(texts)
        return real(self, texts, seconds)

    monkeypatch.setattr(Scorer, "batches", spy)
    return seen


def test_numbers_are_those_of_one_text_at_a_time(stories: list[Story]) -> None:
    results = score(stories, BIGRAM)
    loaded = load_model(BIGRAM)
    alone = [score_text(loaded.model, loaded.tokenizer, s.text).summary for s in stories]
    assert [row.story for row in results.stories] == [story.id for story in stories]
    np.testing.assert_allclose(
        [row.nll for row in results.stories], [s.nll for s in alone], rtol=1e-5
    )
    (whole,) = results.models
    assert whole.stories == len(stories)
    assert whole.tokens == sum(s.tokens for s in alone)
    assert whole.bytes == sum(s.bytes for s in alone)
    assert whole.perplexity == pytest.approx(
        math.exp(sum(s.nll for s in alone) / whole.tokens), rel=1e-5
    )
    low, high = whole.perplexity_ci95
    assert low < whole.perplexity < high
    assert whole.parameters == loaded.parameters
    assert whole.digest == loaded.digest


def test_all_models_share_the_recipe_of_the_narrowest(
    stories: list[Story], tiny: Callable[[str], Path]
) -> None:
    results = score(stories[:2], [BIGRAM, str(tiny("llama"))])
    assert (results.recipe.context, results.recipe.stride) == (64, 32)
    assert (results.recipe.device, results.recipe.dtype) == ("cpu", "float32")
    assert [row.model for row in results.models] == [BIGRAM, "llama"]


def test_a_context_asked_for_is_never_cut(
    stories: list[Story], tiny: Callable[[str], Path]
) -> None:
    with pytest.raises(EyebrowError, match="llama sees 64 tokens at once, not 100") as caught:
        score(stories, [BIGRAM, str(tiny("llama"))], recipe=Recipe(context=100))
    assert caught.value.exit_code == 2
    narrow = score(stories[:1], [BIGRAM, str(tiny("llama"))], recipe=Recipe(context=50, stride=9))
    assert (narrow.recipe.context, narrow.recipe.stride) == (50, 9)


def test_shared_recipe_keeps_the_stride_that_was_asked_for() -> None:
    assert shared_recipe(Recipe(stride=100), {"a": 512, "b": None}).stride == 100
    assert shared_recipe(Recipe(), {"a": None}) == Recipe()
    with pytest.raises(EyebrowError, match="stride is 600"):
        shared_recipe(Recipe(stride=600), {"a": 512})


def test_a_recipe_for_another_device_is_refused(stories: list[Story]) -> None:
    with pytest.raises(EyebrowError, match="device is cuda, not cpu"):
        score(stories, BIGRAM, recipe=Recipe(device="cuda"), device="cpu")


def test_what_is_stored_is_not_scored_again(
    stories: list[Story], tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = score(stories[:3], BIGRAM, store=tmp_path)
    assert sorted(asked) == sorted(story.text for story in stories[:3])
    asked.clear()
    score(stories, BIGRAM, store=tmp_path)
    assert sorted(asked) == sorted(story.text for story in stories[3:])

    def never(*_: object, **__: object) -> None:
        pytest.fail("a model was loaded")

    monkeypatch.setattr("eyebrow.core.models.load.load", never)
    assert score(stories[:3], BIGRAM, store=tmp_path) == first


def test_another_recipe_is_scored_anew(
    stories: list[Story], tmp_path: Path, asked: list[str]
) -> None:
    score(stories[:2], BIGRAM, store=tmp_path)
    scored = score(stories[:2], BIGRAM, recipe=Recipe("scored"), store=tmp_path)
    assert len(asked) == 4
    assert scored.models[0].bytes == sum(len(s.text.encode()) for s in stories[:2])


def test_a_text_that_comes_twice_is_scored_once_and_counted_twice(
    stories: list[Story], asked: list[str]
) -> None:
    twin = Story("twin", "Twin", stories[0].text)
    results = score([stories[0], twin], BIGRAM)
    assert len(asked) == 1
    assert [row.story for row in results.stories] == [stories[0].id, "twin"]
    assert results.models[0].stories == 2
    assert results.models[0].nll == pytest.approx(2 * results.stories[0].nll)


def test_the_store_can_be_read_without_the_tokenizer(stories: list[Story], tmp_path: Path) -> None:
    score(stories[:1], BIGRAM, store=tmp_path)
    (spec,) = find_models([BIGRAM])
    assert spec.local_path is not None
    texts = Store(tmp_path).vocabulary(identify(spec.local_path).tokenizer)
    assert texts is not None
    assert " the" in texts


@pytest.fixture
def broken_model(tmp_path: Path) -> str:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    return str(folder)


def test_a_bad_model_stops_no_other(stories: list[Story], broken_model: str) -> None:
    results = score(stories, [broken_model, BIGRAM])
    assert [row.model for row in results.models] == [BIGRAM]
    assert [(f.model, f.story) for f in results.failures] == [("broken", "")]


def test_where_no_model_works_the_reason_is_raised(stories: list[Story], broken_model: str) -> None:
    with pytest.raises(EyebrowError, match="broken") as caught:
        score(stories, broken_model)
    assert caught.value.exit_code == USAGE


def breaking(
    monkeypatch: pytest.MonkeyPatch, is_bad: Callable[[str], bool], after: int = 0
) -> None:
    """From now on a batch with a bad text in it breaks, when `after` of its texts are done."""
    real = Scorer.batches

    def fragile(self: Scorer, texts: Sequence[str], seconds: float | None = None) -> Iterator[Any]:
        done = [scored for batch in real(self, texts, seconds) for scored in batch]
        for n, scored in enumerate(done):
            if any(map(is_bad, texts)) and n == min(after, len(texts) - 1):
                raise RuntimeError("index out of range\nand more")
            yield [scored]

    monkeypatch.setattr(Scorer, "batches", fragile)


def test_a_bad_story_stops_no_other(
    stories: list[Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = score(stories, BIGRAM)
    bad = min(stories, key=lambda story: len(story.text))
    breaking(monkeypatch, lambda text: text == bad.text, after=4)
    results = score(stories, BIGRAM, store=tmp_path)
    assert [row.story for row in results.stories] == [s.id for s in stories if s is not bad]
    expected = {row.story: row.nll for row in whole.stories}
    for row in results.stories:
        assert row.nll == pytest.approx(expected[row.story], rel=1e-5)
    (failure,) = results.failures
    assert (failure.model, failure.story) == (BIGRAM, bad.id)
    assert failure.message == "index out of range"


def test_if_every_story_fails_it_is_told_once(
    stories: list[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, lambda text: True)
    with pytest.raises(EyebrowError, match="index out of range") as caught:
        score(stories, BIGRAM)
    assert "more" not in caught.value.message


def test_no_number_is_no_result_and_is_not_stored(
    stories: list[Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Scorer.batches

    def overflowing(self: Scorer, texts: Sequence[str], seconds: float | None) -> Iterator[Any]:
        for batch in real(self, texts, seconds):
            yield [
                (at, replace(scored, summary=replace(scored.summary, nll=math.nan)))
                if at == 0
                else (at, scored)
                for at, scored in batch
            ]

    monkeypatch.setattr(Scorer, "batches", overflowing)
    results = score(stories, BIGRAM, store=tmp_path)
    assert len(results.stories) == len(stories) - 1
    (failure,) = results.failures
    assert failure.title == "Not a number"
    (model,) = results.models
    kept = Store(tmp_path).summaries(model.digest, results.recipe.digest)
    assert len(kept) == len(stories) - 1


def test_a_store_that_cannot_be_written_costs_no_number(
    stories: list[Story], tmp_path: Path, tiny: Callable[[str], Path]
) -> None:
    (tmp_path / "file").write_text("in the way")
    results = score(stories, [BIGRAM, str(tiny("llama"))], store=tmp_path / "file" / "store")
    assert len(results.models) == 2
    assert len(results.stories) == 2 * len(stories)
    (failure,) = results.failures
    assert failure.title == "Cannot write the store"


def test_a_store_that_could_be_written_in_the_end_is_no_failure(
    stories: list[Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = iter([FULL])
    put = writer.write_part

    def once_full(*parts: Any) -> None:
        for error in tries:
            raise error
        put(*parts)

    monkeypatch.setattr(writer, "write_part", once_full)
    monkeypatch.setattr(keeper, "WRITE_AFTER", 0.0)
    results = score(stories, ["pocket-bigram", "pocket-50k"], store=tmp_path)
    assert results.failures == ()
    assert any("for a while" in one and "all is kept" in one for one in results.warnings)
    for model in results.models:
        kept = Store(tmp_path).summaries(model.digest, results.recipe.digest)
        assert len(kept) == len(stories)


FULL = OSError(errno.ENOSPC, "error writing bytes to file. Detail: No space left on device")


def test_a_full_disk_says_what_is_there_and_what_to_do(
    stories: list[Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise FULL

    monkeypatch.setattr(writer, "write_part", full)
    results = score(stories, BIGRAM, store=tmp_path)
    assert len(results.stories) == len(stories)
    (failure,) = results.failures
    assert failure.message == (
        f"{tmp_path}: no space left on device; free space there; {len(stories)} scores could not "
        "be kept, run the same command again for them; the results are complete"
    )
    monkeypatch.undo()
    assert not score(stories, BIGRAM, store=tmp_path).failures


def test_one_fault_of_several_models_names_them_once(stories: list[Story], tmp_path: Path) -> None:
    for name in "abc":
        shutil.copytree(POCKET / "pocket-50k", tmp_path / name)
        os.truncate(tmp_path / name / "model.safetensors", 5000)
    (tmp_path / "c" / "config.json").unlink()
    (tmp_path / "c" / "config.json").write_text("{")
    with pytest.raises(EyebrowError) as caught:
        score(stories, [str(tmp_path / name) for name in "abc"])
    first, behind = caught.value.message.split("; and Damaged model: ")
    assert first.endswith("and copy it anew (the same for b)")
    assert behind.startswith(f"{tmp_path}/c/config.json cannot be read")
    assert caught.value.exit_code == USAGE


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of one text, each of them reported."""
    for room in (account, pace):
        monkeypatch.setattr(room, "TELL_AFTER", 0.0)
    monkeypatch.setattr(passes, "default_budget", lambda _: 1)


def test_interrupted_it_keeps_exactly_what_was_finished(
    stories: list[Story], tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one(monkeypatch)

    def enough(progress: Progress) -> None:
        if progress.doing == "scoring" and progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(stories, BIGRAM, store=tmp_path, progress=enough)
    asked.clear()
    results = score(stories, BIGRAM, store=tmp_path)
    assert len(asked) == len(stories) - 3
    assert results.models == score(stories, BIGRAM).models


def test_interrupted_behind_the_last_story_it_says_what_is_kept(
    stories: list[Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(account, "gather", interrupted)
    with pytest.raises(Stopped) as stopped:
        score(stories, BIGRAM, store=tmp_path)
    assert (stopped.value.kept, stopped.value.lost) == (len(stories), 0)


def test_progress_counts_up_to_all(
    stories: list[Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one(monkeypatch)
    score(stories[:2], BIGRAM, store=tmp_path)
    told: list[Progress] = []
    score(stories, BIGRAM, store=tmp_path, progress=told.append)
    reading = [p for p in told if p.doing == "reading"]
    assert [p.done for p in reading] == list(range(9))
    assert told[9] == Progress(BIGRAM, "loading", 2, 8)
    scoring = [p for p in told if p.doing == "scoring"]
    assert [p.done for p in scoring] == [3, 4, 5, 6, 7, 8, 8]
    assert all(p.total == 8 for p in scoring)
    assert scoring[0].tokens_per_second > 0
    assert scoring[-1].seconds_left == 0


def test_nothing_to_score_is_an_error(stories: list[Story]) -> None:
    with pytest.raises(EyebrowError):
        score([], BIGRAM)
    with pytest.raises(EyebrowError):
        score(stories, [])


def test_changed_weights_have_other_scores(
    stories: list[Story], tmp_path: Path, asked: list[str]
) -> None:
    folder = Path(shutil.copytree(POCKET / "pocket-50k", tmp_path / "own"))
    first = score(stories, str(folder), store=tmp_path / "store").models[0]
    weights = folder / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-100:] = bytes(100)
    weights.write_bytes(raw)
    second = score(stories, str(folder), store=tmp_path / "store").models[0]
    assert len(asked) == 2 * len(stories)
    assert second.digest != first.digest
    assert second.nll != first.nll


def test_scores_of_one_checkpoint_are_not_kept_as_those_of_another(
    stories: list[Story], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(POCKET / "pocket-50k", tmp_path / "own"))
    load = loading.load

    def late(spec: Any, options: LoadOptions) -> Any:
        """A training writes its next checkpoint when the store has been asked."""
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100] + bytes(100))
        return load(spec, options)

    monkeypatch.setattr(loading, "load", late)
    with pytest.raises(EyebrowError, match="written meanwhile"):
        score(stories, str(folder), store=tmp_path / "store")


def test_the_same_weights_under_two_names_are_told(stories: list[Story], tmp_path: Path) -> None:
    for name in ("step1", "step2"):
        shutil.copytree(POCKET / "pocket-bigram", tmp_path / "run" / name)
    results = score(stories, [str(tmp_path / "run"), "pocket-50k"])
    (warning,) = results.warnings
    assert warning.startswith("run/step1 and run/step2 have the same weights")
    assert "warnings" not in results.to_json()


def test_texts_are_stories_too(stories: list[Story]) -> None:
    texts = [story.text for story in stories[:2]]
    results = score([*texts, stories[2]], BIGRAM)
    assert [row.story for row in results.stories] == ["1", "2", stories[2].id]
    whole = score(stories[:3], BIGRAM)
    assert [row.nll for row in results.stories] == [row.nll for row in whole.stories]
    assert results.titles["1"] == title_of(texts[0])


@pytest.mark.parametrize("given", ["stories.txt", Path("stories.txt"), 5, [1]])
def test_what_is_no_story_is_told(given: Any) -> None:
    with pytest.raises(EyebrowError, match=r"No stories: .*(list of texts|give texts or stories)"):
        score(given, BIGRAM)


def test_a_model_in_memory_is_no_name(stories: list[Story]) -> None:
    loaded = load_model(BIGRAM)
    for given in (loaded.model, [loaded], [BIGRAM, loaded.model]):
        with pytest.raises(EyebrowError, match=r"names of models, not a .*; for a model in memory"):
            score(stories, given)


def test_weights_that_are_no_numbers_are_named(
    stories: list[Story], tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "nan"
    shutil.copytree(tiny("llama"), folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][2] = math.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EyebrowError, match=r"model\.norm\.weight holds NaN in 1 of 32 places"):
        score(stories, str(folder))


def test_a_damaged_part_is_told_and_scored_anew(stories: list[Story], tmp_path: Path) -> None:
    first = score(stories, BIGRAM, store=tmp_path)
    (part,) = (tmp_path / "scores").glob("*.parquet")
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 200] = bytes(200)
    part.write_bytes(raw)
    again = score(stories, BIGRAM, store=tmp_path)
    assert again.models == first.models
    (said,) = again.warnings
    assert part.name in said
    assert score(stories, BIGRAM, store=tmp_path).warnings == ()


ROC = [
    ["once there was a cat", "it sat on the mat", "it saw a dog", "it ran away", "the end"],
    ["tom had a red ball", "he lost it", "he looked for it", "a girl had it", "they played"],
    ["lily was sad", "her doll was gone", "she cried", "mom found the doll", "she was glad"],
]


@pytest.fixture
def rocstories(tmp_path: Path) -> Path:
    """Lower case, no end punctuation; the last row is there twice."""
    lines = [",".join([*(f"sentence{n}" for n in range(1, 6)), "author"])]
    lines += [",".join([*row, author]) for row, author in zip([*ROC, ROC[2]], "xxyz", strict=True)]
    place = tmp_path / "roc.csv"
    place.write_text("\n".join(lines) + "\n")
    return place


def test_the_sources_sentences_reach_scores_store_and_tokens(
    rocstories: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    first = score(open_stories(rocstories), [BIGRAM], recipe=Recipe(device="cpu"), store=folder)
    (model,) = first.models
    assert model.five_sentence_stories == 4
    loaded = load_model(BIGRAM, device="cpu")
    text = " ".join(ROC[0])
    whole = score_text(loaded.model, loaded.tokenizer, text, first.recipe)
    starts = next(iter(open_stories(rocstories))).sentence_starts
    assert [u.start for u in by_sentence(text, whole, starts=starts)] == list(starts)
    assert math.isclose(sum(p["nll"] for p in model.sentence_positions), model.nll, rel_tol=1e-6)
    # From the store alone, and to whoever reads it.
    again = score(open_stories(rocstories), [BIGRAM], recipe=Recipe(device="cpu"), store=folder)
    for one, other in zip(
        again.models[0].sentence_positions, model.sentence_positions, strict=True
    ):
        assert dict(one) == pytest.approx(dict(other))
    store = Store(folder)
    assert store.labels().stories[0].sentence_starts == starts
    (sheet,) = read_sheets(store)
    (read,) = read_tokens(store, sheet, [0]).models
    assert read.five.stories == 4
    assert (read.five.tokens.sum(axis=1) > 0).all()
    assert read.by_sentence.first.tolist() == [1, 2, 3, 4, 5]
    # The newest run that names a text decides.
    score([Story("1", "One", text)], [BIGRAM], recipe=Recipe(device="cpu"), store=folder)
    assert text_digest(text) not in Store(folder).labels().sentence_starts
    (sheet,) = read_sheets(Store(folder))
    known = {story.id: bool(story.sentence_starts) for story in sheet.stories}
    assert known == {"1": False, "2": True, "3": True, "4": True}


def test_groups_and_copies_are_drawn_as_one_in_score_and_store(
    rocstories: Path, tmp_path: Path
) -> None:
    stories = open_stories(rocstories, group="author")
    found = score(stories, [BIGRAM], recipe=Recipe(device="cpu"), store=tmp_path / "s")
    told = {"stories": 4, "clusters": 2, "by": ("author",), "copies": 1}
    assert found.to_json()["drawn"] == told
    rows = {row.story: row for row in found.stories}
    by_cluster = [[rows["1"], rows["2"]], [rows["3"], rows["4"]]]
    if text_digest(" ".join(ROC[2])) < min(text_digest(" ".join(r)) for r in ROC[:2]):
        by_cluster.reverse()
    wanted = perplexity_interval(
        [sum(row.nll for row in rows) for rows in by_cluster],
        [sum(row.tokens for row in rows) for rows in by_cluster],
    )
    assert found.models[0].perplexity_ci95 == pytest.approx(wanted)
    sheet, *_ = pick_sheet(Store(tmp_path / "s"), None, [])
    groups = sheet.by_group()
    assert perplexity_intervals(groups.nll, groups.tokens) == [pytest.approx(wanted)]
    assert sheet.drawn == found.sheet.drawn


def test_results_as_a_frame_findings_and_fits(rocstories: Path, tmp_path: Path) -> None:
    found = score(
        open_stories(rocstories), [BIGRAM], recipe=Recipe(device="cpu"), store=tmp_path / "s"
    )
    frame = found.to_frame()
    assert list(frame["story"]) == [row.story for row in found.stories]
    assert frame["nll"].sum() == pytest.approx(found.models[0].nll)
    assert "positions" in {one.topic for one in found.findings()}
    (fit,) = found.fits()
    assert (fit.family, fit.sizes) == ("pocket", (0,))
    (axes,) = found.plot().axes
    (bar,) = axes.containers
    (x,), (y,) = bar.lines[0].get_data()
    assert (x, y) == (found.models[0].parameters, pytest.approx(found.models[0].perplexity))
