"""Variants of the current size, and other models against it: what each costs over the listed
stories.

Rows come from a process of their own as they are finished; the story under a variant comes from
the worker like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ...core.engine.damage_messages import Ended, Measure, Refused, Row
from ...core.engine.messages import WorkerDied
from ...core.engine.progress import Progress
from ...core.errors import EyebrowError
from ...core.models.catalogue import find_models
from ...core.models.spec import ModelSpec
from ...core.models.variants.adapters import find_adapter
from ...core.models.variants.each_part import each_part
from ...core.models.variants.spelling import Variant, parse_variant
from ...core.scoring.scores import StoryScore
from ..threads.damaging import Answer, Damaging
from .change import Change, Notice
from .jobs import Jobs
from .library import Library
from .models import Models
from .place import Place
from .size import Size
from .variant_stories import VariantStories
from .worker import Worker

if TYPE_CHECKING:
    from ...core.results.damage import Damage
    from ..text.reading import Values

WIDTHS = tuple(f"bits{bits}" for bits in (32, 24, 16, 8, 4, 2, 1))
NARROWED = "bits4"  # what is done to each part, where the cursor stands on nothing else
NOISE = "bfloat16"  # the noise floor


@dataclass(slots=True, eq=False)
class Line:
    """A model and its row, once it is measured, or why it has none.

    variant: None of what is no variant of the reference. spec: None of the noise floor.
    """

    name: str
    variant: Variant | None
    spec: ModelSpec | None
    damage: Damage | None = None
    trouble: str = ""


@dataclass(slots=True, eq=False)
class Table:
    """What was measured of one reference; about: the stories and the recipe that it holds for."""

    reference: str
    about: tuple[object, ...]
    stories: int
    lines: list[Line] = field(default_factory=list)

    def label(self, line: Line) -> str:
        """`@bits4` or `+adapter` of the reference, else a name."""
        if line.spec is None:
            return NOISE
        rest = line.name.removeprefix(self.reference)
        return rest if rest[:1] in ("@", "+") else line.name

    def named(self, name: str) -> Line | None:
        return next((line for line in self.lines if line.name == name), None)

    @property
    def perplexity(self) -> float | None:
        """The reference's own: that of the row that is nearest to it is exact."""
        rows = [line.damage for line in self.lines if line.damage is not None]
        found = [row for row in rows if math.isfinite(row.delta)]
        others = [row for row in found if not row.noise_floor] or found
        nearest = min(others, key=lambda row: abs(row.delta), default=None)
        return None if nearest is None else nearest.perplexity - nearest.delta


