"""Digests of files: each file is read once, and what came out is remembered.

A digest holds as long as path, inode, size and the times of the last change are what they were;
times of change are those of the content and of the file itself, which `cp -p` cannot set back. A
file may be rewritten within one tick of its clock, so nothing is remembered that was changed less
than two seconds before it was read (git does likewise with its index). Where the clock of the
files is ahead of this machine's (a file server), that is two seconds after it was first seen so.

Remembered in this process, and for others in `$XDG_CACHE_HOME/eyebrow/digests.json`; where that
cannot be written each process reads the files for itself.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from platformdirs import user_cache_path

from ..errors import EyebrowError
from ..files import write_atomically

RACY = 2_000_000_000  # nanoseconds
KEPT = 2_000  # digests in the file; those that were not made for longest go first
AT_ONCE = 4  # files read at the same time
_BLOB = re.compile(r"[0-9a-f]{64}\Z")

Stamp = tuple[str, int, int, int, int]
_known: dict[str, tuple[list[Stamp], str]] = {}
_seen: dict[tuple[Stamp, ...], int] = {}  # when files were first seen to be so
_lock = Lock()


def stamp(path: Path) -> Stamp:
    """What changes with a file: where it is, inode, size, two times in ns. Raises OSError."""
    state = path.stat()
    return (str(path), state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def is_settled(stamps: Sequence[Stamp], now: int) -> bool:
    """Whether a change after `now` (ns) would show in the stamps."""
    with _lock:
        first = _seen.setdefault(tuple(stamps), now)
        while len(_seen) > KEPT:
            del _seen[next(iter(_seen))]
    is_old = all(max(modified, changed) < now - RACY for _, _, _, modified, changed in stamps)
    return is_old or first < now - RACY


def remembered(what: str, files: Sequence[Path], compute: Callable[[], str]) -> str:
    """What `compute` makes of the files; made anew only where one of them has changed.

    what: a name for it. Raises OSError where a file cannot be read.
    """
    now = time.time_ns()
    stamps = [stamp(file) for file in files]
    with _lock:
        known = _known.get(what)
    if known is None or known[0] != stamps:
        known = _recall().get(what)
    if known is None or known[0] != stamps:
        known = (stamps, compute())
        if not is_settled(stamps, now) or [stamp(file) for file in files] != stamps:
            return known[1]
        _note(what, *known)
    with _lock:
        _known[what] = known
    return known[1]


def file_digest(file: Path) -> str:
    """SHA-256 of a file, 64 hex digits; in the Hugging Face cache a blob's name is just that.

    Raises OSError where it cannot be read.
    """
    place = file.resolve(strict=True)
    if place.parent.name == "blobs" and _BLOB.match(place.name):
        return place.name

    def compute() -> str:
        with place.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    return remembered(f"sha256 {place}", [place], compute)


def file_digests(files: Sequence[Path]) -> list[str]:
    """`file_digest` of each, several at a time: hashing needs no interpreter."""
    if len(files) < 2:
        return [file_digest(file) for file in files]
    with ThreadPoolExecutor(min(AT_ONCE, len(files))) as threads:
        return list(threads.map(file_digest, files))


def content_digest(content: Any) -> str:
    """16 hex digits of what JSON can hold, however it would be laid out."""
    whole = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _place() -> Path:
    return user_cache_path("eyebrow") / "digests.json"


def _recall() -> dict[str, tuple[list[Stamp], str]]:
    """What any process has remembered; nothing where that cannot be read."""
    try:
        noted: Any = json.loads(_place().read_text(encoding="utf-8"))
        return {
            what: ([(str(p), int(i), int(s), int(m), int(c)) for p, i, s, m, c in stamps], digest)
            for what, (stamps, digest) in noted.items()
            if isinstance(digest, str)
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _note(what: str, stamps: list[Stamp], digest: str) -> None:
    """For other processes. Where two write at once one digest is lost, and made again."""
    with _lock, suppress(OSError, EyebrowError):
        noted = _recall()
        noted.pop(what, None)
        noted[what] = (stamps, digest)
        _place().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_place(), json.dumps(dict([*noted.items()][-KEPT:]), indent=0).encode())
