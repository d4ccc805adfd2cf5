"""`ngram:N:FILE`: what the name means, and where the counted model is kept. No torch here.

    ngram:2:names.txt        character bigram, unsmoothed: for the text it was counted from
    ngram:2:names.txt:k=1    the same with add-1 smoothing: for any other text

Counting gives a folder like any saved model's, in `$XDG_CACHE_HOME/eyebrow/ngrams`. Its name
says N, k and the digest of FILE's bytes, so a changed FILE is another model, counted anew.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from platformdirs import user_cache_path

from ...errors import EyebrowError

PREFIX = "ngram:"
LONGEST = 100
LAYOUT = 2  # of the saved folder and of how lines are read; a new one is counted anew
_FORM = re.compile(r"ngram:(?P<order>\d+):(?P<file>.+?)(?::k=(?P<k>[^:/\\]*))?\Z", re.DOTALL)
_HOW = "write ngram:N:FILE or ngram:N:FILE:k=1"


@dataclass(frozen=True, slots=True)
class Counted:
    """A character n-gram model by name.

    order: N, 1 to LONGEST. k: added to every count; 0 leaves them unsmoothed.
    """

    order: int
    file: Path
    k: float = 0.0

    def __str__(self) -> str:
        """The name that stands for it from anywhere on this machine."""
        return f"{PREFIX}{self.order}:{self.file}:k={_plain(self.k)}"

    @property
    def source(self) -> str:
        """sha256 of FILE's bytes. Raises `EyebrowError` where it cannot be read."""
        from ...stories.stream import explained

        with explained(str(self.file)):
            state = self.file.stat()
            return _digest(self.file, state.st_size, state.st_mtime_ns)

    @property
    def folder(self) -> Path:
        """Where the counted model is, or will be."""
        name = f"{self.order}-k{_plain(self.k)}-{self.source[:16]}-v{LAYOUT}"
        return user_cache_path("eyebrow") / "ngrams" / name


def parse_counted(name: str) -> Counted:
    """The model that `name` stands for; FILE must be there.

    Raises `EyebrowError` for another form, N out of range, k below 0, or no such FILE.
    """
    match = _FORM.match(name)
    if match is None:
        raise EyebrowError("Bad n-gram", f"{name!r} is none; {_HOW}")
    order = int(match["order"])
    if not 1 <= order <= LONGEST:
        raise EyebrowError("Bad n-gram", f"{name!r}: N is {order}; use 1 to {LONGEST}")
    try:
        k = float(match["k"] or "nan") if match["k"] is not None else 0.0
    except ValueError:
        k = math.nan
    if not (0 <= k < math.inf):
        raise EyebrowError("Bad n-gram", f"{name!r}: k is {match['k']!r}; it must be 0 or more")
    file = Path(match["file"]).expanduser()
    if not file.is_file():
        raise EyebrowError("No such file", f"{file}, which {name!r} would be counted from")
    return Counted(order, file.resolve(), k + 0.0)


def _plain(k: float) -> str:
    return repr(k).removesuffix(".0")


@lru_cache(maxsize=64)
def _digest(file: Path, size: int, changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
