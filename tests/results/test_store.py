"""The store: what goes in comes out to the bit, whoever else writes or joins parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eyebrow.core import EyebrowError
from eyebrow.core.results.store import (
    LAYOUT,
    ROWS_TOGETHER,
    SCHEMA,
    Row,
    Store,
    default_store,
    writer,
)
from eyebrow.core.results.store.parts import Part
from eyebrow.core.scoring.recipe import Recipe
from filelock import FileLock
from stored import (
    ARRAYS,
    KEY,
    MEMBER,
    MODEL,
    RECIPE,
    apart,
    assert_same,
    digest_of,
    parts_of,
    row_of,
    rows,
    score_of,
)


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
    assert not store.folder.exists()
    store.write(rows(0, 1))
    assert store.score("00", *KEY) is None
    other = Recipe("scored", 64, 32, "float32", "cpu")
    assert store.summaries(MODEL, other.digest) == {}
    assert store.summaries("f" * 16, RECIPE.digest) == {}


def test_what_is_written_goes_into_the_part_that_is_being_filled(store: Store) -> None:
    kept = rows(0, 80)
    for at in range(0, 80, 7):
        store.write(kept[at : at + 7])
        Store(store.folder).write(kept[at : at + 3])  # scored by two at the same time
    (part,) = parts_of(store)
    assert pq.read_table(part).num_rows == 80
    for row in kept:
        assert_same(store.score(digest_of(row), *KEY), row.score)
    assert not list(store.layout.unfinished.iterdir())


def body(part: Path) -> bytes:
    with pq.ParquetFile(part) as file:
        return part.read_bytes()[: -file.metadata.serialized_size - 8]


def test_what_is_there_keeps_its_bytes_and_its_place(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a reader that has read the footer may open the file again; joined they are seldom."""
    monkeypatch.setattr(writer, "SCATTERED", 20)
    before, moves = b"", 0
    for seed in range(0, 80, 2):
        Store(store.folder).write(rows(seed, 2))
        (part,) = parts_of(store)
        after = body(part)
        moves += not after.startswith(before)
        before = after
    assert moves == 1
    with pq.ParquetFile(part) as file:
        assert file.num_row_groups <= 21
    assert pq.read_table(part).column("story").to_pylist() == [f"s{n}" for n in range(80)]


