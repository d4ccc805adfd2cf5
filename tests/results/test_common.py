"""Models with different tokenizers: what is compared, from the scoring to the report."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from eyebrow.core import Recipe, score
from eyebrow.core.models.load import load_model
from eyebrow.core.results.compare.common import told
from eyebrow.core.results.compare.cuts import cuts_of
from eyebrow.core.results.findings.find import find
from eyebrow.core.results.outcome import Results
from eyebrow.core.results.report.content import document
from eyebrow.core.results.report.facts import Facts, gather_facts, pick_sheet
from eyebrow.core.results.report.notebook import template
from eyebrow.core.results.store import Row, Store
from eyebrow.core.scoring.simple import score_text
from eyebrow.core.stories import Story, bundled_stories, text_digest

RECIPE = Recipe(device="cpu", context=64)
POCKET = "pocket-50k"


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    return [*bundled_stories()[-12:], Story("short", "Short", "Oh."), Story("one", "One", "A")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mixed") / "scores"


@pytest.fixture(scope="module")
def results(stories: list[Story], folder: Path, tiny: Callable[[str], Path]) -> Results:
    """Without BOS, with BOS, and another tokenizer."""
    models = [str(tiny("llama")), str(tiny("llama-bos")), POCKET]
    return score(stories, models, recipe=RECIPE, store=folder)


@pytest.fixture(scope="module")
def facts(results: Results, folder: Path) -> Facts:
    store = Store(folder)
    return gather_facts(store, *pick_sheet(store, None, []), seed=0)


def by_hand(stories: list[Story], models: list[str]) -> tuple[int, list[float]]:
    """(bytes, nats of each model) on what all have scored, from the whole scores.

    In these texts every character is a byte, and no token is a part of one.
    """
    size, nats = 0, [0.0] * len(models)
    loaded = [load_model(name, device="cpu") for name in models]
    for story in stories:
        scores = [score_text(one.model, one.tokenizer, story.text, RECIPE) for one in loaded]
        starts = [set(s.starts[s.ranks > 0].tolist()) for s in scores]
        shared = set.intersection(*starts)
        if shared:
            at = min(shared)
            size += len(story.text[at:].encode())
            for i, one in enumerate(scores):
                nats[i] -= one.logprobs[(one.ranks > 0) & (one.starts >= at)].sum(dtype=float)
    return size, nats


def test_a_tokenizer_with_bos_and_one_without_are_compared_on_the_same_bytes(
    stories: list[Story], results: Results, tiny: Callable[[str], Path]
) -> None:
    without, bos, pocket = results.models
    assert bos.bytes == sum(len(story.text.encode()) for story in stories)
    assert without.bytes < bos.bytes
    commons = [row.common for row in results.models]
    plain = [story for story in stories if story.text.isascii()]
    size, nats = by_hand(plain, [str(tiny("llama")), str(tiny("llama-bos")), POCKET])
    few = score(plain, [str(tiny("llama")), str(tiny("llama-bos")), POCKET], recipe=RECIPE)
    for row, sums in zip(few.models, nats, strict=True):
        assert row.common is not None
        assert row.common.bytes == size
        assert row.common.nll == pytest.approx(sums, rel=1e-5)
        assert row.common.bits_per_byte == row.common.nll / math.log(2) / size
    for common in commons:
        assert common is not None
        assert common.stories == len(stories) - 1  # of the one of a letter only BOS scores any
        assert common.bytes == commons[0].bytes <= min(without.bytes, pocket.bytes)


def test_own_numbers_stay_whatever_else_is_named(
    stories: list[Story], results: Results, tiny: Callable[[str], Path]
) -> None:
    alone = score(stories, [str(tiny("llama-bos"))], recipe=RECIPE).to_json()["models"][0]
    beside = results.to_json()["models"][1]
    assert "common" not in alone
    assert set(beside.pop("common")) == {"stories", "bytes", "nll", "bits_per_byte"}
    assert (beside["bytes"], beside["tokens"]) == (alone["bytes"], alone["tokens"])
    for name in ("nll", "bits_per_byte", "perplexity"):
        assert beside[name] == pytest.approx(alone[name], rel=1e-5)


def test_with_one_tokenizer_what_is_common_is_each_models_own(stories: list[Story]) -> None:
    for row in score(stories, [POCKET, "pocket-200k"], recipe=RECIPE).models:
        assert row.common is not None
        assert (row.common.bytes, row.common.nll) == (row.bytes, row.nll)
        assert row.common.bits_per_byte == row.bits_per_byte


def test_stories_that_failed_under_one_model_are_in_no_comparison(
    stories: list[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    from eyebrow.core.scoring.scorer import Scorer

    real = Scorer.batches
    seen: list[Scorer] = []

    def picky(self: Scorer, texts: list[str], seconds: float | None = None) -> object:
        seen.append(self)
        if stories[0].text in texts and self is seen[0]:
            raise RuntimeError("not this one")
        return real(self, texts, seconds)

    monkeypatch.setattr(Scorer, "batches", picky)
    without, with_it = score(stories, [POCKET, "pocket-200k"], recipe=RECIPE).models
    assert with_it.common is not None
    assert without.common is not None
    assert without.bytes < with_it.bytes
    assert with_it.common.bytes == without.common.bytes == without.bytes


def test_from_the_store_comes_the_same(
    stories: list[Story], results: Results, folder: Path, tiny: Callable[[str], Path]
) -> None:
    models = [str(tiny("llama")), str(tiny("llama-bos")), POCKET]
    assert score(stories, models, recipe=RECIPE, store=folder) == results


def test_a_stored_story_is_cut_as_a_fresh_one(tmp_path: Path) -> None:
    loaded = load_model(POCKET, device="cpu")
    recipe = loaded.recipe(Recipe())
    texts = ("Once upon a time.", "a\ud83d b\udc3b", "naïve 👍🏽 猫 \u0301x", "A", "")
    scores = {text: score_text(loaded.model, loaded.tokenizer, text, recipe) for text in texts}
    store = Store(tmp_path)
    store.write([Row(Story(t, "", t), loaded.member, recipe, one) for t, one in scores.items()])
    kept = store.cuts(loaded.digest, recipe.digest)
    for text, one in scores.items():
        assert kept[text_digest(text)].tolist() == cuts_of(text, one).tolist()
        assert kept[text_digest(text)].dtype == cuts_of(text, one).dtype
    wanted = {text_digest(texts[2])}
    assert store.cuts(loaded.digest, recipe.digest, wanted).keys() == wanted


def test_the_report_ranks_on_common_bytes_and_says_what_is_left_out(
    results: Results, facts: Facts, stories: list[Story]
) -> None:
    commons = {row.model: row.common for row in results.models}
    for name, bits in zip(facts.names, facts.bits_per_byte, strict=True):
        assert bits == pytest.approx(commons[name].bits_per_byte)
    assert facts.bits_per_byte[facts.best] == min(facts.bits_per_byte)
    size = results.models[0].common.bytes
    found = find(facts.sheet)
    (said,) = [one for one in found if one.text.startswith("The tokenizers differ")]
    assert f"the {size:,} bytes that all models scored, leaving out up to " in said.text
    across = next(one for one in found if one.topic == "best" and not one.family)
    first, second = sorted(zip(facts.bits_per_byte, facts.names, strict=True))[:2]
    for bits, name in (first, second):
        assert f"{name} {bits:.3f}" in across.text
    apart = re.search(r"(?:differ by|is|distinguishable:) (\d\.\d{3})", across.text)
    assert apart is not None
    assert float(apart[1]) == pytest.approx(second[0] - first[0], abs=6e-4)
    (section,) = [s for s in document(facts, "", "").sections if s.anchor == "models"]
    table, prose = section.blocks
    assert [row[5] for row in table.rows] == [f"{bits:.3f}" for bits in facts.bits_per_byte]
    assert f"over the {size:,} bytes that all models scored" in prose.text


def test_a_part_of_the_models_is_compared_on_what_these_share(folder: Path, facts: Facts) -> None:
    store = Store(folder)
    sheet, *_ = pick_sheet(store, None, ["llama-bos", "llama"])
    assert sheet.common_bytes[0].sum() > facts.sheet.common_bytes[0].sum()
    alone, *_ = pick_sheet(store, None, ["llama-bos"])
    assert alone.common_bytes.sum() == alone.bytes.sum()


def test_the_notebook_comes_to_the_same_bits(
    facts: Facts, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    made = template(facts, document(facts, "A report", ""), folder.parent / "report.ipynb")
    names: dict[str, object] = {}
    for beginning in ("import warnings", 'columns = ["text', "sums = ", "bits = "):
        (code,) = [cell.source for cell in made.cells if cell.source.startswith(beginning)]
        exec(code, names)
    bits = names["models"]["bits_per_byte"]  # type: ignore[index]
    np.testing.assert_allclose([bits[name] for name in facts.names], facts.bits_per_byte)


def test_what_is_left_out_is_said_of_what_there_is() -> None:
    assert told(60, 60, 0) == "the 60 bytes that all models scored"
    assert told(60, 60, 1) == "the 60 bytes that all models scored, none of them in 1 story"
    assert told(60, 80, 2).endswith("leaving out up to 20 (25 %), among them all of 2 stories")
