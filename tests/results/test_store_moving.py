"""A store of the first layout is read where it is, and moved by the first that writes."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eyebrow.core.files import STALE
from eyebrow.core.results.default_store import default_store
from eyebrow.core.results.marks import mark, read_marks, unmark
from eyebrow.core.results.store import Row, Store, list_runs, moving
from eyebrow.core.results.store.older import SCHEMA_1
from eyebrow.core.stories import Story
from stored import KEY, MEMBER, RECIPE, assert_same, digest_of, row_of, rows


def older_part(folder: Path, some: list[Row], name: str, **changed: Any) -> Path:
    """As eyebrow wrote it: labels in every row, and nan, 0 and -1 where nothing was scored."""
    told = [
        {
            **{
                name: getattr(row.score, name)
                for name in SCHEMA_1.names
                if hasattr(row.score, name)
            },
            "top_ids": list(row.score.top_ids),
            "top_logprobs": list(row.score.top_logprobs),
            "story": row.story.id,
            "title": row.story.title,
            "text": row.story.text,
            "text_digest": digest_of(row),
            "model": MEMBER.name,
            "model_digest": MEMBER.digest,
            "family": "fam",
            "revision": "main",
            "tokenizer_digest": MEMBER.tokenizer,
            "parameters": 12,
            "recipe_digest": RECIPE.digest,
            "recipe": json.dumps(RECIPE.to_json()),
            "tokens": row.score.summary.tokens,
            "bytes": row.score.summary.bytes,
            "nll": row.score.summary.nll,
            **changed,
        }
        for row in some
    ]
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{'-'.join(KEY)}-{name}.parquet"
    pq.write_table(pa.Table.from_pylist(told, schema=SCHEMA_1), place, compression="zstd")
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten stories in three parts, one of them twice."""
    place = tmp_path / "kept"
    older_part(place, rows(0, 4), "aaa")
    older_part(place, rows(3, 4), "bbb")
    older_part(place, rows(7, 3), "ccc")
    (place / ".vocabularies").mkdir()
    (place / ".vocabularies" / "abcd.json").write_text('["a", "b"]')
    (place / ".marks").mkdir()
    (place / ".marks" / "0123.json").write_text("{}")
    return place


def assert_all_there(store: Store, count: int = 10) -> None:
    kept = rows(0, count)
    assert store.summaries(*KEY) == {digest_of(row): row.score.summary for row in kept}
    for row in kept:
        assert_same(store.score(digest_of(row), *KEY), row.score)
    assert len(list(store.scores(*KEY))) == count
    (contents,) = store.contents()
    assert {(row.label.id, row.label.title) for row in contents.rows} >= {
        (f"s{n}", "A title") for n in range(10)
    }
    (member,) = contents.members
    assert (member.family, member.revision, member.tokenizer) == ("fam", "main", MEMBER.tokenizer)
    assert store.vocabulary("abcd") == ["a", "b"]
    assert "0123" in read_marks(store.folder)


