"""The tokens of a real store against a plain loop, and stores with holes."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from eyebrow.core import Recipe, Story, score
from eyebrow.core.models.member import Member
from eyebrow.core.results.findings.tokens import findings_of_tokens
from eyebrow.core.results.statistics.sheet import Sheet, read_sheets
from eyebrow.core.results.store import Row, Store
from eyebrow.core.results.tokens.occurrences import top_occurrences
from eyebrow.core.results.tokens.reading import OPENING, RANKS, FamilyTokens, read_tokens
from eyebrow.core.results.tokens.types import Type, TypeCounter
from eyebrow.core.scoring.positions import SentencePositions
from eyebrow.core.scoring.scores import TOP, StoryScore, Summary
from eyebrow.core.stories import bundled_stories

RECIPE = Recipe("context", 64, 32, "float32", "cpu")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Sheet]:
    """Twenty bundled stories under two sizes, written in two runs and different orders."""
    folder = tmp_path_factory.mktemp("tokens") / "scores"
    stories = [*list(bundled_stories())[:4], *list(bundled_stories())[-16:]]
    recipe = Recipe(device="cpu")
    score(stories[:7], ["pocket-50k"], recipe=recipe, store=folder)
    score(stories, ["pocket-200k"], recipe=recipe, store=folder)
    score(stories, ["pocket-50k"], recipe=recipe, store=folder)
    store = Store(folder)
    return store, read_sheets(store)[0].common()


@pytest.fixture(scope="module")
def family(real: tuple[Store, Sheet]) -> FamilyTokens:
    store, sheet = real
    ((_, rows),) = sheet.families()
    return read_tokens(store, sheet, rows)


def plain(store: Store, sheet: Sheet, row: int) -> list[tuple[str, StoryScore]]:
    texts = store.texts({story.digest for story in sheet.stories})
    found = []
    for story in sheet.stories:
        one = store.score(story.digest, sheet.models[row].digest, sheet.recipe.digest)
        assert one is not None
        found.append((texts[story.digest], one))
    return found


def test_sums_are_the_sheets(real: tuple[Store, Sheet], family: FamilyTokens) -> None:
    _, sheet = real
    assert (family.left_out, len(family.models)) == (0, 2)
    for row, model in enumerate(family.models):
        assert (model.stories, model.tokens) == (20, sheet.tokens[row].sum())
        assert model.nll == pytest.approx(sheet.nll[row].sum(), rel=1e-6)
        for one in (model.by_token, model.by_sentence):
            assert one.tokens.sum() == model.tokens
            assert one.nll.sum() == pytest.approx(model.nll)


def test_places_ranks_and_entropy_against_a_loop(
    real: tuple[Store, Sheet], family: FamilyTokens
) -> None:
    store, sheet = real
    for row, model in enumerate(family.models):
        nats: dict[int, list[float]] = defaultdict(list)
        ranks = dict.fromkeys(RANKS, 0)
        early, late, entropy = [], [], 0.0
        for _, one in plain(store, sheet, row):
            for i in range(1, len(one)):
                nats[i + 1].append(float(one.surprises[i]))
                (early if i < OPENING else late).append(float(one.surprises[i]))
                entropy += float(one.entropies[i])
                for rank in RANKS:
                    ranks[rank] += int(one.ranks[i]) <= rank
        assert math.isnan(model.by_token.means[0])
        assert model.by_token.first[:256].tolist() == list(range(1, 257))
        for place in (2, 3, 50, 99, 250):
            assert model.by_token.tokens[place - 1] == len(nats[place])
            assert model.by_token.means[place - 1] == pytest.approx(np.mean(nats[place]))
        assert model.rank_shares == pytest.approx([ranks[r] / model.tokens for r in RANKS])
        assert model.opening.means == pytest.approx([np.mean(early), np.mean(late)])
        assert model.entropy == pytest.approx(entropy)


def test_five_sentences_are_those_of_scoring(
    real: tuple[Store, Sheet], family: FamilyTokens
) -> None:
    store, sheet = real
    for row, model in enumerate(family.models):
        counter = SentencePositions()
        for text, one in plain(store, sheet, row):
            counter.add(text, one)
        places = counter.positions()
        assert model.five.stories == places.stories == 16
        assert model.five.tokens.sum(axis=1).tolist() == list(places.tokens)
        assert model.five.means == pytest.approx(places.means)


def test_kinds_against_a_loop(real: tuple[Store, Sheet], family: FamilyTokens) -> None:
    store, sheet = real
    vocabulary = store.vocabulary(sheet.models[0].tokenizer)
    assert vocabulary is not None
    both = [plain(store, sheet, row) for row in (0, 1)]
    nats: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    words: dict[str, list[float]] = defaultdict(list)
    for story, ((text, small), (_, large)) in enumerate(zip(*both, strict=True)):
        for i in range(1, len(small)):
            text_of = vocabulary[small.token_ids[i]]
            nats[text_of].append((story, float(small.surprises[i]), float(large.surprises[i])))
        for match in re.finditer(r"\S+", text):
            word = match.group().strip(".,!?\"'“”’:;-—")
            at = match.start() + match.group().find(word)
            inside = (small.starts < at + len(word)) & (small.ends > at)
            if (small.ranks[inside] > 0).all():
                words[word.casefold()].append(float(large.surprises[inside].sum()))
    told = {k: v for k, v in nats.items() if len(v) >= 5 and len({s for s, *_ in v}) >= 3}
    means = {kind: np.mean([nat for _, nat, _ in rows]) for kind, rows in told.items()}
    hardest = family.models[0].hardest_tokens
    assert [k.text for k in hardest] == sorted(means, key=lambda k: -means[k])[: len(hardest)]
    assert hardest[0].nats == pytest.approx(means[hardest[0].text])
    assert hardest[0].occurrences == len(told[hardest[0].text])
    assert hardest[0].stories == len({s for s, *_ in told[hardest[0].text]})

    assert family.improvement is not None
    saved = {kind: np.mean([a - b for _, a, b in rows]) for kind, rows in told.items()}
    for found, best in (
        (family.improvement.tokens_most, max(saved, key=lambda k: saved[k])),
        (family.improvement.tokens_least, min(saved, key=lambda k: saved[k])),
    ):
        assert (found[0].text, found[0].nats) == (best, pytest.approx(saved[best], abs=1e-6))
    every = [a > b for rows in nats.values() for _, a, b in rows]
    assert family.improvement.improved == pytest.approx(np.mean(every))

    for kind in (*family.models[1].hardest_words[:10], *family.models[1].easiest_words[:10]):
        assert kind.occurrences == len(words[kind.text])
        assert kind.nats == pytest.approx(np.mean(words[kind.text]))


def test_the_single_highest_is_told(real: tuple[Store, Sheet], family: FamilyTokens) -> None:
    store, sheet = real
    texts = store.texts({story.digest for story in sheet.stories})
    scores = plain(store, sheet, 1)
    spot = family.models[1].most_surprising
    assert spot is not None
    assert spot.nats == pytest.approx(max(one.surprises[1:].max() for _, one in scores))
    assert spot.before + spot.token + spot.after in texts[spot.story.digest]
    assert spot.rank > 1


def test_the_highest_of_a_story_from_the_highest_down(real: tuple[Store, Sheet]) -> None:
    store, sheet = real
    (text, one), *_ = plain(store, sheet, 1)
    nats = one.surprises[1:].astype(np.float64)
    top = top_occurrences(sheet.stories[0], text, one, np.arange(1, len(one)), nats, 5)
    assert [each.nats for each in top] == sorted(nats.tolist(), reverse=True)[:5]
    for each in top:
        assert each.token == text[one.starts[each.index] : one.ends[each.index]]
        assert (each.nats, each.rank) == (nats[each.index - 1], one.ranks[each.index])


def test_error_of_a_kind_is_that_of_stories() -> None:
    """Against the plain bootstrap of stories, on clustered values."""
    random = np.random.default_rng(0)
    stories = []
    for _ in range(60):
        places = random.integers(1, 8)
        stories.append(random.normal(5, 1) + 0.1 * random.standard_normal(places))
    counter = TypeCounter(1)
    for nats in stories:
        counter.add(np.zeros(len(nats), dtype=np.int64), nats[None])
    ((kind,), _) = counter.ends(0, ["the"], 1, 1, 5)
    every = np.concatenate(stories)
    assert (kind.text, kind.occurrences, kind.stories) == ("the", len(every), 60)
    assert kind.nats == pytest.approx(every.mean())
    drawn = [
        np.concatenate([stories[i] for i in random.integers(0, 60, 60)]).mean() for _ in range(2000)
    ]
    assert kind.error == pytest.approx(np.std(drawn), rel=0.1)
    assert kind.error > 1.5 * every.std() / math.sqrt(len(every))  # tokens are not independent


@pytest.mark.parametrize("room", [0, 512])
def test_error_of_a_kind_is_over_groups(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """A group's texts, in whatever order among others, are as one text of all of them."""
    monkeypatch.setattr("eyebrow.core.results.tokens.types._ROOM", room)
    random = np.random.default_rng(0)
    groups = [str(n) for n in random.permutation(np.repeat(np.arange(12), 5))]
    hard = dict(zip(map(str, range(12)), random.normal(4, 1, 12), strict=True))
    texts = [
        (group, random.integers(0, 6, 20), hard[group] + random.normal(0, 0.1, (2, 20)))
        for group in groups
    ]
    counter, alone = TypeCounter(2, dict.fromkeys(hard, 5)), TypeCounter(2)
    for group, kinds, nats in texts:
        counter.add(kinds, nats, group=group)
        alone.add(kinds, nats)
    whole = TypeCounter(2)
    for name in hard:
        own = [(kinds, nats) for group, kinds, nats in texts if group == name]
        whole.add(
            np.concatenate([kinds for kinds, _ in own]),
            np.concatenate([nats for _, nats in own], axis=1),
        )
    for value in (0, 1):
        ends, _ = counter.ends(value, None, 1, 1, 6)
        wanted, _ = whole.ends(value, None, 1, 1, 6)
        short, _ = alone.ends(value, None, 1, 1, 6)
        for one, other, by_text in zip(ends, wanted, short, strict=True):
            assert (one.text, one.occurrences) == (other.text, other.occurrences)
            assert one.stories == by_text.stories > other.stories
            assert one.nats == pytest.approx(other.nats)
            assert one.error == pytest.approx(other.error)
            assert one.error > 1.5 * by_text.error


