"""A source in pieces gives what it gives in one."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.stories import open_stories, pieces
from eyebrow.core.stories.drafts import Draft
from eyebrow.core.stories.pieces import Piece, in_turn, open_in_pieces


def apart(some: Sequence[Piece]) -> Iterator[Draft]:
    """As other processes would read them."""
    copies = [pickle.loads(pickle.dumps(piece)) for piece in some]
    read = [list(piece.drafts()) for piece in reversed(copies)]
    return chain.from_iterable(reversed(read))


def write_parquet(place: Path, count: int, *, rows: int) -> None:
    table = pa.table(
        {
            "story_id": [f"{n}" for n in range(count)],
            "author": ["ann" if n % 2 else "bob" for n in range(count)],
            "text": ["" if n == 3 else f"Story {n} of {place.stem}." for n in range(count)],
        }
    )
    pq.write_table(table, place, row_group_size=rows)


def test_a_folder_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "TOGETHER", 1)
    write_parquet(tmp_path / "a.parquet", 20, rows=6)
    write_parquet(tmp_path / "d.parquet", 5, rows=10)
    lines = [json.dumps({"id": f"{n}", "story": f"Line {n}.", "author": "eve"}) for n in range(4)]
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    with gzip.open(tmp_path / "c.csv.gz", "wt") as file:
        file.write("text,author\nOne.,ann\nTwo.,bob\n")
    ours = open_in_pieces(tmp_path, apart, group="author")
    whole = open_stories(tmp_path, group="author")
    assert ours is not None
    assert list(ours) == list(whole)
    assert list(ours) == list(whole), "once more, for the next model"
    assert (ours.name, ours.skipped, ours.expected) == (whole.name, 2, whole.expected)


def test_row_groups_are_pieces_and_rows_keep_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "many.parquet"
    write_parquet(place, 20, rows=3)
    assert open_in_pieces(place, apart) is None, "too small to be parted"
    monkeypatch.setattr(pieces, "TOGETHER", 1)
    seen: list[Piece] = []

    def spread(some: Sequence[Piece]) -> Iterator[Draft]:
        seen.extend(some)
        return apart(some)

    ours = open_in_pieces(place, spread, limit=9)
    assert ours is not None
    assert list(ours) == list(open_stories(place, limit=9))
    assert [piece.groups for piece in seen] == [(n,) for n in range(7)]
    assert [draft.where for draft in seen[2].drafts()] == ["row 7", "row 8", "row 9"]


def test_an_address_is_read_as_the_file_behind_it(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", 8, rows=6)
    (tmp_path / "b.jsonl").write_text('{"text": "A line."}\n')
    with gzip.open(tmp_path / "c.txt.gz", "wt") as file:
        file.write("One.\n\nTwo.\n")
    for place in (tmp_path, *sorted(tmp_path.iterdir())):
        ours = open_in_pieces(place.as_uri(), apart)
        assert ours is not None
        assert list(ours) == list(open_stories(place))


def test_names_that_an_address_must_quote(tmp_path: Path) -> None:
    folder = tmp_path / "my 100% stories"
    folder.mkdir()
    for name in ("part one.jsonl", "50% #2.jsonl", "why?.jsonl", "na\u00efve.jsonl"):
        (folder / name).write_text(json.dumps({"text": f"A line of {name}."}))
    ours = open_in_pieces(folder.as_uri(), apart)
    assert ours is not None
    assert list(ours) == list(open_stories(folder))
    ours = open_in_pieces(f"{folder.as_uri()}/", apart)
    assert ours is not None
    assert len(list(ours)) == 4


def test_what_an_address_asks_of_its_store_is_asked_for_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in s3://bucket/stories?endpoint_override=localhost:9000."""
    (tmp_path / "a.jsonl").write_text('{"text": "A line."}\n')
    asked: list[str] = []
    real = pieces._system

    def system(url: str) -> tuple[Any, str]:
        asked.append(url)
        place, _, _ = url.partition("?")
        return real(place)

    monkeypatch.setattr(pieces, "_system", system)
    ours = open_in_pieces(f"{tmp_path.as_uri()}?endpoint_override=here:9000", in_turn)
    assert ours is not None
    assert [story.text for story in ours] == ["A line."]
    file = f"{(tmp_path / 'a.jsonl').as_uri()}?endpoint_override=here:9000"
    assert set(asked[1:]) == {file}


def test_bad_addresses_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.pdf").write_bytes(b"")
    for address, said in (
        ((tmp_path / "none.jsonl").as_uri(), "there is nothing at"),
        ((tmp_path / "empty").as_uri(), "holds no file of stories"),
        ((tmp_path / "x.pdf").as_uri(), "none of the suffixes"),
        ("nowhere://bucket/stories.parquet", "nowhere://bucket/stories.parquet cannot be read"),
    ):
        with pytest.raises(EyebrowError, match=said):
            open_in_pieces(address, apart)
    with pytest.raises(EyebrowError, match="is read by eyebrow score --engine ray"):
        open_stories("s3://bucket/stories.parquet")


def test_what_is_one_piece_is_read_as_ever(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"text": "A line."}\n')
    for source in (None, "-", tmp_path / "one.jsonl", tmp_path / "none", "owner/name"):
        assert open_in_pieces(source, apart) is None
