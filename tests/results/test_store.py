"""The store: what goes in comes out to the bit, whoever else writes or joins parts."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eyebrow.core import EyebrowError
from eyebrow.core.models.member import Member
from eyebrow.core.results.store import ROWS_TOGETHER, Row, Store, default_store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scores import TOP, StoryScore, Summary
from eyebrow.core.stories import Story, text_digest

RECIPE = Recipe("context", 64, 32, "float32", "cpu")
MODEL = "0123456789abcdef"
MEMBER = Member("pocket", MODEL, "", "", "feedfacefeedface", 12)
KEY = (MODEL, RECIPE.digest)
ARRAYS = (
    *("token_ids", "starts", "ends", "logprobs"),
    *("entropies", "ranks", "top_ids", "top_logprobs"),
)


def score_of(seed: int, length: int) -> StoryScore:
    """Arrays with everything that floats can hold."""
    random = np.random.default_rng(seed)

    def floats(*shape: int) -> Any:
        values = random.standard_normal(shape).astype(np.float32) * 10
        values[random.random(shape) < 0.1] = -np.inf
        values[random.random(shape) < 0.05] = np.float32(1e-42)  # smaller than normal numbers
        values[:1] = np.nan
        return values

    def ints(*shape: int) -> Any:
        return random.integers(-1, 2**31 - 1, shape, dtype=np.int32)

    return StoryScore(
        ints(length),
        ints(length),
        ints(length),
        floats(length),
        floats(length),
        ints(length),
        ints(length, TOP),
        floats(length, TOP),
        Summary(length, 3 * length, float(random.random()) * 1e3),
    )


def row_of(seed: int, length: int = 5, text: str = "") -> Row:
    story = Story(f"s{seed}", "A title", text or f"story {seed} é🦜\u0000\r\n")
    return Row(story, MEMBER, RECIPE, score_of(seed, length))


def rows(first: int, count: int) -> list[Row]:
    return [row_of(seed) for seed in range(first, first + count)]


def digest_of(row: Row) -> str:
    return text_digest(row.story.text)


def assert_same(found: StoryScore | None, wanted: StoryScore) -> None:
    assert found is not None
    for name in ARRAYS:
        one, other = getattr(found, name), getattr(wanted, name)
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        assert one.tobytes() == other.tobytes(), name
    assert found.summary == wanted.summary


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "scores")


def test_round_trip_to_the_bit(store: Store) -> None:
    kept = [row_of(seed, length) for seed, length in enumerate((0, 1, 7, 300))]
    store.write(kept)
    assert store.summaries(*KEY) == {digest_of(row): row.score.summary for row in kept}
    for row in kept:
        assert_same(store.score(digest_of(row), *KEY), row.score)


def test_every_row_of_many_parts_and_row_groups(store: Store) -> None:
    kept = rows(0, ROWS_TOGETHER * 2 + 3)
    store.write(kept[:70])
    store.write(kept[70:])
    for row in kept[::9] + kept[-1:]:
        assert_same(store.score(digest_of(row), *KEY), row.score)


def test_what_is_not_there(store: Store) -> None:
    assert store.summaries(*KEY) == {}
    assert store.score("00", *KEY) is None
    store.write([])
    store.tidy(*KEY)
    assert not store.folder.exists()
    store.write(rows(0, 1))
    assert store.score("00", *KEY) is None
    other = Recipe("scored", 64, 32, "float32", "cpu")
    assert store.summaries(MODEL, other.digest) == {}
    assert store.summaries("f" * 16, RECIPE.digest) == {}


def test_torn_and_foreign_files_are_ignored(store: Store) -> None:
    kept = rows(0, 9)
    for row in kept:
        store.write([row])
    whole = next(store.folder.glob("*.parquet")).read_bytes()
    name = f"{MODEL}-{RECIPE.digest}"
    (store.folder / f"{name}-torn.parquet").write_bytes(whole[: len(whole) // 2])
    (store.folder / f"{name}-empty.parquet").touch()
    pq.write_table(pa.table({"a": [1]}), store.folder / f"{name}-foreign.parquet")
    (store.folder / "notes.txt").write_text("mine")
    wanted = {digest_of(row): row.score.summary for row in kept}
    assert store.summaries(*KEY) == wanted
    store.tidy(*KEY)
    assert store.summaries(*KEY) == wanted
    assert len(list(store.folder.glob("*.parquet"))) == 4, "nine joined into one, three left alone"
    for row in kept:
        assert_same(store.score(digest_of(row), *KEY), row.score)


def test_tidying_joins_parts_and_keeps_rows_once(store: Store) -> None:
    kept = rows(0, 80)
    for at in range(0, 80, 7):
        store.write(kept[at : at + 7])
    store.write(kept[:3])  # scored by two at the same time
    store.tidy(*KEY)
    (part,) = store.folder.glob("*.parquet")
    assert pq.read_table(part).num_rows == 80
    for row in kept:
        assert_same(store.score(digest_of(row), *KEY), row.score)


def test_few_parts_are_left_alone(store: Store) -> None:
    for row in rows(0, 7):
        store.write([row])
    before = sorted(store.folder.iterdir())
    store.tidy(*KEY)
    assert sorted(store.folder.iterdir()) == before


def test_a_reader_loses_nothing_while_others_tidy(store: Store) -> None:
    """Parts vanish under the reader all the time; what was there before must stay there."""
    kept = rows(0, 8)
    for row in kept:
        store.write([row])
    stop = threading.Event()
    failures: list[BaseException] = []

    def shuffle() -> None:
        try:
            for seed in range(100, 100 + 8 * 12):
                store.write([row_of(seed)])
                store.tidy(*KEY)
        except BaseException as error:
            failures.append(error)
        finally:
            stop.set()

    thread = threading.Thread(target=shuffle)
    thread.start()
    looked = 0
    while not stop.is_set():
        assert store.summaries(*KEY).keys() >= {digest_of(row) for row in kept}
        assert_same(store.score(digest_of(kept[looked % 8]), *KEY), kept[looked % 8].score)
        looked += 1
    thread.join()
    assert not failures
    assert looked > 0
    assert len(store.summaries(*KEY)) == 8 + 8 * 12


WRITER = """
import sys
from pathlib import Path
from results.test_store import KEY, Store, row_of
store = Store(Path(sys.argv[1]))
for seed in range(int(sys.argv[2]), int(sys.argv[2]) + 30):
    store.write([row_of(seed)])
    store.tidy(*KEY)
