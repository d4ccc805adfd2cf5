"""What may be meant by the first letters of a name: families, caches, recent ones, paths.

Everything here only reads; `look` and `paths` go to the disk, so they belong on a thread.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from heapq import nsmallest
from pathlib import Path

from ....core.models.catalogue import ModelSpec, families
from ....core.recent import BUNDLED, Recent
from ....core.wording import amount, in_words

LISTED = 50  # paths; the others are counted
_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'?|"[^"]*"?)+""")
_QUOTED = re.compile(r"""'([^']*)'?|"([^"]*)"?""")
_COUNTED_FROM = re.compile(r"ngram:\d+:")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name, and what there is to say of it. goes_on: a folder one may go into."""

    text: str
    about: str = ""
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """Candidates, the likeliest first, and how many more there are."""

    candidates: tuple[Candidate, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Here:
    """What is on this machine: members of families by name, Hub ids of models and datasets."""

    members: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Every candidate that is no path."""

    stories: tuple[Candidate, ...]
    models: tuple[Candidate, ...]


def look() -> Here:
    """Goes through the Hugging Face caches; takes a while where they are large."""
    from ....core.commands.models import cached

    members = [member for listed in families().values() for member in listed]
    of_families = {member.location for member in members}
    return Here(
        frozenset(member.name for member in members if member.local_path),
        tuple(row["name"] for row in cached() if row["name"] not in of_families),
        tuple(_datasets()),
    )


def _datasets() -> Iterator[str]:
    """Ids of datasets that were loaded or streamed here."""
    from huggingface_hub import constants

    hub = constants.HF_HUB_CACHE
    home = os.environ.get("HF_DATASETS_CACHE", os.path.join(constants.HF_HOME, "datasets"))
    parts = [
        *(name.split("--", 2)[1:] for name in _names(hub) if name.startswith("datasets--")),
        *(name.split("___", 1) for name in _names(home)),
    ]
    return iter(sorted({"/".join(pair) for pair in parts if len(pair) == 2}, key=str.lower))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def known(recent: Recent, here: Here | None = None) -> Known:
    """Candidates in the order of the lists: recent ones first. here: None before `look`."""
    datasets = here.datasets if here else ()
    stories = [
        Candidate(BUNDLED, "the stories of eyebrow itself"),
        *(Candidate(name, "dataset in the cache") for name in datasets),
    ]
    models = [Candidate(family, _family(members, here)) for family, members in families().items()]
    for members in families().values():
        models += [Candidate(member.name, _member(member, here)) for member in members]
    models += [Candidate(n, "in the Hugging Face cache") for n in (here.models if here else ())]
    return Known(_newest_first(recent.stories, stories), _newest_first(recent.models, models))


def _newest_first(recent: Iterable[str], others: list[Candidate]) -> tuple[Candidate, ...]:
    found = {one.text: one for one in others}
    first = {
        text: found.get(text, Candidate(text, "recent"))
        for name in recent
        if not name.startswith("/") or os.path.exists(name)
        for text in (_from_home(name),)
    }
    return tuple((first | found).values())


def _from_home(path: str) -> str:
    home = os.path.join(os.path.expanduser("~"), "")
    return f"~/{path[len(home) :]}" if home != "/" and path.startswith(home) else path


def _family(members: tuple[ModelSpec, ...], here: Here | None) -> str:
    sizes = sorted(member.parameters for member in members if member.parameters)
    ends = dict.fromkeys(map(amount, sizes[:1] + sizes[-1:]))
    about = "1 model" if len(members) == 1 else f"{len(members)} models"
    about += f", {'–'.join(ends)}" if ends else ""
    if here is None:
        return about
    count = sum(member.name in here.members for member in members)
    return f"{about} · {'all' if count == len(members) else count or 'none'} here"


def _member(member: ModelSpec, here: Here | None) -> str:
    parts = [amount(member.parameters)] if member.parameters else []
    if here is not None and member.name in here.members:
        parts.append("here")
    elif here is not None and member.source == "hub":
        size = in_words(member.download) + " " if member.download else ""
        parts.append(f"{size}to download")
    return " · ".join(parts)


# --- what fits -----------------------------------------------------------------------------