def test_it_is_read_where_it_is(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    assert_all_there(Store(folder))
    Store(folder).mend()
    assert sorted(folder.rglob("*")) == before


def test_the_first_writer_moves_it(folder: Path) -> None:
    said: list[str] = []
    store = Store(folder, said.append)
    store.write(rows(10, 1))
    assert_all_there(store, 11)
    assert not list(folder.glob("*.parquet"))
    assert not (folder / ".marks").exists()
    assert not (folder / ".vocabularies").exists()
    table = pq.read_table(store.layout.scores)
    assert table.num_rows == 11, "no row is doubled"
    assert None in table.column("ranks").to_pylist()[0]
    assert len(list_runs(store.layout)) == 1
    assert json.loads((folder / "layout.json").read_text()) == {"layout": 2}
    assert len(said) == 1
    assert_all_there(Store(folder, said.append), 11)
    Store(folder, said.append).write(rows(10, 1))
    assert len(said) == 1


@pytest.mark.parametrize("steps", range(4))
def test_a_move_that_is_broken_off_goes_on_where_it_was(
    folder: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(steps))
    unlink = Path.unlink

    def broken(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".parquet" and next(left, None) is None:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", broken)
    if steps < 3:
        with pytest.raises(KeyboardInterrupt):
            Store(folder).write(rows(10, 1))
        monkeypatch.undo()
        assert_all_there(Store(folder))
    store = Store(folder)
    store.write(rows(10, 1))
    assert_all_there(store, 11)
    assert pq.read_table(store.layout.scores).num_rows == 11


def test_two_that_move_at_once_make_one_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other moves everything while this one is at its first part."""
    move_part = moving._move_part
    others: list[Store] = []

    def second(*arguments: Any) -> None:
        if not others:
            others.append(Store(folder))
            moving.move(others[0].layout, others[0]._aside, arguments[-1])
        move_part(*arguments)

    monkeypatch.setattr(moving, "_move_part", second)
    store = Store(folder)
    store.write(rows(10, 1))
    assert_all_there(store, 11)
    assert pq.read_table(store.layout.scores).num_rows == 11


def test_a_reader_that_streams_while_it_is_moved_misses_nothing(folder: Path) -> None:
    store, found = Store(folder), []
    for digest, _ in store.scores(*KEY):
        if not found:
            Store(folder).write(rows(10, 1))
        found.append(digest)
    assert sorted(found) == sorted(digest_of(row) for row in rows(0, 11))


def test_what_is_damaged_or_foreign_in_it_stops_nothing(folder: Path) -> None:
    older_part(folder, rows(20, 1), "nulls", text_digest=None)
    older_part(folder, rows(21, 1), "recipe", recipe="{")
    torn = folder / f"{'-'.join(KEY)}-torn.parquet"
    torn.write_bytes(next(folder.glob("*aaa.parquet")).read_bytes()[:-300])
    pq.write_table(pa.table({"a": [1]}), folder / "mine.parquet")
    said: list[str] = []
    store = Store(folder, said.append)
    store.write(rows(10, 1))
    assert_all_there(store, 11)
    assert sorted(path.name.split("-")[2] for path in store.layout.damaged.iterdir()) == [
        *("nulls.parquet", "recipe.parquet", "torn.parquet")
    ]
    assert (folder / "mine.parquet").exists(), "it has not the name of a part"
    assert len([line for line in said if "set aside" in line]) == 3


def test_what_its_killed_writers_left_is_cleared(folder: Path) -> None:
    old = folder / f".{'-'.join(KEY)}-abc.parquet.77"
    young = folder / f".{'-'.join(KEY)}-abd.parquet.78"
    half = folder / ".vocabularies" / "feedfacefeedface.json.79"
    for path in (old, young, half):
        path.touch()
    for path in (old, half):
        os.utime(path, (time.time() - STALE - 9,) * 2)
    Store(folder).write(rows(10, 1))
    assert not old.exists()
    assert not half.exists()
    assert young.exists()


def test_the_default_place_has_moved_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    former = default_store().with_name("scores")
    older_part(former, rows(0, 3), "aaa")
    store = Store(default_store())
    assert len(store.summaries(*KEY)) == 3
    store.write(rows(3, 1))
    assert len(store.summaries(*KEY)) == pq.read_table(store.layout.scores).num_rows == 4
    assert not former.exists()


def test_marks(tmp_path: Path) -> None:
    story = Story("a", "A", "Once.")
    (tmp_path / ".marks").mkdir()
    mark(tmp_path, story)
    (name,) = read_marks(tmp_path)
    (tmp_path / ".marks" / f"{name}.json").write_text("{}")
    assert (tmp_path / "marks" / f"{name}.json").exists()
    unmark(tmp_path, story)
    assert read_marks(tmp_path) == set()


def test_a_row_is_not_kept_twice_where_the_older_store_has_it(folder: Path) -> None:
    store = Store(folder)
    store.write([row_of(0), row_of(5), row_of(10)])
    assert pq.read_table(store.layout.scores).num_rows == 11


def test_files_of_others_are_left_where_they_are(tmp_path: Path) -> None:
    """A folder of a dataset, named as the store: shards in Hugging Face's manner, old copies."""
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "train-00000-of-00001.parquet")
    for name in ("app.json.1", "settings.json.20240101", "part.parquet.7"):
        (tmp_path / name).write_text("mine")
        os.utime(tmp_path / name, (0, 0))
    before = sorted(tmp_path.iterdir())
    store = Store(tmp_path, pytest.fail)
    store.mend()
    store.move()
    assert sorted(tmp_path.iterdir()) == before
    store.write(rows(0, 1))
    assert {*before} < {*tmp_path.iterdir()}


def test_what_cannot_be_moved_stops_no_new_scores(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(moving, "_move_part", full)
    said: list[str] = []
    store = Store(folder, said.append)
    store.write(rows(10, 1))
    assert len(store.summaries(*KEY)) == 11
    assert said[-1] == f"{folder}: it is read where it is (no space left on device)"