def test_a_group_that_never_was_whole_counts_with_what_came() -> None:
    counter = TypeCounter(1, {"a": 3, "b": 2})
    for group, nats in (("a", 4.0), ("b", 1.0), ("a", 2.0)):
        counter.add(np.array([0]), np.array([[nats]]), group=group)
    for _ in range(2):
        ((kind,), _) = counter.ends(0, ["the"], 1, 1, 1)
        assert (kind.occurrences, kind.stories, kind.nats) == (3, 3, pytest.approx(7 / 3))
        # Two clusters of sums 6 and 1 over 2 and 1 places: residuals 4/3 and -4/3.
        assert kind.error == pytest.approx(math.sqrt(2 * 2 * (4 / 3) ** 2) / 3)


def test_kinds_of_one_group_have_no_error_and_no_sign_of_one(
    real: tuple[Store, Sheet],
) -> None:
    store, sheet = real
    ((_, rows),) = sheet.families()
    told = tuple(replace(story, group="author: Smith") for story in sheet.stories)
    read = read_tokens(store, replace(sheet, stories=told), rows, least=2, in_stories=2)
    kinds = read.models[-1].hardest_tokens
    assert kinds
    assert all(math.isnan(kind.error) for kind in kinds)
    assert (read.clusters, read.drawn) == (1, "groups of stories")
    (said,) = [one for one in findings_of_tokens(read, 0) if one.answers == "Tokens"]
    assert "±" not in said.text