"""


def test_two_processes_share_a_folder(store: Store, repo: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(store.folder)]
    writers = [
        subprocess.Popen([*command, first], cwd=repo / "tests", stderr=subprocess.PIPE)
        for first in ("0", "20")  # ten stories are scored by both
    ]
    for writer in writers:
        _, said = writer.communicate()
        assert writer.returncode == 0, said.decode()
    kept = rows(0, 50)
    assert store.summaries(*KEY) == {digest_of(row): row.score.summary for row in kept}
    for row in kept[::7]:
        assert_same(store.score(digest_of(row), *KEY), row.score)
    assert not [path for path in store.folder.iterdir() if path.name.startswith(".")]


def test_any_parquet_reader_opens_the_folder(store: Store) -> None:
    kept = rows(0, 3)
    store.write(kept[:2])
    store.write(kept[2:])
    store.keep_vocabulary("abcd", ["a", "b"])
    table = pq.read_table(store.folder)
    assert table.num_rows == 3
    documented = ["story", "text", "text_digest", "model", "model_digest", "parameters"]
    documented += ["recipe_digest", "tokens", "bytes", "nll", *ARRAYS]
    assert set(documented) <= set(table.column_names)
    found = {row["story"]: row for row in table.to_pylist()}
    for row in kept:
        stored = found[row.story.id]
        assert stored["text"] == row.story.text
        assert stored["nll"] == row.score.summary.nll
        assert (stored["model"], stored["parameters"]) == ("pocket", 12)
        assert json.loads(stored["recipe"]) == RECIPE.to_json()
        assert len(stored["top_ids"]) == len(row.score)


def test_datasets_and_pandas_open_it(store: Store, tmp_path: Path) -> None:
    from datasets import load_dataset

    store.write(rows(0, 3))
    store.keep_vocabulary("abcd", ["a", "b"])
    found = load_dataset(
        "parquet", data_dir=str(store.folder), split="train", cache_dir=str(tmp_path / "datasets")
    )
    assert sorted(found["story"]) == ["s0", "s1", "s2"]
    pandas = pytest.importorskip("pandas")
    assert sorted(pandas.read_parquet(store.folder)["story"]) == ["s0", "s1", "s2"]


def test_vocabularies(store: Store) -> None:
    texts = ["the", " cat", "‹F0 9F›", "\n", "\u202e", "é"]
    assert store.vocabulary("abcd") is None
    store.keep_vocabulary("abcd", texts)
    assert store.vocabulary("abcd") == texts
    store.keep_vocabulary("abcd", ["others"])
    assert store.vocabulary("abcd") == texts
    assert store.vocabulary("ef") is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EyebrowError, match="Cannot write the store"):
        Store(tmp_path / "file" / "scores").write(rows(0, 1))


def test_nothing_half_written_stays_when_a_write_fails(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(table: pa.Table, where: Path, **_: Any) -> None:
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(EyebrowError, match="No space left"):
        store.write(rows(0, 1))
    assert list(store.folder.iterdir()) == []


def test_half_a_surrogate_pair_stops_no_other_row(store: Store) -> None:
    bad, good = row_of(1, text="a\ud800"), row_of(2)
    store.write([bad, good])
    assert_same(store.score(digest_of(bad), *KEY), bad.score)
    assert_same(store.score(digest_of(good), *KEY), good.score)
    assert "a?" in pq.read_table(store.folder).column("text").to_pylist()


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_store() == tmp_path / "eyebrow" / "scores"


def test_all_scores_come_once_each_over_parts_and_row_groups(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = rows(0, ROWS_TOGETHER + 3), rows(60, 20)  # some of them are in both parts
    store.write(first)
    store.write([*second, row_of(200, length=0)])
    wanted = {digest_of(row): row.score for row in [*second, *first, row_of(200, length=0)]}
    whole = dict(store.scores(*KEY, top=True))
    assert len(list(store.scores(*KEY))) == len(wanted) == len(whole)
    for digest, score in wanted.items():
        assert_same(whole[digest], score)
    bare = dict(store.scores(*KEY))[digest_of(first[0])]
    assert bare.top_ids.shape == (len(bare), 0)
    assert bare.summary == first[0].score.summary
