"""The one way to write a file: it appears whole or not at all.

What is written lies beside its place until it is renamed. Its name there tells the machine, the
process and a random number, so that programs on several machines that share a folder never
meet; and what a killed program left behind is known by it and cleared by the next writer.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import secrets
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from .errors import FAILED, EyebrowError, reason

_EFFECTIVE = os.access in os.supports_effective_ids
STALE = 3600.0  # seconds after which nobody writes on a file that was begun
NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
FORBIDDEN = (errno.EPERM, errno.EACCES, errno.EROFS)
_BEGUN, _ENDING = ".eyebrow-", ".part"


@contextmanager
def atomic(place: Path, beside: Path | None = None) -> Iterator[Path]:
    """A path to write to; what is there lies at `place` once the block ends without an error.

    beside: the folder of the path, on the same file system; else that of `place`. After an
    error, whichever, nothing is left. Raises `OSError`.
    """
    place = Path(os.path.realpath(place))  # a link stays one
    draft = (beside or place.parent) / _name()
    try:
        yield draft
        with draft.open("rb") as file:  # on the disk before its name is: power may fail
            os.fsync(file.fileno())
        with suppress(OSError):
            draft.chmod(place.stat().st_mode & 0o7777)  # as what it replaces
        draft.replace(place)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def atomic_folder(place: Path) -> Iterator[Path]:
    """A folder to write to, which is `place` once the block ends without an error, unless another
    process was first. Raises `OSError`."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
    try:
        yield draft
        with suppress(OSError):  # another process was first
            draft.replace(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_atomically(place: Path, content: bytes, beside: Path | None = None) -> None:
    """Write a file whole. Raises `EyebrowError` where that cannot be done."""
    try:
        clear_left_over(beside or Path(os.path.realpath(place)).parent)
        with atomic(place, beside) as draft:
            draft.write_bytes(content)
    except OSError as error:
        raise EyebrowError("Cannot write", f"{place}: {unwritten(error)}", FAILED) from error


def unwritten(error: BaseException) -> str:
    """Why a place could not be written to, and what to do."""
    number = getattr(error, "errno", None)
    why = os.strerror(number) if number else reason(error, named=False)
    why = why[:1].lower() + why[1:]
    if number in NO_SPACE:
        return f"{why}; free space there"
    if number in FORBIDDEN:
        return f"{why}; let this user write there (see `ls -ld` and `lsattr -d`)"
    return why


def clear_left_over(folder: Path) -> None:
    """Remove what killed programs have begun in a folder and never finished.

    Of this machine that is what a process began that is gone; of others, what is older than
    an hour.
    """
    with suppress(OSError):
        for path in folder.glob(f"{_BEGUN}*{_ENDING}"):
            if _is_left_over(path):
                with suppress(OSError):
                    path.unlink(missing_ok=True)


def closed_folder(path: Path) -> Path | None:
    """The outermost folder on the way to a path that this user may not search, if there is one."""
    for place in reversed(path.absolute().parents):
        if not os.path.isdir(place):  # nothing behind it is there either
            return None
        if not os.access(place, os.X_OK, effective_ids=_EFFECTIVE):
            return place
    return None


@cache
def machine() -> str:
    """8 hex digits that name this machine from its start until it is shut down."""
    with suppress(OSError):
        return _short(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    return _short(f"{platform.node()} {uuid.getnode()}")


@cache
def _processes() -> str:
    """8 hex digits that name those among whom a process is known by its number."""
    with suppress(OSError):
        return _short(f"{machine()} {os.readlink('/proc/self/ns/pid')}")
    return machine()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _name() -> str:
    return f"{_BEGUN}{_processes()}-{os.getpid()}-{secrets.token_hex(4)}{_ENDING}"


def _is_left_over(path: Path) -> bool:
    where, _, rest = path.name[len(_BEGUN) : -len(_ENDING)].partition("-")
    number = rest.partition("-")[0]
    if where == _processes() and number.isdecimal() and not is_running(int(number)):
        return True
    try:
        return time.time() - path.stat().st_mtime > STALE
    except OSError:
        return False


def is_running(process: int) -> bool:
    """Whether there is a process of this number here."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
