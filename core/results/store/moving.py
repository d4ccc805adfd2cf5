"""A store of the first layout, moved into today's places by the first that writes to it.

Any part may be moved by several programs at once, and any step may be the last before a power
cut: the labels are kept first, a part is removed once its rows are in its new place, and that
place follows from its old name. Readers look into both.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import EyebrowError, reason
from ...files import STALE
from ...stories.story import Label
from . import older
from .damage import Aside
from .labels import RunLabels
from .layout import Layout
from .parts import Gone, Part, Unreadable
from .schema import About, Damaged

_MOVED = "moved"  # in the new name, before the end of the older one
# What the first layout's writers left half written: a process's number behind a name of theirs.
_DRAFT = re.compile(r"\.?[0-9a-f]{16}(-[0-9a-f]{16}-[^-.]+\.parquet|\.json)\.[0-9]+")

Put = Callable[[Path, pa.Table, Path], None]  # `write_part`


def move(layout: Layout, aside: Aside, put: Put) -> None:
    """Move what lies in the places of the first layout.

    What cannot be moved stays, is read where it is, and is told once.
    """
    for place in layout.older:
        parts = [
            part
            for path in sorted(place.glob("*.parquet"))
            if (part := Part.at(path, is_older=True)) and not aside.passes(part)
        ]
        if parts:
            aside.tell(f"{place}: an older store, {len(parts)} parts are moved to {layout.scores}")
            try:
                _keep_labels(layout, parts)
                for part in parts:
                    _move_part(layout, aside, part, put)
            except (OSError, EyebrowError) as error:
                aside.tell(f"{place}: it is read where it is ({reason(error, named=False)})")
        for name, target in ((".vocabularies", layout.vocabularies), (".marks", layout.marks)):
            _move_files(place / name, target)
        _clear(place)
        if place != layout.folder:
            with suppress(OSError):
                place.rmdir()


def _keep_labels(layout: Layout, parts: Sequence[Part]) -> None:
    """What the rows call their stories and models, as a run for each recipe."""
    stories: dict[str, dict[Label, None]] = {}
    abouts: dict[str, dict[str, About]] = {}
    for part in parts:
        with suppress(Damaged, Gone, Unreadable):
            about, table = part.about(), part.read(older.LABELS)
            abouts.setdefault(part.recipe, {})[part.model] = about
            stories.setdefault(part.recipe, {}).update(dict.fromkeys(older.labels(table)))
    for digest, models in abouts.items():
        choices = next(iter(models.values())).choices
        run = RunLabels(layout, digest, choices, list(stories[digest]))
        for about in models.values():
            run.add(about.member)


def _move_part(layout: Layout, aside: Aside, part: Part, put: Put) -> None:
    """The rows that are in no part before it by name, in its older or its new place."""
    stamp = part.stamp
    try:
        about = part.about()
        groups = [older.as_part(table, about) for table in part.groups(older.SCHEMA_1.names)]
        table = pa.concat_tables(groups)
        digests = table.column("text_digest")
        for other in _others(layout, part):
            if _last(other) < _last(part) and (keys := _digests(other)) is not None:
                table = table.filter(pc.invert(pc.is_in(digests, value_set=keys)))
                digests = table.column("text_digest")
        if table.num_rows:
            put(_place(layout, part), table, layout.unfinished)
        part.path.unlink(missing_ok=True)
    except Gone:
        pass
    except (Damaged, Unreadable) as why:
        aside.put(part, why, stamp)


def _place(layout: Layout, part: Part) -> Path:
    return layout.scores / f"{part.model}-{part.recipe}-{_MOVED}-{_last(part)}.parquet"


def _others(layout: Layout, part: Part) -> list[Part]:
    """Of the same model and recipe, all that are to be moved, and then all that were."""
    names = f"{part.model}-{part.recipe}"
    paths = [(p, True) for place in layout.older for p in place.glob(f"{names}-*.parquet")]
    paths += [(p, False) for p in layout.scores.glob(f"{names}-{_MOVED}-*.parquet")]
    return [one for path, is_older in paths if (one := Part.at(path, is_older=is_older))]


def _last(part: Part) -> str:
    """What stays of its name when it is moved."""
    return part.path.stem.rpartition("-")[2]


def _digests(part: Part) -> pa.ChunkedArray | None:
    with suppress(Damaged, Gone, Unreadable):
        return part.read(["text_digest"]).column(0)
    return None


def _move_files(folder: Path, target: Path) -> None:
    with suppress(OSError):
        for path in sorted(folder.glob("*.json")):
            target.mkdir(exist_ok=True)
            path.rename(target / path.name)
        _clear(folder)
        folder.rmdir()


def _clear(folder: Path) -> None:
    """What the first layout's writers left half written."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _DRAFT.fullmatch(path.name):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > STALE:
                        path.unlink()
