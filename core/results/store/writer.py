"""Writing a store, whoever else writes to it.

New rows go into the part that is being filled: it is written anew with them and renamed over
what was there, one file in one step. So parts are few without ever being joined, a row lies in
one part and stays there, and any reader that opens every file it has listed, in whichever
version, finds each row that was there, once.

A part is filled by the programs of one machine, which take turns (`flock`); machines that share a
folder fill parts of their own, for locks across machines cannot be relied on.
"""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from ...errors import FAILED, EyebrowError
from ...files import machine, whole
from ...scoring.recipe import Recipe
from .damage import Checked, Tell
from .labels import RunLabels
from .moving import move
from .parts import ROWS_TOGETHER, Part, Stamp
from .reader import Key, Reader
from .rows import Label, Row
from .schema import encode, noted
from .vocabularies import write_vocabulary

FULL = 8 << 20  # bytes from which on a part is not filled any further
PATIENCE = 1.0  # seconds that a writer waits for its turn, before it fills a part of its own
ABANDONED = 24 * 3600.0  # seconds after which another machine's part is filled by whoever comes
_NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_FLOATS = ("logprobs.list.element", "entropies.list.element")
_ENCODING = {
    **dict.fromkeys((*_FLOATS, "top_logprobs.list.element.list.element"), "BYTE_STREAM_SPLIT"),
    **dict.fromkeys(("starts.list.element", "ends.list.element"), "DELTA_BINARY_PACKED"),
}


class Store(Reader):
    """Reads and writes one folder; the folder need not be there yet."""

    def __init__(self, folder: Path, tell: Tell | None = None) -> None:
        super().__init__(folder, tell)
        self._is_ready = False
        self._in_turn = 0  # the thread that has its turn
        self._own = f"{machine()[:4]}{secrets.token_hex(2)}"  # where turns cannot be taken
        self._filling: tuple[str, Stamp | None, pa.Table] | None = None

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

    def begin_run(self, recipe: Recipe, stories: Sequence[Label]) -> RunLabels:
        """What keeps the names of a run, model by model."""
        try:
            self._get_ready()
        except OSError as error:
            raise self._cannot(error) from error
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
            move(self.layout, self._aside, _put)
        self._is_ready = True

    def _cannot(self, error: BaseException) -> EyebrowError:
        reason = getattr(error, "strerror", None) or error
        return EyebrowError("Cannot write the store", f"{self.folder}: {reason}", FAILED)

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
        is_filled = part is not None and before is not None
        place = part.path if part and is_filled else self._new_place(key, filler)
        try:
            written = self._put(place, pa.concat_tables([before, fresh]) if is_filled else fresh)
        except OSError as error:
            if not is_filled or error.errno not in _NO_SPACE:
                raise
            # There may be room for what is new, if not for the whole part once more.
            written = self._put(self._new_place(key, filler), fresh)
        Checked(self.layout, *key).note([written], {part.name for part in parts})

    def _put(self, place: Path, table: pa.Table) -> Part:
        _put(place, table, self.layout.unfinished)
        written = Part.at(place)
        assert written is not None
        self._filling = (written.name, written.stamp, table)
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

    def _rows_of(self, part: Part, fresh: pa.Table, parts: Sequence[Part]) -> pa.Table | None:
        """The rows of a part that is filled; None where new ones cannot lie beside them.

        Two machines that scored a text at the same moment have both kept it. Of parts with one
        text that whose name comes first keeps it, so that no two can both drop it.
        """
        if self._filling and self._filling[:2] == (part.name, part.stamp):
            table = self._filling[2]
        else:
            found = self._try(part, lambda part: part.whole())
            if found is None:
                return None
            table = found
        if noted(table.schema).top != noted(fresh.schema).top:
            return None
        first = [
            keys
            for other in parts
            if other.name < part.name and not other.is_older and (keys := self._index(other))
        ]
        return _without(table, first).replace_schema_metadata(fresh.schema.metadata)


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


def _put(place: Path, table: pa.Table, beside: Path) -> None:
    """Write a part whole. Raises `OSError`."""
    with whole(place, beside) as draft:
        pq.write_table(
            table,
            draft,
            compression="zstd",
            row_group_size=ROWS_TOGETHER,
            use_dictionary=["model", "model_digest", "recipe_digest"],
            column_encoding=_ENCODING,
            write_page_checksum=True,
            write_statistics=["model", "model_digest", "recipe_digest"],
        )
