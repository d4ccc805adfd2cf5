"""Writing a store, whoever else writes to it.

New rows go into the part that is being filled: it is written anew with them and renamed over
what was there, one file in one step. So parts are few without ever being joined, a row lies in
one part and stays there, and any reader that opens every file it has listed, in whichever
version, finds each row that was there, once.

A part is filled by the programs of one machine, which take turns (`flock`); machines that share a
folder fill parts of their own, for locks across machines cannot be relied on.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident

import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from ...errors import FAILED, EyebrowError
from ...files import FORBIDDEN, NO_SPACE, machine, unwritten
from ...scoring.recipe import Recipe
from ...stories.story import Label
from .damage import Checked, Tell
from .labels import RunLabels
from .moving import move
from .parts import Part, Stamp, neat, write_part
from .reader import Key, Reader
from .rows import Row
from .schema import encode, noted
from .vocabularies import write_vocabulary

FULL = 4 << 20  # bytes from which on a part is not filled any further
PATIENCE = 1.0  # seconds that a writer waits for its turn, before it fills a part of its own
SCATTERED = 16  # row groups of a part more than it needs, from which on they are joined
ABANDONED = 24 * 3600.0  # seconds after which another machine's part is filled by whoever comes


class Store(Reader):
    """Reads and writes one folder; the folder need not be there yet."""

    def __init__(self, folder: Path, tell: Tell | None = None) -> None:
        super().__init__(folder, tell)
        self._is_ready = False
        self._in_turn = 0  # the thread that has its turn
        self._own = f"{machine()[:4]}{secrets.token_hex(2)}"  # where turns cannot be taken
        self._filling: tuple[str, Stamp | None, pa.Table, list[int]] | None = None

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows of one model and recipe, except those of texts that are there.

        Raises `EyebrowError` where the folder cannot be written; then none of them is there.
        """
        if not rows:
            return
        try:
            self._get_ready()
            with self._turn() as is_alone:
                self._add(encode(rows), machine() if is_alone else self._own)
        except (OSError, pa.ArrowException) as error:
            raise self._cannot(error) from error

    def keep_vocabulary(self, tokenizer_digest: str, texts: Sequence[str]) -> None:
        """Keep what the ids of a tokenizer read as, for readers that have no tokenizer.

        Where it cannot be kept nothing is said: what is wrong will keep scores from being written.
        """
        with suppress(OSError, EyebrowError):
            self._get_ready()
            write_vocabulary(self.layout, tokenizer_digest, texts)

    def prepare(self) -> None:
        """Make what is missing of the folder. Raises `EyebrowError` where that cannot be done."""
        try:
            self._get_ready()
        except OSError as error:
            raise self._cannot(error) from error

    def begin_run(self, recipe: Recipe, stories: Sequence[Label]) -> RunLabels:
        """What keeps the names of a run, model by model."""
        self.prepare()
        return RunLabels(self.layout, recipe.digest, recipe.to_json(), stories)

    def move(self) -> None:
        """Move a store of an older layout, where that can be done: others read it then too."""
        if any(part.is_older for part in self._listed()):
            with suppress(OSError, EyebrowError):
                self._get_ready()

    def _get_ready(self) -> None:
        """Once, and again where the folder went away: its places, and what an older layout left."""
        if self._is_ready and self.layout.scores.is_dir() and self.layout.unfinished.is_dir():
            return
        self.layout.prepare()
        with self._turn():
            move(self.layout, self._aside, write_part)
        self._is_ready = True

    def _cannot(self, error: BaseException) -> EyebrowError:
        why = f"{self.folder}: {unwritten(error)}"
        return EyebrowError("Cannot write the store", why, FAILED)

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Alone among this machine's programs; False where that cannot be had.

        Nor can it in the midst of one's own turn, where a signal came while a part was written.
        """
        if self._in_turn == get_ident():
            yield False
            return
        lock = FileLock(self.layout.lock, timeout=PATIENCE, poll_interval=0.01, mode=0o666)
        try:
            lock.acquire()
        except (Timeout, NotImplementedError, OSError):
            yield False
            return
        self._in_turn = get_ident()
        try:
            yield True
        finally:
            self._in_turn = 0
            lock.release()

    def _add(self, table: pa.Table, filler: str) -> None:
        key = (table.column("model_digest")[0].as_py(), table.column("recipe_digest")[0].as_py())
        parts = list(self._parts(*key))
        known = [keys for part in parts if (keys := self._index(part)) is not None]
        fresh = _without(table, known)
        if not fresh.num_rows:
            return
        part = self._part_to_fill(key, parts, filler)
        before = self._rows_of(part, fresh, parts) if part else None
        try:
            if part is None or before is None:
                written = self._put(self._new_place(key, filler), fresh, neat(fresh.num_rows))
            else:
                written = self._fill(part, *before, fresh)
        except OSError as error:
            if before is None or error.errno not in (*NO_SPACE, *FORBIDDEN):
                raise
            # There may be room for what is new, if not for the whole part once more; and one part
            # may be locked against writing (`chattr +i`) where others can be made.
            written = self._put(self._new_place(key, filler), fresh, neat(fresh.num_rows))
        Checked(self.layout, *key).note([written], {part.name for part in parts})

    def _fill(self, part: Part, rows: pa.Table, groups: list[int], fresh: pa.Table) -> Part:
        """Write a part anew with what is fresh behind it.

        What is there keeps its row groups, and with them its bytes and its place in the file: a
        reader that has read the old version's footer, and opens the file again, finds it there.
        Once they are too many, and when the part is full, small groups are joined.
        """
        table = pa.concat_tables([rows, fresh.replace_schema_metadata(rows.schema.metadata)])
        groups = [*groups, *neat(fresh.num_rows)]
        joined = neat(table.num_rows)
        if len(groups) - len(joined) > SCATTERED:
            groups = joined
        written = self._put(part.path, table, groups)
        if written.size >= FULL and groups != joined:
            with suppress(OSError):  # everything is stored by then
                written = self._put(part.path, table, joined)
        return written

    def _put(self, place: Path, table: pa.Table, groups: list[int]) -> Part:
        write_part(place, table, self.layout.unfinished, groups)
        written = Part.at(place)
        assert written is not None
        self._filling = (written.name, written.stamp, table, groups)
        self._indices[written.name] = (written.stamp, table.column("text_digest"))
        return written

    def _new_place(self, key: Key, filler: str) -> Path:
        return self.layout.scores / f"{key[0]}-{key[1]}-{filler}-{secrets.token_hex(4)}.parquet"

    def _part_to_fill(self, key: Key, parts: Sequence[Part], filler: str) -> Part | None:
        """The part that this machine fills; or one that nobody fills any more, renamed to be its.

        Whoever renames it first has it. One who was at it all the same writes it anew under its
        old name: rows are then there twice, and none is lost.
        """
        small = [part for part in parts if not part.is_older and 0 < part.size < FULL]
        for part in reversed(small):
            if part.name.split("-")[2] == filler:
                return part
        for part in small:
            if time.time() - part.order[0] / 1e9 > ABANDONED:
                place = self._new_place(key, filler)
                with suppress(OSError):
                    part.path.rename(place)
                    return Part.at(place)
        return None

    def _rows_of(
        self, part: Part, fresh: pa.Table, parts: Sequence[Part]
    ) -> tuple[pa.Table, list[int]] | None:
        """The rows of a part that is filled, and how many are in each of its groups.

        None where new ones cannot lie beside them. Two machines that scored a text at the same
        moment have both kept it: of parts with one text that whose name comes first keeps it, so
        that no two can both drop it.
        """
        if self._filling and self._filling[:2] == (part.name, part.stamp):
            table, groups = self._filling[2:]
        elif (found := self._try(part, Part.table)) is not None:
            table, groups = found
        else:
            return None
        if noted(table.schema).top != noted(fresh.schema).top:
            return None
        first = [
            keys
            for other in parts
            if other.name < part.name and not other.is_older and (keys := self._index(other))
        ]
        left = _without(table, first)
        return left, groups if left.num_rows == table.num_rows else neat(left.num_rows)


def _without(table: pa.Table, known: Sequence[pa.ChunkedArray]) -> pa.Table:
    """The rows of texts that are not known, each once."""
    digests = table.column("text_digest")
    keep = [True] * len(digests)
    seen: set[str] = set()
    for keys in known:
        seen.update(digests.filter(pc.is_in(digests, value_set=keys)).to_pylist())
    for at, digest in enumerate(digests.to_pylist()):
        keep[at] = digest not in seen
        seen.add(digest)
    return table if all(keep) else table.filter(pa.array(keep))