def complete_stories(typed: str, all_known: Known) -> Listed:
    """Candidates for the stories: what is known, then paths."""
    return _both(_fitting(typed, all_known.stories), paths(typed, _holds_stories))


def complete_model(typed: str, all_known: Known) -> Listed:
    """Candidates for one model: what is known, then folders; files behind `ngram:N:`."""
    if counted := _COUNTED_FROM.match(typed):
        files = paths(typed[counted.end() :], lambda name: True)
        return Listed(
            tuple(Candidate(counted[0] + c.text, c.about, c.goes_on) for c in files.candidates),
            files.more,
        )
    found = _fitting(typed, all_known.models)
    if not typed:
        return Listed(found)
    folders = paths(typed, lambda name: False)
    return _both(found, Listed(tuple(map(_model_folder, folders.candidates)), folders.more))


def _both(found: tuple[Candidate, ...], on_disk: Listed) -> Listed:
    return Listed(found + on_disk.candidates, on_disk.more)


def _fitting(typed: str, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    ranked = [(rank, one) for one in candidates if (rank := _rank(typed, one.text)) is not None]
    return tuple(one for _, one in sorted(ranked, key=lambda pair: pair[0]))


def _rank(typed: str, name: str) -> int | None:
    """0 where the name begins so, 1 where a part of it does, 2 where it is inside; else None."""
    at = name.lower().find(typed.lower())
    if at <= 0:
        return None if at < 0 else 0
    return 1 if re.search(rf"[-/_. ]{re.escape(typed)}", name, re.IGNORECASE) else 2


# --- paths ---------------------------------------------------------------------------------


def paths(typed: str, takes: Callable[[str], bool]) -> Listed:
    """Folders, and files whose name `takes` takes; hidden ones where the name begins so.

    They are written as the user began them: from the root, from `~` or from here.
    """
    if typed == "~":
        return Listed((Candidate("~/", "folder", goes_on=True),))
    last = os.path.basename(typed)
    begun = typed[: len(typed) - len(last)]
    folder = os.path.expanduser(begun) or "."
    try:
        entries = _entries(folder, os.stat(folder).st_mtime_ns)
    except (OSError, ValueError):
        return Listed()
    found = [
        (rank, not is_folder, name.lower(), name)
        for name, is_folder in entries
        if (is_folder or takes(name))
        and (last.startswith(".") or not name.startswith("."))
        and (rank := _rank(last, name)) is not None
    ]
    shown = tuple(
        Candidate(f"{begun}{name}/", "folder", goes_on=True)
        if not is_file
        else Candidate(f"{begun}{name}", _size(os.path.join(folder, name)))
        for _, is_file, _, name in nsmallest(LISTED, found)
    )
    return Listed(shown, len(found) - len(shown))


@lru_cache(maxsize=8)
def _entries(folder: str, changed: int) -> tuple[tuple[str, bool], ...]:
    """(name, whether it is a folder). Names that cannot be typed or shown are left out."""
    with os.scandir(folder) as entries:
        return tuple((e.name, _is_folder(e)) for e in entries if e.name.isprintable())


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that goes round in circles
        return False


def _size(path: str) -> str:
    try:
        return in_words(os.stat(path).st_size)
    except OSError:
        return ""


def _holds_stories(name: str) -> bool:
    from ....core.stories.files import KNOWN

    return name.lower().endswith(KNOWN)


def _model_folder(folder: Candidate) -> Candidate:
    path = Path(os.path.expanduser(folder.text))
    if (path / "config.json").is_file():
        return Candidate(folder.text.removesuffix("/"), "model")
    return folder


# --- several in a line ---------------------------------------------------------------------


def words(line: str) -> tuple[str, ...]:
    """The names in a line, parted by spaces; one with spaces stands in quotes."""
    return tuple(_plain(match[0]) for match in _WORD.finditer(line))


def last_word(line: str) -> tuple[int, str]:
    """Where the name at the end of the line begins, and that name so far; it may be empty."""
    for match in _WORD.finditer(line):
        if match.end() == len(line):
            return match.start(), _plain(match[0])
    return len(line), ""


def quoted(name: str) -> str:
    """`name` so that `words` reads it as one."""
    return shlex.quote(name) if re.search(r"[\s'\"]", name) else name


def _plain(word: str) -> str:
    return _QUOTED.sub(lambda match: match[1] or match[2] or "", word)
