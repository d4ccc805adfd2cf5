"""Parts that are damaged, disks that are full, programs that are killed: nothing told is lost."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eyebrow.core import EyebrowError, Recipe, score
from eyebrow.core.files import atomic
from eyebrow.core.machine.doctor import examine
from eyebrow.core.results.report.facts import pick_sheet
from eyebrow.core.results.store import SCHEMA, Store, writer
from eyebrow.core.results.store.damage import Checked
from eyebrow.core.results.store.parts import write_part
from eyebrow.core.results.store.schema import note, noted
from eyebrow.core.results.tokens.reading import read_tokens
from eyebrow.core.stories import Story
from stored import KEY, assert_same, digest_of, parts_of, row_of, rows

STORIES = [
    Story(f"s{n}", f"Story {n}", f"Once upon a time there was bear number {n}. He ate {n} pears.")
    for n in range(24)
]
RECIPE = Recipe(device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The one part of a real store."""
    folder = tmp_path_factory.mktemp("filled")
    score(STORIES, "pocket-bigram", recipe=RECIPE, store=folder)
    (part,) = (folder / "scores").iterdir()
    return part.name.encode() + b"\0" + part.read_bytes()


def put(filled: bytes, store: Store) -> Path:
    name, _, raw = filled.partition(b"\0")
    store.layout.scores.mkdir(parents=True)
    part = store.layout.scores / name.decode()
    part.write_bytes(raw)
    return part