class Variants:
    """at: the line under the cursor. running: the name of the reference that is being measured,
    "" for none. progress: how far the row under way is."""

    def __init__(
        self,
        library: Library,
        models: Models,
        place: Place,
        jobs: Jobs,
        worker: Worker,
        damaging: Damaging,
        announce: Callable[[Change], None],
        notify: Callable[[Notice], None],
    ) -> None:
        self.library, self.models, self.place = library, models, place
        self.worker, self.damaging = worker, damaging
        self.announce, self.notify = announce, notify
        self.at = 0
        self.running = ""
        self.progress: Progress | None = None
        self._tables: dict[str, Table] = {}
        self._stories = VariantStories(jobs, worker, announce)

    def open(self, *, other_stories: bool) -> None:
        """Other stories or other models are open; what the worker was asked is cancelled."""
        self._stories.forget_asked()
        if other_stories:
            self._stop()
            self._tables.clear()
            self.at = 0

    # --- what is known ---------------------------------------------------------------------

    @property
    def reference(self) -> Size:
        """The current size; that of which it is a variant, where that is open too."""
        size = self.models.size
        base = self.models.named(size.name.rpartition("@")[0]) if size.spec.variant else None
        return base or size

    @property
    def table(self) -> Table | None:
        """Of the reference, if there is one."""
        return self._tables.get(self.reference.name)

    @property
    def lines(self) -> Sequence[Line]:
        return self.table.lines if self.table is not None else ()

    @property
    def line(self) -> Line | None:
        """The one under the cursor."""
        return self.lines[min(self.at, len(self.lines) - 1)] if self.lines else None

    @property
    def why_not(self) -> str:
        """Why nothing can be measured; "" where it can."""
        if not self.library.order:
            return "there is no story to measure on"
        if self.reference.spec.variant:
            return f"{self.reference.name} is changed already; open the model without its @"
        return ""

    @property
    def story(self) -> StoryScore | None:
        """The selected story under the variant of the cursor, where it is at hand."""
        return self._stories.score(*self._here)

    @property
    def divergence(self) -> Values | None:
        """KL from the reference at each of its tokens, nats, where it is at hand."""
        name, digest = self._here
        return self._stories.divergence(name, self.reference.name, digest)

    def story_trouble(self, kl: bool) -> str:
        """Why there is none."""
        name, digest = self._here
        found = self._stories.trouble(name, "", digest)
        return found or (kl and self._stories.trouble(name, self.reference.name, digest)) or ""

    @property
    def _here(self) -> tuple[str, str]:
        name = self.line.name if self.line is not None else ""
        digests = self.library.digests
        return name, digests[self.place.story] if digests else ""

    # --- measuring -------------------------------------------------------------------------

    def measure(self, words: Sequence[str] = WIDTHS) -> str:
        """Measure these variants besides those that are; what is wrong with them, "" for
        nothing."""
        if why := self.why_not:
            return why
        try:
            specs = self._apart([self._spec(word) for word in words])
        except EyebrowError as error:
            return error.message
        table = self._table()
        for spec in dict.fromkeys(specs):
            if table.named(spec.name) is None:
                table.lines.append(Line(spec.name, _variant_of(self.reference.spec, spec), spec))
        self._start(table)
        return ""

    def _spec(self, word: str) -> ModelSpec:
        """`4`, `bits4`, `+adapter`, the name of an open model, or a path to another one."""
        base, size = self.reference.spec, self.models.named(word)
        if word.startswith("+"):
            return _adapted(base, word[1:])
        if size is None and "/" not in word:
            return base.with_variant(_spelled(word))
        spec = size.spec if size is not None else _only(word)
        if spec == base:
            raise EyebrowError("No other", f"{word} is the reference itself")
        return spec

    def _apart(self, specs: Sequence[ModelSpec]) -> list[ModelSpec]:
        """The same; folders of one name, step-100/model and step-200/model, by their paths."""
        lines = self.table.lines if self.table is not None else ()
        taken = {line.name: line.spec for line in lines if line.spec is not None}
        taken[self.reference.name] = self.reference.spec
        found = []
        for spec in specs:
            own = spec if taken.setdefault(spec.name, spec) == spec else _by_path(spec)
            found.append(own)
        return found

    def measure_parts(self) -> str:
        """The variant under the cursor, or a usual one, of each part alone."""
        variant = self.line.variant if self.line is not None else None
        if variant is None or not variant.is_in_place:
            variant = parse_variant(NARROWED)
        try:
            parts = each_part(self.reference.spec)
        except EyebrowError as error:
            return error.message
        whole = str(replace(variant, parts=()))
        return self.measure([whole, *(f"{whole}:{part}" for part in parts)])

    def stop_or_resume(self) -> bool:
        """What is being measured, or what was stopped; whether there was any."""
        if self.running:
            self._stop()
            return True
        if self.table is None or not any(_is_open(line) for line in self.lines):
            return False
        self._start(self.table)
        return True

    def _table(self) -> Table:
        """That of the reference, on the stories that are listed now and under the recipe."""
        library, name = self.library, self.reference.name
        recipe = self.worker.asked
        about = (tuple(sorted(library.order)), len(library.stories), recipe.digest)
        table = self._tables.get(name)
        if table is None or table.about != about:
            table = self._tables[name] = Table(name, about, len(library.order))
            table.lines.append(Line(f"{name} {NOISE}", None, None))
            self.at = 0
        return table

    def _start(self, table: Table) -> None:
        for line in table.lines:
            if line.damage is None:
                line.trouble = ""
        wanted = [line.spec for line in table.lines if line.damage is None and line.spec]
        if not wanted and table.lines[0].damage is not None:
            self.announce(Change.DAMAGE)
            return
        self._stop()
        recipe, library = self.worker.asked, self.library
        dtype = "float32" if recipe.dtype == "auto" else recipe.dtype
        self.running, self.progress = table.reference, None
        self.damaging.measure(
            Measure(
                self.worker.engine.settings,
                self.reference.spec,
                tuple(wanted),
                tuple(library.stories[story] for story in sorted(library.order)),
                replace(recipe, dtype=dtype, top=0),
            )
        )
        self.announce(Change.DAMAGE | Change.STATUS)

    def _stop(self) -> None:
        self.damaging.stop()
        self.running, self.progress = "", None
        self.announce(Change.DAMAGE | Change.STATUS)

    # --- the cursor, and the story ---------------------------------------------------------

    def move(self, by: int) -> None:
        """So many lines on, or back."""
        self.at = max(0, min(self.at + by, len(self.lines) - 1))
        self.announce(Change.DAMAGE)

    def want_story(self, kl: bool) -> None:
        """Have the selected story scored under the variant of the cursor, once that has a row;
        kl: and the two compared."""
        line, reference = self.line, self.reference
        if line is None or line.spec is None or line.damage is None:
            return
        story = self.library.stories[self.place.story]
        self._stories.want_score(line.spec, story, reference.parameters)
        if kl:
            self._stories.want_divergence(line.spec, reference.spec, story)

    # --- what comes in ---------------------------------------------------------------------

    def receive(self, message: object) -> None:
        match message:
            case Answer(asked=asked, reply=reply) if asked == self.damaging.asked:
                self._answer(reply)
            case WorkerDied():
                self._stories.forget_asked()

    def _answer(self, reply: object) -> None:
        table = self._tables.get(self.running)
        match reply:
            case Progress():
                self.progress = reply
            case Row(variant=name, damage=damage) if table is not None:
                for line in _of(table, name):
                    line.damage = damage
            case Refused(variant="", title=title, message=words):
                self.notify(Notice(title, words, severe=True))
                for line in _of(table, "") if table is not None else ():
                    line.trouble = f"{title}: {words}"
            case Refused(variant=name, title=title, message=words) if table is not None:
                for line in _of(table, name):
                    line.trouble = f"{title}: {words}"
            case Ended():
                self.running, self.progress = "", None
        self.announce(Change.DAMAGE | Change.STATUS)


