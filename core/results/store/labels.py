"""What runs call their stories and models: scores belong to texts and weights, names to a run.

runs/TIME-RANDOM.json      a run: recipe, the digest of its stories' labels, its models
runs/stories/DIGEST.jsonl  a set of stories, a line each; many runs may be about one set
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import FAILED, EyebrowError, reason
from ...models.member import Member
from ...stories.story import Label
from .layout import Layout

_NAMED = 3  # runs that are named where the one asked for is not there


@dataclass(frozen=True, slots=True)
class Run:
    """What is noted of a run; names sort by when it was.

    choices: its recipe as JSON. stories: the digest of its stories' labels. models: each with its
    path, "" where it has none.
    """

    name: str
    recipe_digest: str
    choices: Mapping[str, Any]
    stories: str
    models: tuple[tuple[Member, str], ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """What runs call things, the newest first in doubt.

    stories: in order; a text is there as often as the newest run that has it tells it. members:
    by the digest of their weights, what the newest run that has them calls them last. keys: the
    models' and recipes' digests that were run. paths: by the digest of the weights, where the
    newest run that says so found them. is_one: of one run, which is all that counts.
    """

    stories: tuple[Label, ...]
    members: dict[str, tuple[Member, ...]]
    keys: frozenset[tuple[str, str]]
    paths: dict[str, str]
    is_one: bool

    @property
    def sentence_starts(self) -> dict[str, tuple[int, ...]]:
        """By text digest, of texts whose sentences are told: by the first story of the newest run
        that tells the text."""
        first = {label.digest: label.sentence_starts for label in reversed(self.stories)}
        return {digest: starts for digest, starts in first.items() if starts}

    def has(self, model_digest: str, recipe_digest: str) -> bool:
        """Whether scores of this model and recipe are asked for."""
        return not self.is_one or (model_digest, recipe_digest) in self.keys


class RunLabels:
    """Keeps the labels of a run; what says nothing new is not written again."""

    def __init__(
        self,
        layout: Layout,
        recipe_digest: str,
        choices: Mapping[str, Any],
        stories: Sequence[Label],
    ) -> None:
        """choices: the recipe as JSON."""
        self.layout, self.recipe_digest, self.choices = layout, recipe_digest, dict(choices)
        lines = b"".join(_line(label) for label in stories)
        self._stories = hashlib.sha256(lines).hexdigest()[:16]
        self._lines = lines
        self._models: dict[tuple[Member, str], None] = {}
        self._name = ""
        self._is_kept = False

    def add(self, member: Member, path: str = "") -> None:
        """One more model of the run. Raises `EyebrowError` where it cannot be kept."""
        self._models[member, path] = None
        try:
            self._keep()
        except OSError as error:
            why = f"{self.layout.folder}: {reason(error, named=False)}"
            raise EyebrowError("Cannot keep the run's names", why, FAILED) from error

    def _keep(self) -> None:
        place = self.layout.labels / f"{self._stories}.jsonl"
        if not (self._is_kept and place.exists()):
            if not _holds(place, self._lines):  # it is not there, or was damaged since
                self.layout.write(place, self._lines)
            self._is_kept = True
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        name = self._name or f"{now}-{secrets.token_hex(4)}"
        runs = list_runs(self.layout)
        if not self._name:
            for run in runs:
                if self._is_in(run):
                    if run is not runs[-1]:  # what was said last counts: let it be the last again
                        with suppress(FileNotFoundError):  # new before old goes: readers list both
                            self.layout.write(self._path(name), self._path(run.name).read_bytes())
                            self._path(run.name).unlink()
                    return
        told = {
            "recipe_digest": self.recipe_digest,
            "recipe": self.choices,
            "stories": self._stories,
            "models": [asdict(member) | {"path": path} for member, path in self._models],
        }
        self._name = name
        self.layout.write(self._path(name), json.dumps(told, indent=1).encode())

    def _is_in(self, run: Run) -> bool:
        mine = (self._stories, self.recipe_digest)
        return (run.stories, run.recipe_digest) == mine and self._models.keys() <= {*run.models}

    def _path(self, name: str) -> Any:
        return self.layout.runs / f"{name}.json"


def list_runs(layout: Layout) -> list[Run]:
    """All runs, oldest first; one that cannot be read is passed over."""
    found: dict[str, Run | None] = {}
    while True:  # until a listing brings nothing new: another program may rename one meanwhile
        try:
            fresh = [path for path in layout.runs.glob("*.json") if path.stem not in found]
        except OSError:
            fresh = []
        if not fresh:
            return [run for _, run in sorted(found.items()) if run is not None]
        for path in fresh:
            found[path.stem] = None
            with suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads(path.read_text(encoding="utf-8"))
                models = tuple((_member(model), str(model["path"])) for model in told["models"])
                recipe = (str(told["recipe_digest"]), dict(told["recipe"]))
                found[path.stem] = Run(path.stem, *recipe, str(told["stories"]), models)


def run_name(layout: Layout, start: str) -> str:
    """The whole name of a run from its beginning.

    Raises `EyebrowError` where no run, or more than one, begins like that.
    """
    names = [one.name for one in list_runs(layout)]
    found = [name for name in names if name.startswith(start)]
    if start in found:
        return start
    if len(found) == 1:
        return found[0]
    last = ", ".join(reversed(found[-_NAMED:] or names[-_NAMED:]))
    raise EyebrowError(
        "Which run" if found else "No such run",
        f"{start!r} begins the names of {len(found)} of {len(names)} in {layout.runs}"
        + (f"; the newest are {last}" if last else ""),
    )


def read_labels(layout: Layout, run: str | None = None) -> Labels:
    """Of all runs, or of one. Raises `EyebrowError` where there is no such run."""
    runs = list_runs(layout)
    if run is not None:
        name = run_name(layout, run)
        runs = [one for one in runs if one.name == name]
    stories: list[list[Label]] = []
    taken: set[str] = set()
    members: dict[str, dict[str, Member]] = {}
    for digest in dict.fromkeys(one.stories for one in reversed(runs)):
        labels = _stories(layout, digest)
        stories.append([label for label in labels if label.digest not in taken])
        taken |= {label.digest for label in labels}
    for one in runs:
        for member, _ in one.models:
            named = members.setdefault(member.digest, {})
            named.pop(member.name, None)
            named[member.name] = member
    return Labels(
        tuple(label for group in reversed(stories) for label in group),
        {digest: tuple(named.values()) for digest, named in members.items()},
        frozenset((m.digest, one.recipe_digest) for one in runs for m, _ in one.models),
        {member.digest: path for one in runs for member, path in one.models if path},
        run is not None,
    )


def _stories(layout: Layout, digest: str) -> list[Label]:
    found = []
    with suppress(OSError):
        for line in (layout.labels / f"{digest}.jsonl").read_bytes().splitlines():
            with suppress(ValueError, KeyError, TypeError, AttributeError):
                told = json.loads(line)
                group, starts = told.get("group", ""), map(int, told.get("sentence_starts", ()))
                names = (told["text_digest"], told["story"], told["title"], str(group))
                found.append(Label(*names, tuple(starts)))
    return found


def _holds(place: Path, content: bytes) -> bool:
    with suppress(OSError):
        return place.read_bytes() == content
    return False


def _line(label: Label) -> bytes:
    told: dict[str, Any] = {
        "story": label.id,
        "title": label.title,
        "text_digest": label.digest,
    }
    if label.group:
        told["group"] = label.group
    if label.sentence_starts:
        told["sentence_starts"] = label.sentence_starts
    return json.dumps(told).encode() + b"\n"


def _member(told: dict[str, Any]) -> Member:
    return Member(**{field.name: told[field.name] for field in fields(Member)})