@pytest.mark.parametrize("places", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_a_part_damaged_anywhere_is_named_and_made_anew(
    filled: bytes, tmp_path: Path, places: int
) -> None:
    """200 bytes zeroed or a bit turned over, also in the footer, which no checksum covers."""
    chance = random.Random(1)
    size = len(filled.partition(b"\0")[2])
    wanted = None
    for n in range(places):
        said: list[str] = []
        store = Store(tmp_path / f"{n}", said.append)
        part = put(filled, store)
        raw = bytearray(part.read_bytes())
        at = chance.randrange(size - 200)
        if n % 2:
            raw[at : at + 200] = bytes(200)
        else:
            raw[at] ^= 1 << chance.randrange(8)
        part.write_bytes(raw)
        results = score(STORIES, "pocket-bigram", recipe=RECIPE, store=store)
        assert not results.failures
        wanted = wanted or results.to_json()["stories"]
        assert results.to_json()["stories"] == wanted
        if not said:  # a turned bit that changes nothing that is read, in the footer
            assert part.read_bytes() == raw
            assert at > size * 0.6
            continue
        (line,) = said
        assert part.name in line
        assert "set aside" in line
        assert (store.layout.damaged / part.name).read_bytes() == raw
        sheet, _, left_out = pick_sheet(store, None, [])
        assert (len(sheet.stories), left_out) == (len(STORIES), 0)
        assert read_tokens(store, sheet, [0]).models[0].stories == len(STORIES)
        assert said == [line], "once"


def test_a_flipped_bit_of_a_page_never_decodes_to_other_values(filled: bytes, store: Store) -> None:
    part = put(filled, store)
    raw = part.read_bytes()
    with pq.ParquetFile(part) as file:
        pages = range(4, len(raw) - file.metadata.serialized_size - 8)
    chance, unsaid, wanted = random.Random(2), 0, str(pq.read_table(part).to_pydict())
    for _ in range(60):
        turned = bytearray(raw)
        turned[chance.choice(pages)] ^= 1 << chance.randrange(8)
        part.write_bytes(turned)
        said: list[str] = []
        Store(store.folder, said.append).mend()
        if said:
            (store.layout.damaged / part.name).rename(part)
        else:  # a bit of a page's head that says nothing of its values
            unsaid += 1
            assert str(pq.read_table(part).to_pydict()) == wanted
    assert unsaid < 6


def foreign(part: Path, table: pa.Table) -> None:
    pq.write_table(pa.table({"a": [1]}), part)


def short(part: Path, table: pa.Table) -> None:
    part.write_bytes(part.read_bytes()[:-200])


def empty(part: Path, table: pa.Table) -> None:
    part.write_bytes(b"")


def no_rows(part: Path, table: pa.Table) -> None:
    pq.write_table(table.slice(0, 0), part)


def with_nulls(name: str) -> Any:
    def spoil(part: Path, table: pa.Table) -> None:
        at = table.schema.get_field_index(name)
        nulls = pa.nulls(len(table), table.schema.field(name).type)
        pq.write_table(table.set_column(at, table.schema.field(name), nulls), part)

    return spoil


def with_recipe(told: Any) -> Any:
    def spoil(part: Path, table: pa.Table) -> None:
        metadata = {b"eyebrow": json.dumps(told).encode()} if told is not None else {}
        pq.write_table(table.replace_schema_metadata(metadata), part)

    return spoil


def of_another(part: Path, table: pa.Table) -> None:
    column = pa.array(["f" * 16] * len(table))
    at = table.schema.get_field_index("model_digest")
    pq.write_table(table.set_column(at, SCHEMA.field(at), column), part)


@pytest.mark.parametrize(
    "spoil",
    [
        *(foreign, short, empty, no_rows, of_another),
        *(with_nulls(name) for name in ("text_digest", "nll", "tokens", "story", "logprobs")),
        *(with_recipe(told) for told in (None, 3, {"recipe": 3, "model": {}, "top": 10})),
    ],
)
def test_what_cannot_be_used_stops_no_reader_and_counts_as_not_scored(
    store: Store, spoil: Any
) -> None:
    kept = rows(0, 5)
    store.write(kept)
    (part,) = parts_of(store)
    spoil(part, pq.read_table(part))
    said: list[str] = []
    reader = Store(store.folder, said.append)
    for ask in (
        lambda: reader.summaries(*KEY),
        lambda: list(reader.contents()),
        lambda: list(reader.scored_texts(*KEY)),
        lambda: reader.score(digest_of(kept[0]), *KEY),
        lambda: reader.texts({digest_of(kept[0])}),
    ):
        ask()
    reader.mend()
    assert len(said) == 1
    assert reader.summaries(*KEY) == {}
    reader.write(kept)
    assert len(reader.summaries(*KEY)) == 5
    assert [path.name for path in store.layout.damaged.iterdir()] == [part.name]


def test_what_a_later_version_chose_is_left_where_it_is(store: Store) -> None:
    """A recipe with choices that are not known here is no damage."""
    store.write(rows(0, 2))
    (part,) = parts_of(store)
    table = pq.read_table(part)
    about = noted(table.schema)
    schema = note(type(about)(about.member, about.choices | {"later": 1}, about.top))
    pq.write_table(table.replace_schema_metadata(schema.metadata), part)
    said: list[str] = []
    reader = Store(store.folder, said.append)
    reader.mend()
    assert list(reader.contents()) == said == []
    assert part.exists()


def test_doctor_says_it(store: Store) -> None:
    store.write(rows(0, 5))
    (part,) = parts_of(store)
    part.write_bytes(part.read_bytes()[:-9])
    hints = [hint.what for hint in examine(store.folder).hints if part.name in hint.what]
    assert len(hints) == 1
    (again,) = [h for h in examine(store.folder).hints if "damaged" in h.what]
    assert "1 file" in again.what


def test_what_is_no_part_does_not_stay_among_the_parts(store: Store) -> None:
    """Nor is it lost; what file systems keep for themselves, and what lies beside, stays."""
    store.write(rows(0, 5))
    scores, said = store.layout.scores, list[str]()
    strangers = ("notes.parquet", "my-own-table.parquet", "readme.txt")
    stay = (scores / ".nfs0001", store.folder / "mine.parquet", store.folder / "readme.txt")
    for path in (*(scores / name for name in strangers), *stay):
        path.write_text("mine")
    (scores / "folder").mkdir()
    Store(store.folder, said.append).mend(*KEY)
    assert [line.partition(" is no part of the store: set aside as ")[::2] for line in said] == [
        (str(scores / name), str(store.layout.damaged / name))
        for name in sorted((*strangers, "folder"))
    ]
    assert {(store.layout.damaged / name).read_text() for name in strangers} == {"mine"}
    assert all(path.read_text() == "mine" for path in stay)
    assert len(pq.read_table(scores)) == 5
    Store(store.folder, said.append).mend(*KEY)
    assert len(said) == 4, "once"
    assert len(Store(store.folder).summaries(*KEY)) == 5


def test_what_cannot_be_moved_is_told(store: Store) -> None:
    store.write(rows(0, 5))
    (store.layout.scores / "notes.parquet").write_text("mine")
    store.layout.damaged.write_text("in the way")
    said: list[str] = []
    reader = Store(store.folder, said.append)
    reader.mend()
    reader.mend()
    (line,) = said
    assert "notes.parquet is no part of the store, and other readers stumble over it" in line


def test_a_part_that_is_locked_gets_no_more_rows_but_another_does(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(rows(0, 5))
    (locked,) = parts_of(store)

    def put(place: Path, *rest: Any) -> None:
        if place == locked:  # as after `chattr +i`
            raise PermissionError(errno.EPERM, "Operation not permitted", str(place))
        write_part(place, *rest)

    monkeypatch.setattr(writer, "write_part", put)
    store.write(rows(5, 8))
    assert len(parts_of(store)) == 2
    assert len(Store(store.folder).summaries(*KEY)) == 13


def test_a_part_is_looked_through_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    look = writer.Part.look_through
    monkeypatch.setattr(
        writer.Part, "look_through", lambda part: looked.append(part.name) or look(part)
    )
    store.write(rows(0, 5))
    store.mend(*KEY)
    assert looked == [], "it was just written"
    (part,) = parts_of(store)
    part.write_bytes(part.read_bytes())
    for _ in range(3):
        Store(store.folder).mend(*KEY)
    assert looked == [part.name]


FULL = """
import resource, sys
from pathlib import Path
from results.stored import Store, row_of
from eyebrow.core import EyebrowError
store = Store(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
for seed in range(int(sys.argv[3])):
    try:
        store.write([row_of(seed, length=40)])
        print(seed, flush=True)
    except EyebrowError as error:
        print(error.message, file=sys.stderr)
"""


@pytest.mark.parametrize("limit", [0, 2_000, 14_000, 24_000, 60_000])
def test_a_full_disk_loses_nothing_that_was_told_as_done(
    store: Store, repo: Path, limit: int
) -> None:
    """No file may grow beyond the limit: a part cannot be written anew, or not even begun."""
    command = [sys.executable, "-c", FULL, str(store.folder), str(limit), "12"]
    done = subprocess.run(command, cwd=repo / "tests", capture_output=True, text=True, check=True)
    told = [row_of(int(seed), length=40) for seed in done.stdout.split()]
    assert len(told) == 12 or "too large" in done.stderr
    assert (len(told) > 0) == (limit > 5_000)
    for row in told:
        assert_same(store.score(digest_of(row), *KEY), row.score)
    every = [row_of(seed, length=40) for seed in range(12)]
    store.write(every)
    assert store.summaries(*KEY) == {digest_of(row): row.score.summary for row in every}
    assert not list(store.layout.unfinished.iterdir())
    assert not list(store.folder.rglob("*.part"))


def test_where_the_whole_part_has_no_room_what_is_new_may(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(rows(0, 5))
    put_part = writer.write_part

    def tight(place: Path, table: pa.Table, beside: Path, groups: list[int]) -> None:
        with atomic(place, beside) as draft:
            draft.write_bytes(b"half")
            if len(table) > 3:
                raise OSError(28, "No space left on device")
        put_part(place, table, beside, groups)

    monkeypatch.setattr(writer, "write_part", tight)
    store.write(rows(5, 2))
    assert len(store.summaries(*KEY)) == 7
    with pytest.raises(EyebrowError, match="no space left on device"):
        store.write(rows(7, 4))
    assert len(store.summaries(*KEY)) == pq.read_table(store.layout.scores).num_rows == 7
    assert not list(store.layout.unfinished.iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from results.stored import Store, row_of
store = Store(Path(sys.argv[1]))
store.write([row_of(0)])
print("told", flush=True)
real = os.fsync
def die(file):
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = die
store.write([row_of(1)])
"""


def test_what_a_killed_writer_left_is_cleared_by_the_next(store: Store, repo: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(store.folder)]
    done = subprocess.run(command, cwd=repo / "tests", capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "told\n"
    assert len(list(store.layout.unfinished.iterdir())) == 1
    Store(store.folder).write([row_of(2)])
    assert not list(store.layout.unfinished.iterdir())
    wanted = {digest_of(row_of(seed)) for seed in (0, 2)}
    assert store.summaries(*KEY).keys() == wanted


def test_a_signal_in_the_midst_of_a_write_may_write_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for the turn that it has broken into, and loses nothing."""
    put_part, inside = writer.write_part, threading.Event()

    def interrupted(place: Path, table: pa.Table, beside: Path, groups: list[int]) -> None:
        if not inside.is_set():
            inside.set()
            store.write(rows(0, 6))
        put_part(place, table, beside, groups)

    store.write(rows(0, 3))
    monkeypatch.setattr(writer, "write_part", interrupted)
    monkeypatch.setattr(writer, "PATIENCE", 60.0)
    store.write(rows(3, 2))
    assert len(store.summaries(*KEY)) == 6


def test_numbers_that_are_not_there_come_back_as_they_are_in_memory(store: Store) -> None:
    kept = row_of(3, length=30)
    store.write([kept])
    found = dict(store.scores(*KEY, top=True))[digest_of(kept)]
    unscored = kept.score.ranks == 0
    assert unscored.sum() > 1
    assert np.isnan(found.logprobs[unscored]).all()
    assert (found.top_ids[unscored] == -1).all()


def test_notes_of_another_machine_do_not_hide_ones_own(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(rows(0, 3))
    (own,) = (tmp_path / "checked").iterdir()
    for name in ("00000000", "ffffffff"):
        other = own.with_name(f"{'-'.join(KEY)}-{name}.json")
        other.write_text(json.dumps({name: [1, 2, 3] for name in json.loads(own.read_text())}))
    assert not Checked(store.layout, *KEY).unknown(store._parts(*KEY))


def test_notes_of_machines_that_are_gone_go(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(rows(0, 3))
    (own,) = (tmp_path / "checked").iterdir()
    other = own.with_name(f"{'-'.join(KEY)}-00000000.json")
    other.write_text("{}")
    os.utime(other, (0, 0))
    store.write(rows(3, 3))
    assert list((tmp_path / "checked").iterdir()) == [own]


def test_what_another_program_has_made_whole_meanwhile_is_not_set_aside(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(rows(0, 8))
    (part,) = store.layout.scores.iterdir()
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    said: list[str] = []
    reader = Store(store.folder, said.append)
    real = reader._aside.put

    def put(*about: Any) -> bool:  # the writer has its rows in memory, and is as quick as that
        with atomic(part, store.layout.unfinished) as draft:
            draft.write_bytes(whole)
        monkeypatch.setattr(reader._aside, "put", real)
        return real(*about)

    monkeypatch.setattr(reader._aside, "put", put)
    reader.summaries(*KEY)
    assert (said, list(store.layout.scores.iterdir())) == ([], [part])
    assert len(Store(store.folder).summaries(*KEY)) == 8