def test_a_full_part_has_no_small_groups(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FULL", 100_000)
    for seed in range(0, 60, 2):
        store.write([row_of(seed, length=100), row_of(seed + 1, length=100)])
    full = [part for part in parts_of(store) if part.stat().st_size >= 100_000]
    for part in full:
        with pq.ParquetFile(part) as file:
            assert file.num_row_groups == 1
    assert full
    assert pq.read_table(store.layout.scores).num_rows == 60


def test_a_full_part_is_left_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FULL", 20_000)
    kept = rows(0, 60)
    for row in kept:
        before = {path: path.read_bytes() for path in store.layout.scores.glob("*")}
        store.write([row])
        changed = [path for path, raw in before.items() if path.read_bytes() != raw]
        assert len(changed) <= 1
        assert all(len(before[path]) < 20_000 for path in changed)
    assert len(parts_of(store)) > 1
    assert store.summaries(*KEY) == {digest_of(row): row.score.summary for row in kept}
    assert pq.read_table(store.layout.scores).num_rows == 60


def test_a_reader_loses_nothing_while_others_write(store: Store) -> None:
    """Parts are replaced under the reader all the time; what was there before must stay there."""
    kept = rows(0, 8)
    for row in kept:
        store.write([row])
    stop = threading.Event()
    failures: list[BaseException] = []

    def shuffle() -> None:
        try:
            for seed in range(100, 100 + 8 * 12):
                Store(store.folder).write([row_of(seed)])
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


def test_a_reader_that_streams_loses_no_row_when_parts_are_renamed(store: Store) -> None:
    kept = rows(0, 9)
    apart(store, kept)
    found = []
    for digest, text, score in store.scored_texts(*KEY):
        found.append(digest)
        assert text
        assert len(score)
        for n, path in enumerate(parts_of(store)):
            path.rename(path.with_name(f"{'-'.join(KEY)}-renamed-{len(found)}{n}.parquet"))
    assert sorted(found) == sorted(digest_of(row) for row in kept)
    every = store.texts({digest_of(row) for row in kept})
    assert every == {digest_of(row): row.story.text for row in kept}


def test_the_texts_are_all_read_when_parts_are_renamed_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = rows(0, 9)
    apart(store, kept)
    read = Part.read

    def rename_and_read(part: Part, columns: list[str]) -> pa.Table:
        for path in parts_of(store):
            if "moved" not in path.name and path != part.path:
                path.rename(path.with_name(path.name.replace(".parquet", "0moved.parquet")))
        return read(part, columns)

    monkeypatch.setattr(Part, "read", rename_and_read)
    wanted = {digest_of(row): row.story.text for row in kept}
    assert store.texts(set(wanted)) == wanted


def test_doubled_rows_are_read_once_and_leave_the_part_that_is_filled(store: Store) -> None:
    """Two machines have scored the same texts at the same moment."""
    kept = rows(0, 5)
    store.write(kept)
    (part,) = parts_of(store)
    twin = part.with_name(f"{'-'.join(KEY)}-00000000-00000000.parquet")
    twin.write_bytes(part.read_bytes())
    assert pq.read_table(store.layout.scores).num_rows == 10
    assert len(list(store.scores(*KEY))) == len(store.summaries(*KEY)) == 5
    store.write(rows(5, 1))
    assert pq.read_table(store.layout.scores).num_rows == 6


def test_machines_that_share_a_folder_fill_parts_of_their_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(rows(0, 3))
    monkeypatch.setattr(writer, "machine", lambda: "0therone")
    Store(store.folder).write(rows(0, 5))
    assert len(parts_of(store)) == 2
    assert pq.read_table(store.layout.scores).num_rows == 5, "what is there is not kept twice"


def test_a_part_that_nobody_fills_any_more_is_taken_over(store: Store) -> None:
    apart(store, rows(0, 2))
    long_ago = time.time() - 2 * writer.ABANDONED
    os.utime(parts_of(store)[0], (long_ago, long_ago))
    store.write(rows(2, 1))
    assert len(parts_of(store)) == 2
    assert len(store.summaries(*KEY)) == 3


def test_without_a_turn_a_writer_fills_a_part_of_its_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(rows(0, 2))
    monkeypatch.setattr(writer, "PATIENCE", 0.05)
    with FileLock(store.layout.lock):
        store.write(rows(2, 2))
        store.write(rows(4, 2))
    assert len(parts_of(store)) == 2
    assert len(store.summaries(*KEY)) == pq.read_table(store.layout.scores).num_rows == 6


def test_what_is_remembered_of_parts_does_not_grow(store: Store) -> None:
    apart(store, rows(0, 6))
    for seed in range(30):
        for path in parts_of(store):
            path.rename(path.with_name(f"{path.stem}{seed}.parquet"))
        assert_same(store.score(digest_of(row_of(1)), *KEY), row_of(1).score)
    assert len(store._indices) <= 6


def test_any_number_of_alternatives(store: Store) -> None:
    other = replace(RECIPE, context=48)
    for top, recipe in ((3, RECIPE), (0, other)):
        row = Row(row_of(1).story, MEMBER, recipe, score_of(1, 9, top))
        store.write([row])
        assert_same(store.score(digest_of(row), MODEL, recipe.digest), row.score)


def test_what_was_not_scored_is_null(store: Store) -> None:
    kept = row_of(1, length=40)
    store.write([kept])
    (found,) = pq.read_table(store.layout.scores).to_pylist()
    unscored = np.flatnonzero(kept.score.ranks == 0).tolist()
    for name in ("logprobs", "entropies", "ranks", "top_ids", "top_logprobs"):
        assert [at for at, value in enumerate(found[name]) if value is None] == unscored, name
    assert all(None not in found[name] for name in ("token_ids", "starts", "ends"))
    last = [value for value in found["logprobs"] if value is not None]
    assert not any(np.isnan(last))


def test_strings_alone_have_a_dictionary_and_every_page_a_checksum(store: Store) -> None:
    store.write(rows(0, 3))
    with pq.ParquetFile(parts_of(store)[0]) as file:
        group = file.metadata.row_group(0)
        for at in range(group.num_columns):
            column = group.column(at)
            is_string = column.path_in_schema in ("model", "model_digest", "recipe_digest")
            assert column.has_dictionary_page == is_string, column.path_in_schema


def test_a_later_layout_is_told_in_one_line(store: Store) -> None:
    store.write(rows(0, 1))
    (store.folder / "layout.json").write_text(json.dumps({"layout": LAYOUT + 1}))
    for ask in (
        lambda one: one.summaries(*KEY),
        lambda one: list(one.contents()),
        lambda one: one.write(rows(1, 1)),
    ):
        with pytest.raises(EyebrowError, match=r"layout 3, this one reads 2.*update eyebrow"):
            ask(Store(store.folder))


def plainly_read(store: Store) -> list[str]:
    if not store.layout.scores.is_dir() or not parts_of(store):
        return []
    return list(pq.read_table(store.layout.scores, columns=["story"])["story"].to_pylist())


WRITER = """
import sys
from pathlib import Path
from results.stored import KEY, Store, row_of
store = Store(Path(sys.argv[1]))
for seed in range(int(sys.argv[2]), int(sys.argv[2]) + 30):
    store.write([row_of(seed)])
"""


def test_two_processes_share_a_folder(store: Store, repo: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(store.folder)]
    writers = [
        subprocess.Popen([*command, first], cwd=repo / "tests", stderr=subprocess.PIPE)
        for first in ("0", "20")  # ten stories are scored by both
    ]
    before: set[str] = set()
    while any(process.poll() is None for process in writers):  # as any plain reader does
        found = plainly_read(store)
        assert len(found) == len(set(found))
        assert before <= set(found)
        before = set(found)
    for process in writers:
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()
    kept = rows(0, 50)
    assert store.summaries(*KEY) == {digest_of(row): row.score.summary for row in kept}
    for row in kept[::7]:
        assert_same(store.score(digest_of(row), *KEY), row.score)
    assert not list(store.layout.unfinished.iterdir())
    assert pq.read_table(store.layout.scores).num_rows == 50, "none is there twice"


def test_any_parquet_reader_opens_the_folder(store: Store) -> None:
    kept = rows(0, 3)
    store.write(kept[:2])
    store.write(kept[2:])
    store.keep_vocabulary("abcd", ["a", "b"])
    assert {path.suffix for path in store.layout.scores.rglob("*")} == {".parquet"}
    table = pq.read_table(store.layout.scores)
    assert table.num_rows == 3
    documented = ["text", "text_digest", "model_digest", "parameters", "recipe_digest"]
    documented += ["tokens", "bytes", "nll", "story", "model", *ARRAYS]
    assert table.column_names == documented
    found = {row["story"]: row for row in table.to_pylist()}
    for row in kept:
        stored = found[row.story.id]
        assert stored["text"] == row.story.text
        assert stored["nll"] == row.score.summary.nll
        assert (stored["model"], stored["parameters"]) == ("pocket", 12)
        assert stored["recipe_digest"] == RECIPE.digest
        assert len(stored["top_ids"]) == len(row.score)


def test_every_column_is_documented(repo: Path) -> None:
    said = (repo / "docs" / "store.md").read_text(encoding="utf-8")
    assert [name for name in SCHEMA.names if f"| `{name}` |" not in said] == []


def test_datasets_and_pandas_open_it(store: Store, tmp_path: Path) -> None:
    from datasets import load_dataset

    store.write(rows(0, 3))
    store.keep_vocabulary("abcd", ["a", "b"])
    found = load_dataset(
        "parquet",
        data_dir=str(store.layout.scores),
        split="train",
        cache_dir=str(tmp_path / "datasets"),
    )
    assert sorted(found["story"]) == ["s0", "s1", "s2"]
    pandas = pytest.importorskip("pandas")
    assert sorted(pandas.read_parquet(store.layout.scores)["story"]) == ["s0", "s1", "s2"]


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
    def full(where: Path, *_: Any, **__: Any) -> None:
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "ParquetWriter", full)
    with pytest.raises(EyebrowError, match="no space left"):
        store.write(rows(0, 1))
    assert parts_of(store) == list(store.layout.unfinished.iterdir()) == []


def test_half_a_surrogate_pair_stops_no_other_row(store: Store) -> None:
    bad, good = row_of(1, text="a\ud800"), row_of(2)
    store.write([bad, good])
    assert_same(store.score(digest_of(bad), *KEY), bad.score)
    assert_same(store.score(digest_of(good), *KEY), good.score)
    assert "a?" in pq.read_table(store.layout.scores).column("text").to_pylist()


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_store() == tmp_path / "eyebrow" / "store"


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