def test_what_errors_are_over_is_said(real: tuple[Store, Sheet], family: FamilyTokens) -> None:
    store, sheet = real
    ((_, rows),) = sheet.families()
    told = tuple(replace(story, group=f"author: {i % 10}") for i, story in enumerate(sheet.stories))
    read = read_tokens(store, replace(sheet, stories=told), rows)
    for own, over in ((family, "± standard error over stories,"), (read, "over groups of stories")):
        (said,) = [one for one in findings_of_tokens(own, 0) if one.answers == "Tokens"]
        assert over in said.text
        assert re.search(r" ± \d", said.text)
    errors = [[kind.error for kind in own.models[0].hardest_tokens] for own in (family, read)]
    assert errors[0] != errors[1]


def test_impossible_tokens_are_infinite_and_no_gain_is_made_of_them() -> None:
    counter = TypeCounter(2)
    for _ in range(3):
        counter.add(np.array([0, 2, 2]), np.array([[math.inf, 1.0, 2.0], [math.nan, 0.5, -0.5]]))
    hard, easy = counter.ends(0, None, 3, 3, 5)
    assert [(k.text, k.nats) for k in (*hard, *easy)] == [("token 0", math.inf), ("token 2", 1.5)]
    gains, none = counter.ends(1, None, 3, 3, 5)
    assert (gains, none) == ((Type("token 2", 6, 3, 0.0, 0.0),), ())


