"""Reading a store, whoever else writes to it.

A part is read in the version that was opened. Parts that came up meanwhile are read too, and
each text counts once, in whichever part it was met first: so nothing that was there is missed
where others write, mend or move parts.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from ...scoring.recipe import Recipe
from ...scoring.scores import StoryScore, Summary
from ...stories.story import Label
from ..compare.cuts import Cuts
from .damage import Aside, Checked, Tell
from .labels import Labels, read_labels, run_name
from .layout import Layout
from .parts import Gone, Part, Stamp, Unreadable
from .rows import Contents, Entry
from .schema import (
    ALTERNATIVES,
    CUTS,
    SUMS,
    TOKENS,
    About,
    Damaged,
    decode,
    decode_cuts,
    decode_texts,
    sums_of,
)
from .vocabularies import read_vocabulary

TRIES = 5  # readings of a part that others keep replacing

Key = tuple[str, str]  # a model's and a recipe's digest
T = TypeVar("T")
_Stored = tuple[str, str, Summary]  # id and title as it was first scored, and the sums


class Reader:
    """Reads one folder; it need not be there yet.

    tell: is handed what a user should know, a line each: parts that are damaged, an older store
    that is moved. Everything here raises `EyebrowError` for a store of a later layout.
    """

    def __init__(self, folder: Path, tell: Tell | None = None) -> None:
        self.folder = folder
        self.layout = Layout(folder)
        self.tell = tell or (lambda _: None)
        self._aside = Aside(self.layout, self.tell)
        self._indices: dict[str, tuple[Stamp | None, pa.ChunkedArray]] = {}

    def summaries(self, model_digest: str, recipe_digest: str) -> dict[str, Summary]:
        """The sums of every stored story under this model and recipe, by text digest."""
        found: dict[str, Summary] = {}
        for part in self._parts(model_digest, recipe_digest):
            if (table := self._read(part, SUMS)) is not None:
                for digest, summary in sums_of(table):
                    found.setdefault(digest, summary)
        return found

    def sums_by_part(
        self, model_digest: str, recipe_digest: str, known: Mapping[str, Stamp | None]
    ) -> Iterator[tuple[str, Stamp | None, list[tuple[str, Summary]]]]:
        """Of each part its name, its version, and the sums of its texts by their digests.

        known: versions by name, of parts that are not to be read again.
        """
        for part in self._parts(model_digest, recipe_digest):
            stamp = part.stamp  # before it is read: what comes meanwhile is another version's
            rows: list[tuple[str, Summary]] = []
            if stamp is None or known.get(part.name) != stamp:
                table = self._read(part, SUMS)
                rows = [] if table is None else list(sums_of(table))
            yield part.name, stamp, rows

    def recipes(self, model_digests: Container[str]) -> list[Recipe]:
        """Those under which anything of these models is stored, the one written last first."""
        newest: dict[str, Part] = {}
        for part in self._parts():
            if part.model in model_digests:
                newest.pop(part.recipe, None)
                newest[part.recipe] = part
        abouts = (self._try(part, Part.about) for part in reversed(newest.values()))
        return [about.recipe for about in abouts if about is not None and about.recipe is not None]

    def score(self, digest: str, model_digest: str, recipe_digest: str) -> StoryScore | None:
        """The whole score of one text, or None where it is not stored."""
        for part in self._parts(model_digest, recipe_digest):
            for _ in range(TRIES):
                keys = self._index(part)
                at = -1 if keys is None else pc.index(keys, digest).as_py()
                if at < 0:
                    break
                row = self._try(part, partial(_row, at))
                if row is not None and row[0] == digest:
                    return row[1]
        return None

    def scores(
        self, model_digest: str, recipe_digest: str, *, top: bool = False
    ) -> Iterator[tuple[str, StoryScore]]:
        """(text digest, score) of every stored story under this model and recipe, each once.

        A row group is in memory at a time. The alternatives, most of what is stored, are read
        where `top` asks for them; else they are empty, int32 and float32 (T, 0).
        """
        columns = [*SUMS, *TOKENS, *(ALTERNATIVES if top else ())]
        yield from self._rows(model_digest, recipe_digest, columns, decode)

    def scored_texts(
        self, model_digest: str, recipe_digest: str
    ) -> Iterator[tuple[str, str, StoryScore]]:
        """(text digest, text, score) of every stored story, each once, without alternatives."""
        columns = ["text", *SUMS, *TOKENS]
        for digest, (text, score) in self._rows(model_digest, recipe_digest, columns, decode_texts):
            yield digest, text, score

    def cuts(
        self, model_digest: str, recipe_digest: str, wanted: Container[str] | None = None
    ) -> dict[str, Cuts]:
        """The first cuts of stored stories, by text digest; of all, or of those `wanted`."""
        return dict(
            self._rows(
                model_digest,
                recipe_digest,
                [*SUMS, *CUTS],
                lambda table, _: decode_cuts(table, wanted),
            )
        )

    def texts(self, digests: Container[str]) -> dict[str, str]:
        """The texts of these stories, by digest; of those that are stored."""
        found: dict[str, str] = {}
        for part in self._parts():
            if (table := self._read(part, ["text_digest", "text"])) is not None:
                found |= {d: text for d, text in zip(*_lists(table), strict=True) if d in digests}
        return found

    def parameters(self, model_digest: str, recipe_digest: str) -> int | None:
        """How many parameters the model has, or None where nothing of it is stored."""
        for part in self._parts(model_digest, recipe_digest):
            if (about := self._try(part, Part.about)) is not None:
                return about.member.parameters
        return None

    def size(self) -> int:
        """Bytes of all scores."""
        return sum(part.size for part in self._listed())

    def vocabulary(self, tokenizer_digest: str) -> list[str] | None:
        """What the ids of a tokenizer read as, or None where that was never kept."""
        return read_vocabulary(self.layout, tokenizer_digest)

    def run_name(self, start: str) -> str:
        """The whole name of a run from its beginning.

        Raises `EyebrowError` where no run, or more than one, begins like that.
        """
        self.layout.check()
        return run_name(self.layout, start)

    def labels(self, run: str | None = None) -> Labels:
        """What the runs call their stories and models; what one run calls them.

        run: its name, or the beginning of it.
        """
        self.layout.check()
        return read_labels(self.layout, run)

    def contents(self, run: str | None = None) -> Iterator[Contents]:
        """What is stored, model by model and recipe by recipe, as the runs call it.

        A story that several runs call differently is what the newest of them calls it; one that
        a run tells twice is there twice. What no run speaks of is called as it was first scored.
        run: what this run speaks of, and nothing else; its name, or the beginning of it.
        """
        labels = self.labels(run)
        stored: dict[Key, dict[str, _Stored]] = {}
        abouts: dict[Key, About] = {}
        for part in self._parts():
            table = self._read(part, ["story", *(["title"] if part.is_older else ()), *SUMS])
            about = self._try(part, Part.about)
            if about is None or table is None:
                continue
            key = (part.model, part.recipe)
            abouts.setdefault(key, about)
            rows = stored.setdefault(key, {})
            names, titles = _lists(table.select(["story"]))[0], _titles(table)
            for name, title, (digest, summary) in zip(names, titles, sums_of(table), strict=True):
                if digest not in rows:
                    rows[digest] = (name, title, summary)
        for key, rows in stored.items():
            if (found := _contents(key, abouts[key], rows, labels)) is not None:
                yield found

    def mend(self, model_digest: str = "", recipe_digest: str = "") -> None:
        """Read through what changed since it was last read through, and set aside what is damaged.

        Of one model and recipe, or of all; and whatever else lies among the parts. It is said
        through `tell`.
        """
        self.layout.check()
        self._aside.put_strangers()
        keys = {(part.model, part.recipe) for part in self._listed(model_digest, recipe_digest)}
        for key in sorted(keys):
            checked = Checked(self.layout, *key)
            parts = list(self._parts(*key))
            unknown = checked.unknown(parts)
            is_whole = {part: self._try(part, _look_through) for part in unknown}
            if any(is_whole.values()) and self.layout.checked.is_dir():
                there = {part.name for part in parts}
                checked.note((p for p in unknown if is_whole[p]), there)

    # --- parts -----------------------------------------------------------------------------

    def _parts(self, model_digest: str = "", recipe_digest: str = "") -> Iterator[Part]:
        """Each part once, oldest first; those too that came up while others were read.

        The folder is listed until a listing brings nothing new, and twice at least: a part that
        is being renamed may hide from one.
        """
        seen: set[str] = set()
        is_first = True
        while True:
            parts = self._listed(model_digest, recipe_digest)
            fresh = [part for part in parts if part.name not in seen]
            if not fresh and not is_first:
                return
            is_first = False
            for part in fresh:
                seen.add(part.name)
                yield part

    def _listed(self, model_digest: str = "", recipe_digest: str = "") -> list[Part]:
        """The parts that are there; of one model and recipe, or of all."""
        self.layout.check()
        pattern = f"{model_digest or '*'}-{recipe_digest or '*'}-*.parquet"
        # First the places from which parts are moved, then the one to which they are.
        places = [(place, True) for place in self.layout.older] + [(self.layout.scores, False)]
        found = [
            part
            for place, is_older in places
            for path in place.glob(pattern)
            if (part := Part.at(path, is_older=is_older)) and not self._aside.passes(part)
        ]
        if len(self._indices) > len(found):  # remember nothing of parts that are gone
            names = {part.name for part in found}
            self._indices = {
                name: index
                for name, index in self._indices.items()
                if name in names or not fnmatch(name, pattern)
            }
        return sorted(found, key=lambda part: part.order)

    def _try(self, part: Part, read: Callable[[Part], T]) -> T | None:
        """What `read` gives; None where the part is gone, or of no use and set aside."""
        for _ in range(TRIES):
            stamp = part.stamp
            try:
                return read(part)
            except Gone:
                if part.stamp is None:
                    return None
            except (Damaged, Unreadable) as why:
                if self._aside.put(part, why, stamp):
                    return None
        return None

    def _read(self, part: Part, columns: list[str]) -> pa.Table | None:
        return self._try(part, lambda part: part.read(columns))

    def _index(self, part: Part) -> pa.ChunkedArray | None:
        """The text digests of a part, None where it went away; read again when it has grown."""
        stamp = part.stamp
        known = self._indices.get(part.name)
        if known is not None and known[0] == stamp is not None:
            return known[1]
        table = self._read(part, ["text_digest"])
        if table is None:
            return None
        self._indices[part.name] = (stamp, table.column(0))
        return table.column(0)

    def _rows(
        self,
        model_digest: str,
        recipe_digest: str,
        columns: list[str],
        decoded: Callable[[pa.Table, int], Iterator[tuple[str, T]]],
    ) -> Iterator[tuple[str, T]]:
        """(text digest, what is made of its row) of each text once.

        decoded: is handed a row group and the number of alternatives. What came before a damaged
        place of a part is whole: every page has its checksum.
        """
        seen: set[str] = set()
        for part in self._parts(model_digest, recipe_digest):
            for _ in range(TRIES):
                stamp = part.stamp
                try:
                    about = part.about()
                    for table in part.groups(columns):
                        for digest, made in decoded(table, about.top):
                            if digest not in seen:
                                seen.add(digest)
                                yield digest, made
                except Gone:  # replaced on a disk that hands out no older versions: once more
                    continue
                except (Damaged, Unreadable) as why:
                    if not self._aside.put(part, why, stamp):
                        continue
                break


def _lists(table: pa.Table) -> list[list[Any]]:
    return [column.to_pylist() for column in table.columns]


def _titles(table: pa.Table) -> list[str]:
    if "title" not in table.column_names:
        return [""] * len(table)
    return list(table.column("title").to_pylist())


def _row(at: int, part: Part) -> tuple[str, StoryScore] | None:
    """A text's digest and its score; None where the part has not so many rows."""
    found = part.row(at, [*SUMS, *TOKENS, *ALTERNATIVES])
    return next(decode(*found)) if found else None


def _look_through(part: Part) -> bool:
    part.look_through()
    return True


def _contents(key: Key, about: About, rows: dict[str, _Stored], labels: Labels) -> Contents | None:
    recipe = about.recipe
    if recipe is None or not labels.has(*key):
        return None
    starts = labels.sentence_starts
    found = [
        Entry(replace(label, sentence_starts=starts.get(label.digest, ())), rows[label.digest][2])
        for label in labels.stories
        if label.digest in rows
    ]
    if not labels.is_one:
        known = {entry.label.digest for entry in found}
        found += [
            Entry(Label(digest, name, title), summary)
            for digest, (name, title, summary) in rows.items()
            if digest not in known
        ]
    members = labels.members.get(key[0]) or (about.member,)
    return Contents(members, recipe, key[1], tuple(found))