def _variant_of(base: ModelSpec, spec: ModelSpec) -> Variant | None:
    is_own = bool(spec.variant) and spec == base.with_variant(spec.variant)
    return parse_variant(spec.variant) if is_own else None


def _adapted(base: ModelSpec, word: str) -> ModelSpec:
    """The base with the adapter of a folder, and `@` behind that with what is done to both."""
    path, _, variant = word.partition("@")
    folder = find_adapter(path)
    spec = replace(base, name=f"{base.name}+{folder.name}", family="", adapter=str(folder))
    return spec.with_variant(_spelled(variant)) if variant else spec


def _spelled(word: str) -> str:
    """The one spelling of a variant, of which a number is so many bits."""
    return str(parse_variant(f"bits{word}" if word[:1].isdigit() else word))


def _by_path(spec: ModelSpec) -> ModelSpec:
    return replace(spec, name=spec.place or spec.location)


def _only(word: str) -> ModelSpec:
    found = find_models([word])
    if len(found) != 1:
        raise EyebrowError("A whole family", f"{word} is {len(found)} models; name one")
    return found[0]


def _of(table: Table, name: str) -> Iterator[Line]:
    """The line of a variant; of the noise floor for ""."""
    return (line for line in table.lines if (line.name if line.spec else "") == name)


def _is_open(line: Line) -> bool:
    """Whether it was neither measured nor refused."""
    return line.damage is None and not line.trouble