def row_of(text: str, nats: list[float], member: Member, ids: list[int] | None = None) -> Row:
    """One token a character, the first unscored."""
    size = len(text)
    logprobs = np.array([math.nan, *(-n for n in nats)], dtype=np.float32)
    one = StoryScore(
        np.array(ids or [ord(ch) for ch in text], dtype=np.int32),
        np.arange(size, dtype=np.int32),
        np.arange(1, size + 1, dtype=np.int32),
        logprobs,
        np.abs(logprobs),
        np.array([0, *[3] * (size - 1)], dtype=np.int32),
        np.zeros((size, TOP), dtype=np.int32),
        np.zeros((size, TOP), dtype=np.float32),
        Summary(size - 1, size - 1, float(sum(nats))),
    )
    return Row(Story(text, text, text), member, RECIPE, one)


def test_only_stories_of_all_models_with_the_same_tokens(tmp_path: Path) -> None:
    store = Store(tmp_path)
    small, large = (Member(n, n * 16, "f", "", "t", i) for i, n in enumerate("ab"))
    store.write([row_of(t, [2.0, 4.0], small) for t in ("xyz", "abc", "odd", "own")])
    store.write(
        [
            row_of("odd", [1.0, 1.0], large, ids=[1, 2, 3]),
            row_of("abc", [1.0, 6.0], large),
            row_of("xyz", [1.0, math.inf], large),
        ]
    )
    (sheet,) = read_sheets(store)
    found = read_tokens(store, sheet, [0, 1], least=1, in_stories=1)
    assert (found.left_out, found.models[0].stories, found.models[0].tokens) == (2, 2, 4)
    assert found.models[0].by_token.means.tolist()[1:] == [2.0, 4.0]
    assert found.models[1].by_token.means.tolist()[1:] == [1.0, math.inf]
    spot = found.models[1].most_surprising
    assert spot is not None
    assert (spot.token, spot.nats) == ("z", math.inf)
    assert found.improvement is not None
    assert found.improvement.improved == 0.5
    assert {k.text for k in found.improvement.tokens_least[:1]} == {"token 122"}


def test_one_model_and_nothing_stored(tmp_path: Path, real: tuple[Store, Sheet]) -> None:
    store, sheet = real
    alone = read_tokens(store, sheet, [1])
    assert (alone.improvement, alone.models[0].model) == (None, "pocket-200k")
    empty = read_tokens(Store(tmp_path), sheet, [0, 1])
    assert empty.left_out == 20
    assert empty.models[0].five.stories == 0
    assert all(math.isnan(share) for share in empty.models[0].rank_shares)
    assert empty.models[0].hardest_tokens == ()
